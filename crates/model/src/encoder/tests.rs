use std::path::Path;

use super::*;
use crate::golden::{
    self, ENCODERS, Expected, TOLERANCE, assert_close, copy_of, edit_tensors, floats, read_json,
    read_tensors, set_key,
};

fn load_case(case: &str) -> Encoder {
    load(&golden::folder(case), &Device::flex()).unwrap()
}

/// The last states of the case's rows, by the encoder in `folder`.
fn states_of(folder: &Path, case: &str) -> Vec<f32> {
    let encoder = load(folder, &Device::flex()).unwrap();
    floats(encoder.states(&Expected::of(case).rows()).unwrap().states())
}

#[test]
fn hidden_states_of_every_layer_equal_those_of_transformers() {
    for case in ENCODERS {
        let (encoder, expected) = (load_case(case), Expected::of(case));
        let states = encoder.hidden_states(&expected.rows()).unwrap();
        assert_eq!(states.len(), 3, "{case}");
        for (layer, states) in states.iter().enumerate() {
            let theirs = expected.get(&format!("hidden.{layer}")).unwrap();
            let what = format!("{case} after layer {layer}");
            assert_close(&what, &floats(states.states()), theirs, TOLERANCE);
        }
    }
}

#[test]
fn the_pooler_says_what_that_of_transformers_says() {
    let mut compared = 0;
    for case in ENCODERS {
        let (encoder, expected) = (load_case(case), Expected::of(case));
        let pooled = encoder.pooled(&encoder.states(&expected.rows()).unwrap());
        assert_eq!(pooled.is_some(), expected.get("pooled").is_some(), "{case}");
        if let (Some(pooled), Some(theirs)) = (pooled, expected.get("pooled")) {
            assert_close(case, &floats(pooled), theirs, TOLERANCE);
            compared += 1;
        }
    }
    assert_eq!(compared, 1);
}

#[test]
fn the_other_rows_of_a_batch_change_nothing() {
    for case in ENCODERS {
        let (encoder, expected) = (load_case(case), Expected::of(case));
        let rows = expected.rows();
        let together = encoder.states(&rows).unwrap();
        let twice = [rows[2], rows[2]];
        let twice = encoder.states(&twice).unwrap();
        for (index, row) in rows.iter().enumerate() {
            let alone = floats(encoder.states(&[*row]).unwrap().states());
            assert_close(case, &floats(together.row(index)), &alone, 2e-6);
            if index == 2 {
                assert_close(case, &floats(twice.row(1)), &alone, 2e-6);
            }
        }
    }
}

#[test]
fn fewer_layers_give_the_states_between() {
    for case in ENCODERS {
        let (encoder, expected) = (load_case(case), Expected::of(case));
        for layers in 0..3 {
            let states = encoder.states_after(&expected.rows(), layers).unwrap();
            let theirs = expected.get(&format!("hidden.{layers}")).unwrap();
            assert_close(case, &floats(states.states()), theirs, TOLERANCE);
        }
    }
}

#[test]
fn no_rows_have_no_states() {
    let encoder = load_case("mpnet");
    let states = encoder.states(&[]).unwrap();
    assert_eq!((states.rows(), states.tokens(), states.width()), (0, 0, 18));
    assert_eq!(encoder.hidden_states(&[]).unwrap().len(), 3);
}

#[test]
fn the_parameter_table_is_the_module_tree() {
    for case in ENCODERS {
        let encoder = load_case(case);
        let table = family::parameters(encoder.config());
        let mut named: Vec<String> = table.iter().map(|source| source.parameter.clone()).collect();
        named.sort();
        assert_eq!(named, encoder.values().into_keys().collect::<Vec<_>>(), "{case}");
    }
}

/// Files of other days and of the base model alone: no prefix, gamma and beta, buffers, heads of
/// pre-training.
#[test]
fn other_names_and_extra_heads_change_nothing() {
    for case in ENCODERS {
        let copy = copy_of(case);
        let prefix = family::base_prefix(load_case(case).config());
        edit_tensors(copy.path(), |tensors| {
            let named = |name: &str| {
                let short = name.strip_prefix(prefix).unwrap_or(name);
                let renamed = short.replace("LayerNorm.weight", "LayerNorm.gamma");
                renamed.replace("LayerNorm.bias", "LayerNorm.beta")
            };
            *tensors = tensors.iter().map(|(name, tensor)| (named(name), tensor.clone())).collect();
            let extra = ["embeddings.position_ids", "cls.predictions.bias", "lm_head.bias"];
            let extra = extra.into_iter().chain(["qa_outputs.weight", "vocab_projector.bias"]);
            tensors.extend(extra.map(|name| (name.to_owned(), (vec![1], vec![0.0]))));
        });
        let named = read_tensors(&copy.path().join("model.safetensors"));
        assert!(named.keys().all(|name| !name.starts_with(prefix)), "{case}");
        assert_eq!(states_of(copy.path(), case), states_of(&golden::folder(case), case), "{case}");
    }
}

