//! The `[rollout]` table: how the policy answers prompts during PPO.

use hybrid_model::sampling::SamplingConfig;
use serde::{Deserialize, Serialize};

use super::check::Problem;

/// How the policy answers prompts during PPO. Penalties on repetition, banned words and logit biases
/// are refused: with them, the distribution of a token depends on the tokens before it in ways that
/// the policy's own probabilities do not hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RolloutConfig {
    /// Prompts of one PPO update. At least 1.
    pub batch_size: usize,
    /// Completions of each prompt. At least 1.
    pub samples: usize,
    /// Most tokens of a completion; below `train.max_length`. At least 1.
    pub max_new_tokens: usize,
    /// Logits are divided by it, in the rollout, in the update and for the reference. Above 0.
    pub temperature: f64,
    /// Keep the `k` most probable tokens; 0 keeps all. With this and the next three, ratio and KL
    /// are those of the policy renormalised on the kept tokens.
    pub top_k: usize,
    /// Keep the smallest set whose probability reaches `p` (Holtzman et al. 2020,
    /// arXiv 1904.09751). In (0, 1].
    pub top_p: f64,
    /// Keep tokens at least `min_p` times as probable as the most probable (Nguyen et al. 2024,
    /// arXiv 2407.01082). In [0, 1].
    pub min_p: f64,
    /// Keep the tokens whose surprise is nearest to the entropy, up to this mass (Meister et al.
    /// 2023, arXiv 2202.00666). In (0, 1].
    pub typical_p: f64,
    /// Texts that end a completion. None of them blank.
    pub stop: Vec<String>,
    /// Whether an end token is a token as any other, so that only a stop text or
    /// `max_new_tokens` ends a completion.
    pub ignore_eos: bool,
}

impl Default for RolloutConfig {
    fn default() -> Self {
        Self {
            batch_size: 16,
            samples: 1,
            max_new_tokens: 48,
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            typical_p: 1.0,
            stop: Vec::new(),
            ignore_eos: false,
        }
    }
}

/// Settings of the sampler that a rollout refuses.
pub(super) const PENALTIES: &[&str] = &[
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "no_repeat_ngram_size",
    "bad_words",
    "logit_bias",
];

impl RolloutConfig {
    /// Completions of one PPO update.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batch_size.saturating_mul(self.samples)
    }

    /// How each token is drawn.
    #[must_use]
    pub fn sampling(&self) -> SamplingConfig {
        SamplingConfig {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            typical_p: self.typical_p,
            ..SamplingConfig::default()
        }
    }

    pub(super) fn validate(&self) -> Result<(), Problem> {
        let counts = [
            ("batch_size", self.batch_size),
            ("samples", self.samples),
            ("max_new_tokens", self.max_new_tokens),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(Problem::range(&format!("rollout.{name}"), "0", "at least 1"));
        }
        // The smallest temperature whose scaled logits are still usable numbers in f32.
        if !(self.temperature >= 1e-3 && self.temperature.is_finite()) {
            return Err(Problem::range(
                "rollout.temperature",
                &self.temperature.to_string(),
                "at least 0.001: at 0 every prompt has one answer, its log-probability is 0, and \
                 PPO has nothing to choose between",
            ));
        }
        self.sampling()
            .validate()
            .map_err(|error| Problem::in_section("rollout", &error.to_string()))?;
        if self.stop.iter().any(String::is_empty) {
            return Err(Problem::range("rollout.stop", "an empty text", "texts"));
        }
        Ok(())
    }
}
