//! From the states of a row's tokens to one vector.

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::ragged::RaggedStates;

/// How the states of a row become one. Special tokens count as any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Pooling {
    /// The state of the first token.
    #[serde(rename = "cls")]
    Cls,
    /// The largest of each coordinate.
    #[serde(rename = "max")]
    Max,
    /// The mean.
    #[serde(rename = "mean")]
    Mean,
    /// The sum, divided by the square root of the number of tokens.
    #[serde(rename = "mean_sqrt_len_tokens")]
    MeanSqrtLen,
    /// The mean weighted by place: token `i`, counted from 1, weighs `i`.
    #[serde(rename = "weightedmean")]
    WeightedMean,
    /// The state of the last token.
    #[serde(rename = "lasttoken")]
    LastToken,
}

impl Pooling {
    /// Every pooling, in the order in which several stand side by side.
    pub const ALL: [Self; 6] =
        [Self::Cls, Self::Max, Self::Mean, Self::MeanSqrtLen, Self::WeightedMean, Self::LastToken];

    /// The name that sentence-transformers gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cls => "cls",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::MeanSqrtLen => "mean_sqrt_len_tokens",
            Self::WeightedMean => "weightedmean",
            Self::LastToken => "lasttoken",
        }
    }

    /// The pooling of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pooling| pooling.name() == name)
    }

    /// One vector for each row.
    ///
    /// # Shapes
    ///
    /// - `states`: `[n, d]`, no row of them empty
    /// - output: `[b, d]`
    #[must_use]
    pub fn pool(self, states: &RaggedStates) -> Tensor<2> {
        if states.rows() == 0 {
            return states.states();
        }
        match self {
            Self::Cls => states.first(),
            Self::LastToken => states.last(),
            Self::Max => states.padded().max_dim(1).squeeze_dim(1),
            Self::Mean => weighted(states, |_, length| 1.0 / length as f32),
            Self::MeanSqrtLen => weighted(states, |_, length| 1.0 / (length as f32).sqrt()),
            Self::WeightedMean => weighted(states, |place, length| {
                (place + 1) as f32 / (length * (length + 1) / 2) as f32
            }),
        }
    }
}

/// The sum of each row's states by `weight`, which is given a token's place in its row and the
/// row's length.
fn weighted(states: &RaggedStates, weight: impl Fn(usize, usize) -> f32) -> Tensor<2> {
    let padded = states.padded();
    let [b, t, _] = padded.dims();
    let mut weights = vec![0.0; b * t];
    for (row, length) in weights.chunks_mut(t).zip(states.lengths()) {
        for (place, own) in row.iter_mut().take(length).enumerate() {
            *own = weight(place, length);
        }
    }
    let weights = Tensor::<3>::from_data(TensorData::new(weights, [b, 1, t]), &padded.device());
    weights.matmul(padded).squeeze_dim(1)
}

/// Each vector divided by its length, or by 1e-12 where it is shorter.
///
/// # Shapes
///
/// - `vectors`, output: `[n, d]`
#[must_use]
pub fn normalise(vectors: Tensor<2>) -> Tensor<2> {
    // The bound lies under the root, whose slope at 0 is infinite.
    let length = vectors.clone().square().sum_dim(1).clamp_min(1e-24).sqrt();
    vectors / length
}

#[cfg(test)]
mod tests;
