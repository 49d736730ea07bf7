use std::collections::{BTreeMap, HashMap};

use burn::tensor::Device;
use hybrid_data::batch::{Padding, TokenBatch};
use hybrid_data::encode::Encoded;
use hybrid_data::pack::{Overlong, PackPlan, Packed};
use hybrid_model::decoder::Part;
use hybrid_model::input::TokenInput;
use hybrid_model::weights::{self, Checkpoint};
use hybrid_testing::fixtures::{golden, golden_json};
use hybrid_testing::{PYTORCH, assert_close, models};
use serde_json::Value;

use super::*;

type Named = BTreeMap<String, Vec<f32>>;

const VARIANTS: [SftConfig; 3] = [
    SftConfig { label_smoothing: 0.0, z_loss_coef: 0.0 },
    SftConfig { label_smoothing: 0.1, z_loss_coef: 0.0 },
    SftConfig { label_smoothing: 0.2, z_loss_coef: 0.01 },
];

fn training() -> Device {
    Device::flex().autodiff()
}

/// The value and the gradients of a loss.
fn measured(decoder: &Decoder, losses: &[SftLoss]) -> (f32, Named) {
    let total = losses.iter().map(|loss| loss.total.clone()).reduce(|a, b| a + b).unwrap();
    let value = total.clone().into_data().iter::<f32>().next().unwrap();
    (value, decoder.gradients(&total.backward()))
}

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

fn golden_batches(model: &Value) -> Vec<TokenBatch> {
    let ints = |value: &Value| -> Vec<usize> {
        value.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect()
    };
    let batch = |value: &Value| {
        let lengths = ints(&value["lengths"]);
        let rows = value["ids"].as_array().unwrap().iter();
        let ids: Vec<Vec<usize>> = rows.map(ints).collect();
        let counts = value["counts"].as_array().unwrap().iter();
        let flags = counts.flat_map(|row| row.as_array().unwrap());
        TokenBatch {
            width: ids[0].len(),
            ids: ids.concat().into_iter().map(|id| id as u32).collect(),
            loss_mask: flags.map(|flag| flag.as_bool().unwrap()).collect(),
            lengths,
            pad_id: 0,
        }
    };
    model.as_array().unwrap().iter().map(batch).collect()
}

/// PyTorch's updates, written out: SGD, and AdamW with decoupled decay (Loshchilov and Hutter 2019).
struct Updater<'a> {
    settings: &'a Value,
    moments: HashMap<String, Vec<(f64, f64)>>,
    step: i32,
}

impl Updater<'_> {
    fn update(&mut self, values: &mut Named, gradients: &Named) {
        self.step += 1;
        for (name, gradient) in gradients {
            let values = values.get_mut(name).unwrap();
            let moments = self.moments.entry(name.clone()).or_default();
            moments.resize(values.len(), (0.0, 0.0));
            for ((value, gradient), moments) in values.iter_mut().zip(gradient).zip(moments) {
                *value = self.settings.updated(*value, f64::from(*gradient), moments, self.step);
            }
        }
    }
}

trait Settings {
    fn updated(&self, value: f32, gradient: f64, moments: &mut (f64, f64), step: i32) -> f32;
}

impl Settings for Value {
    fn updated(&self, value: f32, gradient: f64, moments: &mut (f64, f64), step: i32) -> f32 {
        let value = f64::from(value);
        let lr = self["lr"].as_f64().unwrap();
        let Some(betas) = self["betas"].as_array() else { return (value - lr * gradient) as f32 };
        let betas = [betas[0].as_f64().unwrap(), betas[1].as_f64().unwrap()];
        moments.0 = betas[0] * moments.0 + (1.0 - betas[0]) * gradient;
        moments.1 = betas[1] * moments.1 + (1.0 - betas[1]) * gradient * gradient;
        let first = moments.0 / (1.0 - betas[0].powi(step));
        let second = moments.1 / (1.0 - betas[1].powi(step));
        let decayed = value * (1.0 - lr * self["weight_decay"].as_f64().unwrap());
        (decayed - lr * first / (second.sqrt() + self["eps"].as_f64().unwrap())) as f32
    }
}

