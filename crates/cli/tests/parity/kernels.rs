//! The operations that layers are made of: values and gradients.

use burn::tensor::Tensor;
use hybrid_kernels::embedding::embedding;
use hybrid_kernels::gate::{Activation, activate, gated};
use hybrid_kernels::head::{LogprobOptions, TokenLogprobs, token_logprobs, token_logprobs_within};
use hybrid_kernels::linear::linear;
use hybrid_kernels::lora;
use hybrid_kernels::norm::{NormKind, norm};
use hybrid_kernels::softcap;

use crate::devices::{SAME_WORK, same};
use crate::numbers::{ints, leaf, line, named, tensor, with_gradients};

fn outputs(of: TokenLogprobs) -> Vec<(&'static str, Tensor<1>)> {
    let more = [("entropy", of.entropy), ("log z", of.log_z), ("mean", of.mean_logprob)];
    let more = more.into_iter().filter_map(|(name, output)| Some((name, output?)));
    std::iter::once(("logprob", of.logprobs)).chain(more).collect()
}

const ROWS: usize = 5;
const WIDTH: usize = 9;
const VOCAB: usize = 37;

#[test]
fn head_logprobs() {
    let all = LogprobOptions {
        entropy: true,
        log_z: true,
        mean_logprob: true,
        ..LogprobOptions::default()
    };
    let cases = [
        ("plain", LogprobOptions::default()),
        ("all", all),
        ("hot and capped", LogprobOptions { temperature: 0.7, softcap: Some(2.0), ..all }),
        ("two rows at a time", LogprobOptions { budget: 2 * 4 * VOCAB, ..all }),
    ];
    for (name, options) in cases {
        same(&format!("head, {name}"), SAME_WORK, |device| {
            let (hidden, head) = (leaf(1, ROWS * WIDTH, device), leaf(2, VOCAB * WIDTH, device));
            let targets = ints(&[0, 36, 7, 7, 20], device);
            let told = token_logprobs(
                hidden.clone().reshape([ROWS, WIDTH]),
                head.clone().reshape([VOCAB, WIDTH]),
                targets,
                &options,
            );
            with_gradients(outputs(told), &[("hidden", hidden), ("head", head)], device)
        });
    }
}

#[test]
fn head_logprobs_within_a_set() {
    let options = LogprobOptions { entropy: true, temperature: 1.3, ..LogprobOptions::default() };
    same("head within a set", SAME_WORK, |device| {
        let (hidden, head) = (leaf(1, ROWS * WIDTH, device), leaf(2, VOCAB * WIDTH, device));
        let all = tensor::<2>(3, [ROWS, VOCAB], device);
        let targets = all.clone().argmax(1).squeeze_dim::<1>(1);
        let allowed =
            |rows: std::ops::Range<usize>| all.clone().slice_dim(0, rows).greater_elem(0.0);
        let told = token_logprobs_within(
            hidden.clone().reshape([ROWS, WIDTH]),
            head.clone().reshape([VOCAB, WIDTH]),
            targets,
            &allowed,
            &options,
        );
        with_gradients(outputs(told), &[("hidden", hidden), ("head", head)], device)
    });
}

#[test]
fn an_embedding_whose_table_is_the_head() {
    for (rows, width, vocab) in [(1, 1, 3), (5, 9, 37), (33, 7, 131)] {
        same(&format!("embedding, {rows} of {vocab}·{width}"), SAME_WORK, |device| {
            // A parameter, not a part of one: the kernel adds to the gradient of nothing else.
            let table = tensor::<2>(1, [vocab, width], device).require_grad();
            let ids = |by: usize, below: usize| {
                let ids: Vec<i32> = (0..rows).map(|row| (row * by % below) as i32).collect();
                ints(&ids, device)
            };
            // Few rows many times, and others once.
            let often = embedding(table.clone(), ids(2, vocab.min(11)));
            let hidden = often + embedding(table.clone(), ids(5, vocab)) * 0.5;
            let options = LogprobOptions::default();
            let told = token_logprobs(hidden.clone(), table.clone(), ids(4, vocab), &options);
            let factors = tensor::<1>(2, [rows], device);
            let gradients = (told.logprobs.clone() * factors).sum().backward();
            vec![
                named("rows", hidden),
                named("logprob", told.logprobs),
                named("gradient of the table", table.grad(&gradients).unwrap()),
            ]
        });
    }
}

