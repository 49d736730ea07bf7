//! Files that are no model, or were one: each is an error that says what is wrong.

use std::error::Error;

use proptest::prelude::*;
use serde_json::json;

use super::*;

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const NORM: &str = "model.norm.weight";

/// The message and those of its sources, as a program would print them.
fn message(error: &WeightsError) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    message
}

/// Loading fails as bad input, with a message that holds all of `parts`.
#[track_caller]
fn check_refused(path: &Path, parts: &[&str]) {
    let error = try_load(path).unwrap_err();
    let message = message(&error);
    assert!(error.is_bad_input(), "{message}");
    assert!(!message.contains("\n\n"), "one paragraph: {message}");
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn a_path_that_is_no_model_is_named() {
    let empty = TempDir::new().unwrap();
    let absent = empty.path().join("nothing");
    check_refused(&absent, &["nothing` is no model: there is no such file or directory"]);
    check_refused(empty.path(), &["it lacks `config.json`", "`.gguf` file"]);
    let text = empty.path().join("notes.txt");
    std::fs::write(&text, "hello").unwrap();
    check_refused(&text, &["notes.txt` is no model: it is a file of another kind"]);

    let model = copy_of("llama_mha");
    let weights = model.path().join(WEIGHTS);
    check_refused(&weights, &["a file of weights alone: name the directory it is in"]);
    std::fs::remove_file(&weights).unwrap();
    check_refused(model.path(), &["it lacks `model.safetensors`"]);
    std::fs::write(model.path().join("pytorch_model.bin"), "PK").unwrap();
    check_refused(model.path(), &["`pytorch_model.bin`", "save_pretrained"]);
    std::fs::create_dir(&weights).unwrap();
    check_refused(model.path(), &["cannot read `", "it is not a regular file"]);
}

#[test]
fn a_broken_configuration_is_named_with_its_key() {
    let model = copy_of("llama_mha");
    let path = model.path().join("config.json");
    let whole = read_json(&path);
    let write = |config: &Value| std::fs::write(&path, config.to_string()).unwrap();

    std::fs::write(&path, "{\"model_type\": \"llama\",\n  oops}").unwrap();
    check_refused(model.path(), &["config.json` is not valid JSON", "line 2 column 3"]);
    std::fs::write(&path, "").unwrap();
    check_refused(model.path(), &["config.json` is not valid JSON", "EOF"]);
    std::fs::write(&path, b"{\"model_type\": \"\xff\"}").unwrap();
    check_refused(model.path(), &["config.json` is not valid JSON"]);
    std::fs::write(&path, "[".repeat(100_000)).unwrap();
    check_refused(model.path(), &["config.json` is not valid JSON", "recursion"]);
    write(&json!([1]));
    check_refused(model.path(), &["config.json`: the configuration is not a JSON object"]);
    let mut config = whole.clone();
    config.as_object_mut().unwrap().remove("hidden_size");
    write(&config);
    check_refused(model.path(), &["cannot build a model from `", "config.json`", "`hidden_size`"]);
    let mut config = whole;
    config["model_type"] = "rwkv".into();
    write(&config);
    check_refused(model.path(), &["model type `rwkv` is not supported; the known ones are gemma2"]);
}

#[test]
fn a_file_cut_off_anywhere_is_not_whole() {
    let model = copy_of("llama_mha");
    let path = model.path().join(WEIGHTS);
    let whole = std::fs::read(&path).unwrap();
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let mut cuts: Vec<usize> = (0..20).map(|i| whole.len() * i / 20).collect();
    cuts.extend([1, 7, 8, 9, 8 + header / 2, 7 + header, 8 + header, whole.len() - 1]);
    for cut in cuts {
        std::fs::write(&path, &whole[..cut]).unwrap();
        check_refused(model.path(), &["model.safetensors` is not a whole safetensors file", "cut"]);
    }
    std::fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
    check_refused(model.path(), &["is not a whole safetensors file"]);
}

#[test]
fn a_broken_header_is_refused() {
    let model = copy_of("llama_mha");
    let path = model.path().join(WEIGHTS);
    let whole = std::fs::read(&path).unwrap();
    let length = whole.len() as u64;
    for header in [0, 1, 7, length - 8, length - 7, length, 1 << 40, u64::MAX - 7, u64::MAX] {
        let bytes = [&header.to_le_bytes()[..], &whole[8..]].concat();
        std::fs::write(&path, bytes).unwrap();
        check_refused(model.path(), &["model.safetensors` is not a whole safetensors file"]);
    }
    let overflow = r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#;
    let backwards = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#;
    let far = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,0]}}"#;
    let strange = r#"{"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,4]}}"#;
    for header in ["", "{", "[]", "null", "\u{0}\u{0}", overflow, backwards, far, strange] {
        let length = (header.len() as u64).to_le_bytes();
        std::fs::write(&path, [&length[..], header.as_bytes(), &[0; 4]].concat()).unwrap();
        check_refused(model.path(), &["model.safetensors` is not a whole safetensors file"]);
    }
}

