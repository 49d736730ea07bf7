//! The exponential moving average of weights.

use super::{MergeError, MergeTensor, NamedTensors, fits};

/// `average ← d · average + (1 − d) · weights`, which starts at the first weights.
///
/// The average is kept in f32, so that a checkpoint of it is exact and takes no more room than the
/// weights; each update is computed in f64.
#[derive(Debug, Clone, PartialEq)]
pub struct Ema {
    decay: f64,
    average: NamedTensors,
}

impl Ema {
    /// Starts an average at `weights`; `decay` in (0, 1).
    ///
    /// # Errors
    ///
    /// [`MergeError`] where the decay is out of range, or weights are not finite.
    pub fn new(decay: f64, weights: NamedTensors) -> Result<Self, MergeError> {
        if !(decay > 0.0 && decay < 1.0) {
            return Err(MergeError::Decay { decay });
        }
        fits(weights.iter().map(|(name, tensor)| (name, &tensor.shape)), &weights, 1)?;
        Ok(Self { decay, average: weights })
    }

    /// Takes in the weights after a step.
    ///
    /// # Errors
    ///
    /// [`MergeError`] where they have other names or shapes, or are not finite; the average is then
    /// unchanged.
    pub fn update(&mut self, weights: &NamedTensors) -> Result<(), MergeError> {
        fits(self.average.iter().map(|(name, tensor)| (name, &tensor.shape)), weights, 2)?;
        for (name, MergeTensor { values: average, .. }) in &mut self.average {
            let Some(tensor) = weights.get(name) else { continue };
            for (average, value) in average.iter_mut().zip(&tensor.values) {
                let old = f64::from(*average);
                *average = (old + (1.0 - self.decay) * (f64::from(*value) - old)) as f32;
            }
        }
        Ok(())
    }

    /// The average, which is also all there is to save.
    #[must_use]
    pub fn average(&self) -> &NamedTensors {
        &self.average
    }
}
