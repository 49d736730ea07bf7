use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::GgufFile;
use crate::error::GgufError;
use crate::sample::Sample;

/// Does everything that can be done with a file; only panics are failures.
fn exercise(bytes: Vec<u8>) {
    let Ok(file) = GgufFile::from_bytes(Path::new("fuzzed.gguf"), bytes) else { return };
    for (key, value) in file.metadata().iter() {
        let _ = value.describe();
        let _ = file.metadata().string(key);
        let _ = file.metadata().u32(key);
        let _ = file.metadata().integers(key);
    }
    for tensor in file.tensors() {
        if let Ok(numbers) = file.dequantize(tensor) {
            assert_eq!(numbers.len(), tensor.len(), "{tensor:?}");
        }
    }
}

fn sample() -> impl Strategy<Value = Vec<u8>> {
    let dims = prop::collection::vec(0u64..300, 0..5);
    let tensor = (dims, 0u32..42, 0u64..4).prop_map(|(dims, dtype, at)| (dims, dtype, at * 32));
    (prop::collection::vec(tensor, 0..3), 0usize..5000).prop_map(|(tensors, n_bytes)| {
        let mut sample = Sample::small();
        sample.tensors.clear();
        for (i, (dims, dtype, offset)) in tensors.iter().enumerate() {
            sample = sample.tensor(&format!("t{i}"), dims, *dtype, *offset);
        }
        sample.data(vec![0x5a; n_bytes]).bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        exercise(bytes);
    }

    #[test]
    fn any_bytes_after_a_right_start_are_read_or_refused(
        counts in (0u64..4, 0u64..4),
        rest in prop::collection::vec(prop_oneof![3 => 0u8..14, 1 => any::<u8>()], 0..400),
    ) {
        let mut bytes = Sample { n_tensors: Some(counts.0), n_keys: Some(counts.1), ..Sample::empty() }
            .bytes()[..24]
            .to_vec();
        bytes.extend(rest);
        exercise(bytes);
    }

    #[test]
    fn a_changed_file_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        len in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = Sample::small().bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cut {
            bytes.truncate(len.index(bytes.len()));
        }
        exercise(bytes);
    }

    #[test]
    fn any_table_of_tensors_is_read_or_refused(bytes in sample()) {
        exercise(bytes);
    }
}

#[test]
fn unsupported_types_are_refused_when_read() {
    // 22 is IQ2_S; 77 is no type at all.
    for (number, name) in [(22, "IQ2_S"), (77, "the unknown type 77")] {
        let bytes = Sample::empty().tensor("t", &[256], number, 0).data(vec![0; 82]).bytes();
        let file = GgufFile::from_bytes(Path::new("some.gguf"), bytes).unwrap();
        let message = file.dequantize(&file.tensors()[0]).unwrap_err().to_string();
        for part in ["tensor `t`", "some.gguf", name, "F32, F16, BF16, Q4_0", "Q6_K"] {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    }
}

#[test]
fn missing_things_are_named() {
    let file = GgufFile::from_bytes(Path::new("some.gguf"), Sample::small().bytes()).unwrap();
    let message = file.required_tensor("blk.0").unwrap_err().to_string();
    assert_eq!(message, "the GGUF file `some.gguf` has no tensor `blk.0`");
    let message = file.metadata().u32("llama.block_count").unwrap_err().to_string();
    assert_eq!(
        message,
        "the GGUF file `some.gguf` has no metadata key `llama.block_count`, expected an integer \
         of 0 to 2^32 - 1"
    );
}

#[test]
fn a_file_that_cannot_be_opened_is_named_with_its_cause() {
    let error = GgufFile::open(Path::new("no/such.gguf")).unwrap_err();
    assert_eq!(error.to_string(), "cannot open the GGUF file `no/such.gguf`");
    let GgufError::Open { source, .. } = error else { panic!("{error:?}") };
    assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn files_of_the_reference_writer_open() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/gguf");
    let files: Vec<PathBuf> = std::fs::read_dir(golden)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "gguf"))
        .collect();
    assert!(files.len() >= 8, "{files:?}");
    for path in files {
        let file = GgufFile::open(&path).unwrap();
        assert_eq!(file.version(), 3);
        assert!(!file.tensors().is_empty(), "{}", path.display());
        assert!(!file.metadata().string("general.architecture").unwrap().is_empty());
        for tensor in file.tensors() {
            assert_eq!(file.dequantize(tensor).unwrap().len(), tensor.len(), "{}", tensor.name);
        }
    }
}