#[test]
fn weights_that_are_no_numbers_are_counted() {
    let model = copy_of("llama_mha");
    let path = model.path().join(WEIGHTS);
    let mut tensors = read_tensors(&path);
    let (_, _, bytes) = tensors.get_mut(NORM).unwrap();
    for (place, value) in [(0, f32::NAN), (3, f32::INFINITY), (4, f32::NEG_INFINITY)] {
        bytes[4 * place..4 * place + 4].copy_from_slice(&value.to_le_bytes());
    }
    write_tensors(&path, &tensors);
    check_refused(
        model.path(),
        &["`model.norm.weight` in `", "holds 3 values that are NaN or infinite", "broken"],
    );
}

#[test]
fn another_type_is_refused_and_f64_is_read() {
    let model = copy_of("llama_mha");
    let path = model.path().join(WEIGHTS);
    let plain = try_load(model.path()).unwrap().values();
    let mut tensors = read_tensors(&path);
    let (dtype, shape, bytes) = tensors[NORM].clone();
    assert_eq!(dtype, Dtype::F32);
    let wide = bytes.as_chunks::<4>().0.iter().map(|word| f64::from(f32::from_le_bytes(*word)));
    let wide: Vec<u8> = wide.flat_map(f64::to_le_bytes).collect();
    tensors.insert(NORM.to_owned(), (Dtype::F64, shape.clone(), wide.clone()));
    write_tensors(&path, &tensors);
    assert_eq!(try_load(model.path()).unwrap().values(), plain);
    tensors.insert(NORM.to_owned(), (Dtype::I64, shape, wide));
    write_tensors(&path, &tensors);
    check_refused(
        model.path(),
        &["model.safetensors`: `model.norm.weight` has type I64; weights must be F32, F16, BF16"],
    );
}

#[test]
fn every_misfit_is_listed_at_once() {
    let model = copy_of("llama_mha");
    let path = model.path().join(WEIGHTS);
    let mut tensors = read_tensors(&path);
    tensors.remove(NORM).unwrap();
    let (dtype, shape, bytes) = tensors.remove("lm_head.weight").unwrap();
    assert_eq!(shape, [59, 24]);
    tensors.insert("lm_head.weight".to_owned(), (dtype, vec![24, 59], bytes.clone()));
    tensors.insert("model.layers.9.extra".to_owned(), (dtype, vec![59, 24], bytes));
    tensors.insert("vision.bias".to_owned(), (Dtype::U8, vec![1], vec![0]));
    write_tensors(&path, &tensors);
    let error = try_load(model.path()).unwrap_err().to_string();
    let expected = format!(
        "the weights in `{}` do not fit its configuration:\n  \
         missing: model.norm.weight [24]\n  \
         misshapen: lm_head.weight is [24, 59], expected [59, 24]\n  \
         extra: model.layers.9.extra\n  \
         extra: vision.bias",
        model.path().display()
    );
    assert_eq!(error, expected);
}

#[test]
fn a_long_list_of_misfits_is_cut() {
    let model = copy_of("llama_mha");
    write_tensors(&model.path().join(WEIGHTS), &Tensors::new());
    let config = model.path().join("config.json");
    let mut json = read_json(&config);
    json["num_hidden_layers"] = 100.into();
    std::fs::write(&config, json.to_string()).unwrap();
    let error = try_load(model.path()).unwrap_err().to_string();
    // Nine tensors a layer, the embedding, the last norm and the head.
    assert!(error.ends_with("\n  and 873 more"), "{error}");
    assert_eq!(error.lines().count(), 32);
}

#[test]
fn buffers_and_tied_heads_are_not_extra() {
    let model = copy_of("gpt2");
    let path = model.path().join(WEIGHTS);
    let mut tensors = read_tensors(&path);
    for name in ["transformer.h.0.attn.bias", "transformer.h.1.attn.masked_bias"] {
        tensors.insert(name.to_owned(), (Dtype::U8, vec![1], vec![1]));
    }
    let table = tensors["transformer.wte.weight"].clone();
    tensors.insert("lm_head.weight".to_owned(), table);
    write_tensors(&path, &tensors);
    let plain = try_load(&golden("models/gpt2")).unwrap();
    assert_eq!(try_load(model.path()).unwrap().values(), plain.values());
}

