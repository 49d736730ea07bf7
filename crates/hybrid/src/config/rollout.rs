//! The `[rollout]` table: how the policy answers prompts during PPO.

use hybrid_model::generate::WeightStorage;
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
    /// What the policy's weights are rounded to while it answers: decoding is bound by how fast they
    /// are read. What was rounded is then another policy than the one that learns, so the latter reads
    /// every answer once more, and each token's policy loss is weighted by
    /// `min(π(token)/π_rounded(token), importance_cap)` (Yao et al. 2025, truncated importance
    /// sampling; Espeholt et al. 2018, arXiv 1802.01561). On a device without a kernel for it nothing
    /// is rounded, with a warning.
    pub weights: RolloutWeights,
    /// Most that a token's importance weight may be. At least 1. Unused with `weights = "f32"`.
    pub importance_cap: f64,
}

/// What the weights are rounded to while answers are drawn; activations and sums are 32 bits wide
/// whatever it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutWeights {
    /// Not rounded.
    #[default]
    F32,
    /// To bfloat16: half the memory is read.
    Bf16,
    /// To 8 bits, with a step of its own for each output: a quarter of the memory is read.
    Int8,
}

impl RolloutWeights {
    /// The same for the generator.
    #[must_use]
    pub fn storage(self) -> WeightStorage {
        match self {
            Self::F32 => WeightStorage::F32,
            Self::Bf16 => WeightStorage::Bf16,
            Self::Int8 => WeightStorage::Int8,
        }
    }
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
            weights: RolloutWeights::F32,
            importance_cap: 2.0,
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

    /// True where another policy than the one that learns draws the answers.
    #[must_use]
    pub fn is_rounded(&self) -> bool {
        self.weights != RolloutWeights::F32
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
        if !(self.importance_cap >= 1.0 && self.importance_cap.is_finite()) {
            return Err(Problem::range(
                "rollout.importance_cap",
                &self.importance_cap.to_string(),
                "at least 1: below it, even a token that both policies give alike would count less",
            ));
        }
        if self.stop.iter().any(String::is_empty) {
            return Err(Problem::range("rollout.stop", "an empty text", "texts"));
        }
        Ok(())
    }
}
