use std::path::{Path, PathBuf};

use super::dequantize;
use crate::dtype::GgmlType;
use crate::file::GgufFile;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/gguf").join(name)
}

/// Equal bits, or both NaN: the payload of a NaN is the processor's choice.
#[track_caller]
fn check_bits(ours: &[f32], expected: &[f32], name: &str) {
    assert_eq!(ours.len(), expected.len(), "{name}");
    for (i, (ours, expected)) in ours.iter().zip(expected).enumerate() {
        let equal = ours.to_bits() == expected.to_bits() || (ours.is_nan() && expected.is_nan());
        assert!(equal, "{name}: number {i} is {ours:?}, expected {expected:?}");
    }
}

/// `reference/gguf_quants.py` wrote the blocks and what the `gguf` package makes of them.
#[test]
fn every_type_equals_the_reference_bit_for_bit() {
    let file = GgufFile::open(&golden("quants.gguf")).unwrap();
    let expected = std::fs::read(golden("quants.f32")).unwrap();
    let (expected, _) = expected.as_chunks::<4>();
    let expected: Vec<f32> = expected.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let mut rest = &expected[..];
    let mut seen = Vec::new();
    for tensor in file.tensors() {
        let (expected, others) = rest.split_at(tensor.len());
        assert_eq!(tensor.name, tensor.dtype.to_string());
        check_bits(&file.dequantize(tensor).unwrap(), expected, &tensor.name);
        assert!(expected.iter().any(|number| number.is_nan()), "{}: no nasty value", tensor.name);
        assert!(expected.iter().any(|number| number.is_infinite()), "{}", tensor.name);
        rest = others;
        seen.push(tensor.dtype);
    }
    assert!(rest.is_empty());
    assert_eq!(seen, GgmlType::SUPPORTED);
}

#[test]
fn threads_change_nothing() {
    let file = GgufFile::open(&golden("quants.gguf")).unwrap();
    for tensor in file.tensors() {
        let data = file.data(tensor);
        let once = dequantize(tensor.dtype, data).unwrap();
        let repeats = 2 * super::MIN_BLOCKS_PER_THREAD;
        let many = dequantize(tensor.dtype, &data.repeat(repeats / 8)).unwrap();
        assert_eq!(many.len(), once.len() * (repeats / 8));
        for part in many.chunks(once.len()) {
            check_bits(part, &once, &tensor.name);
        }
    }
}

#[test]
fn types_keep_their_numbers_and_sizes() {
    // Numbers and sizes of `gguf.constants`, by `reference/gguf_quants.py`'s package.
    let expected = [
        (0, "F32", 1, 4),
        (1, "F16", 1, 2),
        (30, "BF16", 1, 2),
        (2, "Q4_0", 32, 18),
        (3, "Q4_1", 32, 20),
        (6, "Q5_0", 32, 22),
        (7, "Q5_1", 32, 24),
        (8, "Q8_0", 32, 34),
        (12, "Q4_K", 256, 144),
        (13, "Q5_K", 256, 176),
        (14, "Q6_K", 256, 210),
        (10, "Q2_K", 256, 84),
        (23, "IQ4_XS", 256, 136),
    ];
    for (number, name, len, bytes) in expected {
        let dtype = GgmlType::from_number(number);
        assert_eq!((dtype.to_string().as_str(), dtype.block()), (name, Some((len, bytes))));
    }
}
