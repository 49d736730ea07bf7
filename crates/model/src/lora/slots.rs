//! Which projections the layers of a trunk have, and where in them queries, keys and so on lie.

use super::LoraTarget;
use crate::config::DecoderConfig;
use crate::encoder::EncoderConfig;

/// The projections of every layer; layers are alike.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    /// The `model_type`.
    pub(super) family: String,
    pub(super) layers: usize,
    /// Where the paths of layers begin, in the module tree of the encoder or decoder.
    list: &'static str,
    /// The paths of a layer's four projections below it, in the order of [`Slot::projection`].
    projections: [&'static str; 4],
    pub(super) of_layer: Vec<Slot>,
}

/// Some outputs of a projection, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) target: LoraTarget,
    /// Which of the four projections.
    pub(super) projection: usize,
    pub(super) inputs: usize,
    /// The first of its outputs.
    pub(super) first: usize,
    pub(super) outputs: usize,
}

const QKV: usize = 0;
const OUT: usize = 1;
const UP: usize = 2;
const DOWN: usize = 3;

impl Slots {
    /// The path of a projection in the module tree.
    pub(super) fn path(&self, layer: usize, projection: usize) -> String {
        let own = self.projections.get(projection).copied().unwrap_or_default();
        format!("{}.{layer}.{own}", self.list)
    }

    pub(crate) fn of_encoder(config: &EncoderConfig) -> Self {
        let (d, inner) = (config.hidden_size, config.intermediate_size);
        Self {
            family: config.model_type.clone(),
            layers: config.layers,
            list: "layers",
            projections: ["qkv", "out", "up", "down"],
            of_layer: slots([d, d, d], d, (inner, false)),
        }
    }

    pub(crate) fn of_decoder(config: &DecoderConfig) -> Self {
        let a = &config.attention;
        let (q, kv) = (a.heads * a.head_dim, a.kv_heads * a.head_dim);
        let mlp = (config.mlp.intermediate_size, config.mlp.gated);
        Self {
            family: config.model_type.clone(),
            layers: config.layers.len(),
            list: "blocks",
            projections: ["attention.qkv", "attention.out", "mlp.up", "mlp.down"],
            of_layer: slots([q, kv, kv], config.hidden_size, mlp),
        }
    }
}

/// The slots of a layer `d` wide, from the widths of queries, keys and values and those of the MLP.
fn slots(qkv: [usize; 3], d: usize, (inner, is_gated): (usize, bool)) -> Vec<Slot> {
    let [q, k, v] = qkv;
    let slot = |target, projection, inputs, first, outputs| Slot {
        target,
        projection,
        inputs,
        first,
        outputs,
    };
    let mut slots = vec![
        slot(LoraTarget::Query, QKV, d, 0, q),
        slot(LoraTarget::Key, QKV, d, q, k),
        slot(LoraTarget::Value, QKV, d, q + k, v),
        slot(LoraTarget::Out, OUT, q, 0, d),
    ];
    if is_gated {
        slots.push(slot(LoraTarget::Gate, UP, d, 0, inner));
    }
    let first = if is_gated { inner } else { 0 };
    slots.push(slot(LoraTarget::Up, UP, d, first, inner));
    slots.push(slot(LoraTarget::Down, DOWN, inner, 0, d));
    slots
}
