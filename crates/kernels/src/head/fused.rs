//! The head on the CPU backend: product and softmax in one operation, with its own gradient.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Int, Tensor};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::{LogprobOptions, TokenLogprobs};
use crate::flex::product::{Matrix, Threads, Write, new_product, product};
use crate::flex::vector::{LANES, exp, max, sum, tanh, vectorised};
use crate::flex::{self, Fused, Inputs, Values};

/// Log-probability, entropy, log Z and mean log-probability of a row: the columns of the output.
const COLUMNS: usize = 4;

pub(super) fn token_logprobs(
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: Tensor<1, Int>,
    options: &LogprobOptions,
) -> Option<TokenLogprobs> {
    let ([rows, width], [vocab, _]) = (hidden.dims(), head.dims());
    if rows == 0 || vocab == 0 {
        return None;
    }
    let inputs = Inputs::new([hidden.into_dispatch(), head.into_dispatch()])?;
    let targets: Vec<usize> =
        targets.into_data().iter::<i64>().map(|id| usize::try_from(id).unwrap_or(vocab)).collect();
    // Left to the composed operations, which say so.
    if targets.iter().any(|target| *target >= vocab) {
        return None;
    }
    let problem = Problem {
        hidden: inputs.values[0].clone(),
        head: inputs.values[1].clone(),
        targets: targets.into(),
        width,
        vocab,
        at_once: options.rows_at_once(vocab),
        temperature: options.temperature as f32,
        softcap: options.softcap.map(|cap| cap as f32),
    };
    let keep = inputs.is_tracked && rows <= problem.at_once;
    let (output, saved) = forward(problem, keep);
    let output: Tensor<2> = inputs.finish::<Head, 2>(flex::tensor(output, [rows, COLUMNS]), saved);
    let column = |index: usize| output.clone().slice_dim(1, index..index + 1).squeeze_dim::<1>(1);
    Some(TokenLogprobs {
        logprobs: column(0),
        entropy: options.entropy.then(|| column(1)),
        log_z: options.log_z.then(|| column(2)),
        mean_logprob: options.mean_logprob.then(|| column(3)),
    })
}

/// The inputs, as the two passes need them.
#[derive(Debug, Clone)]
struct Problem {
    hidden: Values,
    head: Values,
    targets: Arc<[usize]>,
    width: usize,
    vocab: usize,
    at_once: usize,
    temperature: f32,
    softcap: Option<f32>,
}

#[derive(Debug, Clone)]
struct Saved {
    problem: Problem,
    /// After cap and temperature, where all fit the budget.
    logits: Option<Arc<Vec<f32>>>,
    /// What the forward pass gave, `[n, COLUMNS]`.
    output: Arc<[f32]>,
}

impl Problem {
    /// The ranges of rows whose logits are held at a time.
    fn chunks(&self) -> impl Iterator<Item = Range<usize>> {
        let (rows, step) = (self.targets.len(), self.at_once);
        (0..rows).step_by(step).map(move |start| start..(start + step).min(rows))
    }

    /// Logits after cap and temperature of the rows `hidden`.
    fn logits(&self, hidden: &[f32], rows: usize) -> Vec<f32> {
        let head = Matrix::new(&self.head, self.vocab, self.width).transposed();
        let lhs = Matrix::new(hidden, rows, self.width);
        let plain_scale = if self.softcap.is_none() { self.temperature.recip() } else { 1.0 };
        let mut logits = new_product(lhs, head, plain_scale, Threads::All);
        if let Some(cap) = self.softcap {
            let temperature = self.temperature;
            logits.par_chunks_mut(flex::PIECE).for_each(|piece| bound(piece, cap, temperature));
        }
        logits
    }
}

fn forward(problem: Problem, keep: bool) -> (Vec<f32>, Saved) {
    let (rows, vocab, width) = (problem.targets.len(), problem.vocab, problem.width);
    let mut output = vec![0.0; rows * COLUMNS];
    let mut kept = None;
    for range in problem.chunks() {
        let hidden = &problem.hidden[range.start * width..range.end * width];
        let logits = problem.logits(hidden, range.len());
        let out = &mut output[range.start * COLUMNS..range.end * COLUMNS];
        let targets = &problem.targets[range];
        let rows = out.par_chunks_mut(COLUMNS).zip(logits.par_chunks(vocab)).zip(targets);
        rows.for_each(|((out, row), target)| describe(row, *target, out));
        // All rows are in one range then; otherwise only one range's logits are held at a time.
        if keep {
            kept = Some(Arc::new(logits));
        }
    }
    let saved = Saved { problem, logits: kept, output: output.as_slice().into() };
    (output, saved)
}

#[derive(Debug)]
struct Head;

impl Fused<2> for Head {
    type Saved = Saved;

