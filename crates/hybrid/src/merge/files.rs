//! Merging model folders into a new one.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hybrid_model::weights::safetensors::SafetensorsWeights;
use hybrid_model::weights::{TensorSpec, WeightSource, WeightsError};

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
/// [`MergeError::Weights`] naming the folder.
pub fn read_folder(folder: &Path) -> Result<NamedTensors, MergeError> {
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
    let io = |action, path: &Path, source| MergeError::Io { action, path: path.to_owned(), source };
    fs::create_dir_all(output).map_err(|source| io("create", output, source))?;
    let mut entries = fs::read_dir(output).map_err(|source| io("read", output, source))?;
    if entries.next().is_some() {
        return Err(MergeError::NotEmpty { path: output.to_owned() });
    }
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
    for name in BESIDE {
        let (from, to) = (first.join(name), output.join(name));
        match fs::copy(&from, &to) {
            Ok(_) => {}
            Err(source) if source.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(io("copy", &from, source)),
        }
    }
    Ok(write_tensors(&output.join("model.safetensors"), &tensors)?)
}
