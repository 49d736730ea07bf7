//! What a piece of work takes at the least: products, and weights that must be read.
//!
//! A forward pass is counted as two operations for each weight of a matrix and each token, a backward
//! pass as two forward passes. Attention's own products are left out, as are norms and softmax: a few
//! percent of the rows measured here.

use hybrid::config::RolloutWeights;
use hybrid_model::init::InitConfig;

use crate::case::{Case, Kind};
use crate::texts;

/// Bytes of a number of 32 bits.
const F32: f64 = 4.0;

/// What one repetition takes at the least.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    /// Floating point operations.
    pub(crate) flops: f64,
    /// Bytes of weights that are read, where every step reads all of them.
    pub(crate) bytes: Option<f64>,
}

/// Weights in matrices: all layers, and the map to the vocabulary.
#[derive(Debug, Clone, Copy)]
struct Weights {
    body: f64,
    head: f64,
    /// Outputs of all these matrices together.
    outputs: f64,
}

impl Weights {
    fn of(model: &InitConfig) -> Self {
        let width = model.hidden_size as f64;
        let inner = model.intermediate_size.map_or(4.0 * width, |inner| inner as f64);
        let kv_width = width * model.kv_heads.unwrap_or(model.heads) as f64 / model.heads as f64;
        // GPT-2 and BERT go up and down; the others have a gate beside the way up.
        let plain = ["gpt2", "bert"].contains(&model.model_type.as_str());
        let ways_up = if plain { 1.0 } else { 2.0 };
        let layer = 2.0 * width * width + 2.0 * width * kv_width + (ways_up + 1.0) * width * inner;
        // Queries, keys and values, what attention gives out, up, down.
        let outputs = 3.0 * width + 2.0 * kv_width + ways_up * inner;
        let (layers, vocabulary) = (model.layers as f64, model.vocab_size as f64);
        Self {
            body: layers * layer,
            head: vocabulary * width,
            outputs: layers * outputs + vocabulary,
        }
    }

    /// What they occupy as they are stored for decoding; 8 bits come with a step for each output.
    fn bytes(self, stored: RolloutWeights) -> f64 {
        let count = self.body + self.head;
        match stored {
            RolloutWeights::F32 => count * F32,
            RolloutWeights::Bf16 => count * 2.0,
            RolloutWeights::Int8 => count + self.outputs * F32,
        }
    }

    /// Operations of a forward pass over so many tokens, some of which go on to the head.
    fn forward(self, tokens: f64, to_head: f64) -> f64 {
        2.0 * (self.body * tokens + self.head * to_head)
    }
}

impl Cost {
    /// Of one repetition of a case; `None` where no network runs.
    pub(crate) fn of(case: &Case) -> Option<Self> {
        let weights = Weights::of(case.model.as_ref()?);
        let (rows, length, new) = (case.rows as f64, case.length as f64, case.new as f64);
        let flops = |flops| Self { flops, bytes: None };
        Some(match case.work {
            Kind::Sft | Kind::Start => flops(3.0 * weights.forward(rows * length, rows * length)),
            Kind::Logprobs => flops(weights.forward(rows * length, rows * (length - 1.0))),
            Kind::Prefill => flops(weights.forward(rows * length, rows)),
            Kind::Decode => {
                let steps = new - 1.0;
                Self {
                    flops: weights.forward(rows * steps, rows * steps),
                    bytes: Some(weights.bytes(case.weights) * steps),
                }
            }
            Kind::Generate => flops(weights.forward(rows * (length + new - 1.0), rows * new)),
            Kind::Ppo | Kind::PpoShared => {
                let tokens = rows * (length + new);
                let drawn = weights.forward(tokens - rows, rows * new);
                let scored = weights.forward(tokens, rows * new);
                let trunk = weights.forward(tokens, 0.0);
                let passes = 3.0 * case.epochs as f64;
                if case.work == Kind::PpoShared {
                    return Some(flops(drawn + scored + passes * scored));
                }
                // Policy, critic, reference and reward once; policy and critic in every epoch.
                flops(drawn + 2.0 * scored + 2.0 * trunk + passes * (scored + trunk))
            }
            Kind::Embeddings | Kind::Bertscore => {
                flops(weights.forward(texts::tokens(case) as f64, 0.0))
            }
            Kind::Rewards => return None,
        })
    }
}
