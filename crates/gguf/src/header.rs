//! From bytes to metadata and the table of tensors, with every check made before they are used.
//!
//! Layout of versions 2 and 3, all little-endian: magic, version `u32`, number of tensors `u64`,
//! number of keys `u64`; the keys (name, type, value); the tensors (name, number of dimensions,
//! dimensions with the innermost first, type, offset); padding to the alignment; the data.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;

use crate::dtype::GgmlType;
use crate::error::GgufError;
use crate::metadata::Metadata;
use crate::reader::Reader;
use crate::value::{Array, Value};

const MAGIC: &[u8; 4] = b"GGUF";
const DEFAULT_ALIGNMENT: u64 = 32;
const MAX_DIMS: u32 = 4;
/// Arrays may hold arrays; deeper ones than this are refused, so that recursion is bounded.
const MAX_ARRAY_DEPTH: usize = 4;
/// Key and tensor entries cannot be shorter: a length, a type, and a byte or an offset.
const MIN_KEY_BYTES: usize = 8 + 4 + 1;
const MIN_TENSOR_BYTES: usize = 8 + 4 + 4 + 8;

/// One tensor of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name in the file.
    pub name: String,
    /// Its dimensions, outermost first (the file has them the other way round).
    pub shape: Vec<usize>,
    /// How its numbers are stored.
    pub dtype: GgmlType,
    /// Where its data starts, in bytes from the start of the data section.
    pub offset: u64,
    /// The bytes of the whole file that hold its data; empty for a type of unknown layout.
    pub(crate) bytes: Range<usize>,
}

impl TensorInfo {
    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        // The product was checked when the table was read.
        self.shape.iter().fold(1, |product: usize, &dim| product.saturating_mul(dim))
    }

    /// Whether there are no elements; never so for a tensor of a file that was opened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// All of a file that is not tensor data.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) version: u32,
    pub(crate) metadata: Metadata,
    pub(crate) tensors: Vec<TensorInfo>,
    pub(crate) index: HashMap<String, usize>,
}

impl Header {
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, GgufError> {
        let mut reader = Reader::new(path, bytes);
        check_magic(path, bytes)?;
        reader.take(MAGIC.len() as u64, "the magic")?;
        let version = version(&mut reader)?;
        let n_tensors = reader.count(MIN_TENSOR_BYTES, "the number of tensors")?;
        let n_keys = reader.count(MIN_KEY_BYTES, "the number of metadata keys")?;
        let metadata = metadata(&mut reader, n_keys)?;
        let alignment = alignment(&metadata)?;
        let (mut tensors, index) = tensor_table(&mut reader, n_tensors)?;
        locate(&reader, &mut tensors, alignment, bytes.len())?;
        Ok(Self { version, metadata, tensors, index })
    }
}

fn check_magic(path: &Path, bytes: &[u8]) -> Result<(), GgufError> {
    if bytes.starts_with(MAGIC) {
        return Ok(());
    }
    let found: Vec<String> = bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let found = if found.is_empty() { "(none: it is empty)".to_owned() } else { found.join(" ") };
    Err(GgufError::NotGguf { path: path.to_owned(), found })
}

fn version(reader: &mut Reader<'_>) -> Result<u32, GgufError> {
    let version = reader.u32("the version")?;
    let path = reader.path().to_owned();
    match version {
        2 | 3 => Ok(version),
        // A version number has always been small: one in the upper half is a swapped one.
        _ if version & 0xffff == 0 && version != 0 => {
            Err(GgufError::BigEndian { path, version: version.swap_bytes() })
        }
        _ => Err(GgufError::Version { path, version }),
    }
}

fn metadata(reader: &mut Reader<'_>, n_keys: usize) -> Result<Metadata, GgufError> {
    let mut values = BTreeMap::new();
    for i in 0..n_keys {
        let offset = reader.position();
        let key = reader.string(&format!("the name of metadata key {i} of {n_keys}"))?;
        let what = format!("the value of metadata key `{key}`");
        let kind = reader.u32(&what)?;
        let value = value(reader, kind, &what)?;
        if values.contains_key(&key) {
            return Err(reader.malformed(offset, format!("metadata key `{key}` is there twice")));
        }
        values.insert(key, value);
    }
    Ok(Metadata::new(reader.path(), values))
}

