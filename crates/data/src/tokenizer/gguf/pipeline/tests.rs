use std::path::Path;

use serde_json::Value;
use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

use super::*;

#[test]
fn words_are_cut_where_each_family_cuts_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/pretokenizers.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for case in golden.as_array().unwrap() {
        let (name, text) = (case["pre"].as_str().unwrap(), case["text"].as_str().unwrap());
        let (_, pre) = PRES.iter().find(|(known, _)| *known == name).unwrap();
        let tokenizer = byte_level(BPE::default(), *pre).unwrap();
        let mut cut = PreTokenizedString::from(text);
        tokenizer.get_pre_tokenizer().unwrap().pre_tokenize(&mut cut).unwrap();
        let splits = cut.get_splits(OffsetReferential::Original, OffsetType::Byte);
        let pieces: Vec<&str> =
            splits.iter().map(|(_, (start, end), _)| &text[*start..*end]).collect();
        let expected: Vec<&str> = case["pieces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|piece| piece.as_str().unwrap())
            .collect();
        assert_eq!(pieces, expected, "{name}: {text:?}");
    }
}
