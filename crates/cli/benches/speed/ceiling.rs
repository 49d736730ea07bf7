//! What this machine can do at most: products of large matrices, and reading memory.

use std::time::Instant;

use anyhow::Result;
use burn::tensor::{Device, Distribution, Tensor};
use rayon::prelude::*;
use serde_json::{Value, json};

/// Sides of the matrices; the best of them counts.
const SIDES: &[usize] = &[1024, 2048, 3072];
/// Passes of each measurement; the best counts.
const PASSES: usize = 7;
/// Bytes read in a pass: more than caches hold.
const BUFFER: usize = 1 << 30;
/// Numbers that a thread reads before it takes the next piece.
const PIECE: usize = 1 << 17;

/// The best of several products and readings, as one JSON line.
///
/// The memory is the host's, whatever the device.
pub(crate) fn measured(name: &str, device: &Device, trial: bool) -> Result<Value> {
    let (sides, buffer) = if trial { (&[64][..], 1 << 20) } else { (SIDES, BUFFER) };
    let gflops = sides.iter().map(|side| products(*side, device)).fold(0.0, f64::max);
    Ok(json!({
        "case": "ceiling",
        "by": format!("hybrid {}", env!("CARGO_PKG_VERSION")),
        "device": name,
        "threads": rayon::current_num_threads(),
        "gflops": gflops,
        "read_gb_s": reading(buffer),
    }))
}

/// Billions of operations a second in a product of square matrices.
fn products(side: usize, device: &Device) -> f64 {
    let random = || Tensor::<2>::random([side, side], Distribution::Uniform(-1.0, 1.0), device);
    let (a, b) = (random(), random());
    let best = best(|| {
        // Reading one number waits for all of it.
        drop(a.clone().matmul(b.clone()).slice([0..1, 0..1]).into_data());
    });
    2.0 * (side as f64).powi(3) / best / 1e9
}

/// Billions of bytes a second that all threads read.
fn reading(bytes: usize) -> f64 {
    let numbers: Vec<u64> = (0..bytes as u64 / 8).collect();
    let sum = |piece: &[u64]| piece.iter().fold(0_u64, |sum, number| sum.wrapping_add(*number));
    let best = best(|| {
        let total = numbers.par_chunks(PIECE).map(sum).reduce(|| 0, u64::wrapping_add);
        std::hint::black_box(total);
    });
    bytes as f64 / best / 1e9
}

/// The least seconds of several passes, after one that warms up.
fn best(mut pass: impl FnMut()) -> f64 {
    pass();
    let once = |_| {
        let start = Instant::now();
        pass();
        start.elapsed().as_secs_f64()
    };
    (0..PASSES).map(once).fold(f64::INFINITY, f64::min)
}
