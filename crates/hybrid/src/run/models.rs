//! Model folders of a run directory, which are there whole or not at all.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::Decoder;
use hybrid_model::weights::{self, Checkpoint};

use crate::checkpoint::{SavedData, SavedTensor, read_tensors, write_tensors};
use crate::error::HybridError;
use crate::trainer::check_sizes;

/// The adapters of a decoder, where they are kept without its weights.
const ADAPTERS: &str = "adapters.safetensors";

/// Writes a model and its tokenizer as a Hugging Face folder, in place of what was there.
pub(super) fn replace(
    folder: &Path,
    decoder: &Decoder,
    tokenizer: &Tokenizer,
) -> Result<(), HybridError> {
    swap(folder, |partial| {
        weights::save(decoder, partial)?;
        Ok(tokenizer.save(partial)?)
    })
}

/// Keeps a state of the policy for [`recall`], in place of what was there: a model folder, or the
/// adapters alone where only these are trained.
pub(super) fn keep(
    folder: &Path,
    decoder: &Decoder,
    tokenizer: &Tokenizer,
) -> Result<(), HybridError> {
    match decoder.adapters() {
        None => replace(folder, decoder, tokenizer),
        Some(_) => swap(folder, |partial| write_trained(partial, decoder)),
    }
}

/// Writes what training changes of a decoder: its adapters, or all weights where it has none.
pub(super) fn write_trained(folder: &Path, decoder: &Decoder) -> Result<(), HybridError> {
    if decoder.adapters().is_none() {
        return Ok(weights::save(decoder, folder)?);
    }
    let io = |source| HybridError::Io { action: "create", path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(io)?;
    let tensor = |(name, values): (String, Vec<f32>)| {
        let shape = vec![values.len()];
        (name, SavedTensor { shape, data: SavedData::F32(values) })
    };
    let tensors: BTreeMap<String, SavedTensor> =
        decoder.adapter_values().into_iter().map(tensor).collect();
    Ok(write_tensors(&folder.join(ADAPTERS), &tensors)?)
}

/// The frozen decoder of which [`keep`] or [`write_trained`] wrote what is not the weights of
/// `policy`, which it shares.
pub(super) fn recall(folder: &Path, policy: &Decoder) -> Result<Decoder, HybridError> {
    if policy.adapters().is_none() {
        return load(folder, &policy.device().inner());
    }
    let file = folder.join(ADAPTERS);
    let values = |(name, tensor): (String, SavedTensor)| match tensor.data {
        SavedData::F32(values) => Some((name, values)),
        SavedData::U8(_) => None,
    };
    let values: HashMap<String, Vec<f32>> =
        read_tensors(&file)?.into_iter().filter_map(values).collect();
    check_sizes(&policy.adapter_values(), &values).map_err(|name| HybridError::Resume {
        path: file,
        reason: format!("the adapter `{name}` is missing or of another size"),
    })?;
    Ok(policy.valid().refilled(values))
}

/// Reads a model that [`replace`] wrote.
fn load(folder: &Path, device: &Device) -> Result<Decoder, HybridError> {
    Ok(weights::load(&Checkpoint::open(folder)?, device)?)
}

/// Has a folder written beside its place, and then put there.
fn swap(
    folder: &Path,
    write: impl FnOnce(&Path) -> Result<(), HybridError>,
) -> Result<(), HybridError> {
    let io = |action, source| HybridError::Io { action, path: folder.to_owned(), source };
    let partial = folder.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(|source| io("replace", source))?;
    }
    fs::create_dir_all(&partial).map_err(|source| io("create", source))?;
    write(&partial)?;
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|source| io("replace", source))?;
    }
    fs::rename(&partial, folder).map_err(|source| io("write", source))
}
