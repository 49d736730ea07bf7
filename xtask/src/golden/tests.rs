use super::*;

#[test]
fn the_header_names_the_packages() {
    let check = |header: &str, expected: &[&str]| assert_eq!(packages(header), expected);
    check(
        "\"\"\"Writes.\n\n    pip install torch transformers && python a.py\n",
        &["torch", "transformers"],
    );
    check("# pip install torch==2.15 'gguf'\n", &["torch"]);
    check("Run `pip install sacrebleu rouge_score`, then\n", &["sacrebleu", "rouge_score"]);
    check("\"\"\"Needs nothing.\"\"\"\n", &[]);
}

#[test]
fn only_what_was_written_after_the_copy_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source.json");
    fs::write(&source, "1").unwrap();
    let copy = folder.path().join("copy");
    copy_old(&source, &copy.join("a/old.json")).unwrap();
    copy_old(&source, &copy.join("a/again.json")).unwrap();
    fs::write(copy.join("a/again.json"), "1").unwrap();
    fs::write(copy.join("new.json"), "1").unwrap();
    fs::create_dir(copy.join("__pycache__")).unwrap();
    fs::write(copy.join("__pycache__/a.pyc"), "1").unwrap();

    let mut found = Vec::new();
    collect_new(&copy, &mut found).unwrap();
    assert_eq!(found, [copy.join("a/again.json"), copy.join("new.json")]);
}

#[test]
fn a_file_that_is_not_committed_is_a_difference() {
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("a.json");
    fs::write(&written, "[1.0]").unwrap();
    let name = Path::new("golden/a.json");
    let found = difference(&folder.path().join("none.json"), &written, name).unwrap();
    assert!(found.unwrap().contains("not committed"));
    assert_eq!(difference(&written, &written, name).unwrap(), None);
}
