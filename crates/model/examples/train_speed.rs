//! Times forward and backward passes of a decoder with the sizes of SmolLM2-135M, random weights.
//!
//! Run with `cargo run --release --example train_speed -- [rows] [columns] [passes]`; the default is
//! 4 rows of 64 tokens, 5 passes. Prints seconds of each pass and tokens a second.
#![expect(clippy::print_stdout, reason = "the measurements are what it is for")]

use std::time::Instant;

use burn::tensor::{Device, Tensor};
use hybrid_model::init::{InitConfig, init};
use hybrid_model::input::{Rows, TokenInput};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut sizes = [4, 64, 5];
    for (size, argument) in sizes.iter_mut().zip(std::env::args().skip(1)) {
        *size = argument.parse()?;
    }
    let (rows, columns, passes) = (sizes[0], sizes[1].max(2), sizes[2]);
    let shape = InitConfig {
        model_type: "llama".to_owned(),
        vocab_size: 49_152,
        hidden_size: 576,
        layers: 30,
        heads: 9,
        kv_heads: Some(3),
        intermediate_size: Some(1536),
        context: 2048,
        tie_embeddings: true,
    };
    let device = Device::flex().autodiff();
    let decoder = init(&shape.to_config()?, 0, &device);
    let ids: Vec<u32> = (0..rows * columns).map(|id| (id * 7919 % 49_152) as u32).collect();
    for pass in 0..=passes {
        let start = Instant::now();
        let input = TokenInput::new(&ids, [rows, columns], Rows::RightPadded, &device);
        let hidden = decoder.hidden(&input, None);
        let [_, _, width] = hidden.dims();
        let hidden: Tensor<2> = hidden.reshape([rows * columns, width]);
        let targets = input.ids.clone().reshape([rows * columns]);
        let loss = -decoder.token_logprobs(hidden, targets, 1.0).mean();
        let value: f32 = loss.clone().into_scalar();
        let forward = start.elapsed().as_secs_f64();
        let gradients = loss.backward();
        let total = start.elapsed().as_secs_f64();
        drop(gradients);
        let speed = (rows * columns) as f64 / total;
        let backward = total - forward;
        let name = if pass == 0 { "warm-up" } else { "pass" };
        println!(
            "{name} {pass}: forward {forward:.3} s, backward {backward:.3} s, {speed:.1} tokens/s, loss {value:.4}"
        );
    }
    Ok(())
}
