//! The `[ppo]` table: every setting of the algorithm.

mod check;
mod kl;
mod reference;

pub use kl::{KlConfig, KlControl, KlEstimator, KlPlacement};
pub use reference::{ReferenceConfig, WeightedReference};

use serde::{Deserialize, Serialize};

use crate::error::PpoError;
use crate::score::ScoreConfig;

/// Settings of the algorithm. Defaults follow Huang et al. 2024, <https://arxiv.org/abs/2403.17031>
/// (N+ implementation details of RLHF with PPO), unless a field says otherwise.
///
/// Not in here: optimizer and learning rate, lengths and temperature of a rollout, batch sizes in
/// memory, gradient clipping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PpoConfig {
    /// How advantages come from rewards, and with them the policy loss.
    pub estimator: Estimator,
    /// What `estimator = "reinforce"` subtracts from the return; absent means `"batch_mean"`.
    /// An error with any other estimator.
    pub baseline: Option<Baseline>,
    /// Passes over each rollout, each in a new order. At least 1. With `a2c` and `reinforce`, whose
    /// loss is not clipped, 1 is the algorithm of the textbook.
    pub epochs: usize,
    /// Rows (completions) of one optimizer step; the last minibatch of an epoch may be smaller. At
    /// least 1.
    pub minibatch_size: usize,
    /// Half-width of the ratio clip, `ε`. More than 0. Unused by `a2c` and `reinforce`.
    pub clip_range: f64,
    /// How far the value may move from the one at rollout before the value loss stops rewarding
    /// it, in units of reward. At least 0; 0 turns it off.
    pub value_clip_range: f64,
    /// Weight of the value loss. At least 0. 0.1 as Ziegler et al. 2019.
    pub value_coef: f64,
    /// Weight of the entropy bonus, which is subtracted from the loss. At least 0.
    pub entropy_coef: f64,
    /// Discount of a reward by one token. In [0, 1].
    pub gamma: f64,
    /// `λ` of generalised advantage estimation. In [0, 1]. Unused by `a2c` and `reinforce`.
    pub gae_lambda: f64,
    /// Bounds the loss where the advantage is negative at this multiple of it (Ye et al. 2020,
    /// <https://arxiv.org/abs/1912.09729>, equation 5). More than 1; absent is off.
    pub dual_clip: Option<f64>,
    /// Ends the update once `approx_kl` of a minibatch exceeds this many nats a token. It is
    /// checked on every minibatch before its optimizer step, and that step is not taken. More than
    /// 0; absent is off.
    pub target_kl: Option<f64>,
    /// Leaves out, and counts, a minibatch whose mean ratio exceeds this. More than 1; absent is
    /// off.
    pub max_ratio: Option<f64>,
    /// Divide rewards by their standard deviation before advantages are estimated; their mean
    /// stays.
    pub whiten_rewards: bool,
    /// Bring advantages to mean 0 and variance 1.
    pub whiten_advantages: bool,
    /// Over what advantages are whitened. Rewards always over the rollout.
    pub whiten_scope: WhitenScope,
    /// The penalty for leaving the reference.
    pub kl: KlConfig,
    /// What becomes of a score before it is a reward.
    pub scores: ScoreConfig,
    /// Subtracted from the score of a completion that ran out of tokens instead of ending itself.
    /// Finite; absent is off.
    pub missing_eos_penalty: Option<f64>,
    /// What is expected after the last token of a completion that ran out of tokens.
    pub truncated: Truncated,
    /// Where scores enter.
    pub score_at: ScoreAt,
    /// Where values come from.
    pub critic: Critic,
    /// So many first updates train values only. With a shared critic the caller then detaches the
    /// hidden states, so that only the head learns and the policy stays.
    pub critic_warmup_steps: usize,
    /// What KL is measured against.
    pub reference: ReferenceConfig,
    /// Reproduces another library's conventions, for comparisons with it.
    pub compat: Option<Compat>,
}

