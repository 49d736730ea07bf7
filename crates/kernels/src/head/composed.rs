//! The head on any backend, chunk by chunk.

use std::ops::Range;

use burn::tensor::activation::log_softmax;
use burn::tensor::{Bool, Int, Tensor};

use super::{LogprobOptions, TokenLogprobs};
use crate::softcap;

/// A logit that no softmax gives weight to; finite, so that `0 · z` stays 0.
const EXCLUDED: f32 = -1.0e30;

type Allowed<'a> = Option<&'a dyn Fn(Range<usize>) -> Tensor<2, Bool>>;

pub(super) fn token_logprobs(
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: Tensor<1, Int>,
    options: &LogprobOptions,
    allowed: Allowed<'_>,
) -> TokenLogprobs {
    let ([rows, _], [vocab, _]) = (hidden.dims(), head.dims());
    let device = hidden.device();
    let head = head.transpose();
    let step = options.rows_at_once(vocab);
    let chunks = (0..rows).step_by(step).map(|start| {
        let range = start..(start + step).min(rows);
        let logits = hidden.clone().slice_dim(0, range.clone()).matmul(head.clone());
        let targets = targets.clone().slice_dim(0, range.clone());
        chunk(logits, targets, options, allowed.map(|allowed| allowed(range)))
    });
    let chunks: Vec<TokenLogprobs> = chunks.collect();
    let joined = |of: &dyn Fn(&TokenLogprobs) -> Option<Tensor<1>>| {
        let parts: Vec<Tensor<1>> = chunks.iter().filter_map(of).collect();
        if parts.is_empty() { Tensor::empty([0], &device) } else { Tensor::cat(parts, 0) }
    };
    TokenLogprobs {
        logprobs: joined(&|chunk| Some(chunk.logprobs.clone())),
        entropy: options.entropy.then(|| joined(&|chunk| chunk.entropy.clone())),
        log_z: options.log_z.then(|| joined(&|chunk| chunk.log_z.clone())),
        mean_logprob: options.mean_logprob.then(|| joined(&|chunk| chunk.mean_logprob.clone())),
    }
}

fn chunk(
    mut logits: Tensor<2>,
    targets: Tensor<1, Int>,
    options: &LogprobOptions,
    allowed: Option<Tensor<2, Bool>>,
) -> TokenLogprobs {
    if let Some(cap) = options.softcap {
        logits = softcap(logits, cap);
    }
    let mut logits = logits / options.temperature;
    let excluded = allowed.map(Tensor::bool_not);
    if let Some(excluded) = &excluded {
        logits = logits.mask_fill(excluded.clone(), EXCLUDED);
    }
    let all = log_softmax(logits.clone(), 1);
    let index = targets.unsqueeze_dim::<2>(1);
    let logprobs: Tensor<1> = all.clone().gather(1, index.clone()).squeeze_dim(1);
    let log_z = options.log_z.then(|| {
        // z − log p is the same for every token; the target's costs nothing more.
        let logit: Tensor<1> = logits.gather(1, index).squeeze_dim(1);
        logit - logprobs.clone()
    });
    let entropy = options.entropy.then(|| {
        // A token of probability 0 adds nothing, also where its logit is −∞.
        let finite = all.clone().clamp_min(EXCLUDED);
        -(all.clone().exp() * finite).sum_dim(1).squeeze_dim::<1>(1)
    });
    let mean_logprob = options.mean_logprob.then(|| match excluded {
        None => all.mean_dim(1).squeeze_dim(1),
        Some(excluded) => {
            let count = excluded.clone().bool_not().float().sum_dim(1);
            (all.mask_fill(excluded, 0.0).sum_dim(1) / count).squeeze_dim(1)
        }
    });
    TokenLogprobs { logprobs, entropy, log_z, mean_logprob }
}
