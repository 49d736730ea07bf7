//! Attention over heads that lie one after the other.
//!
//! Queries are taken in blocks, and a block meets only the keys that one of its queries sees, so
//! that scores exist for a block of one head at a time, and none between two texts. The backward pass computes the
//! probabilities again from the scores' log-sums.

use std::ops::Range;

use rayon::prelude::*;

use super::Spans;
use crate::flex::product::{Matrix, Threads, Write, product};
use crate::flex::vector::{exp, max, sum, sum2, tanh, vectorised};

/// Queries whose scores are held at a time.
const BLOCK: usize = 128;

/// Sizes and settings.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub(super) batch: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) queries: usize,
    pub(super) keys: usize,
    pub(super) head_dim: usize,
    pub(super) scale: f32,
    pub(super) softcap: Option<f32>,
    pub(super) spans: Spans,
}

/// Queries `[b, h, t, hd]`, keys and values `[b, kv, s, hd]`.
pub(super) struct Heads<'a> {
    pub(super) query: &'a [f32],
    pub(super) key: &'a [f32],
    pub(super) value: &'a [f32],
}

/// One query head with the keys and values it meets.
struct Head<'a> {
    query: &'a [f32],
    key: &'a [f32],
    value: &'a [f32],
    seen: &'a [Range<u32>],
}

/// A block of queries and the keys that any of them sees.
struct Block {
    rows: Range<usize>,
    keys: Range<usize>,
}

impl Block {
    /// Keys that a query sees, counted from the block's first.
    fn seen(&self, keys: &Range<u32>) -> Range<usize> {
        let end = (keys.end as usize).saturating_sub(self.keys.start);
        let first = (keys.start as usize).saturating_sub(self.keys.start);
        first.min(end)..end
    }
}

impl Problem {
    /// Whether nothing is empty and all sizes fit together.
    pub(super) fn is_sound(&self) -> bool {
        let sizes = [self.batch, self.heads, self.kv_heads, self.queries, self.keys, self.head_dim];
        !sizes.contains(&0)
            && self.heads.is_multiple_of(self.kv_heads)
            && self.spans.fit(self.batch, self.queries, self.keys)
    }

    fn head<'a>(&'a self, heads: &Heads<'a>, index: usize) -> Head<'a> {
        let (row, head) = (index / self.heads, index % self.heads);
        let shared = row * self.kv_heads + head / (self.heads / self.kv_heads);
        let (queries, keys) = (self.queries * self.head_dim, self.keys * self.head_dim);
        Head {
            query: &heads.query[index * queries..][..queries],
            key: &heads.key[shared * keys..][..keys],
            value: &heads.value[shared * keys..][..keys],
            seen: self.spans.seen(row),
        }
    }

    /// Cuts the queries into blocks: where one is full, and where a text ends, so that a block's
    /// scores are those of one text.
    fn blocks<'a>(&self, seen: &'a [Range<u32>]) -> impl Iterator<Item = Block> + use<'a> {
        let is_of_one_text =
            |a: &Range<u32>, b: &Range<u32>| a.is_empty() || b.is_empty() || b.start < a.end;
        let mut row = 0;
        seen.chunk_by(is_of_one_text).flat_map(|text| text.chunks(BLOCK)).map(move |seen| {
            let start = row;
            row += seen.len();
            let end = seen.iter().map(|keys| keys.end as usize).max().unwrap_or(1);
            let first = seen.iter().map(|keys| keys.start as usize).min().unwrap_or(0);
            Block { rows: start..row, keys: first.min(end - 1)..end }
        })
    }

    /// Scores of a block, scaled and capped, `[rows, keys]`.
    fn scores(&self, head: &Head<'_>, block: &Block, scores: &mut [f32]) {
        let query =
            Matrix::new(self.lines(head.query, &block.rows), block.rows.len(), self.head_dim);
        let key = Matrix::new(self.lines(head.key, &block.keys), block.keys.len(), self.head_dim);
        product(query, key.transposed(), self.scale, scores, Write::Over, Threads::One);
        if let Some(cap) = self.softcap {
            bound(scores, cap);
        }
    }

    /// Rows of a head.
    fn lines<'a>(&self, values: &'a [f32], range: &Range<usize>) -> &'a [f32] {
        &values[range.start * self.head_dim..range.end * self.head_dim]
    }
}

