//! The network: one causal decoder for every family.

mod block;
mod trace;

pub use trace::{Keeps, Part, Remaining, Trace};

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use burn::module::{Initializer, Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use hybrid_kernels::packed::{PackedWeight, WeightStorage};

use crate::cache::KvCache;
use crate::config::{Attends, DecoderConfig, Positions};
use crate::input::TokenInput;
use crate::lora::LoraPlan;
use crate::ops::{self, LogprobOptions, Rotation, TokenLogprobs, Visible};
use crate::projection::Projection;
use crate::rope::{self, RopeConfig};
use crate::sampling::KeptSet;
use crate::values;
use block::{Block, Norm};

/// A causal decoder with its head.
#[derive(Module, Debug)]
pub struct Decoder {
    /// `[v, e]`.
    token_embedding: Param<Tensor<2>>,
    /// `[positions, d]`, for learned positions.
    position_embedding: Option<Param<Tensor<2>>>,
    /// `e → d`, where the embedding is narrower than the stream.
    input_projection: Option<Projection>,
    blocks: Vec<Block>,
    final_norm: Option<Norm>,
    /// `d → e`, the counterpart of `input_projection`.
    output_projection: Option<Projection>,
    /// `[v, e]`; absent when tied to the token embedding.
    head: Option<Param<Tensor<2>>>,
    /// The head once more, while the decoder only decodes.
    #[module(skip)]
    packed_head: Option<PackedWeight>,
    #[module(skip)]
    config: Arc<DecoderConfig>,
    /// Which projections have adapters.
    #[module(skip)]
    pub(crate) adapters: Option<LoraPlan>,
}

impl Decoder {
    /// A decoder whose parameters are not yet allocated.
    fn blank(config: &DecoderConfig, device: &Device) -> Self {
        let table = |shape: [usize; 2]| Initializer::Zeros.init::<2, _>(shape, device);
        let (v, d, e) = (config.vocab_size, config.hidden_size, config.embedding_size);
        let position_embedding = match &config.positions {
            Positions::Learned { offset } => Some(table([config.max_positions + offset, d])),
            Positions::Rotary { .. } => None,
        };
        let projection =
            |inputs, outputs| (e != d).then(|| Projection::blank(inputs, outputs, false, device));
        Self {
            token_embedding: table([v, e]),
            position_embedding,
            input_projection: projection(e, d),
            blocks: config.layers.iter().map(|_| Block::blank(config, device)).collect(),
            final_norm: config.final_norm.then(|| Norm::blank(config, d, device)),
            output_projection: projection(d, e),
            head: (!config.tie_embeddings).then(|| table([v, e])),
            packed_head: None,
            config: Arc::new(config.clone()),
            adapters: None,
        }
    }

    /// A decoder from the values of every parameter, by its path in the module tree.
    ///
    /// # Panics
    ///
    /// When a parameter is missing or has another size: the table of
    /// [`crate::family::parameter_map`] and this module tree must agree, which a test holds.
    #[must_use]
    pub fn from_values(
        config: &DecoderConfig,
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
    pub fn gradients(&self, gradients: &burn::tensor::Gradients) -> BTreeMap<String, Vec<f32>> {
        values::read_gradients(self, gradients)
    }

    /// What the network is made of.
    #[must_use]
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// The device that holds the weights.
    #[must_use]
    pub fn device(&self) -> Device {
        self.token_embedding.val().device()
    }

    /// The matrix from hidden state to logits, `[v, e]`.
    #[must_use]
    pub fn head(&self) -> Tensor<2> {
        self.head.as_ref().unwrap_or(&self.token_embedding).val()
    }

    /// The projections of every block.
    pub(crate) fn projections(&mut self) -> Vec<[&mut Projection; 4]> {
        self.blocks.iter_mut().map(Block::projections).collect()
    }

    /// This decoder without gradients, every weight laid out once more for passes over a few tokens,
    /// with what adapters add: for decoding, on devices that gain by it. Takes the memory of the
    /// weights a second time, or what `storage` leaves of it. Norms, biases and embeddings are never
    /// rounded.
    #[must_use]
    pub(crate) fn for_decoding(&self, storage: WeightStorage) -> Self {
        let mut decoder = self.valid();
        decoder.merge_adapters();
        let Self { blocks, input_projection, output_projection, .. } = &mut decoder;
        let projections = blocks.iter_mut().flat_map(Block::projections);
        for projection in projections.chain(input_projection).chain(output_projection) {
            projection.pack(storage);
        }
        decoder.packed_head = PackedWeight::transposed(decoder.head(), storage);
        decoder
    }

    /// Hidden states after the last norm, ready for the head.
    ///
    /// With a cache, the tokens follow the cached ones and are added to it.
    ///
    /// # Shapes
    ///
    /// - output: `[b, t, e]`
    ///
    /// # Panics
    ///
    /// When the cache has no room for the tokens, packed rows come with a cache that is not empty,
    /// or a learned position lies beyond the table.
    #[must_use]
    pub fn hidden(&self, input: &TokenInput, mut cache: Option<&mut KvCache>) -> Tensor<3> {
        let past = cache.as_deref().map_or(0, KvCache::len);
        let [_, t] = input.dims();
        let mut hidden = self.embed(input, past);
        let patterns = Patterns::new(&self.config, input, past);
        for (index, block) in self.blocks.iter().enumerate() {
            let layer = patterns.layer(&self.config, index);
            hidden = block.forward(hidden, &self.config, layer, cache.as_deref_mut());
        }
        if let Some(cache) = cache {
            cache.advance(t);
        }
        self.finished(hidden)
    }

    /// What the last block gave, ready for the head.
    fn finished(&self, mut hidden: Tensor<3>) -> Tensor<3> {
        if let Some(norm) = &self.final_norm {
            hidden = norm.forward(hidden, &self.config);
        }
        match &self.output_projection {
            Some(projection) => projection.forward(hidden),
            None => hidden,
        }
    }

    /// Logits of the given hidden states.
    ///
    /// # Shapes
    ///
    /// - `hidden`: `[b, t, e]`
    /// - output: `[b, t, v]`
    #[must_use]
    pub fn logits(&self, hidden: Tensor<3>) -> Tensor<3> {
        let head = || self.head().transpose();
        let logits = ops::linear_packed(hidden, head, self.packed_head.as_ref(), None);
        match self.config.logit_softcap {
            Some(cap) => ops::softcap(logits, cap),
            None => logits,
        }
    }

    /// Log-probability of `targets[i]` given hidden state `i`, in nats, at `temperature`.
    ///
    /// # Shapes
    ///
    /// - `hidden`: `[n, e]`, `targets`: `[n]`
    /// - output: `[n]`
    #[must_use]
    pub fn token_logprobs(
        &self,
        hidden: Tensor<2>,
        targets: Tensor<1, Int>,
        temperature: f64,
    ) -> Tensor<1> {
        let options = LogprobOptions { temperature, ..LogprobOptions::default() };
        self.token_logprobs_with(hidden, targets, &options).logprobs
    }

    /// As [`Decoder::token_logprobs`], with what the options ask for besides. The soft cap is the
    /// decoder's own, whatever the options say.
    ///
    /// # Shapes
    ///
    /// - `hidden`: `[n, e]`, `targets`: `[n]`
    #[must_use]
    pub fn token_logprobs_with(
        &self,
        hidden: Tensor<2>,
        targets: Tensor<1, Int>,
        options: &LogprobOptions,
    ) -> TokenLogprobs {
        let options = LogprobOptions { softcap: self.config.logit_softcap, ..*options };
        ops::token_logprobs(hidden, self.head(), targets, &options)
    }

    /// As [`Decoder::token_logprobs_with`], of the distribution renormalised on the tokens that
    /// each row kept when it was sampled; see [`ops::kept_logprobs`].
    #[must_use]
    pub fn kept_logprobs(
        &self,
        hidden: Tensor<2>,
        targets: Tensor<1, Int>,
        kept: &[KeptSet],
        options: &LogprobOptions,
    ) -> TokenLogprobs {
        let options = LogprobOptions { softcap: self.config.logit_softcap, ..*options };
        ops::kept_logprobs(hidden, self.head(), targets, kept, &options)
    }

    fn embed(&self, input: &TokenInput, past: usize) -> Tensor<3> {
        let [b, t] = input.dims();
        let ids = input.ids.clone().reshape([b * t]);
        self.placed(ops::embedding(self.token_embedding.val(), ids), input, past)
    }

    /// From the embeddings of the tokens, `[b · t, e]`, to what the first block reads.
    fn placed(&self, embedded: Tensor<2>, input: &TokenInput, past: usize) -> Tensor<3> {
        let ([b, t], [_, e]) = (input.dims(), embedded.dims());
        let mut hidden = embedded.reshape([b, t, e]);
        if let Some(scale) = self.config.embedding_scale {
            hidden = hidden * scale;
        }
        if let Some(projection) = &self.input_projection {
            hidden = projection.forward(hidden);
        }
        let (Some(table), Positions::Learned { offset }) =
            (&self.position_embedding, &self.config.positions)
        else {
            return hidden;
        };
        let (n, positions) = input.positions(past);
        let last = positions.iter().max().copied().unwrap_or(0);
        assert!(
            last < self.config.max_positions,
            "position {last} is beyond the context of {}",
            self.config.max_positions
        );
        let positions: Vec<u32> = positions.iter().map(|p| (p + offset) as u32).collect();
        let ids = crate::input::int_tensor(&positions, [n * t], &self.device());
        let table = table.val();
        let [_, d] = table.dims();
        hidden + ops::embedding(table, ids).reshape([n, t, d])
    }
}

/// Rotations and visible keys of one forward pass, made once and shared by the layers.
struct Patterns {
    global: Option<Rotation>,
    local: Option<Rotation>,
    visible: Vec<(Attends, Visible)>,
}

/// What one layer needs of [`Patterns`].
#[derive(Debug, Clone)]
pub(crate) struct LayerPattern {
    pub(crate) index: usize,
    pub(crate) rotation: Option<Rotation>,
    pub(crate) visible: Visible,
}

impl Patterns {
    fn new(config: &DecoderConfig, input: &TokenInput, past: usize) -> Self {
        let (global, local) = match &config.positions {
            Positions::Learned { .. } => (None, None),
            Positions::Rotary { global, local } => (
                Some(rotation(global, input, past)),
                local.as_ref().map(|local| rotation(local, input, past)),
            ),
        };
        let mut visible: Vec<(Attends, Visible)> = Vec::new();
        for layer in &config.layers {
            if !visible.iter().any(|(attends, _)| *attends == layer.attends) {
                visible.push((layer.attends, input.visible(past, layer.attends)));
            }
        }
        Self { global, local, visible }
    }

    fn layer(&self, config: &DecoderConfig, index: usize) -> LayerPattern {
        let attends = config.layers[index].attends;
        let is_local = matches!(attends, Attends::Nearby { .. }) && self.local.is_some();
        let rotation = if is_local { self.local.clone() } else { self.global.clone() };
        let visible = self.visible.iter().find(|(kind, _)| *kind == attends);
        let visible = visible.map_or(Visible::All, |(_, visible)| visible.clone());
        LayerPattern { index, rotation, visible }
    }
}

fn rotation(config: &RopeConfig, input: &TokenInput, past: usize) -> Rotation {
    let [_, t] = input.dims();
    let (n, positions) = input.positions(past);
    let (mut cosines, mut sines) = (Vec::new(), Vec::new());
    // The angles may depend on the length: each row has those it would have alone.
    for row in positions.chunks(t.max(1)) {
        let total = row.iter().max().map_or(0, |last| last + 1);
        let (cosine, sine) = rope::tables(config, row, total);
        cosines.extend(cosine);
        sines.extend(sine);
    }
    let device = input.ids.device();
    let tensor = |values: Vec<f32>| {
        Tensor::from_data(TensorData::new(values, [n, 1, t, config.rotary_dim]), &device)
    };
    Rotation { cosine: tensor(cosines), sine: tensor(sines) }
}

#[cfg(test)]
mod tests;
