use std::path::Path;

use crate::error::GgufError;
use crate::file::GgufFile;
use crate::sample::{Sample, array, raw_string, string};
use crate::value::{Array, Value};

fn open(bytes: Vec<u8>) -> Result<GgufFile, GgufError> {
    GgufFile::from_bytes(Path::new("some.gguf"), bytes)
}

/// The sample is refused, and the message has all of `parts` in it.
#[track_caller]
fn check_refused(sample: &Sample, parts: &[&str]) {
    let message = open(sample.bytes()).expect_err("the sample is malformed").to_string();
    for part in parts.iter().chain(&["some.gguf"]) {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn every_kind_of_value_is_read() {
    let file = open(Sample::small().bytes()).unwrap();
    let metadata = file.metadata();
    let keys: Vec<(&str, &Value)> = metadata.iter().collect();
    assert_eq!(keys.len(), 15);
    let expected = [
        ("u8", Value::U8(7)),
        ("i8", Value::I8(-1)),
        ("u16", Value::U16(300)),
        ("i16", Value::I16(-300)),
        ("u32", Value::U32(70_000)),
        ("i32", Value::I32(-70_000)),
        ("f32", Value::F32(1.5)),
        ("bool", Value::Bool(true)),
        ("u64", Value::U64(1 << 40)),
        ("i64", Value::I64(-1 << 40)),
        ("f64", Value::F64(2.5)),
        ("general.architecture", Value::String("llama".into())),
        ("strings", Value::Array(Array::String(vec!["a".into(), "é".into()]))),
        ("floats", Value::Array(Array::F32(vec![1.0, 2.0]))),
        ("nested", Value::Array(Array::Array(vec![Array::U32(vec![9])]))),
    ];
    for (key, value) in expected {
        assert_eq!(metadata.get(key), Some(&value), "{key}");
    }
}

#[test]
fn shapes_are_row_major_and_data_is_found() {
    let file = open(Sample::small().bytes()).unwrap();
    let [plain, quantised] = file.tensors() else { panic!("two tensors") };
    assert_eq!((plain.name.as_str(), &plain.shape[..]), ("plain", &[2, 3][..]));
    assert_eq!(file.dequantize(plain).unwrap(), [1.0, -2.0, 0.5, 3.0, 4.0, 5.0]);
    let halves: Vec<f32> = (-16..16).map(|number| number as f32 / 2.0).collect();
    assert_eq!(file.dequantize(quantised).unwrap(), halves);
    assert_eq!(file.tensor("quantised"), Some(quantised));
    assert!(file.tensor("none").is_none());
}

#[test]
fn version_2_has_the_same_layout() {
    let sample = Sample { version: 2, ..Sample::small() };
    let file = open(sample.bytes()).unwrap();
    assert_eq!((file.version(), file.tensors().len()), (2, 2));
}

#[test]
fn a_file_without_tensors_needs_no_data() {
    let bytes = Sample::empty().key("a", 0, &[1]).bytes();
    let end = 24 + 8 + 1 + 4 + 1;
    assert!(open(bytes[..end].to_vec()).unwrap().tensors().is_empty());
}

#[test]
fn other_versions_and_byte_orders_are_named() {
    check_refused(&Sample { version: 1, ..Sample::small() }, &["version 1", "versions 2 and 3"]);
    check_refused(&Sample { version: 4, ..Sample::small() }, &["version 4"]);
    check_refused(&Sample { version: 0, ..Sample::small() }, &["version 0"]);
    let swapped = Sample { version: 3u32.swap_bytes(), ..Sample::small() };
    check_refused(&swapped, &["big-endian", "version 3"]);
}

#[test]
fn another_magic_is_shown() {
    let sample = Sample { magic: *b"<htm", ..Sample::small() };
    check_refused(&sample, &["3c 68 74 6d", "47 47 55 46"]);
    let empty = open(Vec::new()).unwrap_err().to_string();
    assert!(empty.contains("it is empty"), "{empty}");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let bytes = Sample::small().bytes();
    for len in 0..bytes.len() {
        assert!(open(bytes[..len].to_vec()).is_err(), "cut to {len} of {} bytes", bytes.len());
    }
}

#[test]
fn huge_counts_are_refused_before_allocating() {
    let huge = 1 << 60;
    let sample = Sample { n_tensors: Some(huge), ..Sample::small() };
    check_refused(&sample, &["number of tensors is 1152921504606846976", "byte 8"]);
    let sample = Sample { n_keys: Some(u64::MAX), ..Sample::small() };
    check_refused(&sample, &["number of metadata keys is 18446744073709551615", "byte 16"]);
    for kind in 0..13 {
        let sample = Sample::empty().key("list", 9, &array(kind, huge, &[0; 64]));
        check_refused(
            &sample,
            &["length of the value of metadata key `list`", "1152921504606846976"],
        );
    }
    let text = Sample::empty().key("text", 8, &raw_string(huge, b"abc"));
    check_refused(&text, &["value of metadata key `text` needs 1152921504606846976 bytes"]);
    let strings = Sample::empty().key("list", 9, &array(8, 1, &raw_string(u64::MAX, b"abc")));
    check_refused(&strings, &["`list` needs 18446744073709551615 bytes"]);
}

#[test]
fn bad_text_bools_and_types_are_refused() {
    let text = Sample::empty().key("text", 8, &raw_string(3, b"a\xff\xfe"));
    check_refused(&text, &["`text` is not UTF-8", "byte 49"]);
    let name = Sample { keys: vec![raw_string(2, b"\xc3\x28")], ..Sample::empty() };
    check_refused(&name, &["name of metadata key 0 of 1"]);
    check_refused(&Sample::empty().key("flag", 7, &[2]), &["`flag` is the bool 2"]);
    check_refused(
        &Sample::empty().key("flags", 9, &array(7, 2, &[1, 9])),
        &["`flags` is the bool 9"],
    );
    check_refused(&Sample::empty().key("odd", 13, &[0; 8]), &["`odd` has the type 13"]);
    check_refused(&Sample::empty().key("odd", 9, &array(99, 0, &[])), &["`odd` has the type 99"]);
}

#[test]
fn arrays_nest_only_so_deep() {
    let nested = |depth: usize| {
        let innermost = array(4, 1, &7u32.to_le_bytes());
        (1..depth).fold(innermost, |inner, _| array(9, 1, &inner))
    };
    assert!(open(Sample::empty().key("deep", 9, &nested(4)).bytes()).is_ok());
    check_refused(
        &Sample::empty().key("deep", 9, &nested(5)),
        &["`deep` nests arrays deeper than 4"],
    );
    check_refused(&Sample::empty().key("deep", 9, &nested(20_000)), &["deeper than 4"]);
}

#[test]
fn names_are_unique() {
    check_refused(&Sample::small().key("u8", 0, &[7]), &["metadata key `u8` is there twice"]);
    check_refused(&Sample::small().tensor("plain", &[1], 0, 0), &["tensor `plain` is there twice"]);
}

#[test]
fn impossible_shapes_are_refused() {
    check_refused(&Sample::empty().tensor("t", &[1; 5], 0, 0), &["`t` has 5 dimensions"]);
    check_refused(&Sample::empty().tensor("t", &[2, 0], 0, 0), &["`t` has a dimension of 0"]);
    let wide = Sample::empty().tensor("t", &[1 << 40, 1 << 40], 0, 0);
    check_refused(&wide, &["`t` has more elements than fit"]);
    // The number of elements fits into 64 bits, the number of bytes does not.
    let wide = Sample::empty().tensor("t", &[1 << 62, 2], 0, 0);
    check_refused(&wide, &["`t` has more elements than fit"]);
    let rows = Sample::empty().tensor("t", &[48, 2], 8, 0);
    check_refused(&rows, &["`t` has rows of 48 numbers", "Q8_0 stores blocks of 32"]);
}

#[test]
fn data_lies_inside_the_file_aligned_and_apart() {
    let with = |offset| Sample::empty().tensor("t", &[2], 0, offset).data(vec![0; 8]);
    assert!(open(with(0).bytes()).is_ok());
    check_refused(&with(16), &["`t`", "offset 16", "alignment 32"]);
    check_refused(&with(32), &["8 bytes of tensor `t` at offset 32", "beyond the file's"]);
    check_refused(&with(u64::MAX - 31), &["tensor `t` at offset 18446744073709551584"]);
    let overlapping =
        Sample::empty().tensor("b", &[16], 0, 32).tensor("a", &[16], 0, 0).data(vec![0; 128]);
    check_refused(&overlapping, &["tensors `a` and `b` overlap"]);
    let same = Sample::empty().tensor("a", &[1], 0, 0).tensor("b", &[1], 0, 0).data(vec![0; 64]);
    check_refused(&same, &["overlap"]);
}

#[test]
fn the_alignment_key_moves_the_data() {
    let aligned = |alignment: u32| Sample {
        alignment: alignment.max(1) as usize,
        ..Sample::empty()
            .key("general.alignment", 4, &alignment.to_le_bytes())
            .tensor("t", &[2], 0, 0)
            .data([1.0f32, 2.0].into_iter().flat_map(f32::to_le_bytes).collect())
    };
    for alignment in [8, 64, 256] {
        let file = open(aligned(alignment).bytes()).unwrap();
        let tensor = file.required_tensor("t").unwrap();
        assert_eq!(file.dequantize(tensor).unwrap(), [1.0, 2.0], "alignment {alignment}");
    }
    for alignment in [0, 12] {
        let found = format!("the u32 {alignment}");
        check_refused(&aligned(alignment), &["general.alignment", "a power of two", &found]);
    }
    let text = Sample::empty().key("general.alignment", 8, &string("32"));
    check_refused(&text, &["general.alignment", "the string \"32\""]);
}
