//! Each of several labels or not: binary cross-entropy of logits.

use burn::tensor::Tensor;
use burn::tensor::activation::log_sigmoid;
use serde::{Deserialize, Serialize};

use super::{HeadLoss, constant, counted, select};
use crate::error::{HeadsError, require, same_length};

/// How labels become a loss.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BinaryOptions {
    /// The weight of each label's positive targets against its negative ones, at least 0; absent,
    /// all weigh 1. The mean divides by the number of targets, as PyTorch's `pos_weight` does.
    pub pos_weight: Option<Vec<f64>>,
}

/// The binary cross-entropy of label logits, in nats.
///
/// # Shapes
///
/// - `logits`: `[n, c]`; `targets`: `n · c` shares in [0, 1], row by row, `None` where it is not
///   known whether a text has a label
///
/// # Errors
///
/// [`HeadsError`] where nothing counts, a target or weight is out of range, or the lengths differ.
pub fn binary_cross_entropy(
    logits: Tensor<2>,
    targets: &[Option<f32>],
    options: &BinaryOptions,
) -> Result<HeadLoss, HeadsError> {
    let [rows, labels] = logits.dims();
    let (places, targets) = counted("targets", targets, rows * labels)?;
    for target in &targets {
        require((0.0..=1.0).contains(target), "targets", f64::from(*target), "in [0, 1]")?;
    }
    let weights = options.pos_weight.as_deref();
    if let Some(weights) = weights {
        same_length("pos_weight", weights.len(), labels)?;
        for weight in weights {
            let usable = *weight >= 0.0 && (*weight as f32).is_finite();
            require(usable, "pos_weight", *weight, "a finite number of at least 0")?;
        }
    }
    let weight = |place: usize| {
        weights.and_then(|weights| weights.get(place % labels)).map_or(1.0, |w| *w as f32)
    };
    let positive = places.iter().zip(&targets).map(|(place, y)| weight(*place) * y).collect();
    let negative = targets.iter().map(|y| 1.0 - y).collect();

    let logits = select(logits.reshape([rows * labels]), &places);
    let device = logits.device();
    let yes = log_sigmoid(logits.clone()) * constant(positive, &device);
    let no = log_sigmoid(-logits) * constant(negative, &device);
    let count = targets.len();
    Ok(HeadLoss { sum: -(yes + no).sum(), weight: count as f64, count })
}
