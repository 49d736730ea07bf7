//! SFT and PPO in one run: the configuration, the trainer, its phases, checkpoints and metrics.
//!
//! Everything here is a thin layer over `sft`, `ppo`, `optim`, `rewards` and `model`: it decides what
//! happens when, and keeps the records. Read it in this order:
//!
//! 1. [`config`]: one file that says everything about a run.
//! 2. [`policy`] and [`reference`](mod@reference): what is trained, and the frozen models it is held against.
//! 3. [`prompt`], [`rollout`], [`passes`]: prompts, the policy's answers, and their log-probabilities;
//!    [`backward`]: from a loss of them to gradients.
//! 4. [`trainer`]: one supervised step, one rollout, one PPO update, each to be called on its own.
//! 5. [`scorer`] and [`evaluation`]: scores of responses, and measurements on held-out data.
//! 6. [`cursor`], [`feed`], [`run`]: the phases of a run on top of the steps.
//! 7. [`heads`]: task heads on one trunk, trained in runs of their own, or beside a language model.
//! 8. [`checkpoint`], [`run_dir`], [`merge`], [`metrics`]: what a run leaves behind; [`paired`]: before
//!    and after compared.
//!
//! # As a library
//!
//! ```text
//! let mut trainer = HybridTrainer::new(config, decoder, tokenizer, steps)?;
//! trainer.begin_phase(0, Some(Reference::frozen(&trainer.policy().decoder)), true);
//! for batch in batches {
//!     trainer.sft_step(&batch)?;
//!     let responses = trainer.respond(&prompts)?;
//!     trainer.ppo_step(&rows, &responses, &scores)?;
//!     trainer.advance(None);
//! }
//! ```

pub mod backward;
pub mod checkpoint;
pub mod config;
pub mod cursor;
pub mod error;
pub mod evaluation;
pub mod feed;
pub mod heads;
pub mod merge;
pub mod metrics;
pub mod paired;
pub mod passes;
pub mod policy;
pub mod prompt;
pub mod reference;
pub mod rollout;
pub mod run;
pub mod run_dir;
pub mod scorer;
pub mod trainer;

pub use config::RunConfig;
pub use error::HybridError;
pub use metrics::Metrics;
pub use policy::Policy;
pub use prompt::{Prompt, Response};
pub use reference::Reference;
pub use run::{Observer, Outcome, Run, RunParts};
pub use scorer::Scorer;
pub use trainer::HybridTrainer;
