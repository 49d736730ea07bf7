//! What is done to a reward's numbers afterwards: clip, scale, normalise, squash.
//!
//! Steps run in the order of the spec's `postprocess` list. A row without a score stays without one,
//! and a step that makes an infinite or undefined number takes the row's score away.

use serde_json::Value;

use crate::error::StateError;
use crate::sample::{Context, Sample};
use crate::spec::registry::{RegisterError, Registry};

mod ema;
mod pointwise;
mod zscore;

#[cfg(test)]
mod tests;

/// A step over the scores of a whole batch.
pub trait PostProcess: Send + Sync {
    /// Changes `values`, one entry a row of `batch`.
    ///
    /// What the step remembers changes once a call, and only where `context.train`.
    fn apply(&self, values: &mut [Option<f64>], batch: &[Sample<'_>], context: &Context<'_>);

    /// True where the step compares the responses to one prompt.
    fn compares_group(&self) -> bool {
        false
    }

    /// See [`crate::reward::Reward::state`].
    fn state(&self) -> Option<Value> {
        None
    }

    /// See [`crate::reward::Reward::load_state`].
    ///
    /// # Errors
    ///
    /// [`StateError`] where `state` was not written by this step.
    fn load_state(&self, state: &Value) -> Result<(), StateError> {
        let _ = state;
        Err(StateError::unexpected("that of a post-processor that remembers nothing"))
    }
}

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    pointwise::register(registry)?;
    zscore::register(registry)?;
    ema::register(registry)
}
