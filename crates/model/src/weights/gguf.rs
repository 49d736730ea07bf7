//! GGUF files under Hugging Face names.
//!
//! A GGUF file names tensors and hyperparameters its own way and stores some tensors changed. Here
//! they get back the names, the values and the configuration of the Hugging Face checkpoint that
//! the file was made from:
//!
//! - [`names`]: which tensor is which;
//! - [`mod@config`]: the `config.json` that the metadata stands for;
//! - [`GgufWeights`]: the tensors themselves, with the changes undone. Query and key rows of the
//!   `llama` architecture are stored for rotary embeddings of neighbouring pairs and are put back
//!   into the order of `rotate_half`; Gemma's norm weights are stored with 1 added.

pub mod config;
pub mod names;
mod rope;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hybrid_gguf::{GgufError, GgufFile, TensorInfo};

use config::Keys;
pub use config::config_json;
use names::{Arch, hf_name};

use super::{TensorSpec, WeightSource, WeightsError};

/// The tensors of a GGUF file under their Hugging Face names.
#[derive(Debug)]
pub struct GgufWeights {
    path: PathBuf,
    file: GgufFile,
    arch: Arch,
    heads: usize,
    kv_heads: usize,
    /// Hugging Face name → name in the file.
    names: BTreeMap<String, String>,
}

impl GgufWeights {
    /// Wraps an open file; `path` is what errors call it.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Unsupported`] for an architecture this crate has no names for, and
    /// [`WeightsError::Gguf`] when the metadata lacks the number of heads.
    pub fn new(file: GgufFile, path: &Path) -> Result<Self, WeightsError> {
        let keys = Keys::new(&file, path)?;
        let (arch, heads, kv_heads) = (keys.arch, keys.heads()?, keys.kv_heads()?);
        let mut names = BTreeMap::new();
        for tensor in file.tensors().iter().filter(|tensor| !is_metadata(tensor)) {
            // A tensor without a counterpart keeps its name, so that loading reports it as extra.
            let name = hf_name(arch, &tensor.name).unwrap_or_else(|| tensor.name.clone());
            if let Some(other) = names.insert(name.clone(), tensor.name.clone()) {
                let what = format!("tensors `{other}` and `{}` are both `{name}`", tensor.name);
                return Err(WeightsError::Unsupported { path: path.to_owned(), what });
            }
        }
        Ok(Self { path: path.to_owned(), file, arch, heads, kv_heads, names })
    }

    fn error(&self, source: GgufError) -> WeightsError {
        WeightsError::Gguf { path: self.path.clone(), source }
    }

    /// Undoes what conversion to GGUF did to the values of the tensor.
    fn restored(&self, tensor: &TensorInfo, values: Vec<f32>) -> Result<Vec<f32>, WeightsError> {
        match self.arch {
            Arch::Llama if tensor.name.contains(".attn_q.") => {
                self.rotate_half_order(tensor, &values, self.heads)
            }
            Arch::Llama if tensor.name.contains(".attn_k.") => {
                self.rotate_half_order(tensor, &values, self.kv_heads)
            }
            Arch::Gemma2 | Arch::Gemma3 if tensor.name.ends_with("norm.weight") => {
                Ok(values.into_iter().map(|weight| weight - 1.0).collect())
            }
            _ => Ok(values),
        }
    }

    /// Moves row `2 i + j` of each head to row `j d / 2 + i`, for heads of `d` rows.
    fn rotate_half_order(
        &self,
        tensor: &TensorInfo,
        values: &[f32],
        heads: usize,
    ) -> Result<Vec<f32>, WeightsError> {
        let rows = tensor.shape.first().copied().unwrap_or(0);
        let half = rows / heads / 2;
        if half == 0 || half * 2 * heads != rows {
            let what = format!(
                "tensor `{}` has {rows} rows, which {heads} heads of an even size cannot share",
                tensor.name
            );
            return Err(WeightsError::Unsupported { path: self.path.clone(), what });
        }
        let width = values.len() / rows;
        let mut ordered = Vec::with_capacity(values.len());
        for head in values.chunks_exact(2 * half * width) {
            for j in 0..2 {
                for row in head.chunks_exact(width).skip(j).step_by(2) {
                    ordered.extend_from_slice(row);
                }
            }
        }
        Ok(ordered)
    }
}

/// Tensors that say something of the configuration and are no weights.
fn is_metadata(tensor: &TensorInfo) -> bool {
    tensor.name == rope::ROPE_FACTORS
}

impl WeightSource for GgufWeights {
    fn tensors(&self) -> Vec<TensorSpec> {
        let spec = |(name, stored): (&String, &String)| {
            let tensor = self.file.tensor(stored)?;
            Some(TensorSpec { name: name.clone(), shape: tensor.shape.clone() })
        };
        self.names.iter().filter_map(spec).collect()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, WeightsError> {
        let stored = self.names.get(name).map_or(name, String::as_str);
        let tensor = self.file.required_tensor(stored).map_err(|source| self.error(source))?;
        let values = self.file.dequantize(tensor).map_err(|source| self.error(source))?;
        self.restored(tensor, values)
    }
}

#[cfg(test)]
mod tests;
