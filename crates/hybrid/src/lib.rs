//! SFT and PPO in one run: the configuration, the trainer, its phases, checkpoints and metrics.

pub mod checkpoint;
pub mod config;
pub mod merge;
pub mod run_dir;
