//! Model folders of a run directory, which are there whole or not at all.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::Decoder;
use hybrid_model::weights::{self, Checkpoint};

use crate::error::HybridError;

/// Writes a model and its tokenizer as a Hugging Face folder, in place of what was there.
pub(super) fn replace(
    folder: &Path,
    decoder: &Decoder,
    tokenizer: &Tokenizer,
) -> Result<(), HybridError> {
    let io = |action, source| HybridError::Io { action, path: folder.to_owned(), source };
    let partial = folder.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(|source| io("replace", source))?;
    }
    fs::create_dir_all(&partial).map_err(|source| io("create", source))?;
    weights::save(decoder, &partial)?;
    tokenizer.save(&partial)?;
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|source| io("replace", source))?;
    }
    fs::rename(&partial, folder).map_err(|source| io("write", source))
}

/// Reads a model that [`replace`] wrote.
pub(super) fn load(folder: &Path, device: &Device) -> Result<Decoder, HybridError> {
    Ok(weights::load(&Checkpoint::open(folder)?, device)?)
}
