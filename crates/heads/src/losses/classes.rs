//! One of several classes: cross-entropy with class weights and label smoothing.

use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;
use serde::{Deserialize, Serialize};

use super::{HeadLoss, at, constant, counted, select};
use crate::error::{HeadsError, class_below, require, same_length};

/// How classes become a loss. The default is the plain negative log-likelihood.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClassOptions {
    /// The weight of each class, at least 0; absent, all weigh 1. The mean divides by the weights of
    /// the targets, not by their number, as PyTorch's `CrossEntropyLoss` does.
    pub class_weights: Option<Vec<f64>>,
    /// Share `ε` of the target that is spread over all classes, the right one included. In [0, 1).
    pub label_smoothing: f64,
}

impl ClassOptions {
    /// Checks the ranges. NaN is out of every range.
    ///
    /// # Errors
    ///
    /// [`HeadsError`] for the first option out of range, or weights that are not one a class.
    pub fn validate(&self, classes: usize) -> Result<(), HeadsError> {
        let smoothing = self.label_smoothing;
        require((0.0..1.0).contains(&smoothing), "label_smoothing", smoothing, "in [0, 1)")?;
        let Some(weights) = &self.class_weights else { return Ok(()) };
        same_length("class_weights", weights.len(), classes)?;
        weights.iter().try_for_each(|weight| {
            let usable = *weight >= 0.0 && (*weight as f32).is_finite();
            require(usable, "class_weights", *weight, "a finite number of at least 0")
        })
    }

    fn weight(&self, class: usize) -> f64 {
        let weights = self.class_weights.as_ref();
        weights.map_or(1.0, |weights| weights.get(class).copied().unwrap_or(0.0))
    }
}

/// The weight of a loss of these targets, before it is computed: what the micro-batches of a step
/// are divided by is the sum of theirs.
#[must_use]
pub fn cross_entropy_weight(targets: &[Option<usize>], options: &ClassOptions) -> f64 {
    targets.iter().flatten().map(|class| options.weight(*class)).sum()
}

/// Weights that make the classes that occur count alike: rows / (classes that occur · rows of the
/// class). A class that does not occur gets 1.
///
/// # Errors
///
/// [`HeadsError::OutOfRange`] where a target is no class.
pub fn balanced_weights(targets: &[Option<usize>], classes: usize) -> Result<Vec<f64>, HeadsError> {
    let mut rows = vec![0_usize; classes];
    for class in targets.iter().flatten() {
        class_below("targets", *class, classes)?;
        if let Some(rows) = rows.get_mut(*class) {
            *rows += 1;
        }
    }
    let (all, occurring) =
        (rows.iter().sum::<usize>(), rows.iter().filter(|rows| **rows > 0).count());
    let share = |rows: usize| all as f64 / (occurring * rows) as f64;
    Ok(rows.into_iter().map(|rows| if rows == 0 { 1.0 } else { share(rows) }).collect())
}

/// The cross-entropy of class logits, in nats.
///
/// # Shapes
///
/// - `logits`: `[n, c]`, `targets`: `n` class ids
///
/// # Errors
///
/// [`HeadsError`] where nothing counts, a target is no class, the lengths differ, or an option is
/// out of range.
pub fn cross_entropy(
    logits: Tensor<2>,
    targets: &[Option<usize>],
    options: &ClassOptions,
) -> Result<HeadLoss, HeadsError> {
    let [rows, classes] = logits.dims();
    options.validate(classes)?;
    let (places, targets) = counted("targets", targets, rows)?;
    targets.iter().try_for_each(|class| class_below("targets", *class, classes))?;

    let logprobs = log_softmax(select(logits, &places), 1);
    let device = logprobs.device();
    let weights: Vec<f64> = targets.iter().map(|class| options.weight(*class)).collect();
    let of_targets = |values: &[f64]| values.iter().map(|x| *x as f32).collect();
    let right = at(logprobs.clone(), &targets) * constant(of_targets(&weights), &device);
    let mut sum = -right.sum();
    let share = options.label_smoothing;
    if share > 0.0 {
        let of_classes: Vec<f64> = (0..classes).map(|class| options.weight(class)).collect();
        let of_classes = constant(of_targets(&of_classes), &device).reshape([1, classes]);
        let all = -(logprobs * of_classes).sum();
        sum = sum * (1.0 - share) + all * (share / classes as f64);
    }
    Ok(HeadLoss { sum, weight: weights.iter().sum(), count: targets.len() })
}
