//! The GGUF file format: typed metadata, the table of tensors, and tensors dequantised to `f32`.
//!
//! The crate knows the container, not the models in it: what a key or a tensor name means is the
//! business of whoever asks for it. It never writes. Read it in this order:
//!
//! 1. [`mod@file`] — [`GgufFile`], the one entry point: open a file, look up metadata, read tensors.
//! 2. [`value`] and [`metadata`] — what a key may hold and how to ask for a type.
//! 3. [`header`] — the layout of versions 2 and 3, and every check made before the file is trusted.
//! 4. [`dtype`] and [`dequantize`] — the storage types and how each becomes `f32`.
//! 5. [`mmap`] — the only memory map of the workspace.
//!
//! All lengths, counts and offsets come from the file and are checked against its size before
//! anything is allocated, so a malformed file is an error, whatever its bytes.

pub mod dequantize;
pub mod dtype;
pub mod error;
pub mod file;
pub mod header;
pub mod metadata;
pub mod mmap;
mod reader;
#[cfg(test)]
mod sample;
pub mod value;

pub use dtype::GgmlType;
pub use error::GgufError;
pub use file::GgufFile;
pub use header::TensorInfo;
pub use metadata::Metadata;
pub use mmap::MappedFile;
pub use value::{Array, FromValue, Value};
