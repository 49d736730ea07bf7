//! Forward passes over prompts with their completions: log-probabilities, values, entropies.
//!
//! Rows may have any length. A pass takes them padded on the right, in groups of like length, and
//! answers with the completion tokens of all rows one after another: `[n]`, without padding. So
//! there is no mask to get wrong afterwards.

use burn::tensor::{Int, Tensor, TensorData};
use hybrid_model::decoder::{Keeps, Trace};
use hybrid_model::input::Rows;
use hybrid_model::ops::LogprobOptions;
use hybrid_model::{Decoder, KeptSet, TokenInput};

use crate::backward::Traces;
use crate::policy::Policy;

/// A prompt with its completion, as tokens.
#[derive(Debug, Clone, Copy)]
pub struct Sequence<'a> {
    /// At least one token.
    pub prompt_ids: &'a [u32],
    /// At least one token.
    pub completion_ids: &'a [u32],
    /// The tokens that could be drawn at each position of the completion; `None`: all.
    pub kept: Option<&'a [KeptSet]>,
    /// Whether the value after the last token is wanted, too.
    pub value_after: bool,
}

impl Sequence<'_> {
    /// Tokens in all.
    pub(crate) fn len(&self) -> usize {
        self.prompt_ids.len() + self.completion_ids.len()
    }
}

/// What a pass computes beside log-probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PassOptions {
    /// Logits are divided by it, as in sampling.
    pub temperature: f64,
    /// The entropy of every next-token distribution.
    pub entropy: bool,
    /// The value of every state in which a token was chosen, and of the one after the last where
    /// [`Sequence::value_after`] says so.
    pub values: bool,
    /// Whether values may change the trunk they share with the policy; false while only the value
    /// head warms up.
    pub values_train_trunk: bool,
    /// What is kept for the backward pass, where one is recorded.
    pub keeps: Keeps,
}

impl PassOptions {
    /// Log-probabilities alone, of a pass that keeps everything.
    #[must_use]
    pub fn logprobs(temperature: f64) -> Self {
        let keeps = Keeps::default();
        Self { temperature, entropy: false, values: false, values_train_trunk: true, keeps }
    }
}

/// The completion tokens of the rows of a pass, one row after another. `n` tokens, `b` rows.
#[derive(Debug)]
pub struct Pass {
    /// `[n]`, nats.
    pub logprobs: Tensor<1>,
    /// `[n]`, nats.
    pub entropy: Option<Tensor<1>>,
    /// `[m]`, in units of reward: `n` and one more for each row with a value after its last token,
    /// which stands behind the row's others.
    pub values: Option<Tensor<1>>,
    /// The ways back to the policy's parameters.
    pub traces: Traces,
}

