//! The supervised loss of a task.

use hybrid_heads::TaskKind;
use hybrid_heads::losses::{
    BinaryOptions, ClassOptions, HeadLoss, PairwiseOptions, RegressionLoss, balanced_weights,
    binary_cross_entropy, cross_entropy, cross_entropy_weight, pairwise, regression,
};
use hybrid_heads::tagging::{SubWords, TagSet};

use super::example::{Example, Target, TaskRows};
use super::forward::Said;
use super::spans;
use crate::config::{ClassWeights, TaskConfig};
use crate::error::HybridError;

/// From what a head says to its loss.
#[derive(Debug, Clone)]
pub(super) struct Criterion {
    kind: TaskKind,
    classes: ClassOptions,
    regression: RegressionLoss,
    pairwise: PairwiseOptions,
    tags: Option<(TagSet, SubWords)>,
}

impl Criterion {
    /// The criterion of a task with its training rows, whose classes may be balanced.
    pub(super) fn new(config: &TaskConfig, rows: &TaskRows) -> Result<Self, HybridError> {
        let kind = rows.task.kind;
        let tags = (kind == TaskKind::Tagging).then(|| rows.task.tags()).transpose()?;
        let mut criterion = Self {
            kind,
            classes: ClassOptions { class_weights: None, label_smoothing: config.label_smoothing },
            regression: config.loss,
            pairwise: PairwiseOptions { center_coef: config.center_coef },
            tags: tags.map(|tags| (tags, config.sub_words)),
        };
        criterion.classes.class_weights = match &config.class_weights {
            None => None,
            Some(ClassWeights::Given(weights)) => Some(weights.clone()),
            Some(ClassWeights::Balanced) => {
                let all: Vec<&Example> = rows.train.iter().collect();
                Some(balanced_weights(&criterion.class_targets(&all)?, rows.task.outputs)?)
            }
        };
        if matches!(kind, TaskKind::Classification | TaskKind::Tagging) {
            criterion.classes.validate(rows.task.outputs)?;
        }
        Ok(criterion)
    }

    /// What makes a mean of the summed loss of examples, before it is computed.
    pub(super) fn weight(&self, examples: &[&Example]) -> Result<f64, HybridError> {
        Ok(match self.kind {
            TaskKind::Classification | TaskKind::Tagging => {
                cross_entropy_weight(&self.class_targets(examples)?, &self.classes)
            }
            TaskKind::MultiLabel | TaskKind::Regression => {
                numbers(examples).iter().flatten().count() as f64
            }
            TaskKind::Span | TaskKind::SpanOrNone => spans::weight(examples),
            TaskKind::Pairwise => examples.len() as f64,
        })
    }

    /// The summed loss of examples, of whose texts the head said `said`.
    pub(super) fn loss(&self, said: &Said, examples: &[&Example]) -> Result<HeadLoss, HybridError> {
        let logits = said.logits();
        Ok(match self.kind {
            TaskKind::Classification | TaskKind::Tagging => {
                cross_entropy(logits, &self.class_targets(examples)?, &self.classes)?
            }
            TaskKind::MultiLabel => {
                binary_cross_entropy(logits, &numbers(examples), &BinaryOptions::default())?
            }
            TaskKind::Pairwise => {
                let pairs = examples.len();
                let rewards = logits.reshape([pairs, 2]);
                let side = |place| rewards.clone().narrow(1, place, 1).reshape([pairs]);
                let margins: Vec<f32> = examples
                    .iter()
                    .map(|example| match example.target {
                        Target::Preferred(margin) => margin,
                        _ => 0.0,
                    })
                    .collect();
                pairwise(side(0), side(1), Some(&margins), &self.pairwise)?
            }
            TaskKind::Span | TaskKind::SpanOrNone => spans::loss(said, examples)?,
            TaskKind::Regression => regression(logits, &numbers(examples), self.regression)?,
        })
    }

    /// The class of every text or token; `None` where it does not count.
    fn class_targets(&self, examples: &[&Example]) -> Result<Vec<Option<usize>>, HybridError> {
        let mut targets = Vec::new();
        for example in examples {
            match (&example.target, &self.tags) {
                (Target::Class(class), _) => targets.push(Some(*class)),
                (Target::Tags(tags), Some((set, sub_words))) => {
                    let tags: Vec<Option<usize>> = tags.iter().copied().map(Some).collect();
                    for row in &example.rows {
                        targets.extend(set.token_targets(&tags, &row.words, *sub_words)?);
                    }
                }
                _ => targets.push(None),
            }
        }
        Ok(targets)
    }
}

/// The numbers of every example, row by row.
fn numbers(examples: &[&Example]) -> Vec<Option<f32>> {
    let of = |example: &&Example| match &example.target {
        Target::Numbers(numbers) => numbers.clone(),
        _ => Vec::new(),
    };
    examples.iter().flat_map(of).collect()
}
