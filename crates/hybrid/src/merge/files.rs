//! Merging model folders into a new one.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hybrid_model::weights::safetensors::SafetensorsWeights;
use hybrid_model::weights::{TensorSpec, WeightSource, WeightsError, holds_adapters};

use super::{Average, MergeError, MergeTensor, NamedTensors};
use crate::checkpoint::{SavedData, SavedTensor, write_tensors};

/// Files beside the weights that make a folder a model: whatever of them the first one has.
const BESIDE: &[&str] = &[
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
];

/// Reads the weights of a Hugging Face folder, or of a checkpoint, which is one too.
///
/// # Errors
///
/// [`MergeError::Weights`] naming the folder; [`MergeError::Adapters`] where weights are not all that
/// it holds.
pub fn read_folder(folder: &Path) -> Result<NamedTensors, MergeError> {
    check_whole(folder)?;
    let failed = |source: WeightsError| MergeError::Weights {
        path: folder.to_owned(),
        source: Box::new(source),
    };
    let weights = SafetensorsWeights::open(folder).map_err(failed)?;
    let read = |TensorSpec { name, shape }: TensorSpec| {
        let values = weights.read(&name)?;
        Ok((name, MergeTensor { shape, values }))
    };
    weights.tensors().into_iter().map(read).collect::<Result<_, _>>().map_err(failed)
}

/// Writes the weighted mean of the models in `folders` to `output`, with the configuration and the
/// tokenizer of the first; equal weights where none are given. `output` must be absent or empty.
///
/// # Errors
///
/// [`MergeError`] saying which folder cannot be read or merged, or what cannot be written.
pub fn merge_folders(
    folders: &[PathBuf],
    weights: Option<&[f64]>,
    output: &Path,
) -> Result<(), MergeError> {
    let Some(first) = folders.first() else { return Err(MergeError::Nothing) };
    if let Some(weights) = weights.filter(|weights| weights.len() != folders.len()) {
        return Err(MergeError::Count { weights: weights.len(), sets: folders.len() });
    }
    // Before a folder is made for nothing.
    folders.iter().try_for_each(|folder| check_whole(folder))?;
    make_empty(output)?;
    let mut average = Average::default();
    for (place, folder) in folders.iter().enumerate() {
        let weight = weights.and_then(|weights| weights.get(place)).copied().unwrap_or(1.0);
        average.add(weight, &read_folder(folder)?)?;
    }
    let saved = |(name, MergeTensor { shape, values }): (String, MergeTensor)| {
        (name, SavedTensor { shape, data: SavedData::F32(values) })
    };
    let tensors: BTreeMap<_, _> = average.finish()?.into_iter().map(saved).collect();
    // The weights last: a folder without them is no model to anybody.
    copy_beside(first, output)?;
    Ok(write_tensors(&output.join("model.safetensors"), &tensors)?)
}

/// Writes a copy of the model in `folder`, such as a checkpoint, to `output`: configuration,
/// tokenizer and weights, and nothing of what else lies there. `output` must be absent or empty.
///
/// # Errors
///
/// [`MergeError`] where `folder` holds no model, or one with adapters, `output` holds something, or a file cannot be read
/// or written.
pub fn copy_folder(folder: &Path, output: &Path) -> Result<(), MergeError> {
    let failed = |source| MergeError::Weights { path: folder.to_owned(), source: Box::new(source) };
    check_whole(folder)?;
    // Reads the headers: what is copied is a model.
    drop(SafetensorsWeights::open(folder).map_err(failed)?);
    make_empty(output)?;
    copy_beside(folder, output)?;
    let entries = fs::read_dir(folder).map_err(|source| io("read", folder, source))?;
    for entry in entries {
        let name = entry.map_err(|source| io("read", folder, source))?.file_name();
        let is_weights = name.to_str().is_some_and(|name| {
            name.starts_with("model")
                && (name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json"))
        });
        if is_weights {
            copy(&folder.join(&name), &output.join(&name))?;
        }
    }
    Ok(())
}

/// Refuses a folder with adapters.
fn check_whole(folder: &Path) -> Result<(), MergeError> {
    if holds_adapters(folder) {
        return Err(MergeError::Adapters { path: folder.to_owned() });
    }
    Ok(())
}

fn io(action: &'static str, path: &Path, source: io::Error) -> MergeError {
    MergeError::Io { action, path: path.to_owned(), source }
}

/// Makes a folder, which must not hold anything.
fn make_empty(folder: &Path) -> Result<(), MergeError> {
    check_empty(folder)?;
    fs::create_dir_all(folder).map_err(|source| io("create", folder, source))
}

/// Refuses a folder that holds something; one that is absent is fine.
///
/// # Errors
///
/// [`MergeError::NotEmpty`], or [`MergeError::Io`] for what is no folder.
pub fn check_empty(folder: &Path) -> Result<(), MergeError> {
    let mut entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(io("read", folder, source)),
    };
    match entries.next() {
        Some(_) => Err(MergeError::NotEmpty { path: folder.to_owned() }),
        None => Ok(()),
    }
}

/// Copies what `from` has of [`BESIDE`].
fn copy_beside(from: &Path, to: &Path) -> Result<(), MergeError> {
    let present = |name: &&&str| from.join(name).exists();
    BESIDE.iter().filter(present).try_for_each(|name| copy(&from.join(name), &to.join(name)))
}

fn copy(from: &Path, to: &Path) -> Result<(), MergeError> {
    fs::copy(from, to).map(|_| ()).map_err(|source| io("copy", from, source))
}
