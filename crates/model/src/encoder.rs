//! Bidirectional encoders: one network for BERT, RoBERTa, XLM-R, CamemBERT, DistilBERT and MPNet.
//!
//! Rows come as token ids of any length, and states go as those of the real tokens. Padding exists
//! within attention alone, so that it can change no result.

mod batch;
pub mod config;
pub(crate) mod family;
mod files;
mod layer;
mod relative;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use burn::module::{Initializer, Module, Param};
use burn::tensor::{Device, Gradients, Tensor};

use crate::lora::LoraPlan;
use crate::ops;
use crate::projection::Projection;
use crate::ragged::{Limits, RaggedStates, RowError, TokenRow};
use crate::values;
use batch::Batch;
use layer::{Layer, Norm};

pub use config::EncoderConfig;
pub use files::{load, save};

/// An encoder, with its pooler where the checkpoint has one.
#[derive(Module, Debug)]
pub struct Encoder {
    /// `[v, d]`.
    token_embedding: Param<Tensor<2>>,
    /// `[positions, d]`.
    position_embedding: Param<Tensor<2>>,
    /// `[types, d]`.
    type_embedding: Option<Param<Tensor<2>>>,
    embedding_norm: Norm,
    /// `[buckets, h]`.
    relative_bias: Option<Param<Tensor<2>>>,
    layers: Vec<Layer>,
    pooler: Option<Projection>,
    #[module(skip)]
    config: Arc<EncoderConfig>,
    /// Which projections have adapters.
    #[module(skip)]
    pub(crate) adapters: Option<LoraPlan>,
}

impl Encoder {
    /// An encoder whose parameters are not yet allocated.
    fn blank(config: &EncoderConfig, device: &Device) -> Self {
        let table = |shape: [usize; 2]| Initializer::Zeros.init::<2, _>(shape, device);
        let d = config.hidden_size;
        Self {
            token_embedding: table([config.vocab_size, d]),
            position_embedding: table([config.max_tokens + config.position_offset, d]),
            type_embedding: (config.token_types > 0).then(|| table([config.token_types, d])),
            embedding_norm: Norm::blank(d, device),
            relative_bias: config.relative_buckets.map(|buckets| table([buckets, config.heads])),
            layers: (0..config.layers).map(|_| Layer::blank(config, device)).collect(),
            pooler: config.pooler.then(|| Projection::blank(d, d, true, device)),
            config: Arc::new(config.clone()),
            adapters: None,
        }
    }

    /// An encoder from the values of every parameter, by its path in the module tree.
    ///
    /// # Panics
    ///
    /// When a parameter is missing or has another size: the families' table of parameters and this
    /// module tree must agree, which a test holds.
    #[must_use]
    pub fn from_values(
        config: &EncoderConfig,
        values: HashMap<String, Vec<f32>>,
        device: &Device,
    ) -> Self {
        values::fill(Self::blank(config, device), values, device)
    }

    /// The values of every parameter, by its path in the module tree, row-major.
    #[must_use]
    pub fn values(&self) -> BTreeMap<String, Vec<f32>> {
        values::read(self)
    }

    /// The gradients of every parameter that has one, by its path in the module tree.
    #[must_use]
    pub fn gradients(&self, gradients: &Gradients) -> BTreeMap<String, Vec<f32>> {
        values::read_gradients(self, gradients)
    }

    /// What the network is made of.
    #[must_use]
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// The device that holds the weights.
    #[must_use]
    pub fn device(&self) -> Device {
        self.token_embedding.val().device()
    }