    fn backward(saved: Saved, gradient: Values, wanted: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let Saved { problem, mut logits, output } = saved;
        let (rows, vocab, width) = (problem.targets.len(), problem.vocab, problem.width);
        let [wants_hidden, wants_head] = wanted;
        let mut d_hidden = vec![0.0; if wants_hidden { rows * width } else { 0 }];
        let mut d_head: Option<Vec<f32>> = None;
        for range in problem.chunks() {
            let active: Vec<usize> = range
                .filter(|row| gradient[row * COLUMNS..][..COLUMNS].iter().any(|g| *g != 0.0))
                .collect();
            if active.is_empty() {
                continue;
            }
            let hidden = gathered(&problem.hidden, width, &active);
            let mut again;
            let held = match &mut logits {
                Some(kept) => {
                    let kept: &mut Vec<f32> = Arc::make_mut(kept);
                    compacted(kept, vocab, &active)
                }
                None => {
                    again = problem.logits(&hidden, active.len());
                    again.as_mut_slice()
                }
            };
            held.par_chunks_mut(vocab).zip(&active).for_each(|(row, index)| {
                let about = &output[index * COLUMNS..][..COLUMNS];
                let upstream = &gradient[index * COLUMNS..][..COLUMNS];
                differentiate(row, problem.targets[*index], about, upstream, &problem);
            });
            let d_logits = Matrix::new(held, active.len(), vocab);
            if wants_hidden {
                let head = Matrix::new(&problem.head, vocab, width);
                let part = new_product(d_logits, head, 1.0, Threads::All);
                for (part, index) in part.chunks(width.max(1)).zip(&active) {
                    d_hidden[index * width..][..width].copy_from_slice(part);
                }
            }
            if wants_head {
                let hidden = Matrix::new(&hidden, active.len(), width);
                let d_logits = d_logits.transposed();
                match &mut d_head {
                    Some(sum) => product(d_logits, hidden, 1.0, sum, Write::Add, Threads::All),
                    None => d_head = Some(new_product(d_logits, hidden, 1.0, Threads::All)),
                }
            }
        }
        [
            wants_hidden.then(|| flex::tensor(d_hidden, [rows, width])),
            wants_head.then(|| {
                let d_head = d_head.unwrap_or_else(|| vec![0.0; vocab * width]);
                flex::tensor(d_head, [vocab, width])
            }),
        ]
    }
}

/// The rows `active`, one after the other.
fn gathered(values: &[f32], width: usize, active: &[usize]) -> Vec<f32> {
    active.iter().flat_map(|row| &values[row * width..][..width]).copied().collect()
}

/// Moves the rows `active`, which ascend, to the front.
fn compacted<'a>(values: &'a mut [f32], width: usize, active: &[usize]) -> &'a mut [f32] {
    for (to, from) in active.iter().enumerate() {
        if to != *from {
            values.copy_within(from * width..(from + 1) * width, to * width);
        }
    }
    &mut values[..active.len() * width]
}

vectorised! {
    /// `z ← cap · tanh(z / cap) / temperature`.
    fn bound(values: &mut [f32], cap: f32, temperature: f32) {
        for value in values {
            *value = cap * tanh(*value / cap) / temperature;
        }
    }
}

vectorised! {
    /// The columns of one row's output.
    fn describe(row: &[f32], target: usize, out: &mut [f32]) {
        let largest = max(row);
        let (mut total, mut weighted) = ([0.0_f32; LANES], [0.0_f32; LANES]);
        let mut add = |lane: usize, z: f32| {
            let shifted = z - largest;
            let weight = exp(shifted);
            total[lane] += weight;
            // 0 · −∞ is no number.
            weighted[lane] += if weight == 0.0 { 0.0 } else { weight * shifted };
        };
        let chunks = row.chunks_exact(LANES);
        for (lane, z) in chunks.remainder().iter().enumerate() {
            add(lane, *z);
        }
        for chunk in chunks {
            for (lane, z) in chunk.iter().enumerate() {
                add(lane, *z);
            }
        }
        let total: f32 = total.iter().sum();
        let weighted: f32 = weighted.iter().sum();
        let log_total = total.ln();
        let log_z = largest + log_total;
        let mean = largest + sum(row, |z| z - largest) / row.len() as f32;
        out.copy_from_slice(&[row[target] - log_z, log_total - weighted / total, log_z, mean - log_z]);
    }
}

/// Turns a row of logits into the gradient of what was told of it.
fn differentiate(
    row: &mut [f32],
    target: usize,
    about: &[f32],
    upstream: &[f32],
    problem: &Problem,
) {
    let (&[_, entropy, log_z, _], &[logprob, of_entropy, of_log_z, mean]) = (about, upstream)
    else {
        return;
    };
    let inverse = problem.temperature.recip();
    // Zero times an entropy that is no number would be none.
    let from_entropy = if of_entropy == 0.0 { 0.0 } else { of_entropy * entropy };
    let slope = Slope {
        log_z,
        share: (of_log_z - logprob - from_entropy - mean) * inverse,
        share_log: -of_entropy * inverse,
        every: mean * inverse / row.len() as f32,
        ratio: problem.softcap.map(|cap| problem.temperature / cap),
    };
    let target_logit = row[target];
    slopes(row, &slope);
    let flat = slope.ratio.map_or(1.0, |ratio| 1.0 - (target_logit * ratio).powi(2));
    row[target] += logprob * inverse * flat;
}

/// `dz = (share · p + share_log · p log p + every) · (1 − (ratio · z)²)`.
struct Slope {
    log_z: f32,
    share: f32,
    share_log: f32,
    every: f32,
    /// Temperature over cap: `z · ratio` is the tanh of the capped logit.
    ratio: Option<f32>,
}

vectorised! {
    fn slopes(row: &mut [f32], slope: &Slope) {
        let Slope { log_z, share, share_log, every, ratio } = *slope;
        let ratio = ratio.unwrap_or(0.0);
        if share_log == 0.0 && ratio == 0.0 {
            for z in row {
                *z = share * exp(*z - log_z) + every;
            }
            return;
        }
        for z in row {
            let logprob = *z - log_z;
            let p = exp(logprob);
            let p_log_p = if p == 0.0 { 0.0 } else { p * logprob };
            let tanh = *z * ratio;
            let flat = if ratio == 0.0 { 1.0 } else { 1.0 - tanh * tanh };
            *z = (share * p + share_log * p_log_p + every) * flat;
        }
    }
}
