//! Several sets of weights into one: averages of checkpoints, and moving averages during a run.
//!
//! Sums are in f64 and a result is rounded to f32 once. Averaging the weights of runs that started
//! from one model is Wortsman et al. 2022 (arXiv 2203.05482); averaging over time is Polyak and
//! Juditsky 1992.

mod ema;
mod error;
mod files;

pub use ema::Ema;
pub use error::MergeError;
pub use files::{check_empty, copy_folder, merge_folders, read_folder};

use std::collections::BTreeMap;

/// Shape and values of each weight, by its name in a checkpoint.
pub type NamedTensors = BTreeMap<String, MergeTensor>;

/// A weight: its shape, row-major, and its values.
#[derive(Debug, Clone, PartialEq)]
pub struct MergeTensor {
    /// The shape; its product is the number of values.
    pub shape: Vec<usize>,
    /// The values.
    pub values: Vec<f32>,
}

/// The weighted mean of sets of weights, one after the other: only one of them is in memory beside
/// the sum.
#[derive(Debug, Clone, Default)]
pub struct Average {
    sums: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
    total: f64,
    count: usize,
}

impl Average {
    /// Adds a set. Weights may be negative, as in task arithmetic (Ilharco et al. 2023,
    /// arXiv 2212.04089); they are divided by their sum at the end.
    ///
    /// # Errors
    ///
    /// [`MergeError`] where the weight is not finite, or names, shapes or values are not those of
    /// the first set. The sum is then unchanged.
    pub fn add(&mut self, weight: f64, tensors: &NamedTensors) -> Result<(), MergeError> {
        if !weight.is_finite() {
            return Err(MergeError::Weight { weight });
        }
        if self.count == 0 {
            let zero = |(name, tensor): (&String, &MergeTensor)| {
                (name.clone(), (tensor.shape.clone(), vec![0.0; tensor.values.len()]))
            };
            let sums: BTreeMap<_, _> = tensors.iter().map(zero).collect();
            fits(shapes(&sums), tensors, 1)?;
            self.sums = sums;
        } else {
            fits(shapes(&self.sums), tensors, self.count + 1)?;
        }
        for (name, (_, sum)) in &mut self.sums {
            let Some(tensor) = tensors.get(name) else { continue };
            for (sum, value) in sum.iter_mut().zip(&tensor.values) {
                *sum += weight * f64::from(*value);
            }
        }
        self.total += weight;
        self.count += 1;
        Ok(())
    }

    /// The mean of what was added.
    ///
    /// # Errors
    ///
    /// [`MergeError::Nothing`] where nothing was, [`MergeError::ZeroSum`] where the weights cancel.
    pub fn finish(self) -> Result<NamedTensors, MergeError> {
        if self.count == 0 {
            return Err(MergeError::Nothing);
        }
        if self.total.abs() < 1e-9 {
            return Err(MergeError::ZeroSum);
        }
        let total = self.total;
        let mean = |(name, (shape, sum)): (String, (Vec<usize>, Vec<f64>))| {
            let values = sum.into_iter().map(|sum| (sum / total) as f32).collect();
            (name, MergeTensor { shape, values })
        };
        Ok(self.sums.into_iter().map(mean).collect())
    }
}

/// The weighted mean of sets of weights; see [`Average`].
///
/// # Errors
///
/// As [`Average::add`] and [`Average::finish`].
pub fn average(sets: &[(f64, &NamedTensors)]) -> Result<NamedTensors, MergeError> {
    let mut average = Average::default();
    for (weight, tensors) in sets {
        average.add(*weight, tensors)?;
    }
    average.finish()
}

fn shapes<T>(
    sums: &BTreeMap<String, (Vec<usize>, Vec<T>)>,
) -> impl Iterator<Item = (&String, &Vec<usize>)> {
    sums.iter().map(|(name, (shape, _))| (name, shape))
}

/// Whether set number `set`, from 1, has the given names and shapes, and finite values.
fn fits<'a>(
    known: impl Iterator<Item = (&'a String, &'a Vec<usize>)>,
    tensors: &NamedTensors,
    set: usize,
) -> Result<(), MergeError> {
    let known: BTreeMap<&String, &Vec<usize>> = known.collect();
    if let Some(name) = known.keys().find(|name| !tensors.contains_key(**name)) {
        return Err(MergeError::Missing { set, tensor: (*name).clone() });
    }
    for (name, tensor) in tensors {
        let Some(expected) = known.get(name) else {
            return Err(MergeError::Extra { set, tensor: name.clone() });
        };
        let count = tensor.shape.iter().copied().fold(1, usize::saturating_mul);
        if tensor.shape != **expected || tensor.values.len() != count {
            let (tensor_name, found) = (name.clone(), tensor.shape.clone());
            let (expected, values) = ((*expected).clone(), tensor.values.len());
            return Err(MergeError::Shape { set, tensor: tensor_name, found, expected, values });
        }
        if tensor.values.iter().any(|value| !value.is_finite()) {
            return Err(MergeError::NotFinite { set, tensor: name.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