#[test]
fn a_broken_index_is_refused() {
    let model = copy_of("llama_biases_sharded");
    let path = model.path().join(INDEX);
    let whole = read_json(&path);
    let write = |index: &Value| std::fs::write(&path, index.to_string()).unwrap();
    let weight_map = |key: &str, file: Value| {
        let mut index = whole.clone();
        index["weight_map"][key] = file;
        index
    };

    for file in ["../other.safetensors", "/etc/passwd", "sub/x.safetensors", "..", ".", ""] {
        write(&weight_map(NORM, file.into()));
        let expected = format!("`weight_map` gives \"{file}\" for `{NORM}`, expected a file name");
        check_refused(model.path(), &["index.json`: ", &expected]);
    }
    write(&weight_map(NORM, 3.into()));
    check_refused(model.path(), &["`weight_map` gives 3 for `model.norm.weight`"]);
    for index in [json!({}), json!([]), json!({ "weight_map": [] }), json!({ "weight_map": null })]
    {
        write(&index);
        check_refused(model.path(), &["lacks `weight_map`, the object from tensor to file"]);
    }
    std::fs::write(&path, "{").unwrap();
    check_refused(model.path(), &["index.json` is not valid JSON"]);
    write(&json!({ "weight_map": {} }));
    check_refused(
        model.path(),
        &["do not fit its configuration", "missing: model.embed_tokens.weight"],
    );

    write(&weight_map(NORM, "model-00009-of-00005.safetensors".into()));
    check_refused(model.path(), &["cannot read `", "model-00009-of-00005.safetensors`", "No such"]);
    write(&whole);
    std::fs::remove_file(model.path().join("model-00003-of-00005.safetensors")).unwrap();
    check_refused(model.path(), &["cannot read `", "model-00003-of-00005.safetensors`"]);
}

#[test]
fn a_tensor_in_two_shards_is_refused() {
    let model = copy_of("llama_biases_sharded");
    let shard = |n: usize| model.path().join(format!("model-{n:05}-of-00005.safetensors"));
    let (first, mut second) = (read_tensors(&shard(1)), read_tensors(&shard(2)));
    let (name, tensor) = first.into_iter().next().unwrap();
    second.insert(name.clone(), tensor);
    write_tensors(&shard(2), &second);
    check_refused(
        model.path(),
        &["00002-of-00005.safetensors`: `", &name, "is also in `", "00001-of-00005.safetensors`"],
    );
}

#[test]
fn a_malformed_gguf_file_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.GGUF");
    let whole = std::fs::read(golden("gguf/qwen2.gguf")).unwrap();
    for cut in (0..20).map(|i| whole.len() * i / 20).chain([1, 4, 23, whole.len() - 1]) {
        std::fs::write(&path, &whole[..cut]).unwrap();
        check_refused(&path, &["model.GGUF`"]);
    }
    std::fs::write(&path, "<!doctype html>").unwrap();
    check_refused(&path, &["is not a GGUF file", "is not a web page"]);
    std::fs::write(&path, &whole).unwrap();
    try_load(&path).unwrap();
}

/// Any answer but a panic; a model that still loads holds numbers only.
fn check_answered(path: &Path) {
    if let Ok(decoder) = try_load(path) {
        assert!(decoder.values().values().flatten().all(|value| value.is_finite()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_change_of_bytes_is_answered(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        in_header: bool,
    ) {
        let model = copy_of("llama_mha");
        let path = model.path().join(WEIGHTS);
        let mut bytes = std::fs::read(&path).unwrap();
        let end = if in_header { 2000 } else { bytes.len() };
        for (index, byte) in &changes {
            bytes[index.index(end)] = *byte;
        }
        std::fs::write(&path, bytes).unwrap();
        check_answered(model.path());
    }

    #[test]
    fn any_change_of_a_gguf_file_is_answered(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        in_header: bool,
    ) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("model.gguf");
        let mut bytes = std::fs::read(golden("gguf/qwen2.gguf")).unwrap();
        let end = if in_header { 1000 } else { bytes.len() };
        for (index, byte) in &changes {
            bytes[index.index(end)] = *byte;
        }
        std::fs::write(&path, bytes).unwrap();
        check_answered(&path);
    }
}
