//! Rewards: text in, at most one number a row out, composed from a written spec.
//!
//! Without its feature `neural` the crate knows no tensor and no model, and it never knows a trainer; it reads the files a spec names (a lexicon), starts
//! the program or asks the service that one names, reads no clock but for their time limits, and owns no
//! source of chance. Read it in this order:
//!
//! 1. [`sample`] — what a reward reads: a response with its prompt, targets and fields.
//! 2. [`mod@column`] — what it returns: an optional number a row, and the parts it was made of.
//! 3. [`reward`] — the trait between the two, and the adapter that gives a metric all cores.
//! 4. [`metrics`] — the rewards that look at text.
//! 5. [`combine`] — several rewards to one.
//! 6. [`post`] — what is done to a reward's numbers afterwards.
//! 7. `neural` — the rewards that run a network, where that feature is on.
//! 8. [`spec`] — a JSON or TOML spec to a tree of all these, with every mistake found at once.
//! 9. [`rows`] — the JSON rows that a scoring tool reads.
//! 10. [`linear`] — a text classifier of one's own: training, calibration, held-out numbers.
//! 11. [`validation`] — how well scores agree with people's labels.
//! 12. [`error`] — everything that can be refused, and where.
//!
//! A score is `Option<f64>`: `None` is "no score", never NaN and never a silent 0.

pub mod column;
pub mod combine;
pub mod error;
pub mod linear;
pub mod metrics;
#[cfg(feature = "neural")]
pub mod neural;
pub mod post;
pub mod reward;
pub mod rows;
pub mod sample;
pub mod spec;

mod cache;
mod corpus;
mod hash;
mod language;
mod text;

#[cfg(test)]
mod fixtures;

pub use column::Column;
pub use error::{RewardError, SpecErrors};
pub use hybrid_measure::interval as validation;
pub use reward::{Needs, Reward};
pub use sample::{Context, Sample};
pub use spec::registry::{BuildEnv, Registry};
pub use spec::tree::RewardTree;
