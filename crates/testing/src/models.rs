//! Tiny models: real architectures, random weights, the byte tokenizer.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::tensor::Device;
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::Decoder;
use hybrid_model::init::{InitConfig, init};
use hybrid_model::weights::save;

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
    let files = [
        ("tokenizer.json", tokenizer::tokenizer_json()),
        ("tokenizer_config.json", tokenizer::tokenizer_config()),
    ];
    for (name, json) in files {
        std::fs::write(directory.join(name), json.to_string())
            .unwrap_or_else(|error| panic!("cannot write `{name}`: {error}"));
    }
}

/// A tokenizer of whole words, see [`tokenizer::words_json`].
///
/// # Panics
///
/// When the temporary folder through which it is made cannot be written.
#[must_use]
#[expect(clippy::panic, reason = "an unwritable temporary folder fails whoever asked")]
pub fn words(words: &[&str]) -> Tokenizer {
    // Threads of one process may each be making one.
    static MADE: AtomicU64 = AtomicU64::new(0);
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("hybrid-words-{}-{made}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let made = std::fs::create_dir_all(&folder)
        .and_then(|()| {
            let json = tokenizer::words_json(words).to_string();
            std::fs::write(folder.join("tokenizer.json"), json)
        })
        .map(|()| Tokenizer::from_dir(&folder));
    let removed = std::fs::remove_dir_all(&folder);
    match (made, removed) {
        (Ok(Ok(tokenizer)), _) => tokenizer,
        (other, _) => panic!("cannot make a tokenizer of words: {other:?}"),
    }
}
