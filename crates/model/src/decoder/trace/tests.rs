use std::collections::BTreeMap;

use burn::tensor::Device;

use super::*;
use crate::decoder::tests::{load, models, name};
use crate::input::{Rows, int_tensor};
use crate::value::ValueHead;

type Named = BTreeMap<String, Vec<f32>>;

/// Largest difference in a gradient, relative to the largest value of its tensor: the order in which
/// the rows of a table are added up, nothing else.
const TOLERANCE: f32 = 1e-6;

fn device() -> Device {
    Device::flex().autodiff()
}

/// Two rows of nine tokens, of which some repeat.
fn ids(decoder: &Decoder) -> Vec<u32> {
    let vocabulary = decoder.config().vocab_size as u32;
    (0..18_u32).map(|i| (i * i * 7 + 3) % vocabulary.min(13)).collect()
}

fn layouts() -> [Rows; 2] {
    let segments = [[0, 0, 0, 1, 1, 1, 1, 2, 2], [0, 1, 1, 1, 1, 1, 1, 1, 1]].concat();
    [Rows::RightPadded, Rows::Packed { segments }]
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// A loss of log-probabilities, with entropies, and of values, of some of the states.
fn loss(decoder: &Decoder, values: &ValueHead, hidden: Tensor<3>) -> Tensor<1> {
    let [b, t, e] = hidden.dims();
    let places = int_tensor(&[0, 4, 5, 8, 13, 14], [6], &hidden.device());
    let targets = int_tensor(&[1, 2, 3, 1, 5, 0], [6], &hidden.device());
    let states: Tensor<2> = hidden.reshape([b * t, e]).select(0, places);
    let options = crate::ops::LogprobOptions { entropy: true, ..Default::default() };
    let said = decoder.token_logprobs_with(states.clone(), targets, &options);
    let entropy = said.entropy.unwrap().sum();
    values.values(states).square().sum() - said.logprobs.mean() - entropy * 0.01
}

fn value_head(decoder: &Decoder) -> ValueHead {
    let width = decoder.config().embedding_size;
    let weight = (0..width).map(|i| (i % 5) as f32 / 7.0 - 0.2).collect();
    let stored = BTreeMap::from([("weight".to_owned(), weight), ("bias".to_owned(), vec![0.3])]);
    ValueHead::from_values(width, stored, &device()).unwrap()
}

/// The loss, and the gradients of every parameter by its path, parts added up.
fn measured(decoder: &Decoder, rows: &Rows, keeps: Keeps) -> (f32, Named) {
    let input = TokenInput::new(&ids(decoder), [2, 9], rows.clone(), &device());
    let (hidden, trace) = decoder.hidden_traced(&input, keeps);
    let loss = loss(decoder, &value_head(decoder), hidden);
    let value = floats(loss.clone())[0];
    let mut gradients = loss.backward();
    let remaining = trace.remaining(&mut gradients);
    assert_eq!(remaining.is_some(), keeps == Keeps::BlockInputs);
    let mut sums = decoder.gradients(&gradients);
    let mut parts = 0;
    let mut take = |part: Part| match part {
        Part::Parameters(gradients) => {
            parts += 1;
            for (path, values) in decoder.gradients(&gradients) {
                assert!(sums.insert(path.clone(), values).is_none(), "`{path}` came twice");
            }
        }
        Part::Rows { table, rows, gradient } => {
            let [_, width] = gradient.dims();
            let sum = sums
                .entry(table.to_owned())
                .or_insert_with(|| vec![0.0; decoder.config().vocab_size * width]);
            let rows = rows.into_data();
            for (row, values) in rows.iter::<i64>().zip(floats(gradient).chunks(width)) {
                let own = &mut sum[row as usize * width..][..width];
                own.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
        }
    };
    if let Some(remaining) = remaining {
        remaining.backward(decoder, &mut take);
        assert_eq!(parts, decoder.config().layers.len() + 1, "one part a block, and one below");
    }
    (value, sums)
}

#[test]
fn gradients_are_those_of_a_pass_that_keeps_everything() {
    for model in models() {
        let decoder = load(&model, &device());
        for rows in layouts() {
            let (value, expected) = measured(&decoder, &rows, Keeps::Everything);
            let (again, found) = measured(&decoder, &rows, Keeps::BlockInputs);
            let what = format!("{} {rows:?}", name(&model));
            assert!((value - again).abs() <= TOLERANCE * value.abs(), "{what}: {value}, {again}");
            let paths: Vec<&String> = expected.keys().collect();
            assert_eq!(found.keys().collect::<Vec<_>>(), paths, "{what}");
            assert_eq!(paths.len(), decoder.values().len(), "{what}: every parameter has one");
            for (path, expected) in &expected {
                let found = &found[path];
                let scale = expected.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
                for (index, (a, b)) in found.iter().zip(expected).enumerate() {
                    let close = (a - b).abs() <= TOLERANCE * scale;
                    assert!(close, "{what} {path}[{index}]: {a}, expected {b}");
                }
            }
        }
    }
}

#[test]
fn the_same_pass_twice_gives_the_same_bits() {
    let model = models().into_iter().find(|model| name(model) == "gpt2").unwrap();
    let decoder = load(&model, &device());
    let first = measured(&decoder, &Rows::RightPadded, Keeps::BlockInputs);
    assert_eq!(first, measured(&decoder, &Rows::RightPadded, Keeps::BlockInputs));
}

#[test]
fn a_loss_that_does_not_reach_the_states_leaves_nothing_to_do() {
    let model = models().into_iter().next().unwrap();
    let decoder = load(&model, &device());
    let input = TokenInput::new(&ids(&decoder), [2, 9], Rows::RightPadded, &device());
    let (hidden, trace) = decoder.hidden_traced(&input, Keeps::BlockInputs);
    let values = value_head(&decoder);
    let [b, t, e] = hidden.dims();
    let mut gradients = values.values(hidden.detach().reshape([b * t, e])).sum().backward();
    assert!(trace.remaining(&mut gradients).is_none());
}

#[test]
fn a_decoder_without_gradients_keeps_nothing() {
    let model = models().into_iter().next().unwrap();
    let decoder = load(&model, &Device::flex());
    let input = TokenInput::new(&ids(&decoder), [2, 9], Rows::RightPadded, &Device::flex());
    let (hidden, trace) = decoder.hidden_traced(&input, Keeps::BlockInputs);
    assert!(trace.0.is_none());
    assert_eq!(floats(hidden), floats(decoder.hidden(&input, None)));
}

#[test]
fn a_frozen_embedding_gets_no_gradient() {
    let model = models().into_iter().find(|model| name(model) == "gpt2").unwrap();
    let mut decoder = load(&model, &device());
    let rows = Rows::RightPadded;
    let (_, expected) = measured(&decoder, &rows, Keeps::BlockInputs);
    decoder.token_embedding = decoder.token_embedding.set_require_grad(false);
    let (_, found) = measured(&decoder, &rows, Keeps::BlockInputs);
    assert!(expected.contains_key("token_embedding"));
    assert!(!found.contains_key("token_embedding"));
    assert_eq!(found["blocks.0.mlp.up.weight"], expected["blocks.0.mlp.up.weight"]);
    assert_eq!(found["position_embedding"], expected["position_embedding"]);
}

#[test]
fn what_is_kept_is_one_state_a_block() {
    let model = models().into_iter().next().unwrap();
    let decoder = load(&model, &device());
    let input = TokenInput::new(&ids(&decoder), [2, 9], Rows::RightPadded, &device());
    let (_, trace) = decoder.hidden_traced(&input, Keeps::BlockInputs);
    let Kept { read, last, .. } = trace.0.unwrap();
    let width = decoder.config().hidden_size;
    assert_eq!(read.len(), decoder.config().layers.len());
    for state in &read {
        assert_eq!(state.dims(), [2, 9, width]);
        assert!(!state.is_autodiff(), "a graph would keep more");
    }
    assert!(last.is_require_grad());
}
