//! A text classifier that trains in seconds: TF-IDF n-grams, logistic regression, Platt's calibration.
//!
//! Two classes, no source of chance: the split into parts follows from the texts, the optimum is
//! unique, and sums are taken in a fixed order, so that equal rows give equal models.
//!
//! 1. [`features`] — text to a sparse vector.
//! 2. [`fit`] — the regression.
//! 3. [`mod@train`] — the parts, the calibration and the held-out numbers.
//! 4. [`Model`] — what comes out: it scores texts, and is one JSON file.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::FileError;

pub mod features;
pub mod fit;
pub mod rows;
pub mod train;

#[cfg(test)]
mod tests;

pub use self::features::FeatureOptions;
pub use self::rows::{Columns, Labelled, NotLabelled, read_rows};
pub use self::train::{Options, Report, train};

use self::features::Features;

/// The form of the file; another number is refused.
const FORMAT: u32 = 1;

/// What can go wrong with rows, options and model files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinearError {
    /// A file cannot be read, or a line has another form.
    #[error(transparent)]
    File(#[from] FileError),

    /// A file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },

    /// A row of a labelled file without what was asked for.
    #[error("line {line} of `{}`: {reason}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The 1-based line.
        line: usize,
        /// What is wrong and what was expected.
        reason: String,
    },

    /// An option outside its range.
    #[error("the option `{key}` {reason}")]
    Option {
        /// The option.
        key: &'static str,
        /// What is wrong and what was expected.
        reason: String,
    },

    /// Too few rows of a class.
    #[error(
        "the {part} rows are {positive} positive and {negative} negative ones, of each of which there \
         must be at least {least}; give more labelled rows"
    )]
    TooFewRows {
        /// `training`, `calibration` or `held-out`.
        part: &'static str,
        /// Positive rows.
        positive: usize,
        /// Negative rows.
        negative: usize,
        /// The least of each.
        least: usize,
    },

    /// No n-gram is frequent enough.
    #[error("no n-gram stands in {min_df} training rows or more; lower `min_df`")]
    NoFeature {
        /// The bound.
        min_df: usize,
    },

    /// A file that is no model.
    #[error("`{}` is not a linear model: {reason}; train one again", path.display())]
    NotAModel {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl LinearError {
    /// True where the files, rows or options are at fault, false where the machine is.
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::File(FileError::Io { source, .. }) => {
                source.kind() == std::io::ErrorKind::NotFound
            }
            Self::Write { .. } => false,
            _ => true,
        }
    }
}

/// A trained classifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    format: u32,
    /// How it was trained, and how well it does on rows that it was not trained on.
    pub report: Report,
    features: Features,
    /// One a feature.
    weights: Vec<f64>,
    bias: f64,
    /// The calibrated log-odds are slope · z + offset of the regression's z.
    slope: f64,
    offset: f64,
}

impl Model {
    /// The log-odds of the positive class after calibration; finite.
    pub fn logit(&self, text: &str) -> f64 {
        let vector = self.features.vector(text);
        let z = fit::dot(&vector, &self.weights) + self.bias;
        self.slope * z + self.offset
    }

    /// The probability of the positive class, in [0, 1].
    pub fn probability(&self, text: &str) -> f64 {
        fit::sigmoid(self.logit(text))
    }

    /// Writes the model as JSON, by way of a temporary file beside it.
    ///
    /// # Errors
    ///
    /// [`LinearError::Write`].
    pub fn save(&self, path: &Path) -> Result<(), LinearError> {
        let failed = |source| LinearError::Write { path: path.to_path_buf(), source };
        let text = serde_json::to_string(self).map_err(|error| failed(error.into()))?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".tmp");
        let temporary = path.with_file_name(name);
        fs::write(&temporary, text).map_err(failed)?;
        fs::rename(&temporary, path).map_err(failed)
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    ///
    /// [`LinearError`] where the file cannot be read or is not a whole model.
    pub fn load(path: &Path) -> Result<Self, LinearError> {
        let io = |source| FileError::Io { path: path.to_path_buf(), source };
        let text = fs::read_to_string(path).map_err(io)?;
        let wrong = |reason: String| LinearError::NotAModel { path: path.to_path_buf(), reason };
        let mut json = serde_json::Deserializer::from_str(&text);
        let model: Self = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| wrong(format!("`{}`: {}", error.path(), error.inner())))?;
        if model.format != FORMAT {
            return Err(wrong(format!("its format is {}, must be {FORMAT}", model.format)));
        }
        if model.weights.len() != model.features.len() {
            let (weights, features) = (model.weights.len(), model.features.len());
            return Err(wrong(format!("it has {weights} weights for {features} features")));
        }
        model.features.check().map_err(wrong)?;
        Ok(model)
    }
}
