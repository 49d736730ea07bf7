//! The names of the decoder's own parameters, and short ways to say which tensors fill them.
//!
//! The names are the paths of the burn module tree; a test holds the two against each other.

use crate::config::{DecoderConfig, NormKind};
use crate::weights::layout::{Columns, ParameterSource, Piece};

/// `[rows, columns]` table, stored as in the checkpoint.
pub(crate) fn table(parameter: &str, shape: [usize; 2], tensor: String) -> ParameterSource {
    ParameterSource {
        parameter: parameter.to_owned(),
        shape: shape.to_vec(),
        pieces: vec![Piece::same(tensor)],
    }
}

/// A vector called `name` on both sides, below `parameter` and `tensor`.
pub(crate) fn vector(parameter: &str, size: usize, tensor: &str, name: &str) -> ParameterSource {
    ParameterSource {
        parameter: format!("{parameter}.{name}"),
        shape: vec![size],
        pieces: vec![Piece::same(format!("{tensor}.{name}"))],
    }
}

/// Weight and bias of a norm.
pub(crate) fn norm(
    config: &DecoderConfig,
    parameter: &str,
    size: usize,
    tensor: &str,
) -> Vec<ParameterSource> {
    let vector = |name: &str| vector(parameter, size, tensor, name);
    let mut sources = vec![vector("weight")];
    if config.norm == NormKind::Layer {
        sources.push(vector("bias"));
    }
    sources
}

/// One checkpoint linear layer that fills some columns of one of ours.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Tensor name without `.weight` or `.bias`.
    pub(crate) tensor: String,
    /// Output features.
    pub(crate) features: usize,
    /// How its output features are ordered.
    pub(crate) columns: Columns,
}

impl Part {
    pub(crate) fn new(tensor: String, features: usize) -> Self {
        Self { tensor, features, columns: Columns::InOrder }
    }
}

/// How the checkpoint stores linear weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// `[out, in]`, as `torch.nn.Linear`.
    OutIn,
    /// `[in, out]`, as GPT-2's `Conv1D`; ours too.
    InOut,
}

/// A linear layer `[inputs, Σ features]` made of `parts` side by side.
pub(crate) fn linear(
    parameter: &str,
    inputs: usize,
    parts: &[Part],
    bias: bool,
    stored: Stored,
) -> Vec<ParameterSource> {
    let outputs = parts.iter().map(|part| part.features).sum();
    let mut first = 0;
    let mut weights = Vec::with_capacity(parts.len());
    let mut biases = Vec::with_capacity(parts.len());
    for part in parts {
        let weight = format!("{}.weight", part.tensor);
        weights.push(match stored {
            Stored::OutIn => Piece::transposed(weight, first, part.features, part.columns),
            Stored::InOut => Piece::same(weight),
        });
        let bias = format!("{}.bias", part.tensor);
        biases.push(Piece::slice(bias, first, part.features, part.columns));
        first += part.features;
    }
    let mut sources = vec![ParameterSource {
        parameter: format!("{parameter}.weight"),
        shape: vec![inputs, outputs],
        pieces: weights,
    }];
    if bias {
        sources.push(ParameterSource {
            parameter: format!("{parameter}.bias"),
            shape: vec![outputs],
            pieces: biases,
        });
    }
    sources
}

/// The untied head, if there is one.
pub(crate) fn head(config: &DecoderConfig, tensor: &str) -> Option<ParameterSource> {
    let shape = [config.vocab_size, config.embedding_size];
    (!config.tie_embeddings).then(|| table("head", shape, tensor.to_owned()))
}
