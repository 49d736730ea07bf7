//! Sentence encoders in the layout of sentence-transformers: one vector for each row.

mod files;

use burn::module::Module;
use burn::tensor::activation::{gelu, relu, sigmoid};
use burn::tensor::{Device, Tensor};

use crate::encoder::Encoder;
use crate::pooling::{Pooling, normalise};
use crate::projection::Projection;
use crate::ragged::{RaggedStates, RowError, TokenRow, in_batches};

/// An encoder, its pooling, and what follows.
#[derive(Module, Debug)]
pub struct SentenceEncoder {
    encoder: Encoder,
    /// The dense layers among `steps`, in their order.
    dense: Vec<Projection>,
    /// Side by side where there are several.
    #[module(skip)]
    poolings: Vec<Pooling>,
    #[module(skip)]
    steps: Vec<Step>,
    #[module(skip)]
    max_tokens: usize,
}

/// What happens to a pooled vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The next dense layer, then a function.
    Dense(Function),
    /// Division by the vector's length.
    Normalise,
}

/// The function after a dense layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Identity,
    Tanh,
    Relu,
    Gelu,
    Sigmoid,
}

impl SentenceEncoder {
    /// An encoder whose vectors are its states pooled.
    #[must_use]
    pub fn new(encoder: Encoder, pooling: Pooling) -> Self {
        let max_tokens = encoder.config().max_tokens;
        Self { encoder, dense: Vec::new(), poolings: vec![pooling], steps: Vec::new(), max_tokens }
    }

    /// The encoder below.
    #[must_use]
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The device that holds the weights.
    #[must_use]
    pub fn device(&self) -> Device {
        self.encoder.device()
    }

    /// Tokens to which a text is cut, the special ones included. Cutting is the caller's: it must
    /// keep the last special token.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Width of a vector.
    #[must_use]
    pub fn width(&self) -> usize {
        let pooled = self.poolings.len() * self.encoder.config().hidden_size;
        self.dense.last().map_or(pooled, Projection::outputs)
    }

    /// The vectors of one batch.
    ///
    /// # Shapes
    ///
    /// - output: `[b, width]`
    ///
    /// # Errors
    ///
    /// [`RowError`] of the first row that cannot be read.
    pub fn encode(&self, rows: &[TokenRow<'_>]) -> Result<Tensor<2>, RowError> {
        let states = self.encoder.states(rows)?;
        if rows.is_empty() {
            return Ok(Tensor::zeros([0, self.width()], &self.device()));
        }
        Ok(self.vectors(&states))
    }

    /// The vectors of any number of rows, in batches of like length and of at most `batch_tokens`
    /// tokens; in the order of the rows.
    ///
    /// # Shapes
    ///
    /// - output: `[rows, width]`
    ///
    /// # Errors
    ///
    /// [`RowError`] of the first row that cannot be read, before anything is computed.
    pub fn encode_all(
        &self,
        rows: &[TokenRow<'_>],
        batch_tokens: usize,
    ) -> Result<Tensor<2>, RowError> {
        self.encoder.check(rows)?;
        let vectors = in_batches(rows, batch_tokens, |batch| self.encode(batch))?;
        Ok(vectors.unwrap_or_else(|| Tensor::zeros([0, self.width()], &self.device())))
    }

    fn vectors(&self, states: &RaggedStates) -> Tensor<2> {
        let pooled = self.poolings.iter().map(|pooling| pooling.pool(states)).collect();
        let mut vectors: Tensor<2> = Tensor::cat(pooled, 1);
        let mut dense = self.dense.iter();
        for step in &self.steps {
            vectors = match step {
                Step::Normalise => normalise(vectors),
                Step::Dense(function) => match dense.next() {
                    Some(layer) => {
                        let inner = layer.forward(vectors.unsqueeze()).squeeze_dim(0);
                        function.apply(inner)
                    }
                    None => vectors,
                },
            };
        }
        vectors
    }
}

impl Function {
    fn apply(self, input: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Identity => input,
            Self::Tanh => input.tanh(),
            Self::Relu => relu(input),
            Self::Gelu => gelu(input),
            Self::Sigmoid => sigmoid(input),
        }
    }
}

#[cfg(test)]
mod tests;
