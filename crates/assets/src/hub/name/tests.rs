use super::*;
use crate::hub::is_model;

#[test]
fn each_part_is_found() {
    let name = HubName::parse("hf:o-w/n.a_me/sub/f.gguf@refs/pr/1", Kind::Model).unwrap();
    assert_eq!(name.id, "o-w/n.a_me");
    assert_eq!(name.path.as_deref(), Some("sub/f.gguf"));
    assert_eq!(name.revision, "refs/pr/1");
    assert!(is_model(name.repo_type));

    let name = HubName::parse("hf:o/n", Kind::Data).unwrap();
    assert_eq!((name.revision.as_str(), name.path), ("main", None));
    assert!(!is_model(name.repo_type));
    assert!(!is_model(HubName::parse("hf:datasets/o/n", Kind::Model).unwrap().repo_type));
}

#[test]
fn a_malformed_name_is_bad_input_and_shows_the_form() {
    for text in [
        "hf:",
        "hf:gpt2",
        "hf:/n",
        "hf:o/",
        "hf:o//f",
        "hf:../n",
        "hf:o/..",
        "hf:o/n@",
        "hf:o/n@a b",
        "hf:o/n@../../x",
        "hf:o/n/../../x",
        "hf:o n/n",
        "hf:ö/n",
        "hf:o/n/a\\b",
        "hf:o/n@a@b",
    ] {
        let error = HubName::parse(text, Kind::Model).unwrap_err();
        assert!(error.is_bad_input(), "{text}");
        assert!(error.to_string().contains("hf:owner/name[@revision]"), "{error}");
    }
}
