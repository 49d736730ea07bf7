//! The few protocol-buffers messages of an event file, written by hand.
//!
//! Field numbers are those of TensorFlow's `event.proto`, `summary.proto` and `tensor.proto`.

/// Wire types of protocol buffers.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
const FIXED32: u64 = 5;

/// The event that every file begins with.
pub(super) fn file_version(time: f64) -> Vec<u8> {
    let mut event = head(time, 0);
    bytes(&mut event, 3, b"brain.Event:2");
    event
}

/// The event by which a resumed run voids `step` and everything after it in older files.
pub(super) fn session_start(time: f64, step: u64) -> Vec<u8> {
    const START: u64 = 1;
    let mut log = Vec::new();
    varint(&mut log, 1, START);
    let mut event = head(time, step);
    bytes(&mut event, 7, &log);
    event
}

/// An event with the values of one step, each made by [`scalar`] or [`text`].
pub(super) fn summary(time: f64, step: u64, values: &[Vec<u8>]) -> Vec<u8> {
    let mut summary = Vec::new();
    for value in values {
        bytes(&mut summary, 1, value);
    }
    let mut event = head(time, step);
    bytes(&mut event, 5, &summary);
    event
}

/// A number under `tag`, with a description where this is the first of the file.
pub(super) fn scalar(tag: &str, number: f32, description: Option<&str>) -> Vec<u8> {
    const SCALAR: u64 = 1;
    let mut value = Vec::new();
    bytes(&mut value, 1, tag.as_bytes());
    key(&mut value, 2, FIXED32);
    value.extend_from_slice(&number.to_le_bytes());
    if let Some(description) = description {
        bytes(&mut value, 9, &metadata("scalars", SCALAR, description));
    }
    value
}

/// A text under `tag`: a tensor of no dimension that holds one string.
pub(super) fn text(tag: &str, text: &str) -> Vec<u8> {
    const TENSOR: u64 = 2;
    const STRING: u64 = 7;
    let mut tensor = Vec::new();
    varint(&mut tensor, 1, STRING);
    bytes(&mut tensor, 2, b"");
    bytes(&mut tensor, 8, text.as_bytes());
    let mut value = Vec::new();
    bytes(&mut value, 1, tag.as_bytes());
    bytes(&mut value, 8, &tensor);
    bytes(&mut value, 9, &metadata("text", TENSOR, ""));
    value
}

fn metadata(plugin: &str, class: u64, description: &str) -> Vec<u8> {
    let mut name = Vec::new();
    bytes(&mut name, 1, plugin.as_bytes());
    let mut metadata = Vec::new();
    bytes(&mut metadata, 1, &name);
    bytes(&mut metadata, 3, description.as_bytes());
    varint(&mut metadata, 4, class);
    metadata
}

fn head(time: f64, step: u64) -> Vec<u8> {
    let mut event = Vec::new();
    key(&mut event, 1, FIXED64);
    event.extend_from_slice(&time.to_le_bytes());
    if step > 0 {
        varint(&mut event, 2, step);
    }
    event
}

fn key(out: &mut Vec<u8>, field: u64, wire: u64) {
    digits(out, field << 3 | wire);
}

fn varint(out: &mut Vec<u8>, field: u64, number: u64) {
    key(out, field, VARINT);
    digits(out, number);
}

fn bytes(out: &mut Vec<u8>, field: u64, content: &[u8]) {
    key(out, field, BYTES);
    digits(out, content.len() as u64);
    out.extend_from_slice(content);
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn digits(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
