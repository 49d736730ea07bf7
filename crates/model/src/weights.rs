//! Weights in and out: Hugging Face directories (safetensors) and GGUF files.
//!
//! A [`WeightSource`] presents tensors by their Hugging Face names, whatever the file; [`layout`]
//! says which of them fill which parameter; [`load()`] and [`save()`] walk that table in either
//! direction, so that a family is described once.

pub mod error;
pub(crate) mod folder;
pub(crate) mod gather;
pub mod gguf;
pub mod layout;
pub mod load;
pub mod safetensors;
pub mod save;

pub use error::WeightsError;
pub use folder::holds_adapters;
pub use load::{Checkpoint, load, load_adapted};
pub use save::{save, save_adapted};

/// Name and shape of a stored tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// Its Hugging Face name.
    pub name: String,
    /// Its shape, row-major, outermost first.
    pub shape: Vec<usize>,
}

/// A set of named tensors under Hugging Face names, read one at a time.
pub trait WeightSource: Send + Sync {
    /// Name and shape of every tensor.
    fn tensors(&self) -> Vec<TensorSpec>;

    /// Reads one tensor as `f32`, row-major.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] when the tensor is absent, of an unsupported type, or cut short.
    fn read(&self, name: &str) -> Result<Vec<f32>, WeightsError>;
}

#[cfg(test)]
mod tests;