    /// Refuses rows that cannot be read, before anything is computed.
    ///
    /// # Errors
    ///
    /// [`RowError`] of the first such row.
    pub fn check(&self, rows: &[TokenRow<'_>]) -> Result<(), RowError> {
        let EncoderConfig { max_tokens, vocab_size, token_types, .. } = *self.config;
        Limits { max_tokens, vocab_size, token_types }.check(rows)
    }

    /// States after the last layer.
    ///
    /// # Shapes
    ///
    /// - output: `[n, d]`, one for each token
    ///
    /// # Errors
    ///
    /// [`RowError`] of the first row that cannot be read.
    pub fn states(&self, rows: &[TokenRow<'_>]) -> Result<RaggedStates, RowError> {
        self.states_after(rows, self.config.layers)
    }

    /// States after the first `layers` layers, 0 for the embeddings; the layers above do not run.
    ///
    /// # Shapes
    ///
    /// - output: `[n, d]`, one for each token
    ///
    /// # Errors
    ///
    /// [`RowError`] of the first row that cannot be read.
    ///
    /// # Panics
    ///
    /// When there are fewer layers: the caller's mistake.
    pub fn states_after(
        &self,
        rows: &[TokenRow<'_>],
        layers: usize,
    ) -> Result<RaggedStates, RowError> {
        assert!(layers <= self.config.layers, "the encoder has {} layers", self.config.layers);
        let mut last = None;
        self.walk(rows, layers, |states| last = Some(states))?;
        Ok(last.unwrap_or_else(|| self.nothing()))
    }

    /// States after every layer: entry `k` is after layer `k`, entry 0 the embeddings.
    ///
    /// # Shapes
    ///
    /// - output: `layers + 1` entries of `[n, d]`, one state for each token
    ///
    /// # Errors
    ///
    /// [`RowError`] of the first row that cannot be read.
    pub fn hidden_states(&self, rows: &[TokenRow<'_>]) -> Result<Vec<RaggedStates>, RowError> {
        let mut all = Vec::with_capacity(self.config.layers + 1);
        self.walk(rows, self.config.layers, |states| all.push(states))?;
        all.resize_with(self.config.layers + 1, || self.nothing());
        Ok(all)
    }

    /// The pooler's output, `tanh(dense(state of the first token))`; `None` without a pooler.
    ///
    /// # Shapes
    ///
    /// - `states`: after the last layer
    /// - output: `[b, d]`
    #[must_use]
    pub fn pooled(&self, states: &RaggedStates) -> Option<Tensor<2>> {
        let pooler = self.pooler.as_ref()?;
        Some(pooler.forward(states.first().unsqueeze()).squeeze_dim::<2>(0).tanh())
    }

    /// Takes the pooler off, where there is one.
    pub(crate) fn take_pooler(&mut self) -> Option<Projection> {
        let pooler = self.pooler.take()?;
        Arc::make_mut(&mut self.config).pooler = false;
        Some(pooler)
    }

    /// The projections of every layer.
    pub(crate) fn projections(&mut self) -> Vec<[&mut Projection; 4]> {
        self.layers.iter_mut().map(Layer::projections).collect()
    }

    /// Runs the first `layers` layers and shows the states after each, the embeddings first; none
    /// for no rows.
    fn walk(
        &self,
        rows: &[TokenRow<'_>],
        layers: usize,
        mut show: impl FnMut(RaggedStates),
    ) -> Result<(), RowError> {
        self.check(rows)?;
        if rows.is_empty() {
            return Ok(());
        }
        let device = self.device();
        let batch = Batch::new(rows, &self.config, &device);
        let bias = self.relative_bias.as_ref();
        let bias = bias.map(|table| relative::bias(table.val(), batch.longest(), &device));
        let mut show = |states: &Tensor<3>| {
            let states = states.clone().squeeze_dim::<2>(0);
            show(RaggedStates::new(states, batch.lengths()));
        };
        let mut states = self.embed(&batch);
        show(&states);
        for layer in self.layers.iter().take(layers) {
            states = layer.forward(states, &self.config, &batch, bias.as_ref());
            show(&states);
        }
        Ok(())
    }

    fn embed(&self, batch: &Batch) -> Tensor<3> {
        let tokens = ops::embedding(self.token_embedding.val(), batch.ids.clone());
        let positions = ops::embedding(self.position_embedding.val(), batch.positions.clone());
        let mut states = tokens + positions;
        if let Some(table) = &self.type_embedding {
            states = states + ops::embedding(table.val(), batch.types.clone());
        }
        self.embedding_norm.forward(states.unsqueeze(), &self.config)
    }

    fn nothing(&self) -> RaggedStates {
        let states = Tensor::zeros([0, self.config.hidden_size], &self.device());
        RaggedStates::new(states, &[])
    }
}

#[cfg(test)]
mod tests;
