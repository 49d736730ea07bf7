//! A folder of an encoder with random weights: the sizes of a published one, and no training.
//!
//! Written tensor by tensor and not through a model, so that the largest memory of the process is that of
//! the work.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use hybrid_model::init::InitConfig;
use serde_json::{Map, Value, json};

use crate::texts::Draws;

/// Tokens before the words: padding, unknown, beginning, end, and one that stands for a word.
pub(crate) const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// The largest weight; drawn evenly up to it, weights have a standard deviation of 0.02.
const LARGEST: f32 = 0.034_64;

/// A tensor of the checkpoint.
struct Stored {
    name: String,
    shape: Vec<usize>,
    /// The same value everywhere; `None` for random ones.
    value: Option<f32>,
}

/// Writes a BERT of these sizes, as `transformers` does, with a token for each of the words.
pub(crate) fn write(
    folder: &Path,
    sizes: &InitConfig,
    words: impl Iterator<Item = String>,
) -> Result<()> {
    let config = json!({
        "model_type": sizes.model_type, "architectures": ["BertModel"],
        "vocab_size": sizes.vocab_size, "hidden_size": sizes.hidden_size,
        "num_hidden_layers": sizes.layers, "num_attention_heads": sizes.heads,
        "intermediate_size": inner(sizes), "max_position_embeddings": sizes.context,
        "type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12, "pad_token_id": 0,
    });
    let files = [("config.json", config), ("tokenizer.json", tokenizer(words))];
    for (name, json) in files {
        std::fs::write(folder.join(name), json.to_string())
            .with_context(|| format!("cannot write the encoder's `{name}`"))?;
    }
    write_weights(&folder.join("model.safetensors"), &tensors(sizes))
        .context("cannot write the encoder's weights")
}

fn inner(sizes: &InitConfig) -> usize {
    sizes.intermediate_size.unwrap_or(4 * sizes.hidden_size)
}

/// A WordPiece that lowers letters, and puts a token before and after every text.
fn tokenizer(words: impl Iterator<Item = String>) -> Value {
    let special = |(id, content): (usize, &str)| {
        json!({ "id": id, "content": content, "special": true, "normalized": false,
                "single_word": false, "lstrip": false, "rstrip": false })
    };
    let added: Vec<Value> = SPECIAL.into_iter().enumerate().map(special).collect();
    let tokens = SPECIAL.into_iter().map(str::to_owned).chain(words);
    let vocabulary: Map<String, Value> =
        tokens.enumerate().map(|(id, token)| (token, json!(id))).collect();
    let around = |token: &str| json!({ "SpecialToken": { "id": token, "type_id": 0 } });
    let text = |name: &str, kind: u8| json!({ "Sequence": { "id": name, "type_id": kind } });
    let known = |token: &str, id: usize| json!({ "id": token, "ids": [id], "tokens": [token] });
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": { "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                        "strip_accents": null, "lowercase": true },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [around("[CLS]"), text("A", 0), around("[SEP]")],
            "pair": [around("[CLS]"), text("A", 0), around("[SEP]"), text("B", 1), around("[SEP]")],
            "special_tokens": { "[CLS]": known("[CLS]", 2), "[SEP]": known("[SEP]", 3) },
        },
        "decoder": { "type": "WordPiece", "prefix": "##", "cleanup": true },
        "model": { "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                   "max_input_chars_per_word": 100, "vocab": vocabulary },
    })
}

/// Every tensor of a BERT without a pooler, by its name in `transformers`.
fn tensors(sizes: &InitConfig) -> Vec<Stored> {
    let (width, inner) = (sizes.hidden_size, inner(sizes));
    let mut all = Vec::new();
    let mut push = |name: String, shape: &[usize], value: Option<f32>| {
        all.push(Stored { name, shape: shape.to_vec(), value });
    };
    let tables = [("word", sizes.vocab_size), ("position", sizes.context), ("token_type", 2)];
    for (table, rows) in tables {
        push(format!("embeddings.{table}_embeddings.weight"), &[rows, width], None);
    }
    let mut norms = vec!["embeddings".to_owned()];
    for layer in 0..sizes.layers {
        let layer = format!("encoder.layer.{layer}");
        let maps = [
            ("attention.self.query", width, width),
            ("attention.self.key", width, width),
            ("attention.self.value", width, width),
            ("attention.output.dense", width, width),
            ("intermediate.dense", width, inner),
            ("output.dense", inner, width),
        ];
        for (map, inputs, outputs) in maps {
            push(format!("{layer}.{map}.weight"), &[outputs, inputs], None);
            push(format!("{layer}.{map}.bias"), &[outputs], Some(0.0));
        }
        norms.extend(["attention.output", "output"].map(|norm| format!("{layer}.{norm}")));
    }
    for norm in norms {
        push(format!("{norm}.LayerNorm.weight"), &[width], Some(1.0));
        push(format!("{norm}.LayerNorm.bias"), &[width], Some(0.0));
    }
    all
}

/// Writes a safetensors file: the length of its head, the head, the values in the order of the head.
fn write_weights(path: &Path, tensors: &[Stored]) -> Result<()> {
    let mut head = Map::from_iter([("__metadata__".to_owned(), json!({ "format": "pt" }))]);
    let mut end = 0;
    for Stored { name, shape, .. } in tensors {
        let begin = end;
        end += shape.iter().product::<usize>() * size_of::<f32>();
        let entry = json!({ "dtype": "F32", "shape": shape, "data_offsets": [begin, end] });
        head.insert(name.clone(), entry);
    }
    let mut head = Value::Object(head).to_string().into_bytes();
    // So that the values begin at a multiple of 8.
    head.resize(head.len().next_multiple_of(8), b' ');
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&(head.len() as u64).to_le_bytes())?;
    file.write_all(&head)?;
    let mut draws = Draws::new(0);
    for Stored { shape, value, .. } in tensors {
        for _ in 0..shape.iter().product::<usize>() {
            // Of 31 bits, so from −1 to 1.
            let mut drawn = || draws.draw() as f32 / (1_u64 << 30) as f32 - 1.0;
            let value = value.unwrap_or_else(|| LARGEST * drawn());
            file.write_all(&value.to_le_bytes())?;
        }
    }
    file.flush()?;
    Ok(())
}