#[test]
fn twenty_steps_equal_pytorch() {
    let golden_file = golden_json("sft.json");
    let runs = golden_file["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 16, "two models, four losses, two optimizers");
    for run in runs {
        let model = run["model"].as_str().unwrap();
        let batches = golden_batches(&golden_file["batches"][model]);
        let config = SftConfig {
            label_smoothing: run["label_smoothing"].as_f64().unwrap(),
            z_loss_coef: run["z_loss_coef"].as_f64().unwrap(),
        };
        let settings = &golden_file["optimizers"][run["optimizer"].as_str().unwrap()];
        let mut updater = Updater { settings, moments: HashMap::new(), step: 0 };
        let checkpoint = Checkpoint::open(&golden("models").join(model)).unwrap();
        let mut decoder = weights::load(&checkpoint, &training()).unwrap();
        let (mut losses, mut nlls, mut norms) = (Vec::new(), Vec::new(), Vec::new());
        for batch in batches.iter().cycle().take(20) {
            let made = loss(&decoder, batch, &config, batch.target_count() as f64).unwrap();
            let stats = SftStats::read(std::slice::from_ref(&made)).unwrap();
            let (total, gradients) = measured(&decoder, &[made]);
            assert!((stats.loss(&config) - f64::from(total)).abs() < 1e-5);
            losses.push(total);
            nlls.push(stats.nll() as f32);
            let squares = gradients.values().flatten().map(|g| f64::from(*g).powi(2));
            norms.push(squares.sum::<f64>().sqrt() as f32);
            let mut values = decoder.values();
            updater.update(&mut values, &gradients);
            let values = values.into_iter().collect();
            decoder = Decoder::from_values(decoder.config(), values, &training());
        }
        // Absolute: losses below 1 are compared as closely.
        for (ours, theirs) in [(&losses, &run["losses"]), (&nlls, &run["nlls"])] {
            for (step, (a, b)) in ours.iter().zip(floats(theirs)).enumerate() {
                assert!((a - b).abs() < 1e-4, "{model} {config:?} step {step}: {a} and {b}");
            }
        }
        assert_close(&norms, &floats(&run["grad_norms"]), 10.0 * PYTORCH);
    }
}

/// Examples of unequal length with gaps in what counts.
fn examples() -> Vec<Encoded> {
    let example = |seed: u32, length: u32| {
        let ids: Vec<u32> = (0..length).map(|i| (seed * 37 + i * i * 11 + i) % 256).collect();
        let loss_mask = (0..length).map(|i| i > length / 3 && i % 5 != 0).collect();
        Encoded { ids, loss_mask }
    };
    [(1, 12), (2, 5), (3, 20), (4, 9), (5, 3), (6, 16), (7, 7), (8, 11)]
        .map(|(seed, length)| example(seed, length))
        .to_vec()
}

fn collated(examples: &[Encoded], pad_id: u32) -> TokenBatch {
    let examples: Vec<&Encoded> = examples.iter().collect();
    TokenBatch::collate(&examples, Padding { pad_id, multiple_of: 1 }).unwrap()
}

/// A tiny model with larger weights than a fresh one, whose tokens are all nearly as probable.
fn tiny(model_type: &str) -> Decoder {
    let decoder = models::tiny(model_type, 5, &training());
    let mut values = decoder.values();
    for (name, values) in &mut values {
        if !name.contains("norm") {
            values.iter_mut().for_each(|value| *value *= 12.0);
        }
    }
    Decoder::from_values(decoder.config(), values.into_iter().collect(), &training())
}

#[track_caller]
fn assert_same(ours: &(f32, Named), expected: &(f32, Named)) {
    assert!((ours.0 - expected.0).abs() < 1e-5, "{} and {}", ours.0, expected.0);
    assert!(ours.0.is_finite() && ours.0 > 0.1);
    assert_eq!(ours.1.len(), expected.1.len());
    for (name, gradient) in &expected.1 {
        assert_close(&ours.1[name], gradient, 1e-5);
    }
    assert!(expected.1.values().flatten().any(|gradient| gradient.abs() > 1e-3));
}

#[test]
fn one_micro_batch_of_eight_equals_eight_of_one() {
    for model_type in ["gpt2", "llama"] {
        let decoder = tiny(model_type);
        let examples = examples();
        let whole = collated(&examples, 0);
        let tokens = whole.target_count() as f64;
        for config in &VARIANTS {
            let together = loss(&decoder, &whole, config, tokens).unwrap();
            let apart: Vec<SftLoss> = examples
                .iter()
                .rev()
                .map(|example| {
                    let batch = collated(std::slice::from_ref(example), 0);
                    loss(&decoder, &batch, config, tokens).unwrap()
                })
                .collect();
            let (one, eight) =
                (SftStats::read(std::slice::from_ref(&together)), SftStats::read(&apart));
            let (one, eight) = (one.unwrap(), eight.unwrap());
            assert_eq!(one.tokens, eight.tokens);
            assert!((one.loss(config) - eight.loss(config)).abs() < 1e-5);
            assert_same(&measured(&decoder, &apart), &measured(&decoder, &[together]));
        }
    }
}

#[test]
fn packed_rows_equal_padded_ones() {
    for model_type in ["gpt2", "llama"] {
        let decoder = tiny(model_type);
        let examples = examples();
        let lengths: Vec<usize> = examples.iter().map(|example| example.ids.len()).collect();
        let plan = PackPlan::best_fit(&lengths, 32, Overlong::Refuse).unwrap();
        let rows: Vec<usize> = (0..plan.rows.len()).collect();
        let padding = Padding { pad_id: 0, multiple_of: 8 };
        let packed = Packed::collate(&plan, &rows, &examples, padding).unwrap();
        assert!(packed.rows() < examples.len());
        for config in &VARIANTS {
            let tokens = packed.target_count() as f64;
            let packed = loss(&decoder, &packed, config, tokens).unwrap();
            let padded = loss(&decoder, &collated(&examples, 0), config, tokens).unwrap();
            assert_eq!(packed.tokens, padded.tokens);
            assert_same(&measured(&decoder, &[packed]), &measured(&decoder, &[padded]));
        }
    }
}

#[test]
fn nan_in_the_padding_stays_there() {
    let pad_id = 257;
    for model_type in ["gpt2", "llama"] {
        let decoder = tiny(model_type);
        let width = decoder.config().embedding_size;
        // Untied, the head's row of the padding token would be part of every softmax.
        let mut config = decoder.config().clone();
        config.tie_embeddings = false;
        let mut values = decoder.values();
        values.insert("head".to_owned(), values["token_embedding"].clone());
        let clean =
            Decoder::from_values(&config, values.clone().into_iter().collect(), &training());
        let table = values.get_mut("token_embedding").unwrap();
        table[pad_id as usize * width..][..width].fill(f32::NAN);
        let broken = Decoder::from_values(&config, values.into_iter().collect(), &training());
        let batch = collated(&examples(), pad_id);
        let tokens = batch.target_count() as f64;
        for config in &VARIANTS {
            let expected = measured(&clean, &[loss(&clean, &batch, config, tokens).unwrap()]);
            let ours = measured(&broken, &[loss(&broken, &batch, config, tokens).unwrap()]);
            assert_same(&ours, &expected);
        }
    }
}

/// More tokens than are projected at once, from the definition in `f64`.
#[test]
fn the_sums_are_their_definitions() {
    let decoder = tiny("llama");
    let long: Vec<Encoded> = (0..4_u32)
        .map(|row| Encoded {
            ids: (0..110).map(|i| (row * 71 + i * 13) % 256).collect(),
            loss_mask: vec![true; 110],
        })
        .collect();
    let made = loss(&decoder, &collated(&long, 0), &VARIANTS[2], 436.0).unwrap();
    assert_eq!(made.tokens, 4 * 109);
    let stats = SftStats::read(&[made]).unwrap();
    let (mut nll, mut smooth, mut z) = (0.0, 0.0, 0.0);
    for Encoded { ids, .. } in &long {
        let hidden = decoder.hidden(&TokenInput::single(ids, &training()), None);
        let logits: Vec<f32> = decoder.logits(hidden).into_data().iter::<f32>().collect();
        for (row, target) in logits.chunks(258).zip(&ids[1..]) {
            let log_z = row.iter().map(|l| f64::from(*l).exp()).sum::<f64>().ln();
            nll += log_z - f64::from(row[*target as usize]);
            smooth += row.iter().map(|l| log_z - f64::from(*l)).sum::<f64>() / 258.0;
            z += log_z * log_z;
        }
    }
    let close = |ours: f64, theirs: f64| (ours - theirs).abs() < 1e-5 * theirs;
    assert!(close(stats.nll_sum, nll), "{} and {nll}", stats.nll_sum);
    assert!(close(stats.smooth_sum, smooth), "{} and {smooth}", stats.smooth_sum);
    assert!(close(stats.z_sum, z), "{} and {z}", stats.z_sum);
    assert!((stats.perplexity() - (nll / 436.0).exp()).abs() < 1e-2);
}

#[test]
fn a_term_that_is_not_asked_for_is_zero() {
    let decoder = tiny("gpt2");
    let made = loss(&decoder, &collated(&examples(), 0), &VARIANTS[0], 10.0).unwrap();
    let stats = SftStats::read(&[made]).unwrap();
    assert!(stats.nll_sum > 1.0);
    assert_eq!([stats.smooth_sum, stats.z_sum].map(f64::to_bits), [0.0_f64; 2].map(f64::to_bits));
    let mut sum = SftStats::default();
    assert!(sum.nll().is_nan());
    sum.add(&stats);
    sum.add(&stats);
    assert!((sum.nll() - stats.nll()).abs() < 1e-12 && sum.tokens == 2 * stats.tokens);
    assert_eq!(SftStats::read(&[]).unwrap(), SftStats::default());
}

#[test]
fn batches_that_cannot_be_learnt_from_are_refused() {
    let decoder = tiny("gpt2");
    let batch = |ids: Vec<u32>, counts: bool| {
        let loss_mask = vec![counts; ids.len()];
        collated(&[Encoded { ids, loss_mask }], 0)
    };
    let error = |batch: &TokenBatch, normaliser: f64| {
        let error = loss(&decoder, batch, &VARIANTS[1], normaliser).unwrap_err();
        assert!(error.is_bad_input());
        error.to_string()
    };
    let none = error(&batch(vec![7, 8, 9], false), 1.0);
    assert!(none.starts_with("no token of this batch counts") && none.contains("[7, 8]"), "{none}");
    assert_eq!(
        error(&batch(vec![7, 258, 9], true), 1.0),
        "row 0 of the batch, counted from 0, holds token 258, but the model has only 258: the \
         tokenizer belongs to another model"
    );
    assert!(error(&batch(vec![7, 258], true), 1.0).contains("token 258"), "as a target too");
    assert_eq!(
        error(&batch(vec![1; 130], true), 1.0),
        "an example of the batch has 130 tokens, but the model reads at most 128 before the last; \
         set `max_length` to at most 129"
    );
    assert!(loss(&decoder, &batch(vec![1; 129], true), &VARIANTS[1], 1.0).is_ok());
    for normaliser in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-300] {
        let message = error(&batch(vec![1, 2], true), normaliser);
        assert!(message.contains("`normaliser`"), "{message}");
    }
    let config = SftConfig { label_smoothing: 1.5, ..SftConfig::default() };
    assert!(loss(&decoder, &batch(vec![1, 2], true), &config, 1.0).is_err());
}

