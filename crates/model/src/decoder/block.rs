//! One layer of the decoder: attention and MLP with their norms and residual sums.

use burn::module::{Initializer, Module, Param};
use burn::tensor::{Device, Tensor};

use super::LayerPattern;
use crate::cache::KvCache;
use crate::config::{DecoderConfig, NormKind, NormPlacement};
use crate::ops::{self, AttentionInputs, PackedHeads};
use crate::projection::Projection;

/// Weight and bias of a norm; the kind and epsilon are the decoder's.
#[derive(Module, Debug)]
pub(crate) struct Norm {
    weight: Param<Tensor<1>>,
    bias: Option<Param<Tensor<1>>>,
}

impl Norm {
    pub(crate) fn blank(config: &DecoderConfig, size: usize, device: &Device) -> Self {
        let vector = || Initializer::Ones.init::<1, _>([size], device);
        Self { weight: vector(), bias: (config.norm == NormKind::Layer).then(vector) }
    }

    pub(crate) fn forward<const D: usize>(
        &self,
        input: Tensor<D>,
        config: &DecoderConfig,
    ) -> Tensor<D> {
        let bias = self.bias.as_ref().map(Param::val);
        ops::norm(input, self.weight.val(), bias, config.norm, config.norm_eps)
    }
}

/// Attention and MLP. Which of the outer norms exist follows [`NormPlacement`].
#[derive(Module, Debug)]
pub(crate) struct Block {
    attention_norm: Norm,
    attention: Attention,
    post_attention_norm: Option<Norm>,
    mlp_norm: Norm,
    mlp: Mlp,
    post_mlp_norm: Option<Norm>,
}

impl Block {
    pub(crate) fn blank(config: &DecoderConfig, device: &Device) -> Self {
        let norm = || Norm::blank(config, config.hidden_size, device);
        let around = config.norm_placement == NormPlacement::Around;
        Self {
            attention_norm: norm(),
            attention: Attention::blank(config, device),
            post_attention_norm: around.then(norm),
            mlp_norm: norm(),
            mlp: Mlp::blank(config, device),
            post_mlp_norm: around.then(norm),
        }
    }

    /// Its projections.
    pub(crate) fn projections(&mut self) -> [&mut Projection; 4] {
        let Self { attention, mlp, .. } = self;
        [&mut attention.qkv, &mut attention.out, &mut mlp.up, &mut mlp.down]
    }

    /// `[b, t, d]` to `[b, t, d]`.
    pub(crate) fn forward(
        &self,
        input: Tensor<3>,
        config: &DecoderConfig,
        pattern: LayerPattern,
        cache: Option<&mut KvCache>,
    ) -> Tensor<3> {
        let attend = |x: Tensor<3>| self.attention.forward(x, config, pattern, cache);
        match config.norm_placement {
            NormPlacement::Before if config.parallel_residual => {
                let attended = attend(self.attention_norm.forward(input.clone(), config));
                let mapped = self.mlp.forward(self.mlp_norm.forward(input.clone(), config), config);
                input + attended + mapped
            }
            NormPlacement::Before => {
                let attended = attend(self.attention_norm.forward(input.clone(), config));
                let middle = input + attended;
                let normed = self.mlp_norm.forward(middle.clone(), config);
                middle + self.mlp.forward(normed, config)
            }
            NormPlacement::After => {
                let attended = attend(input.clone());
                let middle = self.attention_norm.forward(input + attended, config);
                let mapped = self.mlp.forward(middle.clone(), config);
                self.mlp_norm.forward(middle + mapped, config)
            }
            NormPlacement::Around => {
                let after = |norm: &Option<Norm>, x: Tensor<3>| match norm {
                    Some(norm) => norm.forward(x, config),
                    None => x,
                };
                let attended = attend(self.attention_norm.forward(input.clone(), config));
                let middle = input + after(&self.post_attention_norm, attended);
                let normed = self.mlp_norm.forward(middle.clone(), config);
                let mapped = self.mlp.forward(normed, config);
                middle + after(&self.post_mlp_norm, mapped)
            }
        }
    }
}