fn value(reader: &mut Reader<'_>, kind: u32, what: &str) -> Result<Value, GgufError> {
    Ok(match kind {
        0 => Value::U8(u8::from_le_bytes(reader.array(what)?)),
        1 => Value::I8(i8::from_le_bytes(reader.array(what)?)),
        2 => Value::U16(u16::from_le_bytes(reader.array(what)?)),
        3 => Value::I16(i16::from_le_bytes(reader.array(what)?)),
        4 => Value::U32(u32::from_le_bytes(reader.array(what)?)),
        5 => Value::I32(i32::from_le_bytes(reader.array(what)?)),
        6 => Value::F32(f32::from_le_bytes(reader.array(what)?)),
        7 => Value::Bool(boolean(reader, what)?),
        8 => Value::String(reader.string(what)?),
        9 => Value::Array(array(reader, what, 1)?),
        10 => Value::U64(u64::from_le_bytes(reader.array(what)?)),
        11 => Value::I64(i64::from_le_bytes(reader.array(what)?)),
        12 => Value::F64(f64::from_le_bytes(reader.array(what)?)),
        _ => return Err(unknown_type(reader, kind, what)),
    })
}

fn unknown_type(reader: &Reader<'_>, kind: u32, what: &str) -> GgufError {
    reader.malformed(
        reader.position().saturating_sub(4),
        format!("{what} has the type {kind}; the types are 0 to 12"),
    )
}

fn boolean(reader: &mut Reader<'_>, what: &str) -> Result<bool, GgufError> {
    let offset = reader.position();
    match reader.array(what)? {
        [0] => Ok(false),
        [1] => Ok(true),
        [byte] => {
            Err(reader.malformed(offset, format!("{what} is the bool {byte}; it must be 0 or 1")))
        }
    }
}

fn array(reader: &mut Reader<'_>, what: &str, depth: usize) -> Result<Array, GgufError> {
    let offset = reader.position();
    if depth > MAX_ARRAY_DEPTH {
        let what = format!("{what} nests arrays deeper than {MAX_ARRAY_DEPTH}");
        return Err(reader.malformed(offset, what));
    }
    let kind = reader.u32(what)?;
    Ok(match kind {
        0 => Array::U8(numbers(reader, what, u8::from_le_bytes)?),
        1 => Array::I8(numbers(reader, what, i8::from_le_bytes)?),
        2 => Array::U16(numbers(reader, what, u16::from_le_bytes)?),
        3 => Array::I16(numbers(reader, what, i16::from_le_bytes)?),
        4 => Array::U32(numbers(reader, what, u32::from_le_bytes)?),
        5 => Array::I32(numbers(reader, what, i32::from_le_bytes)?),
        6 => Array::F32(numbers(reader, what, f32::from_le_bytes)?),
        7 => Array::Bool(elements(reader, what, 1, boolean)?),
        8 => Array::String(elements(reader, what, 8, |reader, what| reader.string(what))?),
        9 => {
            Array::Array(elements(reader, what, 12, |reader, what| array(reader, what, depth + 1))?)
        }
        10 => Array::U64(numbers(reader, what, u64::from_le_bytes)?),
        11 => Array::I64(numbers(reader, what, i64::from_le_bytes)?),
        12 => Array::F64(numbers(reader, what, f64::from_le_bytes)?),
        _ => return Err(unknown_type(reader, kind, what)),
    })
}

/// An array's length, then numbers of `N` bytes.
fn numbers<T, const N: usize>(
    reader: &mut Reader<'_>,
    what: &str,
    number: fn([u8; N]) -> T,
) -> Result<Vec<T>, GgufError> {
    let count = reader.count(N, &format!("the length of {what}"))?;
    let bytes = reader.take((count as u64).saturating_mul(N as u64), what)?;
    let (chunks, _) = bytes.as_chunks::<N>();
    Ok(chunks.iter().map(|chunk| number(*chunk)).collect())
}