/// Output `[b, h, t, hd]` and the log-sum of each query's scores, `[b, h, t]`.
pub(super) fn forward(problem: &Problem, heads: &Heads<'_>) -> (Vec<f32>, Vec<f32>) {
    let Problem { batch, heads: count, queries, head_dim, .. } = *problem;
    let mut output = vec![0.0; batch * count * queries * head_dim];
    let mut log_sums = vec![0.0; batch * count * queries];
    let outputs = output.par_chunks_mut(queries * head_dim).zip(log_sums.par_chunks_mut(queries));
    outputs.enumerate().for_each_init(Vec::new, |scratch: &mut Vec<f32>, (index, outputs)| {
        let (output, log_sums) = outputs;
        let head = problem.head(heads, index);
        for block in problem.blocks(head.seen) {
            let (rows, keys) = (block.rows.len(), block.keys.len());
            scratch.resize(rows * keys, 0.0);
            problem.scores(&head, &block, scratch);
            for (line, row) in scratch.chunks_mut(keys).zip(block.rows.clone()) {
                let seen = block.seen(&head.seen[row]);
                log_sums[row] = softmax(line, seen.start, seen.end);
            }
            let value = problem.lines(head.value, &block.keys);
            let value = Matrix::new(value, keys, head_dim);
            let out = &mut output[block.rows.start * head_dim..block.rows.end * head_dim];
            let weights = Matrix::new(scratch, rows, keys);
            product(weights, value, 1.0, out, Write::Over, Threads::One);
        }
    });
    (output, log_sums)
}

/// Gradients of queries, keys and values.
pub(super) fn backward(
    problem: &Problem,
    heads: &Heads<'_>,
    log_sums: &[f32],
    gradient: &[f32],
) -> [Vec<f32>; 3] {
    let (queries, keys) = (problem.queries * problem.head_dim, problem.keys * problem.head_dim);
    let group = problem.heads / problem.kv_heads;
    let mut d_query = vec![0.0; heads.query.len()];
    let mut d_key = vec![0.0; heads.key.len()];
    let mut d_value = vec![0.0; heads.value.len()];
    // One task for each key-value head: what its query heads add to it is added in their order.
    let tasks = d_query.par_chunks_mut(group * queries);
    let tasks = tasks.zip(d_key.par_chunks_mut(keys)).zip(d_value.par_chunks_mut(keys));
    tasks.enumerate().for_each_init(Scratch::default, |scratch, (shared, outputs)| {
        let ((d_query, d_key), d_value) = outputs;
        for (member, d_query) in d_query.chunks_mut(queries).enumerate() {
            let index = shared * group + member;
            let head = problem.head(heads, index);
            let about = About {
                log_sums: &log_sums[index * problem.queries..][..problem.queries],
                gradient: &gradient[index * queries..][..queries],
            };
            for block in problem.blocks(head.seen) {
                let mut outputs = Outputs { d_query, d_key, d_value };
                problem.block_backward(&head, &about, &block, scratch, &mut outputs);
            }
        }
    });
    [d_query, d_key, d_value]
}

/// What the backward pass of a head starts from.
struct About<'a> {
    log_sums: &'a [f32],
    gradient: &'a [f32],
}

struct Outputs<'a> {
    d_query: &'a mut [f32],
    d_key: &'a mut [f32],
    d_value: &'a mut [f32],
}

#[derive(Default)]
struct Scratch {
    /// Scores, then probabilities.
    weights: Vec<f32>,
    /// Gradients of the probabilities, then of the scores.
    slopes: Vec<f32>,
}

