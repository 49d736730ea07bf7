//! Scaled dot-product attention with grouped heads.

use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use burn::tensor::module::attention as fused_attention;
use burn::tensor::ops::AttentionModuleOptions;

use super::{Blocked, softcap};

/// Queries, keys and values of one layer.
#[derive(Debug)]
pub struct AttentionInputs {
    /// `[b, h, t, hd]`.
    pub query: Tensor<4>,
    /// `[b, kv, s, hd]`; `kv` divides `h`.
    pub key: Tensor<4>,
    /// `[b, kv, s, hd]`.
    pub value: Tensor<4>,
    /// Factor of the scores.
    pub scale: f64,
    /// Soft cap of the scaled scores.
    pub softcap: Option<f64>,
}

/// Which keys the queries of one pass may see.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a handful of them exist during a pass")]
pub enum Visible {
    /// All of them.
    All,
    /// Query `i` sees the keys up to `s − t + i`: its own and all before. For passes without
    /// gradients, where backends have an operation for it.
    Causal,
    /// What a mask says, `[b or 1, 1, t, s]`, true where a query may *not* look: the polarity of
    /// `mask_fill`.
    Unblocked(Blocked),
}

/// A score that no softmax gives weight to. Finite, so that a row in which every key is blocked
/// (padding) stays finite: a NaN there would reach the counted rows as `0 · NaN` one layer later.
const BLOCKED_SCORE: f32 = -1.0e30;

/// `softmax(scale · Q Kᵀ) V`, each key-value head shared by `h / kv` query heads.
///
/// # Shapes
///
/// - output: `[b, h, t, hd]`
#[must_use]
pub fn attention(inputs: AttentionInputs, visible: Visible) -> Tensor<4> {
    match visible {
        Visible::Causal => causal(inputs),
        Visible::All => composed(inputs, None),
        Visible::Unblocked(blocked) => composed(inputs, Some(blocked)),
    }
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
    fused_attention(query, repeated(key), repeated(value), None, None, options)
}

fn composed(inputs: AttentionInputs, blocked: Option<Blocked>) -> Tensor<4> {
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
