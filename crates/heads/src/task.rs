//! The kinds of task as data: what a head says, and what it is measured by.

use serde::{Deserialize, Serialize};

use crate::stopping::Mode;

/// What a head predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// One of several labels a text.
    Classification,
    /// Each of several labels, or not; targets may also be shares between 0 and 1.
    MultiLabel,
    /// One or more numbers a text.
    Regression,
    /// One BIO tag a word.
    Tagging,
    /// Where in a text the answer stands; every text holds one.
    Span,
    /// Where in a text the answer stands, or that there is none.
    SpanOrNone,
    /// One number a text, learnt from which of two texts is better.
    Pairwise,
}

/// What one prediction is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// A whole text: the head reads its pooled state.
    Text,
    /// Every token: the head reads each state.
    Token,
}

impl TaskKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Classification,
        Self::MultiLabel,
        Self::Regression,
        Self::Tagging,
        Self::Span,
        Self::SpanOrNone,
        Self::Pairwise,
    ];

    /// Its name, as the configuration writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::MultiLabel => "multi_label",
            Self::Regression => "regression",
            Self::Tagging => "tagging",
            Self::Span => "span",
            Self::SpanOrNone => "span_or_none",
            Self::Pairwise => "pairwise",
        }
    }

    /// What one prediction is about.
    #[must_use]
    pub fn level(self) -> Level {
        match self {
            Self::Tagging | Self::Span | Self::SpanOrNone => Level::Token,
            Self::Classification | Self::MultiLabel | Self::Regression | Self::Pairwise => {
                Level::Text
            }
        }
    }

    /// Numbers that a head gives for each text or token, where `labels` are the task's labels, or
    /// the numbers that a regression predicts.
    #[must_use]
    pub fn outputs(self, labels: usize) -> usize {
        match self {
            Self::Classification | Self::MultiLabel | Self::Tagging | Self::Regression => labels,
            // A start and an end.
            Self::Span | Self::SpanOrNone => 2,
            Self::Pairwise => 1,
        }
    }

    /// Whether the task needs a set of labels.
    #[must_use]
    pub fn has_labels(self) -> bool {
        matches!(self, Self::Classification | Self::MultiLabel | Self::Tagging)
    }

    /// The metric that says how good a head is, and which way.
    #[must_use]
    pub fn metric(self) -> (&'static str, Mode) {
        match self {
            Self::Classification | Self::Pairwise => ("accuracy", Mode::Max),
            Self::MultiLabel => ("f1_macro", Mode::Max),
            Self::Regression => ("mse", Mode::Min),
            Self::Tagging => ("entity_f1", Mode::Max),
            Self::Span | Self::SpanOrNone => ("answer_f1", Mode::Max),
        }
    }

    /// The factor of the loss against `exp(−s)` under uncertainty weighting, see
    /// [`crate::balance::Uncertainty`]: ½ of a squared error, 1 of a log-likelihood.
    #[must_use]
    pub fn uncertainty_factor(self) -> f64 {
        if self == Self::Regression { 0.5 } else { 1.0 }
    }
}
