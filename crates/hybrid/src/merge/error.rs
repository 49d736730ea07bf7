//! What can go wrong when weights are merged.

use std::path::PathBuf;

use hybrid_model::weights::WeightsError;

use crate::checkpoint::CheckpointError;

/// Sets of weights that cannot be merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// No set was given.
    #[error("there is nothing to merge: give at least one checkpoint or model folder")]
    Nothing,
    /// As many weights as sets are needed.
    #[error("{weights} weights for {sets} models; give one for each, or none for equal ones")]
    Count {
        /// How many weights.
        weights: usize,
        /// How many sets.
        sets: usize,
    },
    /// A weight that is no number.
    #[error("the weight {weight} is not a finite number")]
    Weight {
        /// The weight.
        weight: f64,
    },
    /// Weights that cancel.
    #[error("the weights add up to 0, so there is no mean; change one")]
    ZeroSum,
    /// A decay out of range.
    #[error("the decay is {decay}, must be between 0 and 1, both excluded")]
    Decay {
        /// The decay.
        decay: f64,
    },
    /// A tensor that the others have.
    #[error("model {set} lacks `{tensor}`, which model 1 has; only copies of one model merge")]
    Missing {
        /// The set, from 1.
        set: usize,
        /// The tensor.
        tensor: String,
    },
    /// A tensor that the others lack.
    #[error("model {set} has `{tensor}`, which model 1 lacks; only copies of one model merge")]
    Extra {
        /// The set, from 1.
        set: usize,
        /// The tensor.
        tensor: String,
    },
    /// A tensor of another shape than the others', or whose values do not fill it.
    #[error(
        "`{tensor}` of model {set} has shape {found:?} ({values} values), that of model 1 \
         {expected:?}; only copies of one model merge"
    )]
    Shape {
        /// The set, from 1.
        set: usize,
        /// The tensor.
        tensor: String,
        /// Its shape.
        found: Vec<usize>,
        /// The others'.
        expected: Vec<usize>,
        /// How many values it has.
        values: usize,
    },
    /// A tensor with a value that is no number.
    #[error("`{tensor}` of model {set} holds NaN or infinity; leave that model out")]
    NotFinite {
        /// The set, from 1.
        set: usize,
        /// The tensor.
        tensor: String,
    },
    /// A folder whose weights cannot be read.
    #[error("the weights in `{}` cannot be read", path.display())]
    Weights {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<WeightsError>,
    },
    /// A folder whose weights are not all there is.
    #[error(
        "`{}` holds adapters beside its weights, which no mean of tensors would keep; write them into \
         the weights first, with `hybrid export RUN DIR`",
        path.display()
    )]
    Adapters {
        /// The folder.
        path: PathBuf,
    },
    /// A result that cannot be written.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried, as `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A folder for the result that holds something.
    #[error("`{}` is not empty; give the merged model another folder", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A checkpoint file that cannot be written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl MergeError {
    /// True when what was given is at fault, false for the machine (disk, permissions).
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Weights { source, .. } => source.is_bad_input(),
            Self::Checkpoint(source) => source.is_bad_input(),
            Self::Io { .. } => false,
            _ => true,
        }
    }
}
