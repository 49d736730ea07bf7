//! Losses: logits and targets to a sum that carries a gradient, and what it is divided by.
//!
//! Every loss is a sum over the targets that count, which are selected before anything is computed:
//! what stands in other rows, infinities and NaN too, reaches neither value nor gradient. An
//! optimizer step that is cut into micro-batches divides each one's sum by the weight of all of
//! them together ([`HeadLoss::over`]); their gradients then add up to that of the whole.
//!
//! | loss | of one target | weight |
//! |---|---|---|
//! | [`cross_entropy`] | `−(1 − ε) · w_y · log p_y − (ε / c) · Σ_k w_k · log p_k` | `w_y` |
//! | [`binary_cross_entropy`] | `−w · y · log σ(z) − (1 − y) · log σ(−z)` | 1 |
//! | [`regression`] | `(z − y)²`, or Huber's | 1 |
//! | [`span_cross_entropy`] | `−½ · (log p_start + log p_end)` | 1 |
//! | [`pairwise`] | `−log σ(r₊ − r₋ − m) + λ · (r₊ + r₋)²` | 1 |

mod binary;
mod classes;
mod pairwise;
mod regression;
mod spans;

pub use binary::{BinaryOptions, binary_cross_entropy};
pub use classes::{ClassOptions, balanced_weights, cross_entropy, cross_entropy_weight};
pub use pairwise::{PairwiseOptions, pairwise};
pub use regression::{RegressionLoss, regression};
pub use spans::span_cross_entropy;

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::error::{HeadsError, require, same_length};

/// The loss of a micro-batch.
#[derive(Debug, Clone)]
pub struct HeadLoss {
    /// Sum over the targets that count, `[1]`; carries the gradient.
    pub sum: Tensor<1>,
    /// What makes a mean of it: the summed weights of the targets that count, which is their number
    /// where they have none.
    pub weight: f64,
    /// Targets that count: texts, tokens, or the entries of several labels.
    pub count: usize,
}

/// The sums of one or more micro-batches, on the host.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LossStats {
    /// Sum over the targets that count.
    pub sum: f64,
    /// Their summed weights.
    pub weight: f64,
    /// Their number.
    pub count: usize,
}

impl HeadLoss {
    /// The micro-batch's part of a step's loss, `[1]`; `weight` is that of all its micro-batches.
    ///
    /// # Errors
    ///
    /// [`HeadsError::OutOfRange`] where it is not finite and above 0, as where every class that
    /// occurs weighs 0.
    pub fn over(&self, weight: f64) -> Result<Tensor<1>, HeadsError> {
        // Below the smallest f32 the division would give infinity.
        let usable = weight as f32 > 0.0 && weight.is_finite();
        require(usable, "weight", weight, "the summed weights of a step's targets, above 0")?;
        Ok(self.sum.clone() / weight)
    }

    /// The mean over this micro-batch alone, `[1]`.
    ///
    /// # Errors
    ///
    /// As [`Self::over`].
    pub fn mean(&self) -> Result<Tensor<1>, HeadsError> {
        self.over(self.weight)
    }
}

impl LossStats {
    /// Reads the sums of a step's micro-batches, at once.
    ///
    /// # Errors
    ///
    /// [`HeadsError::Device`] where the device does not give them.
    pub fn read(losses: &[HeadLoss]) -> Result<Self, HeadsError> {
        if losses.is_empty() {
            return Ok(Self::default());
        }
        let sums = losses.iter().map(|loss| loss.sum.clone().detach()).collect();
        let values = Tensor::cat(sums, 0).into_data().try_into_vec_as::<f32>();
        let values = values.map_err(|error| HeadsError::Device { reason: error.to_string() })?;
        Ok(Self {
            sum: values.into_iter().map(f64::from).sum(),
            weight: losses.iter().map(|loss| loss.weight).sum(),
            count: losses.iter().map(|loss| loss.count).sum(),
        })
    }

    /// The mean; NaN where nothing counts.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum / self.weight
    }

    /// Adds the sums of others.
    pub fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        self.weight += other.weight;
        self.count += other.count;
    }
}

/// The places of the targets that count, and those targets; the error where there is none.
pub(crate) fn counted<T: Copy>(
    field: &'static str,
    targets: &[Option<T>],
    expected: usize,
) -> Result<(Vec<usize>, Vec<T>), HeadsError> {
    same_length(field, targets.len(), expected)?;
    let present = targets.iter().enumerate();
    let present = present.filter_map(|(place, target)| Some((place, (*target)?)));
    let (places, targets): (Vec<usize>, Vec<T>) = present.unzip();
    if places.is_empty() { Err(HeadsError::NothingCounts) } else { Ok((places, targets)) }
}

/// The entries of the first dimension at `places`.
pub(crate) fn select<const D: usize>(tensor: Tensor<D>, places: &[usize]) -> Tensor<D> {
    let device = tensor.device();
    tensor.select(0, indices(places, &device))
}

/// The entry of each row at its `column`: `[n, c]` to `[n]`.
pub(crate) fn at(rows: Tensor<2>, columns: &[usize]) -> Tensor<1> {
    let (device, count) = (rows.device(), columns.len());
    rows.gather(1, indices(columns, &device).reshape([count, 1])).reshape([count])
}

/// Numbers as a constant tensor `[n]`.
pub(crate) fn constant(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

fn indices(places: &[usize], device: &Device) -> Tensor<1, Int> {
    let places: Vec<i32> = places.iter().map(|place| *place as i32).collect();
    let count = places.len();
    Tensor::from_data(TensorData::new(places, [count]), device)
}

#[cfg(test)]
mod tests;
