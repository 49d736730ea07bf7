//! An open GGUF file.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::dequantize::dequantize;
use crate::dtype::GgmlType;
use crate::error::GgufError;
use crate::header::{Header, TensorInfo};
use crate::metadata::Metadata;
use crate::mmap::MappedFile;

/// A GGUF file whose header was read and checked; tensor data is read when asked for.
pub struct GgufFile {
    path: PathBuf,
    bytes: Bytes,
    version: u32,
    metadata: Metadata,
    tensors: Vec<TensorInfo>,
    index: HashMap<String, usize>,
}

enum Bytes {
    Mapped(MappedFile),
    Owned(Vec<u8>),
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(file) => file,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl GgufFile {
    /// Opens the file at `path` by memory map and reads its header.
    ///
    /// # Errors
    ///
    /// [`GgufError::Open`] when the file cannot be mapped; the errors of the format when its header
    /// is malformed or its tensors do not lie inside it, apart from each other.
    pub fn open(path: &Path) -> Result<Self, GgufError> {
        let open_error = |source| GgufError::Open { path: path.to_owned(), source };
        let file = MappedFile::open(path).map_err(open_error)?;
        Self::new(path, Bytes::Mapped(file))
    }

    /// Reads a file that is in memory already; errors name it `path`.
    ///
    /// # Errors
    ///
    /// As [`GgufFile::open`].
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, GgufError> {
        Self::new(path, Bytes::Owned(bytes))
    }

    fn new(path: &Path, bytes: Bytes) -> Result<Self, GgufError> {
        let Header { version, metadata, tensors, index } = Header::parse(path, bytes.as_slice())?;
        Ok(Self { path: path.to_owned(), bytes, version, metadata, tensors, index })
    }

    /// The path it was opened with.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The version of the format, 2 or 3.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The metadata.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Every tensor, in the file's order.
    #[must_use]
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The tensor called `name`, if there is one.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(*self.index.get(name)?)
    }

    /// The tensor called `name`.
    ///
    /// # Errors
    ///
    /// [`GgufError::MissingTensor`].
    pub fn required_tensor(&self, name: &str) -> Result<&TensorInfo, GgufError> {
        self.tensor(name).ok_or_else(|| GgufError::MissingTensor {
            path: self.path.clone(),
            name: name.to_owned(),
        })
    }

    /// The data of `tensor` as stored; empty for a type of unknown layout.
    #[must_use]
    pub fn data(&self, tensor: &TensorInfo) -> &[u8] {
        self.bytes.as_slice().get(tensor.bytes.clone()).unwrap_or_default()
    }

    /// Reads a tensor of this file as `f32`, row-major.
    ///
    /// # Errors
    ///
    /// [`GgufError::UnsupportedType`] for a storage type other than [`GgmlType::SUPPORTED`].
    pub fn dequantize(&self, tensor: &TensorInfo) -> Result<Vec<f32>, GgufError> {
        dequantize(tensor.dtype, self.data(tensor)).ok_or_else(|| GgufError::UnsupportedType {
            path: self.path.clone(),
            name: tensor.name.clone(),
            dtype: tensor.dtype,
            supported: GgmlType::supported_names(),
        })
    }
}

impl fmt::Debug for GgufFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GgufFile")
            .field("path", &self.path)
            .field("version", &self.version)
            .field("n_tensors", &self.tensors.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
