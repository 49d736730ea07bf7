//! From the states of a row to its logits, as each family does it.

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use crate::encoder;
use crate::family::scheme::{self, Part, Stored};
use crate::projection::Projection;
use crate::ragged::RaggedStates;
use crate::trunk::Trunk;
use crate::weights::folder::{HEAD, TrunkConfig};
use crate::weights::layout::ParameterSource;

pub(crate) use crate::encoder::family::HeadStyle;

/// One state of a row, perhaps a dense layer, then the labels.
#[derive(Module, Debug)]
pub(super) struct SequenceHead {
    /// `[d, d]`.
    dense: Option<Projection>,
    /// `[d, labels]`.
    output: Projection,
    #[module(skip)]
    style: HeadStyle,
}

impl SequenceHead {
    pub(super) fn blank(config: &TrunkConfig, labels: usize, device: &Device) -> Self {
        let (style, d) = (style(config), config.width());
        let has_dense = matches!(style, HeadStyle::DenseTanh | HeadStyle::DenseRelu);
        let bias = style != HeadStyle::LastToken;
        Self {
            dense: has_dense.then(|| Projection::blank(d, d, true, device)),
            output: Projection::blank(d, labels, bias, device),
            style,
        }
    }

    pub(super) fn style(&self) -> HeadStyle {
        self.style
    }

    /// `[b, labels]`, for at least one row.
    pub(super) fn logits(&self, trunk: &Trunk, states: &RaggedStates) -> Tensor<2> {
        let pooled = match (self.style, trunk) {
            (HeadStyle::Pooler, Trunk::Encoder(encoder)) => encoder.pooled(states),
            (HeadStyle::LastToken, _) => Some(states.last()),
            _ => None,
        };
        let mut state: Tensor<3> = pooled.unwrap_or_else(|| states.first()).unsqueeze();
        if let Some(dense) = &self.dense {
            let inner = dense.forward(state);
            state = if self.style == HeadStyle::DenseRelu { relu(inner) } else { inner.tanh() };
        }
        self.output.forward(state).squeeze_dim(0)
    }
}

/// How the family of this trunk classifies sequences.
pub(crate) fn style(config: &TrunkConfig) -> HeadStyle {
    match config {
        TrunkConfig::Encoder(config) => encoder::family::find(&config.model_type)
            .map_or(HeadStyle::Pooler, |family| family.head),
        TrunkConfig::Decoder(_) => HeadStyle::LastToken,
    }
}

/// The stored tensors of a [`SequenceHead`].
pub(super) fn parameters(config: &TrunkConfig, labels: usize) -> Vec<ParameterSource> {
    parameters_of(style(config), config.width(), labels)
}

/// The same by the head's own sizes.
pub(crate) fn parameters_of(style: HeadStyle, d: usize, labels: usize) -> Vec<ParameterSource> {
    let (dense, output) = match style {
        HeadStyle::Pooler => (None, "classifier"),
        HeadStyle::DenseTanh => (Some("classifier.dense"), "classifier.out_proj"),
        HeadStyle::DenseRelu => (Some("pre_classifier"), "classifier"),
        HeadStyle::LastToken => (None, "score"),
    };
    let mut sources = Vec::new();
    if let Some(tensor) = dense {
        sources.extend(linear("dense", d, tensor, d, true));
    }
    sources.extend(linear("output", d, output, labels, style != HeadStyle::LastToken));
    sources
}

/// The stored tensors of a token classifier's head.
pub(super) fn token_parameters(d: usize, labels: usize) -> Vec<ParameterSource> {
    linear("classifier", d, "classifier", labels, true)
}

fn linear(
    parameter: &str,
    inputs: usize,
    tensor: &str,
    outputs: usize,
    bias: bool,
) -> Vec<ParameterSource> {
    let part = [Part::new(tensor.to_owned(), outputs)];
    scheme::linear(&format!("{HEAD}{parameter}"), inputs, &part, bias, Stored::OutIn)
}
