//! What unrelated texts score, so that this becomes 0.

use std::path::Path;

use super::Mode;
use crate::corpus;
use crate::error::ParamError;

/// P, R and F1 of unrelated texts; 0 changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Baseline([f64; 3]);

impl Baseline {
    /// Three numbers; what is absent is 0.
    pub(super) fn of(numbers: &[f64]) -> Self {
        let mut own = [0.0; 3];
        own.iter_mut().zip(numbers).for_each(|(own, number)| *own = *number);
        Self(own)
    }

    /// The line of `layer` of a table: fields parted by commas or tabs, a heading first.
    ///
    /// # Errors
    ///
    /// [`ParamError`] of `baseline_file` where the file cannot be read, a line is no such line, or none
    /// is of that layer.
    pub(super) fn read(path: &Path, layer: usize) -> Result<Self, ParamError> {
        const KEY: &str = "baseline_file";
        const EXPECTED: &str = "a layer and three numbers less than 1, parted by commas or tabs";
        let text = corpus::read(KEY, path)?;
        for (number, line) in corpus::lines(&text).skip(1) {
            let fields: Option<Vec<f64>> =
                line.split([',', '\t']).map(|field| field.trim().parse().ok()).collect();
            let wrong = || corpus::bad_line(KEY, path, number, EXPECTED);
            let fields = fields.ok_or_else(wrong)?;
            let [at, numbers @ ..] = fields.as_slice() else { return Err(wrong()) };
            if numbers.len() != 3 || !numbers.iter().all(|number| *number < 1.0) {
                return Err(wrong());
            }
            if (*at - layer as f64).abs() < 0.5 {
                return Ok(Self::of(numbers));
            }
        }
        let reason = format!("`{}` has no line of layer {layer}", path.display());
        Err(ParamError::new(KEY, reason))
    }

    /// (score − b) / (1 − b).
    pub(super) fn rescale(&self, score: f64, mode: Mode) -> f64 {
        let Self([precision, recall, f1]) = *self;
        let baseline = match mode {
            Mode::Precision => precision,
            Mode::Recall => recall,
            Mode::F1 => f1,
        };
        (score - baseline) / (1.0 - baseline)
    }
}
