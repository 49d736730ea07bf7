mod bad_input;
mod gguf_models;
mod round_trip;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;
use tempfile::TempDir;

use super::{Checkpoint, WeightsError, load};
use crate::decoder::Decoder;

fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden").join(path)
}

/// The tiny checkpoints of every family, by name.
fn models() -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(golden("models")).unwrap();
    let mut models: Vec<(String, PathBuf)> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(_, path)| path.join("config.json").exists())
        .collect();
    models.sort();
    assert!(models.len() > 20, "only {} golden models found", models.len());
    models
}

fn try_load(path: &Path) -> Result<Decoder, WeightsError> {
    load(&Checkpoint::open(path)?, &Device::flex())
}

/// The files of a golden model in a directory of their own.
fn copy_of(model: &str) -> TempDir {
    let copy = TempDir::new().unwrap();
    for entry in std::fs::read_dir(golden("models").join(model)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The tensors of one safetensors file.
type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

fn read_tensors(path: &Path) -> Tensors {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let own = |(name, view): (String, TensorView<'_>)| {
        (name, (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
    };
    file.tensors().into_iter().map(own).collect()
}

fn write_tensors(path: &Path, tensors: &Tensors) {
    let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
        (name.clone(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}
