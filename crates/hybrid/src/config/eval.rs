//! The `[eval]` table: measuring on held-out data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check::Problem;

/// Measuring on held-out data, at the start, during, and at the end of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvalConfig {
    /// Steps between two measurements; 0 measures at the start and the end only.
    pub every: usize,
    /// Held-out prompts that are answered and scored; 0 answers none.
    pub prompts: usize,
    /// Completions of each. At least 1.
    pub samples: usize,
    /// Most tokens of a completion; absent means `rollout.max_new_tokens`. At least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_new_tokens: Option<usize>,
    /// Logits are divided by it; 0 takes the most probable token. At least 0.
    pub temperature: f64,
    /// Rows that go through the model at once, for completions and for the SFT loss. At least 1.
    pub batch_size: usize,
    /// Batches of held-out demonstrations for `eval/sft_loss`; absent means all, 0 none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sft_batches: Option<usize>,
    /// Rewards by name that score the same answers as `reward` does and from which nothing learns, as
    /// `{ lexicon = { type = "sentiment" } }`: where the reward rises and they do not, the policy has
    /// found a hole in the reward. A name is of letters, digits, `_` and `-`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub judges: BTreeMap<String, Value>,
}

impl Default for EvalConfig {
    fn default() -> Self {
        Self {
            every: 0,
            prompts: 64,
            samples: 4,
            max_new_tokens: None,
            temperature: 1.0,
            batch_size: 16,
            sft_batches: None,
            judges: BTreeMap::new(),
        }
    }
}

impl EvalConfig {
    pub(super) fn validate(&self) -> Result<(), Problem> {
        let counts = [
            ("samples", Some(self.samples)),
            ("max_new_tokens", self.max_new_tokens),
            ("batch_size", Some(self.batch_size)),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == Some(0)) {
            return Err(Problem::range(&format!("eval.{name}"), "0", "at least 1"));
        }
        if !(self.temperature >= 0.0 && self.temperature.is_finite()) {
            let value = self.temperature.to_string();
            let allowed = "a finite number of at least 0";
            return Err(Problem::range("eval.temperature", &value, allowed));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let odd = self.judges.keys().find(|name| name.is_empty() || !name.chars().all(plain));
        if let Some(name) = odd {
            let text = format!(
                "a judge of `eval.judges` is called `{name}`, must be called by letters, digits, `_` \
                 and `-`"
            );
            return Err(Problem::new("eval.judges", text));
        }
        Ok(())
    }
}
