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
