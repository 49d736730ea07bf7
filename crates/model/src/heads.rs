//! Several task heads on one trunk: each reads the states of its own layer, and what it says of a
//! text or of each token is its logits.
//!
//! What logits mean is the caller's business: a head carries their names along. Nothing here drops
//! out, in training neither.

mod adapters;
mod files;
mod freeze;
mod head;

pub use adapters::ParameterCounts;
pub use files::{ExportError, HEADS, Task, holds_language_model, lists_heads};
pub(crate) use files::{LANGUAGE_MODEL, forget_heads};
pub use freeze::Freeze;
pub use head::{HeadConfig, Level};

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::ragged::{RaggedStates, RowError, TokenRow};
use crate::trunk::Trunk;
use head::Head;

/// A trunk and the heads on it. One module, so that one optimizer holds them all.
#[derive(Module, Debug)]
pub struct MultiHead {
    trunk: Trunk,
    heads: Vec<Head>,
}

/// Heads without their trunk, for a module that holds the trunk itself.
#[derive(Module, Debug)]
pub struct TaskHeads {
    heads: Vec<Head>,
}

/// Heads that cannot stand on a trunk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadConfigError {
    /// No head, or two of one name, or a name that is no name.
    #[error("heads need names of their own, of letters, digits, `_` and `-`: {0}")]
    Name(String),
    /// A head without an output.
    #[error("the head `{head}` has no output; it needs at least one")]
    Outputs {
        /// The head.
        head: String,
    },
    /// Names that are not one for each output.
    #[error("the head `{head}` has {outputs} outputs and {labels} labels; each needs one")]
    Labels {
        /// The head.
        head: String,
        /// Its outputs.
        outputs: usize,
        /// Its labels.
        labels: usize,
    },
    /// A layer that the trunk does not have.
    #[error("the head `{head}` reads layer {layer}, the trunk has {layers}")]
    Layer {
        /// The head.
        head: String,
        /// The layer asked for.
        layer: usize,
        /// Layers of the trunk.
        layers: usize,
    },
    /// A lower layer of a causal model.
    #[error(
        "the head `{head}` reads layer {layer} of a causal model, whose states are read after the \
         last layer only; leave `layer` out"
    )]
    LowerLayer {
        /// The head.
        head: String,
        /// The layer asked for.
        layer: usize,
    },
}

impl MultiHead {
    /// New heads on `trunk`: weights normal with standard deviation 0.02, by `seed` and the head's
    /// place, biases zero. A head of the family's own layout begins with the trunk's pooler where
    /// the checkpoint has one; the trunk keeps none.
    ///
    /// # Errors
    ///
    /// [`HeadConfigError`] for the first head that cannot stand on the trunk.
    pub fn new(
        mut trunk: Trunk,
        configs: Vec<HeadConfig>,
        seed: u64,
    ) -> Result<Self, HeadConfigError> {
        head::check(&trunk, &configs)?;
        let pooler = trunk.take_pooler();
        let heads = configs.into_iter().enumerate().map(|(place, config)| {
            let fresh = Head::fresh(&trunk, config, seed, place as u64);
            match &pooler {
                Some(pooler) => fresh.begin_with(pooler),
                None => fresh,
            }
        });
        let heads = heads.collect();
        Ok(Self { trunk, heads })
    }

    /// Heads that [`Self::into_parts`] took off, on the same trunk as it is now. A clone of a trunk
    /// shares its weights, and what it computes has their gradients.
    #[must_use]
    pub fn standing(trunk: Trunk, heads: TaskHeads) -> Self {
        Self { trunk, heads: heads.heads }
    }

    /// Trunk and heads, each on its own.
    #[must_use]
    pub fn into_parts(self) -> (Trunk, TaskHeads) {
        (self.trunk, TaskHeads { heads: self.heads })
    }

    /// What the heads stand on.
    #[must_use]
    pub fn trunk(&self) -> &Trunk {
        &self.trunk
    }

    /// The heads, in their order.
    pub fn configs(&self) -> impl ExactSizeIterator<Item = &HeadConfig> {
        self.heads.iter().map(Head::config)
    }

    /// The place of the head called `name`.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.configs().position(|config| config.name == name)
    }

    /// The device that holds the weights.
    #[must_use]
    pub fn device(&self) -> Device {
        self.trunk.device()
    }

    /// The states that a head reads.
    ///
    /// # Shapes
    ///
    /// - output: `[n, d]`, one for each token of `rows`
    ///
    /// # Errors
    ///
    /// [`RowError`] of the first row that cannot be read.
    ///
    /// # Panics
    ///
    /// When there is no such head: the caller's mistake.
    pub fn states(&self, head: usize, rows: &[TokenRow<'_>]) -> Result<RaggedStates, RowError> {
        match self.heads[head].config().layer {
            Some(layer) => self.trunk.states_after(rows, layer),
            None => self.trunk.states(rows),
        }
    }

    /// One vector a row, as a head for texts pools its states.
    ///
    /// # Shapes
    ///
    /// - output: `[b, d]`
    ///
    /// # Panics
    ///
    /// When there is no such head.
    #[must_use]
    pub fn pooled(&self, head: usize, states: &RaggedStates) -> Tensor<2> {
        self.heads[head].pool(states)
    }

    /// Logits of vectors that [`Self::pooled`] gave, or of the states of tokens.
    ///
    /// # Shapes
    ///
    /// - `vectors`: `[n, d]`
    /// - output: `[n, outputs]`
    ///
    /// # Panics
    ///
    /// When there is no such head.
    #[must_use]
    pub fn logits_of(&self, head: usize, vectors: Tensor<2>) -> Tensor<2> {
        self.heads[head].logits(vectors)
    }

    /// Logits of each row.
    ///
    /// # Shapes
    ///
    /// - output: `[b, outputs]`
    ///
    /// # Errors
    ///
    /// [`RowError`] of the first row that cannot be read.
    ///
    /// # Panics
    ///
    /// When there is no such head.
    pub fn text_logits(&self, head: usize, rows: &[TokenRow<'_>]) -> Result<Tensor<2>, RowError> {
        let states = self.states(head, rows)?;
        if rows.is_empty() {
            let outputs = self.heads[head].config().outputs;
            return Ok(Tensor::zeros([0, outputs], &self.device()));
        }
        Ok(self.logits_of(head, self.pooled(head, &states)))
    }

    /// Logits of each token.
    ///
    /// # Shapes
    ///
    /// - output: `[n, outputs]`, one for each token of `rows`
    ///
    /// # Errors
    ///
    /// [`RowError`] of the first row that cannot be read.
    ///
    /// # Panics
    ///
    /// When there is no such head.
    pub fn token_logits(
        &self,
        head: usize,
        rows: &[TokenRow<'_>],
    ) -> Result<RaggedStates, RowError> {
        let states = self.states(head, rows)?;
        if rows.is_empty() {
            let outputs = self.heads[head].config().outputs;
            return Ok(RaggedStates::new(Tensor::zeros([0, outputs], &self.device()), &[]));
        }
        Ok(states.map(|states| self.logits_of(head, states)))
    }
}

#[cfg(test)]
mod tests;