#[test]
fn linear_layers() {
    for (rows, inputs, width) in [(1, 1, 1), (7, 12, 5), (33, 64, 40)] {
        for has_bias in [false, true] {
            same(&format!("linear {rows}·{inputs}·{width}"), SAME_WORK, |device| {
                let input = leaf(1, rows * inputs, device);
                let weight = leaf(2, inputs * width, device);
                let bias = leaf(3, width, device);
                let output = linear(
                    input.clone().reshape([rows, inputs]),
                    weight.clone().reshape([inputs, width]),
                    has_bias.then(|| bias.clone()),
                );
                let mut leaves = vec![("input", input), ("weight", weight)];
                leaves.extend(has_bias.then_some(("bias", bias)));
                with_gradients(vec![line("output", output)], &leaves, device)
            });
        }
    }
}

#[test]
fn linear_layers_with_adapters() {
    for (rows, inputs, rank, width) in [(1, 1, 1, 1), (7, 12, 3, 5), (33, 63, 1, 41)] {
        for (has_bias, is_frozen) in [(false, true), (true, true), (true, false)] {
            let sizes = [rows, inputs, rank, width];
            let what = format!("adapters {sizes:?}, bias {has_bias}, frozen {is_frozen}");
            same(&what, SAME_WORK, |device| {
                let input = leaf(1, rows * inputs, device);
                let weight = tensor::<1>(2, [inputs * width], device).set_require_grad(!is_frozen);
                let (down, up) = (leaf(3, inputs * rank, device), leaf(4, rank * width, device));
                let bias = leaf(5, width, device);
                let output = lora::linear(
                    input.clone().reshape([rows, inputs]),
                    weight.clone().reshape([inputs, width]),
                    has_bias.then(|| bias.clone()),
                    down.clone().reshape([inputs, rank]),
                    up.clone().reshape([rank, width]),
                );
                let mut leaves = vec![("input", input), ("down", down), ("up", up)];
                leaves.extend((!is_frozen).then_some(("weight", weight)));
                leaves.extend(has_bias.then_some(("bias", bias)));
                with_gradients(vec![line("output", output)], &leaves, device)
            });
        }
    }
}

#[test]
fn norms() {
    for kind in [NormKind::Layer, NormKind::Rms] {
        for has_bias in [false, true] {
            same(&format!("{kind:?} norm"), SAME_WORK, |device| {
                let (input, weight) = (leaf(1, 2 * 3 * 11, device), leaf(2, 11, device));
                let bias = leaf(3, 11, device);
                let given = has_bias.then(|| bias.clone());
                let shaped = input.clone().reshape([2, 3, 11]);
                let output = norm(shaped, weight.clone(), given, kind, 1e-5);
                let mut leaves = vec![("input", input), ("weight", weight)];
                leaves.extend(has_bias.then_some(("bias", bias)));
                with_gradients(vec![line("output", output)], &leaves, device)
            });
        }
    }
}

#[test]
fn activations_and_gates() {
    let all = [Activation::Gelu, Activation::GeluTanh, Activation::Silu, Activation::Relu];
    for activation in all {
        same(&format!("{activation:?}"), SAME_WORK, |device| {
            let input = leaf(1, 2 * 3 * 14, device);
            // Also far out, where exponentials end.
            let shaped = (input.clone() * 8.0).reshape([2, 3, 14]);
            let outputs = vec![
                line("activated", activate(shaped.clone(), activation)),
                line("gated", gated(shaped, activation)),
            ];
            with_gradients(outputs, &[("input", input)], device)
        });
    }
}

#[test]
fn a_soft_cap() {
    same("soft cap", SAME_WORK, |device| {
        let input = leaf(1, 40, device);
        let capped = softcap(input.clone() * 20.0, 5.0);
        with_gradients(vec![("capped", capped)], &[("input", input)], device)
    });
}