/// An array's length, then elements of at least `min_bytes`, each read by `element`.
fn elements<T>(
    reader: &mut Reader<'_>,
    what: &str,
    min_bytes: usize,
    element: impl Fn(&mut Reader<'_>, &str) -> Result<T, GgufError>,
) -> Result<Vec<T>, GgufError> {
    let count = reader.count(min_bytes, &format!("the length of {what}"))?;
    (0..count).map(|_| element(reader, what)).collect()
}

fn alignment(metadata: &Metadata) -> Result<u64, GgufError> {
    const KEY: &str = "general.alignment";
    match metadata.optional::<u64>(KEY)? {
        None => Ok(DEFAULT_ALIGNMENT),
        Some(alignment) if alignment.is_power_of_two() => Ok(alignment),
        Some(_) => Err(GgufError::KeyType {
            path: metadata.path().to_owned(),
            key: KEY.to_owned(),
            found: metadata.get(KEY).map(Value::describe).unwrap_or_default(),
            expected: "a power of two",
        }),
    }
}

type TensorTable = (Vec<TensorInfo>, HashMap<String, usize>);

fn tensor_table(reader: &mut Reader<'_>, n_tensors: usize) -> Result<TensorTable, GgufError> {
    let mut tensors = Vec::new();
    let mut index = HashMap::new();
    for i in 0..n_tensors {
        let offset = reader.position();
        let tensor = tensor_entry(reader, i, n_tensors)?;
        if index.insert(tensor.name.clone(), i).is_some() {
            let what = format!("tensor `{}` is there twice", tensor.name);
            return Err(reader.malformed(offset, what));
        }
        tensors.push(tensor);
    }
    Ok((tensors, index))
}

fn tensor_entry(
    reader: &mut Reader<'_>,
    i: usize,
    n_tensors: usize,
) -> Result<TensorInfo, GgufError> {
    let name = reader.string(&format!("the name of tensor {i} of {n_tensors}"))?;
    let what = format!("the shape of tensor `{name}`");
    let at = reader.position();
    let n_dims = reader.u32(&what)?;
    if n_dims > MAX_DIMS {
        let what = format!("{what} has {n_dims} dimensions; there are at most {MAX_DIMS}");
        return Err(reader.malformed(at, what));
    }
    let mut shape = Vec::new();
    for _ in 0..n_dims {
        let at = reader.position();
        match usize::try_from(reader.u64(&what)?) {
            Ok(dim) if dim > 0 => shape.push(dim),
            _ => {
                return Err(reader.malformed(at, format!("{what} has a dimension of 0 or too big")));
            }
        }
    }
    shape.reverse();
    let dtype = GgmlType::from_number(reader.u32(&format!("the type of tensor `{name}`"))?);
    let offset = reader.u64(&format!("the offset of tensor `{name}`"))?;
    let n_bytes = n_bytes(&shape, dtype)
        .map_err(|problem| reader.malformed(at, format!("tensor `{name}` {problem}")))?;
    Ok(TensorInfo { name, shape, dtype, offset, bytes: 0..n_bytes.unwrap_or(0) })
}

/// The bytes a tensor takes, or None for a type of unknown layout.
fn n_bytes(shape: &[usize], dtype: GgmlType) -> Result<Option<usize>, String> {
    let too_big = || format!("has more elements than fit into memory: {shape:?}");
    let n_elements = shape.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
    let n_elements = n_elements.ok_or_else(too_big)?;
    let Some((block_len, block_bytes)) = dtype.block() else { return Ok(None) };
    let row = shape.last().copied().unwrap_or(1);
    if !row.is_multiple_of(block_len) {
        return Err(format!(
            "has rows of {row} numbers; {dtype} stores blocks of {block_len}, so rows must be a \
             multiple of that"
        ));
    }
    (n_elements / block_len).checked_mul(block_bytes).map(Some).ok_or_else(too_big)
}

/// Turns each tensor's offset into a range of the file, inside it and apart from all others.
fn locate(
    reader: &Reader<'_>,
    tensors: &mut [TensorInfo],
    alignment: u64,
    file_len: usize,
) -> Result<(), GgufError> {
    let header_end = reader.position() as u64;
    // The data of a file without tensors may start past its end, and nobody reads it.
    let data_start = header_end.checked_next_multiple_of(alignment).unwrap_or(u64::MAX);
    for tensor in tensors.iter_mut() {
        let (name, offset) = (&tensor.name, tensor.offset);
        if !offset.is_multiple_of(alignment) {
            let what = format!(
                "the data of tensor `{name}` starts at offset {offset} of the data section, which \
                 is not a multiple of the alignment {alignment}"
            );
            return Err(reader.malformed(reader.position(), what));
        }
        let start = data_start.checked_add(offset).and_then(|start| usize::try_from(start).ok());
        let end = start.and_then(|start| start.checked_add(tensor.bytes.end));
        match (start, end) {
            (Some(start), Some(end)) if end <= file_len => tensor.bytes = start..end,
            _ => {
                let what = format!(
                    "the {} bytes of tensor `{name}` at offset {offset} of the data section end \
                     beyond the file's {file_len} bytes; the file is cut short or damaged, fetch \
                     it again",
                    tensor.bytes.end,
                );
                return Err(reader.malformed(file_len, what));
            }
        }
    }
    check_overlap(reader, tensors)
}

fn check_overlap(reader: &Reader<'_>, tensors: &[TensorInfo]) -> Result<(), GgufError> {
    let mut by_start: Vec<&TensorInfo> = tensors.iter().collect();
    by_start.sort_by_key(|tensor| (tensor.bytes.start, tensor.bytes.end));
    for (first, second) in by_start.iter().zip(by_start.iter().skip(1)) {
        if second.bytes.start < first.bytes.end {
            let what =
                format!("the data of tensors `{}` and `{}` overlap", first.name, second.name);
            return Err(reader.malformed(second.bytes.start, what));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
