//! Attention on the CPU backend: operations, and the way of heads in and out of a projection.

mod core;
mod decoding;

use std::sync::Arc;

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use self::core::{Heads, Problem};
use super::{AttentionInputs, PackedHeads, Rotation, Spans};
use crate::flex::{self, Fused, Inputs, Values};

pub(super) fn attention(inputs: &AttentionInputs, spans: &Spans) -> Option<Tensor<4>> {
    if let Some(output) = decoding::attention(inputs, spans) {
        return Some(output);
    }
    let AttentionInputs { query, key, value, scale, softcap } = inputs;
    let [b, h, t, head_dim] = query.dims();
    let [_, kv, s, _] = key.dims();
    let problem = Problem {
        batch: b,
        heads: h,
        kv_heads: kv,
        queries: t,
        keys: s,
        head_dim,
        scale: *scale as f32,
        softcap: softcap.map(|cap| cap as f32),
        spans: spans.clone(),
    };
    if !problem.is_sound() || key.dims() != value.dims() || key.dims() != [b, kv, s, head_dim] {
        return None;
    }
    let tensors = [query, key, value].map(|tensor| tensor.clone().into_dispatch());
    let inputs = Inputs::new(tensors)?;
    let [query, key, value] = inputs.values.clone();
    let heads = Heads { query: &query, key: &key, value: &value };
    let (output, log_sums) = core::forward(&problem, &heads);
    let output = flex::tensor(output, [b, h, t, head_dim]);
    let saved = Saved { problem, query, key, value, log_sums: log_sums.into() };
    Some(inputs.finish::<Separate, 4>(output, saved))
}

pub(super) fn packed(
    projected: Tensor<3>,
    rotation: Option<&Rotation>,
    heads: PackedHeads,
    spans: &Spans,
) -> Option<Tensor<3>> {
    let [b, t, width] = projected.dims();
    let PackedHeads { heads: h, kv_heads: kv, head_dim, scale, softcap } = heads;
    let problem = Problem {
        batch: b,
        heads: h,
        kv_heads: kv,
        queries: t,
        keys: t,
        head_dim,
        scale: scale as f32,
        softcap: softcap.map(|cap| cap as f32),
        spans: spans.clone(),
    };
    if !problem.is_sound() || width != (h + 2 * kv) * head_dim {
        return None;
    }
    let turn = match rotation {
        Some(rotation) => Some(Turn::new(rotation, &problem)?),
        None => None,
    };
    let inputs = Inputs::new([projected.into_dispatch()])?;
    let [values] = &inputs.values;
    let layout = Layout { batch: b, columns: t, width, head_dim };
    let query = layout.split(values, 0, h, turn.as_ref());
    let key = layout.split(values, h, kv, turn.as_ref());
    let value = layout.split(values, h + kv, kv, None);
    let heads = Heads { query: &query, key: &key, value: &value };
    let (output, log_sums) = core::forward(&problem, &heads);
    let merged = Layout { width: h * head_dim, ..layout };
    let output = flex::tensor(merged.merge(&[(&output, h, None)]), [b, t, h * head_dim]);
    let saved = Saved {
        problem,
        query: query.into(),
        key: key.into(),
        value: value.into(),
        log_sums: log_sums.into(),
    };
    Some(inputs.finish::<Packed, 3>(output, (saved, layout, turn)))
}

/// What the backward pass needs, the heads behind `V`.
#[derive(Debug, Clone)]
struct Saved<V> {
    problem: Problem,
    query: V,
    key: V,
    value: V,
    log_sums: Arc<[f32]>,
}

#[derive(Debug)]
struct Separate;

impl Fused<3> for Separate {
    type Saved = Saved<Values>;

    fn backward(saved: Self::Saved, gradient: Values, _: [bool; 3]) -> [Option<FlexTensor>; 3] {
        let Saved { problem, query, key, value, log_sums } = saved;
        let heads = Heads { query: &query, key: &key, value: &value };
        let gradients = core::backward(&problem, &heads, &log_sums, &gradient);
        let inputs = [query, key, value].into_iter();
        let mut shaped = inputs.zip(gradients).map(|(input, gradient)| input.like(gradient));
        [shaped.next(), shaped.next(), shaped.next()]
    }
}

#[derive(Debug)]
struct Packed;

impl Fused<1> for Packed {
    type Saved = (Saved<Arc<[f32]>>, Layout, Option<Turn>);

