//! Tiny models: real architectures, random weights, the byte tokenizer.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::tensor::Device;
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::Decoder;
use hybrid_model::init::{InitConfig, init};
use hybrid_model::weights::save;
use serde_json::Value;

use crate::tokenizer;

/// A two-layer decoder of a family, a few thousand parameters.
///
/// # Panics
///
/// When the family is unknown.
#[must_use]
#[expect(clippy::panic, reason = "an unknown family fails the test that asked")]
pub fn tiny(model_type: &str, seed: u64, device: &Device) -> Decoder {
    let sizes = InitConfig {
        model_type: model_type.to_owned(),
        vocab_size: tokenizer::VOCAB_SIZE,
        hidden_size: 16,
        layers: 2,
        heads: 2,
        kv_heads: None,
        intermediate_size: Some(32),
        context: 128,
        tie_embeddings: true,
    };
    let config = sizes.to_config().unwrap_or_else(|error| panic!("{model_type}: {error}"));
    init(&config, seed, device)
}

/// Writes a tiny model with its tokenizer as a Hugging Face directory.
///
/// # Panics
///
/// When the directory cannot be written.
#[expect(clippy::panic, reason = "an unwritable directory fails the test that asked")]
pub fn write(directory: &Path, model_type: &str, seed: u64, device: &Device) {
    save(&tiny(model_type, seed, device), directory)
        .unwrap_or_else(|error| panic!("cannot save a tiny model: {error}"));
    write_all(directory, &byte_files())
        .unwrap_or_else(|error| panic!("cannot write its tokenizer: {error}"));
}

/// The tokenizer that [`write()`] puts beside a model.
///
/// # Panics
///
/// When the temporary folder through which it is made cannot be written.
#[must_use]
pub fn byte_tokenizer() -> Tokenizer {
    read_back(&byte_files())
}

/// A tokenizer of whole words, see [`tokenizer::words_json`].
///
/// # Panics
///
/// When the temporary folder through which it is made cannot be written.
#[must_use]
pub fn words(words: &[&str]) -> Tokenizer {
    read_back(&[("tokenizer.json", tokenizer::words_json(words))])
}

/// The files of the byte tokenizer by name.
fn byte_files() -> [(&'static str, Value); 2] {
    [
        ("tokenizer.json", tokenizer::tokenizer_json()),
        ("tokenizer_config.json", tokenizer::tokenizer_config()),
    ]
}

/// A tokenizer out of its files.
#[expect(clippy::panic, reason = "an unwritable temporary folder fails whoever asked")]
fn read_back(files: &[(&str, Value)]) -> Tokenizer {
    // Threads of one process may each be making one.
    static MADE: AtomicU64 = AtomicU64::new(0);
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("hybrid-tokenizer-{}-{made}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let made = std::fs::create_dir_all(&folder)
        .and_then(|()| write_all(&folder, files))
        .map(|()| Tokenizer::from_dir(&folder));
    let removed = std::fs::remove_dir_all(&folder);
    match (made, removed) {
        (Ok(Ok(tokenizer)), _) => tokenizer,
        (other, _) => panic!("cannot make a tokenizer: {other:?}"),
    }
}

fn write_all(folder: &Path, files: &[(&str, Value)]) -> std::io::Result<()> {
    files.iter().try_for_each(|(name, json)| std::fs::write(folder.join(name), json.to_string()))
}
