//! Prompts, and the responses a policy gave to them.

use hybrid_model::KeptSet;
use hybrid_model::generate::{Completion, StopReason};
use serde_json::{Map, Value};

/// A prompt as text, as tokens, and with what its record holds beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// Its number in the data; names it in messages.
    pub id: u64,
    /// Its text, for rewards and samples.
    pub text: String,
    /// Its tokens, which the policy continues. At least one.
    pub ids: Vec<u32>,
    /// What a response is compared with, for rewards that need it.
    pub targets: Vec<String>,
    /// The other columns of its record.
    pub fields: Map<String, Value>,
}

/// One answer of the policy, with the tokens as they were drawn.
///
/// Tokens flow on as they are; the text is for rewards and readers, and is never encoded again.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// [`Prompt::id`] of the prompt it answers.
    pub prompt: u64,
    /// The produced tokens `[t]`, an end token included.
    pub completion_ids: Vec<u32>,
    /// Their text, without special tokens and without the stop string.
    pub text: String,
    /// Log-probability of each token, in nats, as the sampler saw it with its cache: of the whole
    /// distribution at the sampling temperature, or of the kept set where sampling was truncated.
    pub logprobs: Vec<f32>,
    /// What a trainer noted while it drew; `None` from anyone else.
    pub noted: Option<Noted>,
    /// The tokens that could be drawn at each position; `None` where all could.
    pub kept: Option<Vec<KeptSet>>,
    /// Why it ended.
    pub stop_reason: StopReason,
}

/// What the sampler saw of every token beside its log-probability, so that the policy that drew it
/// need not read the response once more.
#[derive(Debug, Clone, PartialEq)]
pub struct Noted {
    /// Updates that the policy had seen; after another one, nothing here holds any more.
    pub version: u64,
    /// The entropy of the whole distribution at the sampling temperature, `[t]`, in nats.
    pub entropies: Vec<f32>,
    /// The value of the state that each token was chosen in, `[t]`, where the value head shares the
    /// policy's trunk.
    pub values: Option<Vec<f32>>,
}

impl Response {
    /// A response from what the generator made.
    pub(crate) fn new(
        prompt: u64,
        completion: Completion,
        text: String,
        version: Option<u64>,
    ) -> Self {
        let Completion { token_ids, logprobs, entropies, values, stop_reason, behaviour } =
            completion;
        let noted = version.map(|version| Noted { version, entropies, values });
        let (logprobs, kept) = match behaviour {
            Some(behaviour) => behaviour.into_iter().map(|step| (step.logprob, step.kept)).unzip(),
            None => (logprobs, Vec::new()),
        };
        let all = kept.iter().all(|set| *set == KeptSet::All);
        let kept = (!all).then_some(kept);
        Self { prompt, completion_ids: token_ids, text, logprobs, noted, kept, stop_reason }
    }

    /// True where the policy ended its answer itself; false where a limit cut it.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.stop_reason != StopReason::Length
    }
}
