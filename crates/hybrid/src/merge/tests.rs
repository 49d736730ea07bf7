use std::path::Path;

use hybrid_model::weights;
use hybrid_testing::models;

use super::*;

fn tensor(shape: &[usize], values: &[f32]) -> MergeTensor {
    MergeTensor { shape: shape.to_vec(), values: values.to_vec() }
}

fn set(values: &[f32]) -> NamedTensors {
    [("w".to_owned(), tensor(&[values.len()], values))].into()
}

fn values(tensors: &NamedTensors) -> Vec<f32> {
    tensors.get("w").expect("the tensor").values.clone()
}

fn message<T: std::fmt::Debug>(result: Result<T, MergeError>) -> String {
    let error = result.expect_err("a mistake");
    assert!(error.is_bad_input());
    error.to_string()
}

#[test]
fn the_mean_of_equal_weights_is_the_mean() {
    let (a, b) = (set(&[1.0, -2.0, 0.5]), set(&[3.0, 2.0, 0.25]));
    let mean = average(&[(1.0, &a), (1.0, &b)]).expect("a mean");
    assert_eq!(values(&mean), [2.0, 0.0, 0.375]);
}

#[test]
fn weights_are_divided_by_their_sum() {
    let (a, b) = (set(&[1.0]), set(&[5.0]));
    assert_eq!(values(&average(&[(3.0, &a), (1.0, &b)]).expect("a mean")), [2.0]);
    assert_eq!(values(&average(&[(0.75, &a), (0.25, &b)]).expect("a mean")), [2.0]);
    // Task arithmetic: b + (b − a).
    assert_eq!(values(&average(&[(-1.0, &a), (2.0, &b)]).expect("a mean")), [9.0]);
}

#[test]
fn one_set_alone_is_unchanged_to_the_bit() {
    let odd = set(&[0.1, -0.0, f32::MIN_POSITIVE, f32::MAX, 1.0e-42]);
    let same = average(&[(0.3, &odd), (0.7, &odd), (1.1, &odd)]).expect("a mean");
    let bits = |tensors: &NamedTensors| -> Vec<u32> {
        values(tensors).iter().map(|value| value.to_bits()).collect()
    };
    let positive_zero = |bits: Vec<u32>| -> Vec<u32> {
        bits.into_iter().map(|bits| if bits == 1 << 31 { 0 } else { bits }).collect()
    };
    assert_eq!(positive_zero(bits(&same)), positive_zero(bits(&odd)));
}

#[test]
fn sums_do_not_lose_small_parts() {
    // In f32, 1e8 + 1 is 1e8.
    let sets = [set(&[1e8]), set(&[1.0]), set(&[-1e8]), set(&[1.0])];
    let mean = average(&sets.each_ref().map(|set| (1.0, set))).expect("a mean");
    assert_eq!(values(&mean), [0.5]);
}

#[test]
fn sets_that_do_not_fit_are_refused() {
    let a = set(&[1.0, 2.0]);
    let both = |b: &NamedTensors| message(average(&[(1.0, &a), (1.0, b)]));
    insta::assert_snapshot!(both(&set(&[1.0])), @"`w` of model 2 has shape [1] (1 values), that of model 1 [2]; only copies of one model merge");
    insta::assert_snapshot!(both(&[("w".to_owned(), tensor(&[1, 2], &[1.0, 2.0]))].into()), @"`w` of model 2 has shape [1, 2] (2 values), that of model 1 [2]; only copies of one model merge");
    insta::assert_snapshot!(both(&[("w".to_owned(), tensor(&[2], &[1.0]))].into()), @"`w` of model 2 has shape [2] (1 values), that of model 1 [2]; only copies of one model merge");
    insta::assert_snapshot!(both(&NamedTensors::new()), @"model 2 lacks `w`, which model 1 has; only copies of one model merge");
    insta::assert_snapshot!(both(&[a.clone(), [("v".to_owned(), tensor(&[1], &[1.0]))].into()]
        .into_iter().flatten().collect()), @"model 2 has `v`, which model 1 lacks; only copies of one model merge");
    insta::assert_snapshot!(both(&set(&[1.0, f32::NAN])), @"`w` of model 2 holds NaN or infinity; leave that model out");
    insta::assert_snapshot!(message(average(&[(1.0, &set(&[f32::INFINITY]))])), @"`w` of model 1 holds NaN or infinity; leave that model out");
    insta::assert_snapshot!(message(average(&[(f64::NAN, &a)])), @"the weight NaN is not a finite number");
    insta::assert_snapshot!(message(average(&[(1.0, &a), (-1.0, &a)])), @"the weights add up to 0, so there is no mean; change one");
    insta::assert_snapshot!(message(average(&[])), @"there is nothing to merge: give at least one checkpoint or model folder");
}

