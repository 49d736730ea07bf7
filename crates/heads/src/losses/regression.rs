//! Numbers: squared error, or Huber's, which is less moved by outliers.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{HeadLoss, constant, counted, select};
use crate::error::{HeadsError, all_finite, require};

/// What the distance of a prediction costs.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegressionLoss {
    /// Its square.
    #[default]
    Squared,
    /// Half its square below `delta`, `delta · (distance − delta / 2)` beyond (Huber 1964).
    Huber {
        /// Where the square ends. Above 0.
        delta: f64,
    },
}

/// The loss of predicted numbers.
///
/// # Shapes
///
/// - `predicted`: `[n, k]`; `targets`: `n · k` numbers, row by row, `None` where one is not known
///
/// # Errors
///
/// [`HeadsError`] where nothing counts, a target is not finite, the lengths differ, or `delta` is
/// out of range.
pub fn regression(
    predicted: Tensor<2>,
    targets: &[Option<f32>],
    loss: RegressionLoss,
) -> Result<HeadLoss, HeadsError> {
    let [rows, numbers] = predicted.dims();
    let (places, targets) = counted("targets", targets, rows * numbers)?;
    all_finite("targets", targets.iter().map(|y| f64::from(*y)))?;
    let count = targets.len();
    let predicted = select(predicted.reshape([rows * numbers]), &places);
    let device = predicted.device();
    let error = predicted - constant(targets, &device);
    let losses = match loss {
        RegressionLoss::Squared => error.square(),
        RegressionLoss::Huber { delta } => {
            let usable = delta as f32 > 0.0 && (delta as f32).is_finite();
            require(usable, "delta", delta, "a finite number above 0")?;
            // Within the range the clamped error is the error and the second term vanishes.
            let near = error.clone().clamp(-delta, delta);
            near.clone().square() * 0.5 + (error - near.clone()) * near
        }
    };
    Ok(HeadLoss { sum: losses.sum(), weight: count as f64, count })
}
