//! One prompt, its completion, and what was measured while it was sampled.

use crate::error::PpoError;

/// One row of a rollout: a prompt, the policy's completion, and what was measured on it.
///
/// `n` is the number of completion tokens, the stop token included where one was produced. Every
/// number is a constant: nothing in here carries a gradient. Where sampling was truncated (top-k
/// and its like), all log-probabilities are those of distributions renormalised on the tokens that
/// could be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// The prompt's token ids.
    pub prompt_ids: Vec<u32>,
    /// The completion's token ids, `[n]`.
    pub completion_ids: Vec<u32>,
    /// Log-probabilities under the policy before the update, which sampled, at the sampling
    /// temperature, `[n]`, nats. Where another policy sampled, see [`Importance`](crate::Importance).
    pub logprobs: Vec<f32>,
    /// The same under the reference, `[n]`, nats. Several references: [`weighted_reference`].
    pub ref_logprobs: Vec<f32>,
    /// Values of the state before each token, `[n]` or `[n + 1]`, in units of reward. The last of
    /// `n + 1` is the value after the last token; only a truncated row with
    /// `truncated = "bootstrap"` needs it. Empty where the configuration has no critic.
    pub values: Vec<f32>,
    /// What the reward function said.
    pub score: Score,
    /// How the completion ended.
    pub end: End,
}

/// What a reward function said about one completion.
///
/// An absent score, or one that is NaN or infinite, makes the row a *null row*: it stays out of
/// losses, whitening and every mean, and is counted.
#[derive(Debug, Clone, PartialEq)]
pub enum Score {
    /// One number for the whole completion.
    Terminal(Option<f64>),
    /// One number a completion token, `[n]`.
    PerToken(Vec<f64>),
}

impl From<Option<f64>> for Score {
    fn from(score: Option<f64>) -> Self {
        Self::Terminal(score)
    }
}

/// How a completion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By a stop token (or stop text): the episode is over.
    Terminated,
    /// By the limit on tokens: it would have gone on.
    Truncated,
}

impl Score {
    /// The score of the whole completion: the number itself, or the sum over tokens. Absent where
    /// it is not finite.
    #[must_use]
    pub fn total(&self) -> Option<f64> {
        match self {
            Self::Terminal(score) => score.filter(|score| score.is_finite()),
            Self::PerToken(scores) => {
                let all_finite = scores.iter().all(|score| score.is_finite());
                Some(scores.iter().sum::<f64>()).filter(|sum| all_finite && sum.is_finite())
            }
        }
    }
}

impl Episode {
    /// Completion tokens, the stop token included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.completion_ids.len()
    }

    /// True where there is no completion token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.completion_ids.is_empty()
    }

    /// True where the row counts: it has a finite score and at least one token.
    #[must_use]
    pub fn counts(&self) -> bool {
        !self.is_empty() && self.score.total().is_some()
    }
}

/// Log-probabilities under several references as one, `[n]`: the mean by weight.
///
/// With weights that add up to 1, `log π − Σᵢ wᵢ log πᵢ` is the weighted mean of the k1 against
/// each reference, and the gradient of its k2 that of the weighted mean of the KLs.
///
/// # Errors
///
/// [`PpoError::RowLength`] where references differ in length.
pub fn weighted_reference(row: usize, references: &[(&[f32], f64)]) -> Result<Vec<f32>, PpoError> {
    let len = references.first().map_or(0, |(logprobs, _)| logprobs.len());
    let mut mean = vec![0.0_f64; len];
    for (logprobs, weight) in references {
        if logprobs.len() != len {
            let expected = format!("{len}, one a completion token");
            let (field, found) = ("ref_logprobs", logprobs.len());
            return Err(PpoError::RowLength { row, field, found, expected });
        }
        for (sum, logprob) in mean.iter_mut().zip(logprobs.iter()) {
            *sum += weight * f64::from(*logprob);
        }
    }
    Ok(mean.into_iter().map(|sum| sum as f32).collect())
}