/// As [`measured`], of a pass that keeps what each block read.
fn measured_again(decoder: &Decoder, batch: SftBatch, config: &SftConfig) -> (f32, Named) {
    let tokens = batch.tokens() as f64;
    let (made, trace) = traced_loss(decoder, batch, config, tokens, Keeps::BlockInputs).unwrap();
    let value = made.total.clone().into_data().iter::<f32>().next().unwrap();
    let mut gradients = made.total.backward();
    let remaining = trace.remaining(&mut gradients).unwrap();
    let mut named = decoder.gradients(&gradients);
    remaining.backward(decoder, &mut |part| match part {
        Part::Parameters(gradients) => named.extend(decoder.gradients(&gradients)),
        Part::Rows { table, rows, gradient } => {
            let [_, width] = gradient.dims();
            let (rows, gradient) = (rows.into_data(), gradient.into_data());
            let rows: Vec<usize> = rows.iter::<i64>().map(|row| row as usize).collect();
            // Tied: the head's gradient is there already.
            let sum = named.get_mut(table).unwrap();
            for (index, value) in gradient.iter::<f32>().enumerate() {
                sum[rows[index / width] * width + index % width] += value;
            }
        }
    });
    (value, named)
}

#[test]
fn a_pass_that_keeps_little_has_the_same_loss_and_gradients() {
    for model_type in ["gpt2", "llama"] {
        let decoder = tiny(model_type);
        let examples = examples();
        let lengths: Vec<usize> = examples.iter().map(|example| example.ids.len()).collect();
        let plan = PackPlan::best_fit(&lengths, 32, Overlong::Refuse).unwrap();
        let rows: Vec<usize> = (0..plan.rows.len()).collect();
        let packed = Packed::collate(&plan, &rows, &examples, Padding::default()).unwrap();
        for batch in [SftBatch::from(&packed), SftBatch::from(&collated(&examples, 0))] {
            for config in &VARIANTS {
                let tokens = batch.tokens() as f64;
                let plain = loss(&decoder, batch.clone(), config, tokens).unwrap();
                let ours = measured_again(&decoder, batch.clone(), config);
                assert_same(&ours, &measured(&decoder, &[plain]));
            }
        }
    }
}