impl Problem {
    fn block_backward(
        &self,
        head: &Head<'_>,
        about: &About<'_>,
        block: &Block,
        scratch: &mut Scratch,
        outputs: &mut Outputs<'_>,
    ) {
        let (rows, keys, head_dim) = (block.rows.len(), block.keys.len(), self.head_dim);
        let Scratch { weights, slopes } = scratch;
        weights.resize(rows * keys, 0.0);
        slopes.resize(rows * keys, 0.0);
        self.scores(head, block, weights);
        let gradient = Matrix::new(self.lines(about.gradient, &block.rows), rows, head_dim);
        let value = Matrix::new(self.lines(head.value, &block.keys), keys, head_dim);
        product(gradient, value.transposed(), 1.0, slopes, Write::Over, Threads::One);
        let lines = weights.chunks_mut(keys).zip(slopes.chunks_mut(keys));
        for ((weights, slopes), row) in lines.zip(block.rows.clone()) {
            let seen = block.seen(&head.seen[row]);
            for outside in [0..seen.start, seen.end..keys] {
                weights[outside.clone()].fill(0.0);
                slopes[outside].fill(0.0);
            }
            let inverse_cap = self.softcap.map_or(0.0, f32::recip);
            let (weights, slopes) = (&mut weights[seen.clone()], &mut slopes[seen]);
            differentiate(weights, slopes, about.log_sums[row], inverse_cap);
        }
        let weights = Matrix::new(weights, rows, keys);
        let slopes = Matrix::new(slopes, rows, keys);
        let query = Matrix::new(self.lines(head.query, &block.rows), rows, head_dim);
        let key = Matrix::new(self.lines(head.key, &block.keys), keys, head_dim);
        let of_keys = block.keys.start * head_dim..block.keys.end * head_dim;
        let of_rows = block.rows.start * head_dim..block.rows.end * head_dim;
        let d_value = &mut outputs.d_value[of_keys.clone()];
        product(weights.transposed(), gradient, 1.0, d_value, Write::Add, Threads::One);
        let d_key = &mut outputs.d_key[of_keys];
        product(slopes.transposed(), query, self.scale, d_key, Write::Add, Threads::One);
        let d_query = &mut outputs.d_query[of_rows];
        product(slopes, key, self.scale, d_query, Write::Over, Threads::One);
    }
}

vectorised! {
    /// `x ← cap · tanh(x / cap)`.
    pub(super) fn bound(values: &mut [f32], cap: f32) {
        for value in values {
            *value = cap * tanh(*value / cap);
        }
    }
}

vectorised! {
    /// The softmax over `line[start..end]`, zero elsewhere; returns the log of the sum.
    pub(super) fn softmax(line: &mut [f32], start: usize, end: usize) -> f32 {
        let largest = max(&line[start..end]);
        for value in &mut line[start..end] {
            *value = exp(*value - largest);
        }
        let total = sum(&line[start..end], |x| x);
        let inverse = 1.0 / total;
        for value in &mut line[start..end] {
            *value *= inverse;
        }
        line[..start].fill(0.0);
        line[end..].fill(0.0);
        largest + total.ln()
    }
}

vectorised! {
    /// From scores to probabilities `p`, and from their gradients `g` to those of the scores:
    /// `p · (g − Σ p g)`, times what the cap lets through.
    fn differentiate(weights: &mut [f32], slopes: &mut [f32], log_sum: f32, inverse_cap: f32) {
        if inverse_cap == 0.0 {
            for weight in weights.iter_mut() {
                *weight = exp(*weight - log_sum);
            }
            let mean = sum2(weights, slopes, |p, g| p * g);
            for (slope, p) in slopes.iter_mut().zip(weights) {
                *slope = *p * (*slope - mean);
            }
            return;
        }
        let mean = sum2(weights, slopes, |score, g| exp(score - log_sum) * g);
        for (slope, score) in slopes.iter_mut().zip(weights) {
            let p = exp(*score - log_sum);
            let tanh = *score * inverse_cap;
            *slope = p * (*slope - mean) * (1.0 - tanh * tanh);
            *score = p;
        }
    }
}
