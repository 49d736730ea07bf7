use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use safetensors::SafeTensors;

use super::*;
use crate::input::{Rows, TokenInput};
use crate::weights::{self, Checkpoint};

/// Largest difference from PyTorch allowed in logits and gradients, relative to the largest value
/// of the tensor where that exceeds 1.
const TOLERANCE: f32 = 1e-4;

pub(super) fn models() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/models");
    let mut models: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("expected.safetensors").exists())
        .collect();
    models.sort();
    assert!(models.len() >= 20, "only {} golden models found", models.len());
    models
}

/// The reference outputs of one model.
struct Expected {
    bytes: Vec<u8>,
    json: serde_json::Value,
}

impl Expected {
    fn of(model: &Path) -> Self {
        let json = std::fs::read(model.join("expected.json")).unwrap();
        Self {
            bytes: std::fs::read(model.join("expected.safetensors")).unwrap(),
            json: serde_json::from_slice(&json).unwrap(),
        }
    }

    fn names(&self) -> Vec<String> {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        tensors.names().iter().map(|name| (*name).to_owned()).collect()
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = tensors.tensor(name).unwrap();
        view.data().chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    }

    fn ids(&self, name: &str) -> (Vec<u32>, [usize; 2]) {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = tensors.tensor(name).unwrap();
        let word = |b: &[u8]| i64::from_le_bytes(b.try_into().unwrap()) as u32;
        let shape = view.shape();
        (view.data().chunks(8).map(word).collect(), [shape[0], shape[1]])
    }

