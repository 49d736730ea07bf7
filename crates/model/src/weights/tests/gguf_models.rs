//! Whole models out of GGUF files against their Hugging Face twins (`reference/gguf_models.py`).

use super::*;
use crate::input::TokenInput;
use crate::weights::save;

const CASES: [&str; 7] = ["llama", "llama3", "llama_spm", "qwen2", "qwen3", "gemma2", "gemma3"];

#[test]
fn logits_equal_those_of_the_twin() {
    let device = Device::flex();
    for name in CASES {
        let decoder = try_load(&golden(&format!("gguf/{name}.gguf"))).unwrap();
        let expected = read_json(&golden(&format!("gguf/{name}.json")));
        let mut compared = 0;
        for text in expected["texts"].as_array().unwrap() {
            let ids: Vec<u32> = serde_json::from_value(text["ids"].clone()).unwrap();
            let Some(theirs) = text["logits"].as_array() else { continue };
            let hidden = decoder.hidden(&TokenInput::single(&ids, &device), None);
            let last = hidden.slice_dim(1, ids.len() - 1..ids.len());
            let ours: Vec<f32> = decoder.logits(last).into_data().iter().collect();
            assert_eq!(ours.len(), theirs.len(), "{name}: {}", text["text"]);
            for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                let theirs = theirs.as_f64().unwrap() as f32;
                let close = (ours - theirs).abs() <= 1e-4;
                assert!(close, "{name}: {}: logit {index} is {ours}, not {theirs}", text["text"]);
            }
            compared += 1;
        }
        assert!(compared >= 10, "{name}: only {compared} texts");
    }
}

#[test]
fn what_is_saved_of_a_gguf_file_is_the_same_model() {
    for name in CASES {
        let decoder = try_load(&golden(&format!("gguf/{name}.gguf"))).unwrap();
        let saved = TempDir::new().unwrap();
        save(&decoder, saved.path()).unwrap();
        let again = try_load(saved.path()).unwrap();
        assert_eq!(again.config(), decoder.config(), "{name}");
        assert!(again.values() == decoder.values(), "{name}");
    }
}
