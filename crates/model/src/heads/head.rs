//! One head: from states to logits.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::HeadConfigError;
use crate::classifier::HeadStyle;
use crate::init::{STANDARD_DEVIATION, normals};
use crate::labels::Labels;
use crate::pooling::Pooling;
use crate::projection::Projection;
use crate::ragged::RaggedStates;
use crate::trunk::Trunk;
use crate::values;

/// What a head is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadConfig {
    /// The task it answers.
    pub name: String,
    /// What one answer is about.
    pub level: Level,
    /// Logits of a text or token. At least 1.
    pub outputs: usize,
    /// What they mean, one name each, where they are a classifier's or a regression's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
    /// How a text's states become one vector; absent is the layout of the family's own classifier,
    /// which `transformers` can load: the first token, a dense layer, `tanh` or ReLU (encoders); the
    /// last token (causal models). Heads of tokens pool nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// How many layers are before it, 0 for the embeddings; absent is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
}

/// What one answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A whole text.
    Text,
    /// Each token.
    Token,
}

impl HeadConfig {
    /// The family's layout where the head has it, see [`Self::pooling`].
    pub(super) fn style(&self, trunk: &Trunk) -> Option<HeadStyle> {
        let is_family = self.level == Level::Text && self.pooling.is_none();
        is_family.then(|| trunk.head_style())
    }
}

/// A dense layer where the family has one, then the outputs.
#[derive(Module, Debug)]
pub(super) struct Head {
    /// `[d, d]`.
    pub(super) dense: Option<Projection>,
    /// `[d, outputs]`.
    output: Projection,
    #[module(skip)]
    style: Option<HeadStyle>,
    #[module(skip)]
    config: Arc<HeadConfig>,
}

impl Head {
    /// A head whose parameters are not yet set.
    pub(super) fn blank(trunk: &Trunk, config: HeadConfig, device: &Device) -> Self {
        let (width, style) = (trunk.width(), config.style(trunk));
        let has_dense = style.is_some_and(|style| style != HeadStyle::LastToken);
        let bias = style != Some(HeadStyle::LastToken);
        Self {
            dense: has_dense.then(|| Projection::blank(width, width, true, device)),
            output: Projection::blank(width, config.outputs, bias, device),
            style,
            config: Arc::new(config),
        }
    }

    pub(super) fn fresh(trunk: &Trunk, config: HeadConfig, seed: u64, place: u64) -> Self {
        let device = trunk.device();
        let (width, outputs) = (trunk.width(), config.outputs);
        let head = Self::blank(trunk, config, &device);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(place);
        let mut matrix = |columns: usize| normals(&mut rng, width * columns, STANDARD_DEVIATION);
        let mut own = HashMap::new();
        if head.dense.is_some() {
            own.insert("dense.weight".to_owned(), matrix(width));
            own.insert("dense.bias".to_owned(), vec![0.0; width]);
        }
        own.insert("output.weight".to_owned(), matrix(outputs));
        own.insert("output.bias".to_owned(), vec![0.0; outputs]);
        head.filled(own, &device)
    }

    /// The head with these values, by path; those of parameters it does not have are not looked at.
    pub(super) fn filled(self, values: HashMap<String, Vec<f32>>, device: &Device) -> Self {
        values::fill(self, values, device)
    }

    /// The head with a trained pooler in place of its dense layer, where it has the pooler's form.
    pub(super) fn begin_with(mut self, pooler: &Projection) -> Self {
        if self.style == Some(HeadStyle::Pooler) && self.config.layer.is_none() {
            self.dense = Some(pooler.renewed());
        }
        self
    }

    pub(super) fn config(&self) -> &HeadConfig {
        &self.config
    }

    pub(super) fn style(&self) -> Option<HeadStyle> {
        self.style
    }

    pub(super) fn pool(&self, states: &RaggedStates) -> Tensor<2> {
        match (self.config.pooling, self.style) {
            (Some(pooling), _) => pooling.pool(states),
            (None, Some(HeadStyle::LastToken)) => Pooling::LastToken.pool(states),
            (None, _) => Pooling::Cls.pool(states),
        }
    }

    /// `[n, d]` to `[n, outputs]`.
    pub(super) fn logits(&self, vectors: Tensor<2>) -> Tensor<2> {
        let mut vectors: Tensor<3> = vectors.unsqueeze();
        if let Some(dense) = &self.dense {
            let inner = dense.forward(vectors);
            let is_relu = self.style == Some(HeadStyle::DenseRelu);
            vectors = if is_relu { relu(inner) } else { inner.tanh() };
        }
        self.output.forward(vectors).squeeze_dim(0)
    }
}

/// Refuses what cannot stand on `trunk`.
pub(super) fn check(trunk: &Trunk, configs: &[HeadConfig]) -> Result<(), HeadConfigError> {
    if configs.is_empty() {
        return Err(HeadConfigError::Name("there is no head".to_owned()));
    }
    let mut names = BTreeSet::new();
    for HeadConfig { name, outputs, layer, labels, .. } in configs {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(HeadConfigError::Name(format!("`{name}` is none")));
        }
        if !names.insert(name) {
            return Err(HeadConfigError::Name(format!("`{name}` is there twice")));
        }
        if *outputs == 0 {
            return Err(HeadConfigError::Outputs { head: name.clone() });
        }
        if let Some(labels) = labels.as_ref().filter(|labels| labels.count() != *outputs) {
            let (head, outputs, labels) = (name.clone(), *outputs, labels.count());
            return Err(HeadConfigError::Labels { head, outputs, labels });
        }
        let Some(layer) = *layer else { continue };
        let (head, layers) = (name.clone(), trunk.layers());
        if layer > layers {
            return Err(HeadConfigError::Layer { head, layer, layers });
        }
        if matches!(trunk, Trunk::Decoder(_)) && layer < layers {
            return Err(HeadConfigError::LowerLayer { head, layer });
        }
    }
    Ok(())
}
