//! One layer of an encoder: attention and MLP, each followed by the norm of its residual sum.

use burn::module::{Initializer, Module, Param};
use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, Tensor};

use super::EncoderConfig;
use super::batch::{Batch, Padding, Rows};
use crate::config::NormKind;
use crate::ops::{self, PackedHeads, Visible};
use crate::projection::Projection;

/// `(x − mean) / sqrt(var + eps) · weight + bias`; the epsilon is the encoder's.
#[derive(Module, Debug)]
pub(crate) struct Norm {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
}

impl Norm {
    pub(crate) fn blank(size: usize, device: &Device) -> Self {
        let vector = || Initializer::Zeros.init::<1, _>([size], device);
        Self { weight: vector(), bias: vector() }
    }

    pub(crate) fn forward(&self, input: Tensor<3>, config: &EncoderConfig) -> Tensor<3> {
        let (weight, bias) = (self.weight.val(), Some(self.bias.val()));
        ops::norm(input, weight, bias, NormKind::Layer, config.norm_eps)
    }
}

/// Query, key and value in one projection `[d, 3·d]`.
#[derive(Module, Debug)]
pub(crate) struct Layer {
    qkv: Projection,
    out: Projection,
    attention_norm: Norm,
    up: Projection,
    down: Projection,
    mlp_norm: Norm,
}

impl Layer {
    pub(crate) fn blank(config: &EncoderConfig, device: &Device) -> Self {
        let (d, inner) = (config.hidden_size, config.intermediate_size);
        let projection = |inputs, outputs| Projection::blank(inputs, outputs, true, device);
        Self {
            qkv: projection(d, 3 * d),
            out: projection(d, d),
            attention_norm: Norm::blank(d, device),
            up: projection(d, inner),
            down: projection(inner, d),
            mlp_norm: Norm::blank(d, device),
        }
    }

    /// Its projections.
    pub(crate) fn projections(&mut self) -> [&mut Projection; 4] {
        let Self { qkv, out, up, down, .. } = self;
        [qkv, out, up, down]
    }

    /// `[1, n, d]` to `[1, n, d]`, the tokens of all rows one after the other. `bias` is added to
    /// the scores, `[1, h, t, t]`.
    pub(crate) fn forward(
        &self,
        input: Tensor<3>,
        config: &EncoderConfig,
        batch: &Batch,
        bias: Option<&Tensor<4>>,
    ) -> Tensor<3> {
        let attended = attend(self.qkv.forward(input.clone()), config, batch, bias);
        let middle = self.attention_norm.forward(input + self.out.forward(attended), config);
        let inner = ops::activate(self.up.forward(middle.clone()), config.activation);
        self.mlp_norm.forward(middle + self.down.forward(inner), config)
    }
}

/// Each token attends to all tokens of its row: `[1, n, 3·d]` to `[1, n, d]`.
fn attend(
    qkv: Tensor<3>,
    config: &EncoderConfig,
    batch: &Batch,
    bias: Option<&Tensor<4>>,
) -> Tensor<3> {
    match &batch.rows {
        Rows::InLine(spans) => {
            let (heads, head_dim) = (config.heads, config.head_dim());
            let scale = (head_dim as f64).sqrt().recip();
            let heads = PackedHeads { heads, kv_heads: heads, head_dim, scale, softcap: None };
            ops::packed_attention(qkv, None, heads, Visible::Spans(spans.clone()))
        }
        Rows::SideBySide(padding) => {
            let padding = padding.as_ref();
            let attended = attend_padded(batch.pad(qkv, padding), config, padding, bias);
            batch.pack(attended, padding)
        }
    }
}

/// `[b, t, 3·d]` to `[b, t, d]`.
fn attend_padded(
    qkv: Tensor<3>,
    config: &EncoderConfig,
    padding: Option<&Padding>,
    bias: Option<&Tensor<4>>,
) -> Tensor<3> {
    let (d, heads) = (config.hidden_size, config.heads);
    let [b, t, _] = qkv.dims();
    let part = |index: usize| {
        let part = qkv.clone().slice_dim(2, index * d..(index + 1) * d);
        part.reshape([b, t, heads, config.head_dim()]).swap_dims(1, 2)
    };
    let blocked = padding.map(|padding| padding.blocked.clone().expand([b, heads, t, t]));
    let bias = bias.map(|bias| bias.clone().expand([b, heads, t, t]));
    let options = AttentionModuleOptions::default();
    let attended = attention(part(0), part(1), part(2), blocked, bias, options);
    attended.swap_dims(1, 2).reshape([b, t, d])
}