#[test]
fn a_refused_set_leaves_the_sum_alone() {
    let mut average = Average::default();
    average.add(1.0, &set(&[1.0])).expect("a set");
    average.add(1.0, &set(&[f32::NAN])).expect_err("NaN");
    average.add(1.0, &set(&[3.0])).expect("a set");
    assert_eq!(values(&average.finish().expect("a mean")), [2.0]);
}

#[test]
fn the_moving_average_is_the_weighted_sum_of_its_definition() {
    let decay = 0.9_f64;
    let inputs = [0.5_f32, -1.0, 2.0, 0.25, 7.0];
    let mut ema = Ema::new(decay, set(&inputs[..1])).expect("an average");
    for value in &inputs[1..] {
        ema.update(&set(&[*value])).expect("a set");
    }
    // d^(n−1)·x₀ + Σ (1 − d)·d^(n−1−i)·xᵢ.
    let last = inputs.len() - 1;
    let term = |(i, x): (usize, &f32)| {
        let share = if i == 0 { 1.0 } else { 1.0 - decay };
        share * decay.powi((last - i) as i32) * f64::from(*x)
    };
    let expected: f64 = inputs.iter().enumerate().map(term).sum();
    let found = f64::from(values(ema.average())[0]);
    assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
}

#[test]
fn the_moving_average_goes_on_from_what_was_saved() {
    let step = |i: usize| set(&[(i as f32 * 0.37).sin(), i as f32]);
    let run = |from: Ema, steps: std::ops::Range<usize>| {
        steps.fold(from, |mut ema, i| {
            ema.update(&step(i)).expect("a set");
            ema
        })
    };
    let whole = run(Ema::new(0.99, step(0)).expect("an average"), 1..50);
    let half = run(Ema::new(0.99, step(0)).expect("an average"), 1..20);
    let resumed = Ema::new(0.99, half.average().clone()).expect("an average");
    assert_eq!(run(resumed, 20..50), whole);
}

#[test]
fn moving_averages_out_of_range_are_refused() {
    for decay in [0.0, 1.0, -0.1, f64::NAN] {
        message(Ema::new(decay, set(&[1.0])));
    }
    let mut ema = Ema::new(0.5, set(&[1.0])).expect("an average");
    message(ema.update(&set(&[1.0, 2.0])));
    message(ema.update(&set(&[f32::NAN])));
    assert_eq!(values(ema.average()), [1.0]);
}

#[test]
fn folders_merge_to_a_model() {
    let base = tempfile::tempdir().expect("a folder");
    let (model, output) = (base.path().join("model"), base.path().join("merged"));
    let device = burn::tensor::Device::flex();
    std::fs::create_dir(&model).expect("a folder");
    models::write(&model, "llama", 7, &device);
    let first = read_folder(&model).expect("a model");
    let doubled: NamedTensors = first
        .iter()
        .map(|(name, tensor)| {
            let values = tensor.values.iter().map(|value| value * 3.0).collect();
            (name.clone(), MergeTensor { shape: tensor.shape.clone(), values })
        })
        .collect();
    let other = base.path().join("other");
    copy_with(&model, &other, &doubled);
    merge_folders(&[model.clone(), other], None, &output).expect("a merged model");
    for (name, tensor) in read_folder(&output).expect("the merged model") {
        let values = &first.get(&name).expect("the same names").values;
        for (found, value) in tensor.values.iter().zip(values) {
            assert!((found - value * 2.0).abs() <= 1e-6 * value.abs(), "{name}");
        }
    }
    assert!(output.join("tokenizer.json").is_file());
    let merged = weights::Checkpoint::open(&output).expect("a model folder");
    weights::load(&merged, &device).expect("a model that loads");
    assert!(matches!(
        merge_folders(std::slice::from_ref(&model), None, &output),
        Err(MergeError::NotEmpty { .. })
    ));
    let fresh = base.path().join("fresh");
    let counted = merge_folders(std::slice::from_ref(&model), Some(&[1.0, 2.0]), &fresh);
    insta::assert_snapshot!(message(counted), @"2 weights for 1 models; give one for each, or none for equal ones");
}

fn copy_with(from: &Path, to: &Path, tensors: &NamedTensors) {
    use crate::checkpoint::{SavedData, SavedTensor, write_tensors};
    std::fs::create_dir(to).expect("a folder");
    std::fs::copy(from.join("config.json"), to.join("config.json")).expect("a file");
    let saved = tensors.iter().map(|(name, tensor)| {
        let data = SavedData::F32(tensor.values.clone());
        (name.clone(), SavedTensor { shape: tensor.shape.clone(), data })
    });
    write_tensors(&to.join("model.safetensors"), &saved.collect()).expect("weights");
}
