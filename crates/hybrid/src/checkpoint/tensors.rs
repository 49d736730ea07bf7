//! Named tensors in a safetensors file: the optimizer's state and whatever else is large.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata, SafeTensorError, TensorView};

use super::CheckpointError;

/// A tensor on its way to or from a file. What is read equals what was written, bit for bit.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedTensor {
    /// Its shape, row-major; its product is the number of values.
    pub shape: Vec<usize>,
    /// Its values.
    pub data: SavedData,
}

/// Values of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub enum SavedData {
    /// Single precision.
    F32(Vec<f32>),
    /// Bytes, as of a quantised state.
    U8(Vec<u8>),
}

/// Writes a safetensors file.
///
/// # Errors
///
/// [`CheckpointError::Io`] naming the file: the disk, or a tensor whose shape is not that of its
/// values.
pub fn write_tensors(
    path: &Path,
    tensors: &BTreeMap<String, SavedTensor>,
) -> Result<(), CheckpointError> {
    let failed = |error: SafeTensorError| {
        let source = match error {
            SafeTensorError::IoError(source) => source,
            other => std::io::Error::other(other.to_string()),
        };
        CheckpointError::io("write", path, source)
    };
    let mut views = BTreeMap::new();
    for (name, tensor) in tensors {
        let (dtype, bytes) = match &tensor.data {
            SavedData::F32(values) => (Dtype::F32, bytemuck::cast_slice(values)),
            SavedData::U8(values) => (Dtype::U8, values.as_slice()),
        };
        let view = TensorView::new(dtype, tensor.shape.clone(), bytes).map_err(failed)?;
        views.insert(name.as_str(), view);
    }
    // Python's `transformers` refuses weights that do not say so.
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    safetensors::serialize_to_file(views, Some(metadata), path).map_err(failed)
}

/// Reads a safetensors file, one tensor at a time: the file is never in memory as a whole.
///
/// # Errors
///
/// [`CheckpointError::Damaged`] where the file is no whole safetensors file or holds other types
/// than F32 and U8.
pub fn read_tensors(path: &Path) -> Result<BTreeMap<String, SavedTensor>, CheckpointError> {
    let io = |source| CheckpointError::io("read", path, source);
    let mut file = File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let metadata = read_header(&mut file, size, path)?;
    let mut tensors = BTreeMap::new();
    // Tensors stand in the order of their offsets, without gaps: the header was checked for that.
    for name in metadata.offset_keys() {
        let Some(info) = metadata.info(&name) else { continue };
        let bytes = info.data_offsets.1.saturating_sub(info.data_offsets.0);
        let shape = info.shape.clone();
        let data = match info.dtype {
            Dtype::F32 => {
                let mut values = vec![0.0_f32; bytes / size_of::<f32>()];
                read_exact(&mut file, bytemuck::cast_slice_mut(&mut values), path)?;
                SavedData::F32(values)
            }
            Dtype::U8 => {
                let mut values = vec![0; bytes];
                read_exact(&mut file, &mut values, path)?;
                SavedData::U8(values)
            }
            other => {
                let reason = format!("`{name}` has type {other:?}; only F32 and U8 are written");
                return Err(CheckpointError::damaged(path, reason));
            }
        };
        tensors.insert(name, SavedTensor { shape, data });
    }
    Ok(tensors)
}

/// Reads the header and leaves the file at the first tensor. Every offset it holds is inside the
/// file.
fn read_header(file: &mut File, size: u64, path: &Path) -> Result<Metadata, CheckpointError> {
    let damaged = |reason: String| CheckpointError::damaged(path, reason);
    let mut length = [0; 8];
    read_exact(file, &mut length, path)?;
    let length = u64::from_le_bytes(length);
    let rest = size.saturating_sub(8);
    let possible = usize::try_from(length).ok().filter(|_| length <= rest && length <= MAX_HEADER);
    let bytes = possible.ok_or_else(|| damaged("its header is cut off or too long".to_owned()))?;
    let mut header = vec![0; bytes];
    read_exact(file, &mut header, path)?;
    // Reading it also checks that tensors follow each other without gaps and fit their shapes.
    let metadata: Metadata =
        serde_json::from_slice(&header).map_err(|error| damaged(error.to_string()))?;
    let data = metadata.data_len() as u64;
    let found = rest - length;
    if data != found {
        return Err(damaged(format!("it has {found} bytes of data, its header says {data}")));
    }
    Ok(metadata)
}

/// More bytes of header than any file of ours has.
const MAX_HEADER: u64 = 100_000_000;

fn read_exact(file: &mut File, bytes: &mut [u8], path: &Path) -> Result<(), CheckpointError> {
    file.read_exact(bytes).map_err(|source| match source.kind() {
        std::io::ErrorKind::UnexpectedEof => CheckpointError::damaged(path, "it is cut off"),
        _ => CheckpointError::io("read", path, source),
    })
}