    fn lengths(&self) -> Vec<usize> {
        let lengths = self.json["lengths"].as_array().unwrap();
        lengths.iter().map(|length| length.as_u64().unwrap() as usize).collect()
    }
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[track_caller]
fn assert_close(what: &str, ours: &[f32], theirs: &[f32]) {
    assert_eq!(ours.len(), theirs.len(), "{what}: sizes differ");
    let scale = theirs.iter().fold(1.0_f32, |largest, value| largest.max(value.abs()));
    for (index, (a, b)) in ours.iter().zip(theirs).enumerate() {
        let close = (a - b).abs() <= TOLERANCE * scale;
        assert!(close, "{what}[{index}]: ours {a}, PyTorch's {b} (scale {scale})");
    }
}

pub(super) fn load(model: &Path, device: &Device) -> Decoder {
    weights::load(&Checkpoint::open(model).unwrap(), device).unwrap()
}

pub(super) fn name(model: &Path) -> String {
    model.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn logits_equal_pytorch() {
    let device = Device::flex();
    for model in models() {
        let (decoder, expected) = (load(&model, &device), Expected::of(&model));
        for (ids, logits) in [("input_ids", "logits"), ("long_ids", "long_logits")] {
            if !expected.names().iter().any(|name| name == ids) {
                continue;
            }
            let (ids, shape) = expected.ids(ids);
            let input = TokenInput::new(&ids, shape, Rows::RightPadded, &device);
            let ours = decoder.logits(decoder.hidden(&input, None));
            assert_close(&name(&model), &floats(ours), &expected.floats(logits));
        }
    }
}

#[test]
fn gradients_of_the_loss_equal_pytorch() {
    let device = Device::flex().autodiff();
    for model in models() {
        let (decoder, expected) = (load(&model, &device), Expected::of(&model));
        let (ids, [b, t]) = expected.ids("input_ids");
        let input = TokenInput::new(&ids, [b, t], Rows::RightPadded, &device);
        let hidden = decoder.hidden(&input, None);
        let [_, _, width] = hidden.dims();
        // Position i predicts token i + 1; what lies beyond a row's length does not count.
        let mut rows: Vec<u32> = Vec::new();
        let mut targets: Vec<u32> = Vec::new();
        for (row, length) in expected.lengths().into_iter().enumerate() {
            for column in 0..length - 1 {
                rows.push((row * t + column) as u32);
                targets.push(ids[row * t + column + 1]);
            }
        }
        let count = rows.len();
        let rows = crate::input::int_tensor(&rows, [count], &device);
        let targets = crate::input::int_tensor(&targets, [count], &device);
        let hidden = hidden.reshape([b * t, width]).select(0, rows);
        let loss = -decoder.token_logprobs(hidden, targets, 1.0).mean();
        let theirs = expected.json["loss"].as_f64().unwrap() as f32;
        assert_close(&format!("{} loss", name(&model)), &floats(loss.clone()), &[theirs]);
        let gradients = decoder.gradients(&loss.backward());
        let stored = weights::save::to_stored(&decoder, &gradients);
        let mut compared = 0;
        for tensor in expected.names() {
            let Some(parameter) = tensor.strip_prefix("grad.") else { continue };
            let what = format!("{} gradient of {parameter}", name(&model));
            let suffix = |own: &String| own == parameter || own.ends_with(&format!(".{parameter}"));
            let ours = stored.iter().find(|(own, _, _)| suffix(own));
            let (_, _, ours) = ours.unwrap_or_else(|| panic!("{what}: we have none"));
            assert_close(&what, ours, &expected.floats(&tensor));
            compared += 1;
        }
        assert_eq!(compared, stored.len(), "{}: every parameter is compared", name(&model));
    }
}

#[test]
fn left_padding_changes_nothing() {
    let device = Device::flex();
    for model in models() {
        let (decoder, expected) = (load(&model, &device), Expected::of(&model));
        let (ids, [b, t]) = expected.ids("left_padded_ids");
        let pads: Vec<usize> = expected.lengths().into_iter().map(|length| t - length).collect();
        let input = TokenInput::new(&ids, [b, t], Rows::LeftPadded { pads }, &device);
        let hidden = decoder.hidden(&input, None).slice_dim(1, t - 1..t);
        let ours = floats(decoder.logits(hidden));
        assert_close(&name(&model), &ours, &expected.floats("left_padded_logits"));
    }
}

#[test]
fn cached_decoding_equals_the_full_forward() {
    let device = Device::flex();
    for model in models() {
        let (decoder, expected) = (load(&model, &device), Expected::of(&model));
        let (ids, [b, t]) = expected.ids("left_padded_ids");
        let pads: Vec<usize> = expected.lengths().into_iter().map(|length| t - length).collect();
        let rows = Rows::LeftPadded { pads };
        let full = TokenInput::new(&ids, [b, t], rows.clone(), &device);
        let full = decoder.hidden(&full, None);
        let mut cache = KvCache::new(decoder.config(), b, t, &device);
        let prompt = 5;
        for (start, end) in std::iter::once((0, prompt)).chain((prompt..t).map(|i| (i, i + 1))) {
            let columns: Vec<u32> =
                (0..b).flat_map(|row| ids[row * t + start..row * t + end].to_vec()).collect();
            let input = TokenInput::new(&columns, [b, end - start], rows.clone(), &device);
            let ours = decoder.hidden(&input, Some(&mut cache));
            let theirs = full.clone().slice_dim(1, start..end);
            // Padding columns differ by design: no counted token reads them.
            for (row, length) in expected.lengths().into_iter().enumerate() {
                let first = (t - length).max(start);
                if first >= end {
                    continue;
                }
                let part = |hidden: &Tensor<3>| {
                    let row = hidden.clone().slice_dim(0, row..row + 1);
                    floats(row.slice_dim(1, first - start..end - start))
                };
                let what = format!("{} row {row} columns {start}..{end}", name(&model));
                assert_close(&what, &part(&ours), &part(&theirs));
            }
        }
    }
}

#[test]
fn packed_rows_equal_their_samples_alone() {
    let device = Device::flex();
    for model in models() {
        let (decoder, expected) = (load(&model, &device), Expected::of(&model));
        let (ids, [_, t]) = expected.ids("input_ids");
        let row = &ids[..t];
        let cut = 4;
        let segments: Vec<u32> = (0..t).map(|i| u32::from(i >= cut)).collect();
        let packed = TokenInput::new(row, [1, t], Rows::Packed { segments }, &device);
        let packed = decoder.hidden(&packed, None);
        for range in [0..cut, cut..t] {
            let alone = TokenInput::single(&row[range.clone()], &device);
            let alone = floats(decoder.hidden(&alone, None));
            let part = floats(packed.clone().slice_dim(1, range));
            assert_close(&name(&model), &part, &alone);
        }
    }
}

#[test]
fn the_parameter_table_is_the_module_tree() {
    for model in models() {
        let decoder = load(&model, &Device::flex());
        let table = crate::family::parameter_map(decoder.config());
        let mut named: Vec<String> = table.iter().map(|s| s.parameter.clone()).collect();
        named.sort();
        assert_eq!(named, decoder.values().into_keys().collect::<Vec<_>>(), "{}", name(&model));
    }
}
