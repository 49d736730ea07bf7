use super::*;

#[test]
fn ids_follow_the_given_order() {
    let labels = LabelSet::new(["neg", "pos", "neutral"]).unwrap();
    assert_eq!(labels.id("neutral"), Ok(2));
    assert_eq!((labels.name(1), labels.name(3)), (Some("pos"), None));
    assert_eq!(labels.multi_hot(["pos", "neg", "pos"]), Ok(vec![true, true, false]));
    let json = serde_json::to_string(&labels).unwrap();
    assert_eq!(json, r#"["neg","pos","neutral"]"#);
    assert_eq!(serde_json::from_str::<LabelSet>(&json).unwrap(), labels);
}

#[test]
fn labels_of_data_are_sorted_and_numbers_by_value() {
    let words = LabelSet::from_data(["b", "a", "b", "10"]).unwrap();
    assert_eq!(words.names(), ["10", "a", "b"]);
    let stars = LabelSet::from_data(["10", "9", "-1", "9", "2.5"]).unwrap();
    assert_eq!(stars.names(), ["-1", "2.5", "9", "10"]);
}

#[test]
fn an_unknown_label_is_answered_with_the_known_ones() {
    let error = LabelSet::new(["neg", "pos"]).unwrap().id("Pos").unwrap_err();
    assert_eq!(error.to_string(), "the label `Pos` is unknown; known are `neg`, `pos`");
    let many = LabelSet::new((0..25).map(|id| id.to_string())).unwrap();
    let text = many.id("x").unwrap_err().to_string();
    assert!(text.ends_with("`19` and 5 more"), "{text}");
}

#[test]
fn what_is_no_set_is_refused() {
    let text = |names: &[&str]| LabelSet::new(names.iter().copied()).unwrap_err().to_string();
    assert!(text(&[]).ends_with("there is none"));
    assert!(text(&["a", " "]).ends_with("label 1, counted from 0, is empty"));
    assert!(text(&["a", "b", "a"]).ends_with("`a` is both label 0 and label 2"));
    assert!(serde_json::from_str::<LabelSet>(r#"["a","a"]"#).is_err());
}
