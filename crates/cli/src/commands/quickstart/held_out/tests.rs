use super::*;

fn line(split: &str, prompt_id: u64, response: &str, score: &str) -> String {
    format!(
        "{{\"step\": 3, \"split\": \"{split}\", \"prompt_id\": {prompt_id}, \"prompt\": \"p\", \
         \"response\": \"{response}\", \"target\": null, \"score\": {score}, \"components\": {{}}}}\n"
    )
}

#[test]
fn answers_are_paired_by_prompt() {
    let folder = tempfile::tempdir().unwrap();
    let text = [
        line("before", 9, "a", "0.25"),
        line("before", 9, "b", "0.75"),
        line("before", 7, "c", "null"),
        line("train", 9, "d", "0.9"),
        line("during", 9, "e", "0.9"),
        line("after", 9, "f", "1.0"),
        line("after", 9, "g", "null"),
        line("after", 7, "h", "0.5"),
    ];
    std::fs::write(folder.path().join(SAMPLES), text.concat()).unwrap();
    let pairs = read(folder.path()).unwrap();
    let responses = |answers: &[Answer]| -> String {
        answers.iter().map(|answer| answer.response.as_str()).collect()
    };
    let found: Vec<_> = pairs
        .iter()
        .map(|pair| {
            let means = pair.means(|answer| answer.score);
            (responses(&pair.before), responses(&pair.after), means)
        })
        .collect();
    let expected = [
        ("c".to_owned(), "h".to_owned(), None),
        ("ab".to_owned(), "fg".to_owned(), Some((0.5, 1.0))),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_damaged_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(SAMPLES), line("after", 1, "a", "0.5") + "{\n").unwrap();
    let error = format!("{:#}", read(folder.path()).unwrap_err());
    assert!(error.starts_with("line 2 of `"), "{error}");
}
