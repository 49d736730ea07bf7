//! Damaged model files: exit code 2 and one paragraph that names the file.

use std::fs;
use std::path::Path;

use hybrid_testing::fixtures::golden;
use hybrid_testing::tokenizer::tokenizer_json;
use serde_json::{Value, json};

use crate::support::{copy_of_model, file, hybrid, model_name};

/// The message for a model path, without the folder it is in.
#[track_caller]
fn message(model: &Path, folder: &Path) -> String {
    let model = model.to_str().unwrap();
    let message = hybrid(&["generate", model, "--prompt", "a"]).bad_input();
    message.replace(folder.to_str().unwrap(), "[DIR]")
}

/// The message for the tiny model after `damage`.
#[track_caller]
fn damaged(damage: impl Fn(&Path)) -> String {
    let folder = copy_of_model();
    damage(folder.path());
    message(folder.path(), folder.path())
}

#[track_caller]
fn weights(damage: impl Fn(&mut Vec<u8>)) -> String {
    damaged(|folder| {
        let path = folder.join("model.safetensors");
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(path, bytes).unwrap();
    })
}

#[track_caller]
fn config(damage: impl Fn(&mut Value)) -> String {
    damaged(|folder| {
        let path = folder.join("config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        damage(&mut config);
        fs::write(path, config.to_string()).unwrap();
    })
}

/// Puts a header length in front of a safetensors file.
fn set_header_length(bytes: &mut [u8], length: u64) {
    bytes[..8].copy_from_slice(&length.to_le_bytes());
}

#[test]
fn truncated_safetensors() {
    insta::assert_snapshot!(weights(|bytes| bytes.truncate(bytes.len() - 100)), @"error: `[DIR]/model.safetensors` is not a whole safetensors file (incomplete metadata, file not fully covered); it may have been cut off: fetch it again");
    insta::assert_snapshot!(weights(|bytes| bytes.truncate(100)), @"error: `[DIR]/model.safetensors` is not a whole safetensors file (invalid header length); it may have been cut off: fetch it again");
    insta::assert_snapshot!(weights(|bytes| bytes.truncate(5)), @"error: `[DIR]/model.safetensors` is not a whole safetensors file (header too small); it may have been cut off: fetch it again");
    insta::assert_snapshot!(weights(Vec::clear), @"error: `[DIR]/model.safetensors` is not a whole safetensors file (header too small); it may have been cut off: fetch it again");
}

#[test]
fn a_wrong_header_length() {
    insta::assert_snapshot!(weights(|bytes| set_header_length(bytes, u64::MAX)), @"error: `[DIR]/model.safetensors` is not a whole safetensors file (header too large); it may have been cut off: fetch it again");
    insta::assert_snapshot!(weights(|bytes| set_header_length(bytes, 3)), @"error: `[DIR]/model.safetensors` is not a whole safetensors file (invalid JSON in header: EOF while parsing a string at line 1 column 3); it may have been cut off: fetch it again");
    insta::assert_snapshot!(weights(|bytes| set_header_length(bytes, 100_000)), @"error: `[DIR]/model.safetensors` is not a whole safetensors file (invalid header length); it may have been cut off: fetch it again");
}

#[test]
fn weights_that_are_no_numbers() {
    for bad in [f32::NAN, f32::INFINITY] {
        let text = weights(|bytes| {
            let end = bytes.len();
            bytes[end - 4..].copy_from_slice(&bad.to_le_bytes());
        });
        insta::allow_duplicates! { insta::assert_snapshot!(text, @"error: `model.norm.weight` in `[DIR]` holds 1 values that are NaN or infinite; the checkpoint is broken (a diverged run, or a conversion that overflowed)"); }
    }
}

#[test]
fn weights_of_a_wrong_type() {
    insta::assert_snapshot!(weights(|bytes| {
        let place = bytes.windows(5).position(|window| window == b"\"F32\"").unwrap();
        bytes[place + 1] = b'I';
    }), @"error: `[DIR]/model.safetensors`: `model.embed_tokens.weight` has type I32; weights must be F32, F16, BF16 or F64");
}

#[test]
fn weights_of_another_model() {
    insta::assert_snapshot!(config(|config| config["intermediate_size"] = json!(33)), @"
    error: the weights in `[DIR]` do not fit its configuration:
      misshapen: model.layers.0.mlp.gate_proj.weight is [32, 16], expected [33, 16]
      misshapen: model.layers.0.mlp.up_proj.weight is [32, 16], expected [33, 16]
      misshapen: model.layers.0.mlp.down_proj.weight is [16, 32], expected [16, 33]
      misshapen: model.layers.1.mlp.gate_proj.weight is [32, 16], expected [33, 16]
      misshapen: model.layers.1.mlp.up_proj.weight is [32, 16], expected [33, 16]
      misshapen: model.layers.1.mlp.down_proj.weight is [16, 32], expected [16, 33]
    ");
    insta::assert_snapshot!(config(|config| config["num_hidden_layers"] = json!(1)), @"
    error: the weights in `[DIR]` do not fit its configuration:
      extra: model.layers.1.input_layernorm.weight
      extra: model.layers.1.mlp.down_proj.weight
      extra: model.layers.1.mlp.gate_proj.weight
      extra: model.layers.1.mlp.up_proj.weight
      extra: model.layers.1.post_attention_layernorm.weight
      extra: model.layers.1.self_attn.k_proj.weight
      extra: model.layers.1.self_attn.o_proj.weight
      extra: model.layers.1.self_attn.q_proj.weight
      extra: model.layers.1.self_attn.v_proj.weight
    ");
}

#[test]
fn configurations() {
    insta::assert_snapshot!(config(|config| {
        config.as_object_mut().unwrap().remove("hidden_size");
    }), @"error: cannot build a model from `[DIR]/config.json`: the configuration lacks `hidden_size`; a `llama` model cannot be built without it");
    insta::assert_snapshot!(config(|config| config["model_type"] = json!("mamba")), @"error: cannot build a model from `[DIR]/config.json`: model type `mamba` is not supported; the known ones are gemma2, gemma3_text, gpt2, gpt_neox, llama, mistral, opt, phi3, qwen2, qwen3");
    insta::assert_snapshot!(config(|config| config["hidden_size"] = json!("wide")), @r#"error: cannot build a model from `[DIR]/config.json`: `hidden_size` is "wide", expected a whole number of at least 0"#);
    insta::assert_snapshot!(config(|config| config["num_attention_heads"] = json!(0)), @"error: cannot build a model from `[DIR]/config.json`: `num_attention_heads` is 0, must be at least 1");
    insta::assert_snapshot!(config(|config| *config = json!([])), @"error: cannot build a model from `[DIR]/config.json`: the configuration is not a JSON object");
    insta::assert_snapshot!(damaged(|folder| {
        fs::write(folder.join("config.json"), "{").unwrap();
    }), @"error: `[DIR]/config.json` is not valid JSON: EOF while parsing an object at line 1 column 1");
}

#[test]
fn missing_files() {
    let without = |name: &str| damaged(|folder| fs::remove_file(folder.join(name)).unwrap());
    insta::assert_snapshot!(without("config.json"), @"error: `[DIR]` is no model: it lacks `config.json`; expected a directory with `config.json` and `model.safetensors` (or its shards and their index), or a `.gguf` file");
    insta::assert_snapshot!(without("model.safetensors"), @"error: `[DIR]` is no model: it lacks `model.safetensors`; expected a directory with `config.json` and `model.safetensors` (or its shards and their index), or a `.gguf` file");
    insta::assert_snapshot!(without("tokenizer.json"), @"error: there is no `tokenizer.json` in `[DIR]`; a tokenizer in an older form becomes one with `transformers`: `AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)`");
}

#[test]
fn folders_in_the_place_of_files() {
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        let text = damaged(|folder| {
            fs::remove_file(folder.join(name)).unwrap();
            fs::create_dir(folder.join(name)).unwrap();
        });
        assert!(text.contains(&format!("[DIR]/{name}`")), "{text}");
    }
}

#[test]
fn tokenizers() {
    insta::assert_snapshot!(damaged(|folder| {
        let mut tokenizer = tokenizer_json();
        let extra = tokenizer["added_tokens"].as_array_mut().unwrap();
        let mut token = extra[0].clone();
        (token["id"], token["content"]) = (json!(258), json!("<pad>"));
        extra.push(token);
        fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    }), @"error: the tokenizer of `[DIR]` knows 259 tokens, but the model's embedding has only 258 rows: they belong to different models");
    insta::assert_snapshot!(damaged(|folder| {
        fs::write(folder.join("tokenizer.json"), "version https://git-lfs").unwrap();
    }), @"error: `[DIR]/tokenizer.json` is not a tokenizer the `tokenizers` library can read; it may be cut short, or a git-lfs pointer: get the file again from where the model came from: expected value at line 1 column 1");
    insta::assert_snapshot!(damaged(|folder| {
        fs::write(folder.join("tokenizer_config.json"), "{\"eos_token\": \"<end>\"}").unwrap();
    }), @r#"error: the `eos_token` "<end>" is not in the tokenizer's vocabulary; correct `eos_token` in `tokenizer_config.json`, or add the token to `tokenizer.json`"#);
}

#[test]
fn a_chat_template_that_does_not_parse_matters_to_chats_only() {
    let folder = copy_of_model();
    let config = folder.path().join("tokenizer_config.json");
    fs::write(config, "{\"chat_template\": \"{% if\"}").unwrap();
    let ask = |more: &[&str]| {
        let model = folder.path().to_str().unwrap();
        let base = ["generate", model, "--prompt", "a", "--max-new-tokens", "1"];
        hybrid(&[&base[..], more].concat())
    };
    ask(&["--raw"]).data();
    insta::assert_snapshot!(ask(&["--chat"]).bad_input(), @"error: `--prompt`: the tokenizer's chat template cannot be used: the chat template is not valid Jinja; correct it, or give another one as `chat_template`: syntax error: unexpected end of input, expected expression (in chat_template:1)");
}

#[test]
fn files_that_are_no_models() {
    let (folder, path) = file("notes.txt", "a");
    insta::assert_snapshot!(message(Path::new(&path), folder.path()), @"error: `[DIR]/notes.txt` is no model: it is a file of another kind; expected a directory with `config.json` and `model.safetensors` (or its shards and their index), or a `.gguf` file");
    let weights = Path::new(model_name()).join("model.safetensors");
    insta::assert_snapshot!(message(&weights, Path::new(model_name())), @"error: `[DIR]/model.safetensors` is no model: it is a file of weights alone: name the directory it is in; expected a directory with `config.json` and `model.safetensors` (or its shards and their index), or a `.gguf` file");
}

#[test]
fn malformed_gguf() {
    let (folder, path) = file("m.gguf", "<html>");
    insta::assert_snapshot!(message(Path::new(&path), folder.path()), @"error: the model cannot be used: `[DIR]/m.gguf` is not a GGUF file: it starts with the bytes 3c 68 74 6d, a GGUF file with 47 47 55 46 (`GGUF`); check that the download is complete and is not a web page");
    let whole = fs::read(golden("gguf/llama.gguf")).unwrap();
    let with = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        message(Path::new(&path), folder.path())
    };
    insta::assert_snapshot!(with(&[]), @"error: the model cannot be used: `[DIR]/m.gguf` is not a GGUF file: it starts with the bytes (none: it is empty), a GGUF file with 47 47 55 46 (`GGUF`); check that the download is complete and is not a web page");
    insta::assert_snapshot!(with(&[b"GGUF", &[9, 0, 0, 0], &whole[8..]].concat()), @"error: the model cannot be used: `[DIR]/m.gguf` is GGUF version 9; versions 2 and 3 are supported: convert the model again with a current converter");
    insta::assert_snapshot!(with(&whole[..whole.len() - 1000]), @"error: the model cannot be used: the GGUF file `[DIR]/m.gguf` is malformed at byte 90360: the 20400 bytes of tensor `output.weight` at offset 63680 of the data section end beyond the file's 90360 bytes; the file is cut short or damaged, fetch it again");
    // Wherever the file ends, and whatever a count says.
    for end in (0..whole.len() - 1000).step_by(whole.len() / 12) {
        with(&whole[..end]);
    }
    for count in [8, 16] {
        let mut bytes = whole.clone();
        bytes[count..count + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        with(&bytes);
    }
}
