//! Attention on any backend.

use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use burn::tensor::module::attention as backend_attention;
use burn::tensor::ops::AttentionModuleOptions;

use super::{AttentionInputs, Blocked, PackedHeads, Rotation, Visible};
use crate::softcap;

/// A score that no softmax gives weight to. Finite, so that a row in which every key is blocked
/// (padding) stays finite: a NaN there would reach the counted rows as `0 · NaN` one layer later.
const BLOCKED_SCORE: f32 = -1.0e30;

pub(super) fn attention(inputs: AttentionInputs, visible: Visible) -> Tensor<4> {
    match visible {
        Visible::Causal => causal(inputs),
        Visible::All => scored(inputs, None),
        Visible::Spans(spans) => {
            let blocked = spans.blocked(&inputs.query.device());
            scored(inputs, Some(blocked))
        }
        Visible::Unblocked(blocked) => scored(inputs, Some(blocked)),
    }
}

pub(super) fn packed(
    projected: Tensor<3>,
    rotation: Option<&Rotation>,
    heads: PackedHeads,
    visible: Visible,
) -> Tensor<3> {
    let [b, t, _] = projected.dims();
    let PackedHeads { heads, kv_heads, head_dim, scale, softcap } = heads;
    let (q, kv) = (heads * head_dim, kv_heads * head_dim);
    let part = |range: std::ops::Range<usize>, count: usize| {
        let part = projected.clone().slice_dim(2, range);
        part.reshape([b, t, count, head_dim]).swap_dims(1, 2)
    };
    let turned = |heads: Tensor<4>| match rotation {
        Some(rotation) => rotation.apply(heads),
        None => heads,
    };
    let inputs = AttentionInputs {
        query: turned(part(0..q, heads)),
        key: turned(part(q..q + kv, kv_heads)),
        value: part(q + kv..q + 2 * kv, kv_heads),
        scale,
        softcap,
    };
    attention(inputs, visible).swap_dims(1, 2).reshape([b, t, q])
}

/// The backend's own operation. It wants one key-value head a query head.
fn causal(inputs: AttentionInputs) -> Tensor<4> {
    let AttentionInputs { query, key, value, scale, softcap } = inputs;
    let [b, h, _, head_dim] = query.dims();
    let [_, kv, s, _] = key.dims();
    let repeated = |heads: Tensor<4>| {
        if kv == h {
            return heads;
        }
        let heads: Tensor<5> = heads.unsqueeze_dim(2);
        heads.expand([b, kv, h / kv, s, head_dim]).reshape([b, h, s, head_dim])
    };
    // Some backends have their fastest path only for the default scale, left unsaid.
    let is_default = (scale * (head_dim as f64).sqrt() - 1.0).abs() < 1e-9;
    let scale = (!is_default).then_some(scale);
    let options = AttentionModuleOptions { scale, softcap, is_causal: true };
    backend_attention(query, repeated(key), repeated(value), None, None, options)
}

fn scored(inputs: AttentionInputs, blocked: Option<Blocked>) -> Tensor<4> {
    let AttentionInputs { query, key, value, scale, softcap: cap } = inputs;
    let [b, h, t, head_dim] = query.dims();
    let [_, kv, s, _] = key.dims();
    let group = h / kv;

    // The queries of a group are stacked as rows: one product a key-value head, no repeated keys.
    let query = (query * scale).reshape([b, kv, group * t, head_dim]);
    let mut scores = query.matmul(key.swap_dims(2, 3));
    if let Some(cap) = cap {
        scores = softcap(scores, cap);
    }
    let mut scores = scores.reshape([b, h, t, s]);
    if let Some(blocked) = blocked {
        scores = scores.mask_fill(blocked.expand([b, h, t, s]), BLOCKED_SCORE);
    }
    let weights = softmax(scores, 3).reshape([b, kv, group * t, s]);
    weights.matmul(value).reshape([b, h, t, head_dim])
}

/// Rotates the first `rotary_dim` entries of every head in the `rotate_half` form:
/// `x · cos + [−x₂, x₁] · sin`, where `x₁` and `x₂` are the two halves.
///
/// # Shapes
///
/// - `heads`: `[b, n, t, hd]`
/// - `cosine`, `sine`: `[b or 1, 1, t, rotary_dim]`
#[must_use]
pub fn rotary(heads: Tensor<4>, cosine: Tensor<4>, sine: Tensor<4>) -> Tensor<4> {
    let [_, _, _, head_dim] = heads.dims();
    let [_, _, _, rotary_dim] = cosine.dims();
    let half = rotary_dim / 2;
    let first = heads.clone().slice_dim(3, 0..half);
    let second = heads.clone().slice_dim(3, half..rotary_dim);
    let turned = Tensor::cat(vec![-second, first], 3);
    if rotary_dim == head_dim {
        return heads * cosine + turned * sine;
    }
    let passed = heads.clone().slice_dim(3, rotary_dim..head_dim);
    let rotated = heads.slice_dim(3, 0..rotary_dim) * cosine + turned * sine;
    Tensor::cat(vec![rotated, passed], 3)
}
