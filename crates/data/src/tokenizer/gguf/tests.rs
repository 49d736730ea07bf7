use std::path::{Path, PathBuf};

use hybrid_gguf::GgufFile;
use serde_json::Value;

use super::*;
use crate::template::{Message, RenderOptions};
use crate::tokenizer::{Tokenizer, TokenizerError};

const FAMILIES: [&str; 7] = ["llama", "llama3", "llama_spm", "qwen2", "qwen3", "gemma2", "gemma3"];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/gguf").join(name)
}

fn family(name: &str) -> (Tokenizer, Value) {
    let text = std::fs::read_to_string(golden(&format!("{name}.json"))).unwrap();
    let tokenizer = Tokenizer::from_path(&golden(&format!("{name}.gguf"))).unwrap();
    (tokenizer, serde_json::from_str(&text).unwrap())
}

fn ids(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn ids_are_those_of_the_hugging_face_twin() {
    for name in FAMILIES {
        let (tokenizer, golden) = family(name);
        assert_eq!(golden["config"]["vocab_size"], tokenizer.vocab_size(), "{name}");
        for case in golden["texts"].as_array().unwrap() {
            let text = case["text"].as_str().unwrap();
            let with_special = tokenizer.encode(text, true).unwrap();
            assert_eq!(with_special, ids(&case["ids"]), "{name}: {text:?}");
            assert_eq!(
                tokenizer.encode(text, false).unwrap(),
                ids(&case["plain_ids"]),
                "{name}: {text:?}"
            );
            assert_eq!(
                tokenizer.decode(&with_special, true).unwrap(),
                case["decoded"],
                "{name}: {text:?}"
            );
            let pieces: String = {
                let mut stream = tokenizer.decode_stream(&[], true);
                let steps: String =
                    with_special.iter().filter_map(|id| stream.step(*id).unwrap()).collect();
                steps + &stream.finish().unwrap()
            };
            assert_eq!(pieces, case["decoded"], "{name}: {text:?}");
        }
    }
}

#[test]
fn roles_are_those_of_the_hugging_face_twin() {
    for name in FAMILIES {
        let (tokenizer, golden) = family(name);
        let config = |key: &str| golden["config"][key].as_u64().map(|id| id as u32);
        assert_eq!(tokenizer.bos(), config("bos_token_id"), "{name}");
        assert_eq!(tokenizer.eos(), config("eos_token_id"), "{name}");
        assert_eq!(tokenizer.pad(), config("pad_token_id"), "{name}");
        assert!(tokenizer.is_special(tokenizer.eos().unwrap()), "{name}");
    }
    let (gemma, _) = family("gemma3");
    let end_of_turn = gemma.token_id("<end_of_turn>").unwrap();
    assert_eq!(gemma.eos_ids(), [1, end_of_turn]);
}

#[test]
fn the_chat_template_of_the_file_renders() {
    for name in FAMILIES {
        let (tokenizer, golden) = family(name);
        let messages: Vec<Message> =
            serde_json::from_value(golden["chat"]["messages"].clone()).unwrap();
        let options = RenderOptions { add_generation_prompt: true, ..RenderOptions::default() };
        let rendered = tokenizer.template(None).unwrap().render(&messages, &options).unwrap();
        assert_eq!(golden["chat"]["text"], rendered.text, "{name}");
    }
}

#[test]
fn a_saved_tokenizer_gives_the_same_ids() {
    for name in FAMILIES {
        let (tokenizer, golden) = family(name);
        let dir = tempfile::tempdir().unwrap();
        tokenizer.save(dir.path()).unwrap();
        let loaded = Tokenizer::from_path(dir.path()).unwrap();
        assert_eq!(loaded.eos_ids()[0], tokenizer.eos_ids()[0]);
        for case in golden["texts"].as_array().unwrap() {
            let text = case["text"].as_str().unwrap();
            assert_eq!(loaded.encode(text, true).unwrap(), ids(&case["ids"]), "{name}: {text:?}");
        }
    }
}

#[test]
fn an_answer_keeps_the_space_before_its_first_word() {
    let (tokenizer, _) = family("llama_spm");
    let prompt = tokenizer.encode("The capital of", true).unwrap();
    let answer = tokenizer.encode("France is", false).unwrap();
    assert_eq!(tokenizer.decode(&answer, true).unwrap(), "France is");
    assert_eq!(tokenizer.decode_after(&prompt, &answer, true).unwrap(), " France is");
}

/// A metadata value as a GGUF file stores it.
enum Field<'a> {
    Text(&'a str),
    Texts(&'a [&'a str]),
    Floats(&'a [f32]),
    Numbers(&'a [i32]),
    Number(u32),
}

/// A GGUF file, version 3, of metadata alone, laid out by the specification.
fn file(fields: &[(&str, Field<'_>)]) -> GgufFile {
    fn text(out: &mut Vec<u8>, text: &str) {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
    }
    fn array(out: &mut Vec<u8>, kind: u32, len: usize) {
        out.extend([9_u32, kind].map(u32::to_le_bytes).concat());
        out.extend((len as u64).to_le_bytes());
    }
    let mut out = b"GGUF".to_vec();
    out.extend(3_u32.to_le_bytes());
    out.extend([0, fields.len() as u64].map(u64::to_le_bytes).concat());
    for (key, field) in fields {
        text(&mut out, key);
        match field {
            Field::Text(value) => {
                out.extend(8_u32.to_le_bytes());
                text(&mut out, value);
            }
            Field::Texts(values) => {
                array(&mut out, 8, values.len());
                values.iter().for_each(|value| text(&mut out, value));
            }
            Field::Floats(values) => {
                array(&mut out, 6, values.len());
                values.iter().for_each(|value| out.extend(value.to_le_bytes()));
            }
            Field::Numbers(values) => {
                array(&mut out, 5, values.len());
                values.iter().for_each(|value| out.extend(value.to_le_bytes()));
            }
            Field::Number(value) => {
                out.extend([4_u32, *value].map(u32::to_le_bytes).concat());
            }
        }
    }
    GgufFile::from_bytes(Path::new("m.gguf"), out).unwrap()
}

/// The message and its cause.
fn refusal(fields: &[(&str, Field<'_>)]) -> String {
    match Tokenizer::from_gguf(&file(fields)) {
        Err(TokenizerError::Gguf { source, .. }) => match std::error::Error::source(&source) {
            Some(cause) => format!("{source}: {cause}"),
            None => source.to_string(),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_without_tokens_says_so() {
    let error = refusal(&[(MODEL, Field::Text("gpt2"))]);
    assert!(error.contains("get a file that was converted with a tokenizer"), "{error}");
    assert!(error.contains(TOKENS), "{error}");
    assert!(refusal(&[]).contains(MODEL));
    insta::assert_snapshot!(refusal(&[(MODEL, Field::Text("gpt2")), (TOKENS, Field::Texts(&[]))]), @"`tokenizer.ggml.tokens` lists 0 tokens; the file is damaged or was converted by a broken program");
}

#[test]
fn an_unknown_kind_lists_the_known_ones() {
    let tokens = Field::Texts(&["a"]);
    insta::assert_snapshot!(refusal(&[(MODEL, Field::Text("rwkv")), (TOKENS, tokens)]), @r#"`tokenizer.ggml.model` is "rwkv"; known are "gpt2" (byte-level BPE) and "llama" (SentencePiece BPE): use the model's Hugging Face directory instead"#);
    insta::assert_snapshot!(refusal(&[(MODEL, Field::Text("gpt2")), (PRE, Field::Text("bloom")), (TOKENS, Field::Texts(&["a"]))]), @r#"`tokenizer.ggml.pre` is "bloom"; known are "gpt-2", "default", "smollm", "starcoder", "qwen2", "llama-bpe", "llama3", "llama-v3", "tekken": use the model's Hugging Face directory instead"#);
}

#[test]
fn contradictions_name_the_key() {
    let gpt2 = || (MODEL, Field::Text("gpt2"));
    let tokens = || (TOKENS, Field::Texts(&["a", "b", "ab", "c"]));
    let damaged = "; the file is damaged or was converted by a broken program";
    for (field, problem) in [
        (
            (MERGES, Field::Texts(&["a b", "ab"])),
            "`tokenizer.ggml.merges` entry 1 is no pair: \"ab\"",
        ),
        (
            (MERGES, Field::Texts(&["a b", "ab c"])),
            "`tokenizer.ggml.merges` entry 1 needs \"abc\", which is no token",
        ),
        (
            (MERGES, Field::Texts(&["x b"])),
            "`tokenizer.ggml.merges` entry 0 needs \"x\", which is no token",
        ),
        (
            (TOKEN_TYPE, Field::Numbers(&[1])),
            "`tokenizer.ggml.token_type` has 1 entries for 4 tokens",
        ),
        (
            (TOKEN_TYPE, Field::Numbers(&[1, 1, 7, 1])),
            "`tokenizer.ggml.token_type` contains 7, but types go from 0 to 6",
        ),
    ] {
        let merges = (MERGES, Field::Texts(&["a b"]));
        let is_merges = field.0 == MERGES;
        let fields: Vec<_> =
            [gpt2(), tokens(), field].into_iter().chain((!is_merges).then_some(merges)).collect();
        assert_eq!(refusal(&fields), format!("{problem}{damaged}"));
    }
    let fields = [
        gpt2(),
        tokens(),
        (MERGES, Field::Texts(&[])),
        ("tokenizer.ggml.eos_token_id", Field::Number(4)),
    ];
    assert_eq!(
        refusal(&fields),
        format!("`tokenizer.ggml.eos_token_id` is 4, but there are only 4 tokens{damaged}")
    );
    let fields = [(MODEL, Field::Text("llama")), tokens(), (SCORES, Field::Floats(&[0.0]))];
    assert_eq!(
        refusal(&fields),
        format!("`tokenizer.ggml.scores` has 1 entries for 4 tokens{damaged}")
    );
    assert!(refusal(&[(MODEL, Field::Text("llama")), tokens()]).contains(SCORES));
    assert!(refusal(&[gpt2(), tokens()]).contains(MERGES));
}

#[test]
fn a_token_listed_twice_has_its_first_id() {
    let fields = [
        (MODEL, Field::Text("gpt2")),
        (TOKENS, Field::Texts(&["a", "b", "a"])),
        (MERGES, Field::Texts(&[])),
    ];
    let tokenizer = Tokenizer::from_gguf(&file(&fields)).unwrap();
    assert_eq!(tokenizer.encode("aba", false).unwrap(), [0, 1, 0]);
}

#[test]
fn runs_of_spaces_in_gemma_files_are_merged() {
    let fields = [
        ("general.architecture", Field::Text("gemma2")),
        (MODEL, Field::Text("llama")),
        (TOKENS, Field::Texts(&["<unk>", "a", "▁", "  ", "   ", "▁a"])),
        (TOKEN_TYPE, Field::Numbers(&[2, 1, 1, 4, 4, 1])),
        (SCORES, Field::Floats(&[0.0; 6])),
        (ADD_BOS, Field::Number(0)),
    ];
    // A flag must be a bool, so this one is refused by name.
    assert!(refusal(&fields).contains(ADD_BOS));
    let tokenizer = Tokenizer::from_gguf(&file(&fields[..5])).unwrap();
    assert_eq!(tokenizer.encode("a   a a", false).unwrap(), [1, 4, 1, 5]);
    assert_eq!(tokenizer.decode(&[1, 4, 1, 5], false).unwrap(), "a   a a");
}

proptest::proptest! {
    /// Any vocabulary is a tokenizer or an error.
    #[test]
    fn any_vocabulary_encodes_or_says_why_not(
        tokens in proptest::collection::vec("[ab▁ <]{0,3}", 1..8),
        numbers in proptest::collection::vec((0_i32..7, proptest::num::f32::ANY), 8),
        merges in proptest::option::of(proptest::collection::vec("[ab] ?[ab]{0,2}", 0..3)),
        gemma in proptest::bool::ANY,
        text in "[ab ▁<é]{0,8}",
    ) {
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let types: Vec<i32> = numbers.iter().map(|(kind, _)| *kind).take(tokens.len()).collect();
        let scores: Vec<f32> = numbers.iter().map(|(_, score)| *score).take(tokens.len()).collect();
        let merges: Option<Vec<&str>> =
            merges.as_ref().map(|merges| merges.iter().map(String::as_str).collect());
        for model in ["gpt2", "llama"] {
            let mut fields = vec![
                ("general.architecture", Field::Text(if gemma { "gemma3" } else { "llama" })),
                (MODEL, Field::Text(model)),
                (TOKENS, Field::Texts(&tokens)),
                (TOKEN_TYPE, Field::Numbers(&types)),
                (SCORES, Field::Floats(&scores)),
            ];
            if let Some(merges) = &merges {
                fields.push((MERGES, Field::Texts(merges)));
            }
            if let Ok(tokenizer) = Tokenizer::from_gguf(&file(&fields))
                && let Ok(ids) = tokenizer.encode(&text, true)
            {
                proptest::prop_assert!(ids.iter().all(|id| (*id as usize) < tokens.len()));
                proptest::prop_assert!(tokenizer.decode(&ids, false).is_ok());
            }
        }
    }
}
