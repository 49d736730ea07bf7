//! Whether two fixtures say the same: JSON and float tensors by value, everything else by byte.

use std::cmp::Ordering;
use std::ops::Range;

use serde_json::{Map, Value};

#[cfg(test)]
mod tests;

/// How far two numbers of a JSON fixture may be apart, relative to the larger or to 1.
const JSON_TOLERANCE: f64 = 1e-6;

/// The same for a float tensor; another processor sums in another order.
const TENSOR_TOLERANCE: f64 = 1e-4;

/// Keys that say with what a fixture was made, not what it holds.
const PROVENANCE: &[&str] =
    &["transformers_version", "transformers", "torch", "tokenizers", "gguf", "numpy", "python"];

/// The first difference between two files of the same kind, which `extension` tells.
pub(super) fn difference(extension: &str, expected: &[u8], found: &[u8]) -> Option<String> {
    if expected == found {
        return None;
    }
    match extension {
        "json" => json_file(expected, found),
        "jsonl" => json_lines(expected, found),
        "safetensors" => tensors(expected, found),
        _ => Some("differs in its bytes".to_owned()),
    }
}

fn json_file(expected: &[u8], found: &[u8]) -> Option<String> {
    match (serde_json::from_slice(expected), serde_json::from_slice(found)) {
        (Ok(expected), Ok(found)) => json("", &expected, &found),
        (Err(error), _) => Some(format!("the committed file is not JSON: {error}")),
        (_, Err(error)) => Some(format!("the new file is not JSON: {error}")),
    }
}

fn json_lines(expected: &[u8], found: &[u8]) -> Option<String> {
    let split = |bytes: &[u8]| -> Vec<Vec<u8>> {
        let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(<[u8]>::to_vec).collect()
    };
    let (expected, found) = (split(expected), split(found));
    if expected.len() != found.len() {
        return Some(format!("has {} rows, committed are {}", found.len(), expected.len()));
    }
    let rows = expected.iter().zip(&found).enumerate();
    rows.filter_map(|(n, (a, b))| json_file(a, b).map(|what| format!("row {}: {what}", n + 1)))
        .next()
}

/// The first place, as a JSON pointer, at which two values differ.
fn json(at: &str, expected: &Value, found: &Value) -> Option<String> {
    match (expected, found) {
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            pairs.filter_map(|(n, (a, b))| json(&format!("{at}/{n}"), a, b)).next()
        }
        (Value::Object(a), Value::Object(b)) => objects(at, a, b),
        (Value::Number(a), Value::Number(b)) if !(is_whole(a) && is_whole(b)) => {
            let (a, b) = (a.as_f64()?, b.as_f64()?);
            (!close(a, b, JSON_TOLERANCE)).then(|| format!("{at} is {b}, committed is {a}"))
        }
        _ if expected == found => None,
        _ => Some(format!("{at} is {}, committed is {}", short(found), short(expected))),
    }
}

fn is_whole(number: &serde_json::Number) -> bool {
    number.is_i64() || number.is_u64()
}

fn objects(at: &str, a: &Map<String, Value>, b: &Map<String, Value>) -> Option<String> {
    if let Some(key) = a.keys().find(|key| !b.contains_key(*key)) {
        return Some(format!("{at}/{key} is gone"));
    }
    if let Some(key) = b.keys().find(|key| !a.contains_key(*key)) {
        return Some(format!("{at}/{key} is new"));
    }
    a.iter()
        .filter(|(key, _)| !PROVENANCE.contains(&key.as_str()))
        .find_map(|(key, value)| json(&format!("{at}/{key}"), value, b.get(key)?))
}

/// Whether two numbers agree: both finite and near, or the same infinity, or both no number.
fn close(a: f64, b: f64, tolerance: f64) -> bool {
    if !(a.is_finite() && b.is_finite()) {
        return a.partial_cmp(&b).is_some_and(Ordering::is_eq) || (a.is_nan() && b.is_nan());
    }
    (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1.0)
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// A safetensors file, taken apart: its header and the bytes after it.
struct Tensors<'a> {
    header: Map<String, Value>,
    data: &'a [u8],
}

impl<'a> Tensors<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let header = serde_json::from_slice(rest.get(..length)?).ok()?;
        Some(Self { header, data: rest.get(length..)? })
    }

    fn bytes(&self, entry: &Value) -> Option<&'a [u8]> {
        let bound = |n: usize| {
            let offset = entry.get("data_offsets")?.get(n)?.as_u64()?;
            usize::try_from(offset).ok()
        };
        let range: Range<usize> = bound(0)?..bound(1)?;
        self.data.get(range)
    }
}

fn tensors(expected: &[u8], found: &[u8]) -> Option<String> {
    let (Some(a), Some(b)) = (Tensors::parse(expected), Tensors::parse(found)) else {
        return Some("is not a safetensors file".to_owned());
    };
    if let Some(name) = b.header.keys().find(|name| !a.header.contains_key(*name)) {
        return Some(format!("tensor `{name}` is new"));
    }
    a.header.iter().filter(|(name, _)| *name != "__metadata__").find_map(|(name, entry)| {
        let Some(other) = b.header.get(name) else {
            return Some(format!("tensor `{name}` is gone"));
        };
        tensor(&a, entry, &b, other).map(|what| format!("tensor `{name}` {what}"))
    })
}

fn tensor(a: &Tensors<'_>, entry: &Value, b: &Tensors<'_>, other: &Value) -> Option<String> {
    if entry.get("dtype") != other.get("dtype") || entry.get("shape") != other.get("shape") {
        return Some("has another type or shape".to_owned());
    }
    let (Some(x), Some(y)) = (a.bytes(entry), b.bytes(other)) else {
        return Some("lies outside its file".to_owned());
    };
    if entry.get("dtype").and_then(Value::as_str) != Some("F32") {
        return (x != y).then(|| "differs in its bytes".to_owned());
    }
    let floats = |bytes: &[u8]| -> Vec<f64> {
        let chunks = bytes.as_chunks::<4>().0.iter();
        chunks.map(|&chunk| f64::from(f32::from_le_bytes(chunk))).collect()
    };
    let mut pairs = floats(x).into_iter().zip(floats(y)).enumerate();
    let (n, (x, y)) = pairs.find(|(_, (x, y))| !close(*x, *y, TENSOR_TOLERANCE))?;
    Some(format!("has {y} as element {n}, committed is {x}"))
}
