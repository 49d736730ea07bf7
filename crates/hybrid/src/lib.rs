//! SFT and PPO in one run: the configuration, the trainer, its phases, checkpoints and metrics.
