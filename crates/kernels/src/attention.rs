//! Scaled dot-product attention with grouped heads and rotary positions.

mod composed;
#[cfg(feature = "flex")]
mod fused;
mod spans;

use burn::tensor::{Bool, Tensor};

pub use composed::rotary;
pub use spans::Spans;

/// Which keys each query may see, as a tensor `[b or 1, 1, t, s]`; true where it may *not*: the
/// polarity of `mask_fill`.
pub type Blocked = Tensor<4, Bool>;

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
#[allow(
    clippy::large_enum_variant,
    reason = "a handful exist during a pass; the size is the backend's"
)]
pub enum Visible {
    /// All of them.
    All,
    /// Query `i` sees the keys up to `s − t + i`: its own and all before. For passes without
    /// gradients, where backends have an operation for it.
    Causal,
    /// Each query sees one run of keys.
    Spans(Spans),
    /// What a mask says.
    Unblocked(Blocked),
}

/// The heads of a projection that holds queries, keys and values side by side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PackedHeads {
    /// Query heads, `h`.
    pub heads: usize,
    /// Key-value heads, `kv`, a divisor of `h`.
    pub kv_heads: usize,
    /// Size of a head.
    pub head_dim: usize,
    /// Factor of the scores.
    pub scale: f64,
    /// Soft cap of the scaled scores.
    pub softcap: Option<f64>,
}

/// Cosine and sine of the rotary angles, `[b or 1, 1, t, rotary_dim]` each, which carry no
/// gradient. `rotary_dim` is even and at most the size of a head.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// `cos(angle)`.
    pub cosine: Tensor<4>,
    /// `sin(angle)`.
    pub sine: Tensor<4>,
}

impl Rotation {
    /// Turns the heads, `[b, n, t, hd]`; see [`rotary`].
    #[must_use]
    pub fn apply(&self, heads: Tensor<4>) -> Tensor<4> {
        rotary(heads, self.cosine.clone(), self.sine.clone())
    }
}

/// `softmax(scale · Q Kᵀ) V`, each key-value head shared by `h / kv` query heads.
///
/// A query that sees no key gets finite values of no meaning.
///
/// # Shapes
///
/// - output: `[b, h, t, hd]`
#[must_use]
pub fn attention(inputs: AttentionInputs, visible: Visible) -> Tensor<4> {
    #[cfg(feature = "flex")]
    if let Visible::Spans(spans) = &visible
        && let Some(output) = fused::attention(&inputs, spans)
    {
        return output;
    }
    composed::attention(inputs, visible)
}

/// Splits a projection into heads, turns queries and keys, and attends: a layer's attention without
/// cache, between its two projections.
///
/// # Shapes
///
/// - `projected`: `[b, t, (h + 2·kv) · hd]`, queries before keys before values
/// - output: `[b, t, h · hd]`
#[must_use]
pub fn packed_attention(
    projected: Tensor<3>,
    rotation: Option<&Rotation>,
    heads: PackedHeads,
    visible: Visible,
) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if let Visible::Spans(spans) = &visible
        && let Some(output) = fused::packed(projected.clone(), rotation, heads, spans)
    {
        return output;
    }
    composed::packed(projected, rotation, heads, visible)
}

#[cfg(test)]
mod tests;
