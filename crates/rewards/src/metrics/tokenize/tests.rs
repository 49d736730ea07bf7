use serde::Deserialize;

use super::*;
use crate::fixtures::golden;
use crate::metrics::ter::Tercom;

#[derive(Deserialize)]
struct Case {
    text: String,
    t13a: String,
    intl: String,
    zh: String,
    tercom_norm: String,
}

#[test]
fn every_tokenizer_cuts_as_sacrebleu_does() {
    let joined = |text: &str| tokens(text).collect::<Vec<_>>().join(" ");
    for case in golden::<Case>("tokenizers.jsonl") {
        let text = &case.text;
        assert_eq!(joined(&Tokenizer::Mteval13a.apply(text)), case.t13a, "13a of {text:?}");
        assert_eq!(joined(&Tokenizer::International.apply(text)), case.intl, "intl of {text:?}");
        assert_eq!(joined(&Tokenizer::Chinese.apply(text)), case.zh, "zh of {text:?}");
        let tercom = Tercom { normalized: true, ..Tercom::default() };
        assert_eq!(joined(&tercom.apply(text)), case.tercom_norm, "tercom of {text:?}");
    }
}

/// The regular expressions of `mteval-v13a` themselves.
fn by_patterns(text: &str) -> String {
    let steps = [
        (r"([\{-\~\[-` -\&\(-\+:-@/])", " ${1} "),
        (r"(?s)([^0-9])([\.,])", "${1} ${2} "),
        (r"(?s)([\.,])([^0-9])", " ${1} ${2}"),
        (r"([0-9])(-)", "${1} ${2} "),
    ];
    let step = |text: String, (pattern, to): (&str, &str)| {
        Regex::new(pattern).unwrap().replace_all(&text, to).into_owned()
    };
    steps.into_iter().fold(format!(" {text} "), step)
}

proptest::proptest! {
    #[test]
    fn copying_in_runs_is_replacing_by_patterns(text in "[a1é中.,\\-'!/ \n]{0,14}|\\PC{0,30}") {
        let joined = |text: &str| tokens(text).collect::<Vec<_>>().join(" ");
        proptest::prop_assert_eq!(joined(&western(&format!(" {text} "))), joined(&by_patterns(&text)));
    }
}
