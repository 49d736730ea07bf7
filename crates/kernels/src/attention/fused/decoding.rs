//! One query a row, as in decoding: keys and values are read where they lie in a cache.
//!
//! A product of one row is bound by memory, and a view of a cache that ends before its room does is no
//! matrix: copying it would read and write every key once more at every step.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::core::{bound, softmax};
use crate::attention::{AttentionInputs, Spans};
use crate::flex::vector::{sum2, vectorised};
use crate::flex::{self, Values, view};

/// Multiplications below which one thread is faster than several.
const WORTH_SHARING: usize = 64 * 1024;

/// Keys or values `[b, kv, s, hd]` whose lines of one head lie one after the other.
struct Lines {
    tensor: FlexTensor,
    start: usize,
    strides: [usize; 2],
    head_dim: usize,
}

impl Lines {
    fn of(tensor: Tensor<4>) -> Option<Self> {
        let [_, _, _, head_dim] = tensor.dims();
        let tensor = view(tensor)?;
        let layout = tensor.layout();
        let strides: Vec<usize> = layout
            .strides()
            .iter()
            .map(|stride| usize::try_from(*stride))
            .collect::<Result<_, _>>()
            .ok()?;
        let &[row, head, line, 1] = strides.as_slice() else { return None };
        let start = layout.start_offset();
        (line == head_dim).then_some(Self { tensor, start, strides: [row, head], head_dim })
    }

    /// The lines of a head from `first` to `last`.
    fn of_head(&self, row: usize, head: usize, first: usize, last: usize) -> &[f32] {
        let start = self.start + row * self.strides[0] + head * self.strides[1];
        &self.tensor.storage::<f32>()[start + first * self.head_dim..start + last * self.head_dim]
    }
}

/// As [`crate::attention::attention`] without gradients; `None` for more than one query, or where keys and
/// values lie in another way.
pub(super) fn attention(inputs: &AttentionInputs, spans: &Spans) -> Option<Tensor<4>> {
    let AttentionInputs { query, key, value, scale, softcap } = inputs;
    let ([b, h, t, head_dim], [rows, kv, s, width]) = (query.dims(), key.dims());
    let is_sound = t == 1
        && head_dim > 0
        && [rows, width] == [b, head_dim]
        && key.dims() == value.dims()
        && kv > 0
        && h.is_multiple_of(kv)
        && spans.fit(b, t, s);
    if !is_sound || query.device().is_autodiff() {
        return None;
    }
    let (key, value) = (Lines::of(key.clone())?, Lines::of(value.clone())?);
    let query = Values::of(query.clone())?;
    let (scale, cap) = (*scale as f32, softcap.map(|cap| cap as f32));
    let group = h / kv * head_dim;
    let mut output = vec![0.0; b * h * head_dim];
    let attend = |scores: &mut Vec<f32>, (shared, output): (usize, &mut [f32])| {
        let (row, head) = (shared / kv, shared % kv);
        let Some(seen) = spans.seen(row).first() else { return };
        let (first, last) = (seen.start as usize, seen.end as usize);
        if first >= last {
            return;
        }
        let keys = key.of_head(row, head, first, last);
        let values = value.of_head(row, head, first, last);
        scores.resize(last - first, 0.0);
        let queries = query[shared * group..][..group].chunks_exact(head_dim);
        for (query, output) in queries.zip(output.chunks_exact_mut(head_dim)) {
            score(query, keys, scale, scores);
            if let Some(cap) = cap {
                bound(scores, cap);
            }
            let count = scores.len();
            softmax(scores, 0, count);
            mix(scores, values, output);
        }
    };
    if b * h * s * head_dim > WORTH_SHARING {
        output.par_chunks_mut(group).enumerate().for_each_init(Vec::new, attend);
    } else {
        let mut scores = Vec::new();
        output.chunks_mut(group).enumerate().for_each(|task| attend(&mut scores, task));
    }
    let output = flex::tensor(output, [b, h, 1, head_dim]);
    Some(Tensor::from_primitive::<burn::backend::Flex>(output))
}

vectorised! {
    /// `scale · k · q` of every key.
    fn score(query: &[f32], keys: &[f32], scale: f32, scores: &mut [f32]) {
        for (key, score) in keys.chunks_exact(query.len()).zip(scores) {
            *score = scale * sum2(query, key, |q, k| q * k);
        }
    }
}

vectorised! {
    /// Adds every value times its weight.
    fn mix(weights: &[f32], values: &[f32], output: &mut [f32]) {
        for (value, weight) in values.chunks_exact(output.len()).zip(weights) {
            for (sum, x) in output.iter_mut().zip(value) {
                *sum += *weight * *x;
            }
        }
    }
}
