use super::*;

#[test]
fn the_score_comes_with_its_interval() {
    let paired = Paired {
        count: 64,
        before: 0.512,
        after: 0.75,
        difference: 0.238,
        interval: (0.188, 0.288),
        p_value: 3.2e-13,
    };
    let lines = |paired: &Paired| score_lines("held-out sentiment", SENTIMENT, paired, 4);
    insta::assert_snapshot!(lines(&paired), @r"
    held-out sentiment    0.512 → 0.750  from 0 (negative) to 1 (positive), 64 prompts × 4 answers
    difference            +0.238  95 % interval +0.188 to +0.288, p = 3.2e-13 (paired t-test over prompts)
    ");
    let worse = Paired { difference: -0.01, interval: (-0.04, 0.02), p_value: 0.5, ..paired };
    assert!(lines(&worse).contains("-0.010  95 % interval -0.040 to +0.020, p = 0.5000"));
}

#[test]
fn texts_stay_on_their_line() {
    assert_eq!(one_line("a\n\tb \u{1b}[31mred"), "a b  [31mred");
    assert_eq!(one_line(&"é".repeat(WIDTH)), "é".repeat(WIDTH));
    assert_eq!(one_line(&"é".repeat(WIDTH + 1)), "é".repeat(WIDTH) + "…");
    assert_eq!(change((Some(1.0), None), 2), "1.00 → –");
}