/// Runs the policy over `rows`, all at once.
///
/// Gradients are recorded where the policy lies on a device that records them.
#[must_use]
pub fn forward(policy: &Policy, rows: &[Sequence<'_>], options: PassOptions) -> Pass {
    let layout = Layout::new(rows);
    let input = layout.input(rows, &policy.decoder);
    let (hidden, trace) = flat_hidden(&policy.decoder, &input, options.keeps);
    let mut traces = Traces { policy: trace, ..Traces::default() };
    let at = |hidden: Tensor<2>, places: &[usize]| {
        let places = int_tensor(places, &hidden.device());
        hidden.select(0, places)
    };
    let values = options.values.then(|| match (&policy.critic, &policy.value_head) {
        (Some(critic), _) => {
            let (hidden, trace) = flat_hidden(&critic.decoder, &input, options.keeps);
            traces.critic = trace;
            Some(critic.value_head.values(at(hidden, &layout.valued)))
        }
        (None, Some(head)) => {
            let states = at(hidden.clone(), &layout.valued);
            let states = if options.values_train_trunk { states } else { states.detach() };
            Some(head.values(states))
        }
        (None, None) => None,
    });
    let chosen = at(hidden, &layout.states);
    Pass { values: values.flatten(), traces, ..score(&policy.decoder, chosen, rows, options) }
}

/// Log-probabilities (and entropies, if asked for) alone, for a decoder without values.
#[must_use]
pub fn forward_decoder(decoder: &Decoder, rows: &[Sequence<'_>], options: PassOptions) -> Pass {
    let layout = Layout::new(rows);
    let (hidden, trace) = flat_hidden(decoder, &layout.input(rows, decoder), options.keeps);
    let states = int_tensor(&layout.states, &hidden.device());
    let traces = Traces { policy: trace, ..Traces::default() };
    Pass { traces, ..score(decoder, hidden.select(0, states), rows, options) }
}

fn score(
    decoder: &Decoder,
    hidden: Tensor<2>,
    rows: &[Sequence<'_>],
    options: PassOptions,
) -> Pass {
    let targets: Vec<usize> =
        rows.iter().flat_map(|row| row.completion_ids).map(|id| *id as usize).collect();
    let targets = int_tensor(&targets, &hidden.device());
    let wanted = LogprobOptions {
        temperature: options.temperature,
        entropy: options.entropy,
        ..LogprobOptions::default()
    };
    let scored = match kept_sets(rows) {
        Some(kept) => decoder.kept_logprobs(hidden, targets, &kept, &wanted),
        None => decoder.token_logprobs_with(hidden, targets, &wanted),
    };
    let traces = Traces::default();
    Pass { logprobs: scored.logprobs, entropy: scored.entropy, values: None, traces }
}

/// The kept sets of all tokens, or `None` where every token could be drawn everywhere.
fn kept_sets(rows: &[Sequence<'_>]) -> Option<Vec<KeptSet>> {
    if rows.iter().all(|row| row.kept.is_none()) {
        return None;
    }
    let sets = rows.iter().flat_map(|row| match row.kept {
        Some(kept) => kept.to_vec(),
        None => vec![KeptSet::All; row.completion_ids.len()],
    });
    Some(sets.collect())
}

/// Where the rows of a pass lie in `[b, width]`, flattened.
struct Layout {
    width: usize,
    /// The state in which each completion token was chosen: the place of the token before it.
    states: Vec<usize>,
    /// The states whose value is wanted.
    valued: Vec<usize>,
}

impl Layout {
    fn new(rows: &[Sequence<'_>]) -> Self {
        let width = rows.iter().map(Sequence::len).max().unwrap_or(0);
        let mut states = Vec::new();
        let mut valued = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let first = index * width + row.prompt_ids.len();
            let own = (first..first + row.completion_ids.len()).map(|place| place - 1);
            states.extend(own.clone());
            valued.extend(own);
            valued.extend(row.value_after.then(|| index * width + row.len() - 1));
        }
        Self { width, states, valued }
    }

    fn input(&self, rows: &[Sequence<'_>], decoder: &Decoder) -> TokenInput {
        let mut ids = Vec::with_capacity(rows.len() * self.width);
        for (index, row) in rows.iter().enumerate() {
            ids.extend_from_slice(row.prompt_ids);
            ids.extend_from_slice(row.completion_ids);
            // What fills the padding is never seen by a counted token: attention is causal.
            ids.resize((index + 1) * self.width, 0);
        }
        TokenInput::new(&ids, [rows.len(), self.width], Rows::RightPadded, &decoder.device())
    }
}

/// Hidden states `[b · width, e]`, and the way back from them.
fn flat_hidden(decoder: &Decoder, input: &TokenInput, keeps: Keeps) -> (Tensor<2>, Trace) {
    let (hidden, trace) = decoder.hidden_traced(input, keeps);
    let [b, t, e] = hidden.dims();
    (hidden.reshape([b * t, e]), trace)
}

fn int_tensor(values: &[usize], device: &burn::tensor::Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.iter().map(|value| *value as i32).collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

/// The values of a tensor, on the host.
#[expect(clippy::expect_used, reason = "a float tensor converts to f32")]
pub(crate) fn read(tensor: Tensor<1>) -> Vec<f32> {
    tensor.into_data().try_into_vec_as::<f32>().expect("a float tensor converts to f32")
}

/// Groups of at most `size` rows that go through the model together: indices into `lengths`.
///
/// Rows are grouped by like length, so that little is padding; the groups and their rows come in an
/// order that depends on the lengths alone.
#[must_use]
pub fn micro_batches(lengths: &[usize], size: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(lengths.get(*index).copied()));
    order.chunks(size.max(1)).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests;