/// Query, key and value in one projection `[d, (h + 2·kv) · hd]`, then the output projection.
#[derive(Module, Debug)]
struct Attention {
    qkv: Projection,
    out: Projection,
    query_norm: Option<Norm>,
    key_norm: Option<Norm>,
}

impl Attention {
    fn blank(config: &DecoderConfig, device: &Device) -> Self {
        let a = &config.attention;
        let (d, q, kv) = (config.hidden_size, a.heads * a.head_dim, a.kv_heads * a.head_dim);
        let norm = || a.qk_norm.then(|| Norm::blank(config, a.head_dim, device));
        Self {
            qkv: Projection::blank(d, q + 2 * kv, a.qkv_bias, device),
            out: Projection::blank(q, d, a.out_bias, device),
            query_norm: norm(),
            key_norm: norm(),
        }
    }

    fn forward(
        &self,
        input: Tensor<3>,
        config: &DecoderConfig,
        pattern: LayerPattern,
        cache: Option<&mut KvCache>,
    ) -> Tensor<3> {
        let qkv = self.qkv.forward(input);
        let attended = match cache {
            None if self.query_norm.is_none() && self.key_norm.is_none() => {
                let heads = packed_heads(config, pattern.index);
                let rotation = pattern.rotation.as_ref();
                ops::packed_attention(qkv, rotation, heads, pattern.visible)
            }
            cache => self.attend(qkv, config, pattern, cache),
        };
        self.out.forward(attended)
    }

    /// From the projection of queries, keys and values to the heads' outputs side by side.
    fn attend(
        &self,
        qkv: Tensor<3>,
        config: &DecoderConfig,
        pattern: LayerPattern,
        cache: Option<&mut KvCache>,
    ) -> Tensor<3> {
        let PackedHeads { heads: h, kv_heads, head_dim, scale, softcap } =
            packed_heads(config, pattern.index);
        let [b, t, _] = qkv.dims();
        let (q, kv) = (h * head_dim, kv_heads * head_dim);
        let heads = |range: std::ops::Range<usize>, count: usize| {
            let part = qkv.clone().slice_dim(2, range);
            part.reshape([b, t, count, head_dim]).swap_dims(1, 2)
        };
        let placed = |heads: Tensor<4>, norm: &Option<Norm>| {
            let heads = match norm {
                Some(norm) => norm.forward(heads, config),
                None => heads,
            };
            match &pattern.rotation {
                Some(rotation) => rotation.apply(heads),
                None => heads,
            }
        };
        let query = placed(heads(0..q, h), &self.query_norm);
        let mut key = placed(heads(q..q + kv, kv_heads), &self.key_norm);
        let mut value = heads(q + kv..q + 2 * kv, kv_heads);
        if let Some(cache) = cache {
            (key, value) = cache.append(pattern.index, key, value);
        }
        let inputs = AttentionInputs { query, key, value, scale, softcap };
        ops::attention(inputs, pattern.visible).swap_dims(1, 2).reshape([b, t, q])
    }
}

fn packed_heads(config: &DecoderConfig, layer: usize) -> PackedHeads {
    let a = &config.attention;
    PackedHeads {
        heads: a.heads,
        kv_heads: a.kv_heads,
        head_dim: a.head_dim,
        scale: a.scale / config.layers[layer].score_divisor,
        softcap: a.softcap,
    }
}

/// `down(act(up(x)))`, or `down(act(gate(x)) · up(x))` with gate and up in one projection.
#[derive(Module, Debug)]
struct Mlp {
    up: Projection,
    down: Projection,
}

impl Mlp {
    fn blank(config: &DecoderConfig, device: &Device) -> Self {
        let (d, mlp) = (config.hidden_size, &config.mlp);
        let width = if mlp.gated { 2 * mlp.intermediate_size } else { mlp.intermediate_size };
        Self {
            up: Projection::blank(d, width, mlp.bias, device),
            down: Projection::blank(mlp.intermediate_size, d, mlp.bias, device),
        }
    }

    fn forward(&self, input: Tensor<3>, config: &DecoderConfig) -> Tensor<3> {
        let activation = config.mlp.activation;
        let up = self.up.forward(input);
        let activated = if config.mlp.gated {
            ops::gated(up, activation)
        } else {
            ops::activate(up, activation)
        };
        self.down.forward(activated)
    }
}
