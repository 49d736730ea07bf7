//! What a reward reads: one response with everything that came with it.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Map, Value};

/// One response to score, borrowed from the caller for the length of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// The row's number; only ever shown in messages.
    pub id: u64,
    /// Responses to the same prompt share it; what a group-relative reward compares within.
    pub group: u64,
    /// What was asked; empty where nothing was.
    pub prompt: &'a str,
    /// What was answered, without the prompt and without special tokens.
    pub response: &'a str,
    /// The reference texts, best first where the order means anything; may be empty.
    pub targets: &'a [String],
    /// The ids of the response's tokens, where a tokenizer was at hand.
    pub token_ids: Option<&'a [u32]>,
    /// The other fields of the row.
    pub fields: &'a Map<String, Value>,
}

impl<'a> Sample<'a> {
    /// A sample of a response alone: no prompt, no target, no field, a group of its own.
    pub fn of_response(id: u64, response: &'a str) -> Self {
        static NO_FIELDS: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
        Self {
            id,
            group: id,
            prompt: "",
            response,
            targets: &[],
            token_ids: None,
            fields: &NO_FIELDS,
        }
    }
}

/// A clock: the time since a fixed moment. The crate has none of its own.
pub type Clock<'a> = &'a (dyn Fn() -> Duration + Sync);

/// What a reward may know of the moment in which it is asked.
#[derive(Clone, Copy, Default)]
pub struct Context<'a> {
    /// The trainer's step, from 0.
    pub step: u64,
    /// True in training, where what remembers (an average, a multiplier) learns from the batch;
    /// false in evaluation, where nothing changes.
    pub train: bool,
    /// Measures components and time limits; without one there are no times and no limit holds.
    pub clock: Option<Clock<'a>>,
    /// How long one row may take; set by the tree from a component's `timeout_ms`.
    pub(crate) row_limit: Option<Duration>,
}

impl<'a> Context<'a> {
    /// A training step.
    pub fn training(step: u64) -> Self {
        Self { step, train: true, ..Self::default() }
    }

    /// A look that changes nothing.
    pub fn evaluation() -> Self {
        Self::default()
    }

    /// The same, measured by `clock`.
    pub fn with_clock(self, clock: Clock<'a>) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// How long one row may take, where the component that is scored has a limit.
    pub fn row_limit(&self) -> Option<Duration> {
        self.row_limit
    }

    /// The time now, where there is a clock.
    pub fn now(&self) -> Option<Duration> {
        self.clock.map(|clock| clock())
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("step", &self.step)
            .field("train", &self.train)
            .field("clock", &self.clock.is_some())
            .field("row_limit", &self.row_limit)
            .finish()
    }
}
