//! What the outputs of a classifier mean.

use burn::tensor::Tensor;
use burn::tensor::activation::{sigmoid, softmax};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::ConfigError;
use crate::config::reader::ConfigReader;

/// How logits are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Problem {
    /// One label is right: softmax.
    #[serde(rename = "single_label_classification")]
    SingleLabel,
    /// Each label is right or not: sigmoid.
    #[serde(rename = "multi_label_classification")]
    MultiLabel,
    /// The outputs are numbers: as they are.
    #[serde(rename = "regression")]
    Regression,
}

impl Problem {
    /// The value of `problem_type` in a `config.json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SingleLabel => "single_label_classification",
            Self::MultiLabel => "multi_label_classification",
            Self::Regression => "regression",
        }
    }

    /// Probabilities of the labels, or the numbers themselves.
    ///
    /// # Shapes
    ///
    /// - `logits`, output: `[n, labels]`
    #[must_use]
    pub fn outputs(self, logits: Tensor<2>) -> Tensor<2> {
        match self {
            Self::SingleLabel => softmax(logits, 1),
            Self::MultiLabel => sigmoid(logits),
            Self::Regression => logits,
        }
    }
}

/// The names of a classifier's outputs, in their order, and how they are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// At least one.
    pub names: Vec<String>,
    /// How logits are read.
    pub problem: Problem,
}

impl Labels {
    /// Reads `id2label`, `num_labels` and `problem_type` of a `config.json`.
    ///
    /// Without names there are `num_labels` of them, two if that is absent too, called `LABEL_0` and
    /// so on. Without a problem type one label is a regression, several exclude each other; a
    /// checkpoint of independent labels that does not say so needs its `problem` set.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the key.
    pub fn parse(config: &Value) -> Result<Self, ConfigError> {
        let map = config.as_object().ok_or(ConfigError::NotAnObject)?;
        let reader = ConfigReader::new(map, "classifier");
        let names = match reader.opt_object("id2label")? {
            Some(named) => in_order(named)?,
            None => {
                let count = reader.opt_usize(&["num_labels"])?.unwrap_or(2);
                if count > MAX_LABELS {
                    let what = format!("{count} labels are more than {MAX_LABELS}");
                    return Err(ConfigError::Inconsistent(what));
                }
                (0..count).map(|index| format!("LABEL_{index}")).collect()
            }
        };
        if names.is_empty() {
            let what = "a classifier needs at least one label".to_owned();
            return Err(ConfigError::Inconsistent(what));
        }
        let problem = match reader.opt_str(&["problem_type"])? {
            Some("single_label_classification") => Problem::SingleLabel,
            Some("multi_label_classification") => Problem::MultiLabel,
            Some("regression") => Problem::Regression,
            None if names.len() == 1 => Problem::Regression,
            None => Problem::SingleLabel,
            Some(other) => {
                return Err(ConfigError::Unsupported {
                    key: "problem_type".to_owned(),
                    value: other.to_owned(),
                    supported: "use single_label_classification, multi_label_classification or \
                                regression"
                        .to_owned(),
                });
            }
        };
        Ok(Self { names, problem })
    }

    /// Number of labels.
    #[must_use]
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// The place of a label, whatever its case.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|own| own == name).or_else(|| {
            let name = name.to_lowercase();
            self.names.iter().position(|own| own.to_lowercase() == name)
        })
    }
}

/// A configuration with more labels is refused before a vector of that length is made.
const MAX_LABELS: usize = 1_000_000;

/// The names of `id2label`, whose keys must be the numbers from 0 on.
fn in_order(named: &serde_json::Map<String, Value>) -> Result<Vec<String>, ConfigError> {
    let name = |index: usize| {
        let value = named.get(&index.to_string()).ok_or_else(|| {
            ConfigError::Inconsistent(format!(
                "`id2label` has {} labels but none for {index}",
                named.len()
            ))
        })?;
        let name = value.as_str().map(str::to_owned);
        name.ok_or_else(|| ConfigError::WrongType {
            key: format!("id2label.{index}"),
            found: value.to_string(),
            expected: "a string",
        })
    };
    (0..named.len()).map(name).collect()
}

#[cfg(test)]
mod tests;