#[test]
fn camembert_is_a_roberta() {
    let copy = copy_of("roberta");
    set_key(&copy.path().join("config.json"), "model_type", "camembert".into());
    let theirs = states_of(&golden::folder("roberta"), "roberta");
    assert_eq!(states_of(copy.path(), "roberta"), theirs);
}

#[test]
fn every_fault_of_the_weights_is_told_at_once() {
    let copy = copy_of("bert");
    edit_tensors(copy.path(), |tensors| {
        tensors.remove("bert.encoder.layer.1.output.dense.weight");
        tensors.remove("bert.embeddings.LayerNorm.bias");
        tensors.insert("bert.encoder.layer.2.output.dense.bias".to_owned(), (vec![1], vec![0.0]));
        let words = tensors.get_mut("bert.embeddings.word_embeddings.weight").unwrap();
        words.0 = vec![18, 41];
    });
    let error = load(copy.path(), &Device::flex()).unwrap_err().to_string();
    let lines = [
        "missing: bert.encoder.layer.1.output.dense.weight [18, 26]",
        "missing: bert.embeddings.LayerNorm.bias [18]",
        "extra: bert.encoder.layer.2.output.dense.bias",
        "misshapen: bert.embeddings.word_embeddings.weight is [18, 41], expected [41, 18]",
    ];
    for line in lines {
        assert!(error.contains(line), "{error}");
    }
    assert_eq!(error.lines().count(), 1 + lines.len(), "{error}");
}

#[test]
fn what_is_no_encoder_is_refused_by_name() {
    let message = |folder: &Path| load(folder, &Device::flex()).unwrap_err().to_string();
    let gpt2 = message(&golden::folder("gpt2"));
    assert!(gpt2.contains("`gpt2` is that of a causal model"), "{gpt2}");
    assert!(message(&golden::folder("none")).contains("there is no such directory"));
    let copy = copy_of("bert");
    let file = copy.path().join("config.json");
    set_key(&file, "model_type", "longformer".into());
    let error = load(copy.path(), &Device::flex()).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("`longformer` is not supported"), "{source}");
    assert!(source.contains("xlm-roberta") && source.contains("gpt2"), "{source}");
}

#[test]
fn rows_that_cannot_be_read_are_named() {
    let bert = load_case("bert");
    let good: &[u32] = &[3, 4];
    let message = |row: TokenRow<'_>| {
        let rows = [TokenRow::new(good), row];
        bert.states(&rows).unwrap_err().to_string()
    };
    assert!(message(TokenRow::new(&[])).starts_with("row 1 holds no token"));
    let long = [3; 25];
    assert!(message(TokenRow::new(&long)).starts_with("row 1 holds 25 tokens, the model reads 24"));
    assert!(bert.states(&[TokenRow::new(&long[..24])]).is_ok());
    assert!(
        message(TokenRow::new(&[3, 41])).starts_with("row 1 holds token 41, the model knows 41")
    );
    let types = |types| TokenRow { ids: good, types };
    assert_eq!(message(types(&[0])), "row 1 has 1 token types for 2 tokens");
    assert_eq!(message(types(&[0, 2])), "row 1 holds the token type 2, the model knows 2");
    // RoBERTa's table has 26 rows, the first two of which belong to no token.
    let roberta = load_case("roberta");
    assert!(roberta.states(&[TokenRow::new(&long)]).is_err());
    assert!(roberta.states(&[TokenRow::new(&long[..24])]).is_ok());
    // No token types: whatever is said of them.
    assert!(load_case("mpnet").states(&[types(&[0, 9, 9])]).is_ok());
}

#[test]
fn absent_types_are_type_zero() {
    let bert = load_case("bert");
    let ids: &[u32] = &[5, 6, 7];
    let states = |types| floats(bert.states(&[TokenRow { ids, types }]).unwrap().states());
    assert_eq!(states(&[]), states(&[0, 0, 0]));
    assert_ne!(states(&[]), states(&[0, 1, 0]));
}

#[test]
fn what_is_saved_is_the_file_of_transformers() {
    for (case, class) in [
        ("bert", "BertModel"),
        ("roberta", "RobertaModel"),
        ("xlm_roberta", "XLMRobertaModel"),
        ("distilbert", "DistilBertModel"),
        ("mpnet", "MPNetModel"),
    ] {
        let saved = tempfile::TempDir::new().unwrap();
        save(&load_case(case), saved.path()).unwrap();
        let ours = read_tensors(&saved.path().join("model.safetensors"));
        let mut theirs = read_tensors(&golden::folder(case).join("model.safetensors"));
        theirs.retain(|name, _| !name.contains("classifier"));
        assert!(ours == theirs, "{case}");
        let config = read_json(&saved.path().join("config.json"));
        assert_eq!(config["architectures"][0], class);
        assert_eq!(states_of(saved.path(), case), states_of(&golden::folder(case), case), "{case}");
    }
}