    fn backward(saved: Self::Saved, gradient: Values, _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let (Saved { problem, query, key, value, log_sums }, layout, turn) = saved;
        let (h, kv) = (problem.heads, problem.kv_heads);
        let merged = Layout { width: h * layout.head_dim, ..layout };
        let gradient = merged.split(&gradient, 0, h, None);
        let heads = Heads { query: &query, key: &key, value: &value };
        let [query, key, value] = core::backward(&problem, &heads, &log_sums, &gradient);
        let back = turn.as_ref().map(Turn::transposed);
        let back = back.as_ref();
        let parts: [Part<'_>; 3] = [(&query, h, back), (&key, kv, back), (&value, kv, None)];
        let projected = layout.merge(&parts);
        [Some(flex::tensor(projected, [layout.batch, layout.columns, layout.width]))]
    }
}

/// Heads `[b, n, t, hd]`, their number, and how they turn on their way.
type Part<'a> = (&'a [f32], usize, Option<&'a Turn>);

/// Heads side by side in rows of `width`.
#[derive(Debug, Clone, Copy)]
struct Layout {
    batch: usize,
    columns: usize,
    width: usize,
    head_dim: usize,
}

impl Layout {
    /// `count` heads from the `first`, `[b, t, width]` to `[b, count, t, hd]`.
    fn split(&self, rows: &[f32], first: usize, count: usize, turn: Option<&Turn>) -> Vec<f32> {
        let Self { batch, columns, width, head_dim } = *self;
        let mut heads = vec![0.0; batch * count * columns * head_dim];
        heads.par_chunks_mut(columns * head_dim).enumerate().for_each(|(index, head)| {
            let (row, place) = (index / count, first + index % count);
            for (column, out) in head.chunks_mut(head_dim).enumerate() {
                let start = (row * columns + column) * width + place * head_dim;
                out.copy_from_slice(&rows[start..start + head_dim]);
                if let Some(turn) = turn {
                    turn.apply(row, column, out);
                }
            }
        });
        heads
    }

    /// All heads side by side again.
    fn merge(&self, parts: &[Part<'_>]) -> Vec<f32> {
        let Self { batch, columns, width, head_dim } = *self;
        let mut rows = vec![0.0; batch * columns * width];
        rows.par_chunks_mut(width).enumerate().for_each(|(index, line)| {
            let (row, column) = (index / columns, index % columns);
            let mut places = line.chunks_mut(head_dim);
            for (heads, count, turn) in parts {
                for (head, out) in (0..*count).zip(&mut places) {
                    let start = ((row * count + head) * columns + column) * head_dim;
                    out.copy_from_slice(&heads[start..start + head_dim]);
                    if let Some(turn) = turn {
                        turn.apply(row, column, out);
                    }
                }
            }
        });
        rows
    }
}

/// A [`Rotation`] on the host.
#[derive(Debug, Clone)]
struct Turn {
    cosine: Values,
    sine: Values,
    columns: usize,
    rotary_dim: usize,
    /// For the way back, which gradients take.
    is_transposed: bool,
}

impl Turn {
    fn new(rotation: &Rotation, problem: &Problem) -> Option<Self> {
        let [rows, one, columns, rotary_dim] = rotation.cosine.dims();
        let fits = (rows == 1 || rows == problem.batch)
            && (one, columns) == (1, problem.queries)
            && rotary_dim % 2 == 0
            && rotary_dim <= problem.head_dim
            && rotation.sine.dims() == rotation.cosine.dims();
        let cosine = Values::of(rotation.cosine.clone())?;
        let sine = Values::of(rotation.sine.clone())?;
        fits.then_some(Self { cosine, sine, columns, rotary_dim, is_transposed: false })
    }

    fn transposed(&self) -> Self {
        Self { is_transposed: true, ..self.clone() }
    }

    /// Turns one head of the token at `row` and `column`.
    fn apply(&self, row: usize, column: usize, head: &mut [f32]) {
        let rows = self.cosine.len() / (self.columns * self.rotary_dim).max(1);
        let start = (row % rows.max(1) * self.columns + column) * self.rotary_dim;
        let cosine = &self.cosine[start..start + self.rotary_dim];
        let sine = &self.sine[start..start + self.rotary_dim];
        let half = self.rotary_dim / 2;
        let (first, rest) = head.split_at_mut(half);
        let pairs = first.iter_mut().zip(rest);
        let (cos_x, cos_y) = cosine.split_at(half);
        let (sin_x, sin_y) = sine.split_at(half);
        let angles = cos_x.iter().zip(cos_y).zip(sin_x.iter().zip(sin_y));
        for ((x, y), ((cos_x, cos_y), (sin_x, sin_y))) in pairs.zip(angles) {
            (*x, *y) = if self.is_transposed {
                (*x * cos_x + *y * sin_y, *y * cos_y - *x * sin_x)
            } else {
                (*x * cos_x - *y * sin_x, *y * cos_y + *x * sin_y)
            };
        }
    }
}
