//! Rewards that run a network, evaluated wherever the caller's device is.
//!
//! Text goes in, as everywhere in this crate; each network brings a tokenizer of its own, which need not
//! be the policy's. Read it in this order:
//!
//! 1. [`models`] — from a name in a spec to a loaded network, one for all who name it.
//! 2. [`language_model`] — a causal language model: how probable is a text, which of a few tokens
//!    comes next.
//! 3. [`text_classifier`] — a sequence classifier: one number a label.
//! 4. `batched` — the ground of every such reward: what is known is not computed again, the rest is
//!    sorted by length and cut into batches.
//! 5. [`embedder`], `token_states` — an encoder: the vector of a text, the states of its tokens; and
//!    `encoded`, the ground of what compares them: equal texts are encoded once.
//! 6. `template` — texts with `{prompt}` and `{response}` in them.
//! 7. `perplexity`, `fluency`, `gptscore` — likelihoods, and `llm_judge` — a verdict.
//! 8. `classifier` — labels, by any name or by those of `toxicity` and its like; `entailment` — what
//!    follows from what.
//! 9. `cosine_sts`, `bertscore` — nearness to a target; `topic`, `style`, `coherence` — to a prompt, to
//!    exemplars, of sentence to sentence.
//!
//! What holds of all of them: a text without a token has no score (but `cosine_sts` and `bertscore` give
//! an empty one the score that their originals give it); a number that is not finite becomes no
//! score and is counted; padding and the other rows of a batch change no score.

pub mod embedder;
pub mod language_model;
pub mod models;
pub mod text_classifier;

mod batched;
mod bertscore;
mod classifier;
mod coherence;
mod cosine_sts;
mod encoded;
mod entailment;
mod fluency;
mod gptscore;
mod llm_judge;
mod perplexity;
mod style;
mod template;
mod token_states;
mod topic;

#[cfg(test)]
pub(crate) mod tests;

pub use embedder::Embedder;
pub use language_model::LanguageModel;
pub use models::Models;
pub use text_classifier::TextClassifier;

use crate::error::{ParamError, require};
use crate::spec::info::Param;
use crate::spec::registry::{RegisterError, Registry};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    bertscore::register(registry)?;
    classifier::register(registry)?;
    coherence::register(registry)?;
    cosine_sts::register(registry)?;
    entailment::register(registry)?;
    style::register(registry)?;
    topic::register(registry)?;
    fluency::register(registry)?;
    gptscore::register(registry)?;
    llm_judge::register(registry)?;
    perplexity::register(registry)
}

/// The language model where a spec names none: the smallest of the catalogue.
const LANGUAGE_MODEL: &str = "smollm2-135m-instruct";
/// Tokens of a batch, padding included, where a spec says nothing.
const BATCH_TOKENS: usize = 4096;
/// Scores that are remembered where a spec says nothing.
const CACHED: usize = 100_000;

// Parameters that several of these rewards have.
const MODEL: Param = Param::new(
    "model",
    "a string",
    "a causal language model: the path of a folder or `.gguf` file, `hf:owner/name`, or a catalogue name",
);
const DEVICE: Param = Param::new(
    "device",
    "a string or null",
    "where it is evaluated, as `--device` takes it; null is where the program runs",
);
const MAX_LENGTH: Param = Param::new(
    "max_length",
    "a whole number ≥ 2 or null",
    "the most tokens that are read of a row, never more than the model's context; null is all of that",
);
const BATCH_TOKENS_PARAM: Param = Param::new(
    "batch_tokens",
    "a whole number ≥ 1",
    "the most tokens of a forward pass, padding included; a row that has more is one of its own",
);
const CACHE: Param = Param::new(
    "cache",
    "a whole number from 0 to 10000000",
    "how many scores are remembered by the row's content; 0 is none",
);

/// Checks the numbers that several of these rewards have.
fn check_sizes(
    max_length: Option<usize>,
    batch_tokens: usize,
    cache: usize,
) -> Result<(), ParamError> {
    let length = max_length.unwrap_or(usize::MAX);
    require(length >= 2, "max_length", length, "at least 2")?;
    require(batch_tokens >= 1, "batch_tokens", batch_tokens, "at least 1")?;
    require(cache <= 10_000_000, "cache", cache, "at most 10000000")
}