impl Default for PpoConfig {
    fn default() -> Self {
        Self {
            estimator: Estimator::Gae,
            baseline: None,
            epochs: 4,
            minibatch_size: 16,
            clip_range: 0.2,
            value_clip_range: 0.2,
            value_coef: 0.1,
            entropy_coef: 0.0,
            gamma: 1.0,
            gae_lambda: 0.95,
            dual_clip: None,
            target_kl: None,
            max_ratio: None,
            whiten_rewards: false,
            whiten_advantages: true,
            whiten_scope: WhitenScope::Batch,
            kl: KlConfig::default(),
            scores: ScoreConfig::default(),
            missing_eos_penalty: None,
            truncated: Truncated::Terminal,
            score_at: ScoreAt::Last,
            critic: Critic::Shared,
            critic_warmup_steps: 0,
            reference: ReferenceConfig::default(),
            compat: None,
        }
    }
}

/// From rewards to advantages, and the policy loss that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimator {
    /// Generalised advantage estimation (Schulman et al. 2016, <https://arxiv.org/abs/1506.02438>)
    /// with the clipped loss of PPO.
    #[default]
    Gae,
    /// The return minus a baseline, with the ratio but no clip. At the first optimizer step of an
    /// update this is REINFORCE; later ones are importance-weighted token by token.
    Reinforce,
    /// The return minus the value, with the ratio but no clip.
    A2c,
}

/// What REINFORCE subtracts from the return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// Nothing.
    None,
    /// The mean return over the tokens of the *other* rows, which leaves the gradient unbiased.
    #[default]
    BatchMean,
    /// The critic's value, which makes it `a2c`.
    Value,
}

/// Over what advantages are whitened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhitenScope {
    /// Every counted token of the rollout.
    #[default]
    Batch,
    /// Every counted token of the minibatch.
    Minibatch,
}

/// What is expected after the last token of a truncated completion. One that ended itself is
/// always followed by nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truncated {
    /// Nothing: the value after it is 0.
    #[default]
    Terminal,
    /// What the critic says: the value of the state after the last token. Needs a critic.
    Bootstrap,
}

/// Where scores enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreAt {
    /// On the last token; per-token scores as their sum.
    #[default]
    Last,
    /// Each on its token; a score of the whole completion on the last one.
    PerToken,
}

/// Where values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Critic {
    /// A head on the policy's own network.
    #[default]
    Shared,
    /// A network of its own, which starts as a copy of the policy's.
    Separate,
}

/// Whose conventions to reproduce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compat {
    /// `trl.experimental.ppo` of TRL 1.12: the score one slot after the end where there is room
    /// for it, Bessel's correction in whitening, means of micro-batch means, padding in the means
    /// of some metrics.
    Trl,
}

impl PpoConfig {
    /// Checks every range that the types cannot express, and settings that exclude each other.
    ///
    /// # Errors
    ///
    /// [`PpoError::OutOfRange`] naming the first field out of range (`NaN` is out of every range),
    /// or [`PpoError::Conflict`].
    pub fn validate(&self) -> Result<(), PpoError> {
        check::ranges(self)?;
        self.kl.validate()?;
        self.scores.validate(self.score_at)?;
        self.reference.validate()?;
        check::conflicts(self)
    }

    /// What REINFORCE subtracts from the return.
    #[must_use]
    pub fn baseline(&self) -> Baseline {
        self.baseline.unwrap_or_default()
    }

    /// True where there is a critic: rollouts need values, and the loss has a value loss.
    #[must_use]
    pub fn needs_values(&self) -> bool {
        self.estimator != Estimator::Reinforce || self.baseline() == Baseline::Value
    }

    /// True where update `update`, counted from 0, trains the policy; false during the critic's
    /// warm-up.
    #[must_use]
    pub fn trains_policy(&self, update: usize) -> bool {
        update >= self.critic_warmup_steps
    }

    /// True where the conventions are TRL's.
    #[must_use]
    pub fn is_trl(&self) -> bool {
        self.compat == Some(Compat::Trl)
    }
}

#[cfg(test)]
mod tests;
