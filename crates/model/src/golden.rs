//! For tests: the encoders and classifiers of `golden/encoders`, and what their library computed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::Tensor;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use tempfile::TempDir;

use crate::ragged::TokenRow;

/// Largest difference from PyTorch, relative to the largest value of the tensor where that exceeds 1.
pub(crate) const TOLERANCE: f64 = 1e-5;

/// The cases whose trunk is an encoder.
pub(crate) const ENCODERS: [&str; 6] =
    ["bert", "bert_tokens", "roberta", "xlm_roberta", "distilbert", "mpnet"];

/// The cases that classify sequences.
pub(crate) const SEQUENCES: [&str; 7] =
    ["bert", "roberta", "xlm_roberta", "distilbert", "mpnet", "gpt2", "llama"];

pub(crate) fn folder(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/encoders").join(case)
}

/// The expected tensors of one case.
pub(crate) struct Expected {
    floats: BTreeMap<String, Vec<f32>>,
    lengths: Vec<usize>,
    ids: Vec<u32>,
    types: Vec<u32>,
}

impl Expected {
    pub(crate) fn of(case: &str) -> Self {
        let bytes = std::fs::read(folder(case).join("expected.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let whole = |name: &str| -> Vec<u32> {
            let Ok(view) = tensors.tensor(name) else { return Vec::new() };
            let word = |b: &[u8]| i64::from_le_bytes(b.try_into().unwrap()) as u32;
            view.data().chunks(8).map(word).collect()
        };
        let floats = tensors.iter().filter(|(_, view)| view.dtype() == Dtype::F32);
        let float = |b: &[u8]| f32::from_le_bytes(b.try_into().unwrap());
        let floats = floats
            .map(|(name, view)| (name.to_owned(), view.data().chunks(4).map(float).collect()));
        Self {
            floats: floats.collect(),
            lengths: whole("lengths").into_iter().map(|length| length as usize).collect(),
            ids: whole("ids"),
            types: whole("types"),
        }
    }

    pub(crate) fn rows(&self) -> Vec<TokenRow<'_>> {
        let mut first = 0;
        let row = |length: &usize| {
            let range = first..first + length;
            first = range.end;
            let types = if self.types.is_empty() { &[][..] } else { &self.types[range.clone()] };
            TokenRow { ids: &self.ids[range], types }
        };
        self.lengths.iter().map(row).collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&[f32]> {
        self.floats.get(name).map(Vec::as_slice)
    }

    /// The names that begin with `start`, without it.
    pub(crate) fn below<'a>(&'a self, start: &'a str) -> impl Iterator<Item = &'a str> {
        self.floats.keys().filter_map(move |name| name.strip_prefix(start))
    }
}

pub(crate) fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[track_caller]
pub(crate) fn assert_close(what: &str, ours: &[f32], theirs: &[f32], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}: sizes differ");
    assert!(!ours.is_empty(), "{what}: nothing to compare");
    let scale = theirs.iter().fold(1.0_f64, |largest, value| largest.max(f64::from(value.abs())));
    for (index, (a, b)) in ours.iter().zip(theirs).enumerate() {
        let close = (f64::from(*a) - f64::from(*b)).abs() <= tolerance * scale;
        assert!(close, "{what}[{index}]: ours {a}, expected {b} (scale {scale})");
    }
}

/// A case in a directory of its own, its folders too.
pub(crate) fn copy_of(case: &str) -> TempDir {
    let copy = TempDir::new().unwrap();
    copy_folder(&folder(case), copy.path());
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Shape and values of the float tensors of a file.
pub(crate) type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Rewrites the tensors of `model.safetensors` in `folder`.
pub(crate) fn edit_tensors(folder: &Path, edit: impl FnOnce(&mut Tensors)) {
    let path = folder.join("model.safetensors");
    let mut tensors = read_tensors(&path);
    edit(&mut tensors);
    let views = tensors.iter().map(|(name, (shape, values))| {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        (name.clone(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
}

pub(crate) fn read_tensors(path: &Path) -> Tensors {
    let bytes = std::fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let float = |b: &[u8]| f32::from_le_bytes(b.try_into().unwrap());
    let own = |(name, view): (&str, TensorView<'_>)| {
        let values = view.data().chunks(4).map(float).collect();
        (name.to_owned(), (view.shape().to_vec(), values))
    };
    tensors.iter().map(own).collect()
}

/// Sets a key of a JSON file that holds an object.
pub(crate) fn set_key(file: &Path, key: &str, value: serde_json::Value) {
    let mut json = read_json(file);
    json[key] = value;
    std::fs::write(file, json.to_string()).unwrap();
}

pub(crate) fn read_json(file: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}
