use super::*;

const TEXT: &str = "Ada Lovelace met Babbage in 1833.";

/// Question tokens, then those of `TEXT`, which hold the space before them.
fn tokens() -> Vec<Range<usize>> {
    vec![0..0, 0..3, 3..7, 0..0, 0..3, 3..7, 7..12, 12..16, 16..24, 24..27, 27..32, 32..33, 0..0]
}

const CONTEXT: Range<usize> = 4..12;

fn answer(text: &str) -> Range<usize> {
    let start = TEXT.find(text).unwrap();
    start..start + text.len()
}

#[test]
fn an_answer_goes_to_its_tokens_and_back() {
    for (text, start, end) in [("Ada Lovelace", 4, 6), ("Babbage", 8, 8), ("1833", 10, 10)] {
        let span = TokenSpan::of_answer(&answer(text), &tokens(), CONTEXT).unwrap();
        assert_eq!(span, TokenSpan { start, end });
        assert_eq!(span.text(&tokens(), TEXT), Some(text));
    }
    assert_eq!(TokenSpan::of_answer(&(3..3), &tokens(), CONTEXT), None, "an empty answer");
    // Within a token the whole token is the answer.
    let inner = TokenSpan::of_answer(&answer("ovel"), &tokens(), CONTEXT).unwrap();
    assert_eq!(inner.text(&tokens(), TEXT), Some("Lovelace"));
}

#[test]
fn an_answer_that_is_cut_is_none() {
    let whole = answer("Ada Lovelace");
    assert_eq!(TokenSpan::of_answer(&whole, &tokens(), 4..6), None, "its end is cut off");
    assert_eq!(TokenSpan::of_answer(&whole, &tokens(), 5..12), None, "its start is cut off");
    assert_eq!(TokenSpan::of_answer(&whole, &tokens(), 8..12), None);
    assert_eq!(TokenSpan::of_answer(&whole, &tokens(), 4..4), None);
    assert_eq!(TokenSpan::of_answer(&whole, &tokens(), 4..99), None);
}

/// Every pair, sorted by score.
fn best_by_definition(start: &[f32], end: &[f32], context: &Range<usize>, most: usize) -> f64 {
    let mut scores = Vec::new();
    for i in context.clone() {
        for j in context.clone() {
            if i <= j && j - i < most {
                scores.push(f64::from(start[i]) + f64::from(end[j]));
            }
        }
    }
    scores.into_iter().fold(f64::NEG_INFINITY, f64::max)
}

#[test]
fn the_best_pair_starts_before_it_ends_and_is_not_too_long() {
    let logit = |i: usize, seed: f32| ((i as f32 + seed) * 12.9898).sin() * 3.0;
    for seed in 0..50 {
        let start: Vec<f32> = (0..13).map(|i| logit(i, seed as f32)).collect();
        let end: Vec<f32> = (0..13).map(|i| logit(i, seed as f32 + 0.37)).collect();
        for max_tokens in [1, 3, 30] {
            let options = SpanOptions { max_tokens, none_above: None };
            let found = best_span(&start, &end, CONTEXT, &options).unwrap();
            let span = found.span.unwrap();
            assert!(CONTEXT.contains(&span.start) && CONTEXT.contains(&span.end));
            assert!(span.start <= span.end && span.end - span.start < max_tokens);
            let expected = best_by_definition(&start, &end, &CONTEXT, max_tokens);
            assert!((found.score.unwrap() - expected).abs() < 1e-9);
        }
    }
}

#[test]
fn none_is_taken_where_its_lead_exceeds_the_threshold() {
    let (start, end) = ([2.0, 0.0, 1.0], [2.0, 0.0, 1.0]);
    let taken = |none_above| {
        let options = SpanOptions { max_tokens: 30, none_above };
        best_span(&start, &end, 1..3, &options).unwrap()
    };
    let answer = Some(TokenSpan { start: 2, end: 2 });
    // 4 against 2.
    assert_eq!(taken(None).span, answer);
    assert_eq!(taken(Some(2.0)).span, answer);
    assert_eq!(taken(Some(1.9)).span, None);
    assert_eq!(taken(Some(1.9)).none_score, Some(4.0));
    let nothing = best_span(&start, &end, 1..1, &SpanOptions::default()).unwrap();
    assert_eq!((nothing.span, nothing.score), (None, None));
}

#[test]
fn what_is_no_logit_is_refused() {
    let options = SpanOptions::default();
    assert!(best_span(&[0.0, f32::NAN], &[0.0, 0.0], 0..1, &options).is_err());
    assert!(best_span(&[0.0], &[0.0, 0.0], 0..1, &options).is_err());
    assert!(best_span(&[0.0], &[0.0], 0..2, &options).is_err());
    let none = SpanOptions { max_tokens: 0, none_above: None };
    assert!(best_span(&[0.0], &[0.0], 0..1, &none).is_err());
    let nan = SpanOptions { none_above: Some(f64::NAN), ..options };
    assert!(best_span(&[0.0], &[0.0], 0..1, &nan).is_err());
}
