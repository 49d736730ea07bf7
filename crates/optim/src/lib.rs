//! Optimizers and schedules by name, and the one thing that uses them: a [`Stepper`].
//!
//! The crate steps parameters; it computes no loss, reads no file and draws no random number. Read
//! it in this order:
//!
//! 1. [`OptimConfig`] — the `[optim]` table: [`OptimizerSpec`], [`SchedulerSpec`], clipping, decay.
//! 2. [`Stepper`] — accumulate, clip, step, advance; [`StepperState`] is what it saves.
//! 3. `rule` — one update rule a file; `groups` — which parameter is what, by its path.
//! 4. `scheduler` — the factor of the learning rate at each step.
//! 5. `quantize` — the 8-bit state of `adamw_8bit`.

mod config;
mod error;
mod groups;
mod optimizer;
mod quantize;
mod rule;
mod scheduler;
mod spec;
mod state;
mod stepper;

pub use config::OptimConfig;
pub use error::OptimError;
pub use optimizer::{
    AdafactorParameters, AdagradParameters, Adam8BitParameters, AdamParameters, AdanParameters,
    LambParameters, LionParameters, LrAdjustment, MuonParameters, OptimizerSpec, RmspropParameters,
    SgdParameters,
};
pub use scheduler::{
    CosineParameters, DecayShape, ExponentialParameters, InverseSqrtParameters, PlateauMode,
    PlateauParameters, PolynomialParameters, RestartParameters, SchedulerSpec, StepParameters,
    ThresholdMode, Unparameterised, WsdParameters,
};
pub use state::{StateData, StateTensor, StepperState};
pub use stepper::{StepStats, Stepper};
