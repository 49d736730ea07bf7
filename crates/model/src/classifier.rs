//! Classifiers as `transformers` saves them: of sequences on any trunk, of tokens on encoders.
//!
//! The logits are those of the family's own class. There is no dropout, in training neither.

mod head;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Gradients, Tensor};
use serde_json::Value;

use crate::labels::Labels;
use crate::projection::Projection;
use crate::ragged::{RaggedStates, RowError, TokenRow};
use crate::trunk::Trunk;
use crate::values;
use crate::weights::WeightsError;
use crate::weights::folder::{Folder, HEAD, TrunkConfig};
use crate::weights::layout::ParameterSource;
use crate::weights::save;
use head::SequenceHead;

pub(crate) use head::{HeadStyle, parameters_of, style};

/// One answer for each row.
#[derive(Module, Debug)]
pub struct SequenceClassifier {
    trunk: Trunk,
    head: SequenceHead,
    #[module(skip)]
    labels: Arc<Labels>,
}

impl SequenceClassifier {
    /// Reads a classifier from a Hugging Face directory: `BertForSequenceClassification` and its
    /// like of every family, causal ones included.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] when the directory holds no such classifier, with every missing, extra or
    /// misshapen tensor at once.
    pub fn load(directory: &Path, device: &Device) -> Result<Self, WeightsError> {
        let mut folder = Folder::open(directory)?;
        let labels = labels(&folder)?;
        let style = style(&folder.config);
        if let TrunkConfig::Encoder(config) = &mut folder.config {
            config.pooler = style == HeadStyle::Pooler;
        }
        let (trunk, task) = folder.read(&head::parameters(&folder.config, labels.count()))?;
        let head = SequenceHead::blank(&folder.config, labels.count(), device);
        Ok(Self {
            trunk: folder.build(trunk, device)?,
            head: values::fill(head, task, device),
            labels: Arc::new(labels),
        })
    }

    /// Logits of each row.
    ///
    /// # Shapes
    ///
    /// - output: `[b, labels]`; [`crate::labels::Problem::outputs`] makes probabilities of them
    ///
    /// # Errors
    ///
    /// [`RowError`] of the first row that cannot be read.
    pub fn logits(&self, rows: &[TokenRow<'_>]) -> Result<Tensor<2>, RowError> {
        let states = self.trunk.states(rows)?;
        if rows.is_empty() {
            return Ok(Tensor::zeros([0, self.labels.count()], &self.trunk.device()));
        }
        Ok(self.head.logits(&self.trunk, &states))
    }

    /// What the logits mean.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// What the head stands on.
    #[must_use]
    pub fn trunk(&self) -> &Trunk {
        &self.trunk
    }

    /// Writes `config.json` and `model.safetensors` (f32) into `directory`, as
    /// [`crate::weights::save()`] does; `transformers` loads them with equal logits.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Io`] naming the file.
    pub fn save(&self, directory: &Path) -> Result<(), WeightsError> {
        let tensors = self.to_stored(&self.trunk.values(), &values::read(&self.head));
        save::write(directory, &tensors, save::saved_config(self.trunk.raw_config(), None))
    }

    /// The gradients of every parameter that has one, by the name of its tensor in a checkpoint.
    #[must_use]
    pub fn stored_gradients(&self, gradients: &Gradients) -> Vec<save::Stored> {
        let head = values::read_gradients(&self.head, gradients);
        self.to_stored(&self.trunk.gradients(gradients), &head)
    }

    fn to_stored(
        &self,
        trunk: &BTreeMap<String, Vec<f32>>,
        head: &BTreeMap<String, Vec<f32>>,
    ) -> Vec<save::Stored> {
        let (width, labels) = (self.trunk.width(), self.labels.count());
        let parameters = parameters_of(self.head.style(), width, labels);
        to_stored(&self.trunk, trunk, &parameters, head)
    }
}

/// One answer for each token.
#[derive(Module, Debug)]
pub struct TokenClassifier {
    trunk: Trunk,
    classifier: Projection,
    #[module(skip)]
    labels: Arc<Labels>,
}

impl TokenClassifier {
    /// Reads a classifier from a Hugging Face directory: `BertForTokenClassification` and its like
    /// of every family of encoders.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] when the directory holds no such classifier, with every missing, extra or
    /// misshapen tensor at once.
    pub fn load(directory: &Path, device: &Device) -> Result<Self, WeightsError> {
        let mut folder = Folder::open(directory)?;
        let TrunkConfig::Encoder(config) = &mut folder.config else {
            let what = "token classifiers are read on encoders only".to_owned();
            return Err(folder.unsupported(what));
        };
        config.pooler = false;
        let labels = labels(&folder)?;
        let (width, count) = (folder.config.width(), labels.count());
        let (trunk, task) = folder.read(&head::token_parameters(width, count))?;
        let task = task.into_iter().map(|(path, values)| {
            (path.strip_prefix("classifier.").unwrap_or(&path).to_owned(), values)
        });
        let classifier = Projection::blank(width, count, true, device);
        Ok(Self {
            trunk: folder.build(trunk, device)?,
            classifier: values::fill(classifier, task.collect(), device),
            labels: Arc::new(labels),
        })
    }

    /// Logits of each token.
    ///
    /// # Shapes
    ///
    /// - output: `[n, labels]`, one for each token of `rows`
    ///
    /// # Errors
    ///
    /// [`RowError`] of the first row that cannot be read.
    pub fn logits(&self, rows: &[TokenRow<'_>]) -> Result<RaggedStates, RowError> {
        let states = self.trunk.states(rows)?;
        if rows.is_empty() {
            let none = Tensor::zeros([0, self.labels.count()], &self.trunk.device());
            return Ok(RaggedStates::new(none, &[]));
        }
        Ok(states.map(|states| self.classifier.forward(states.unsqueeze()).squeeze_dim(0)))
    }

    /// What the logits mean.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// What the head stands on.
    #[must_use]
    pub fn trunk(&self) -> &Trunk {
        &self.trunk
    }

    /// Writes `config.json` and `model.safetensors` (f32) into `directory`, as
    /// [`crate::weights::save()`] does; `transformers` loads them with equal logits.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Io`] naming the file.
    pub fn save(&self, directory: &Path) -> Result<(), WeightsError> {
        let tensors = self.to_stored(&self.trunk.values(), values::read(&self.classifier));
        save::write(directory, &tensors, save::saved_config(self.trunk.raw_config(), None))
    }

    /// The gradients of every parameter that has one, by the name of its tensor in a checkpoint.
    #[must_use]
    pub fn stored_gradients(&self, gradients: &Gradients) -> Vec<save::Stored> {
        let head = values::read_gradients(&self.classifier, gradients);
        self.to_stored(&self.trunk.gradients(gradients), head)
    }

    fn to_stored(
        &self,
        trunk: &BTreeMap<String, Vec<f32>>,
        head: BTreeMap<String, Vec<f32>>,
    ) -> Vec<save::Stored> {
        let parameters = head::token_parameters(self.trunk.width(), self.labels.count());
        let head = head.into_iter().map(|(path, own)| (format!("classifier.{path}"), own));
        to_stored(&self.trunk, trunk, &parameters, &head.collect())
    }
}

fn labels(folder: &Folder) -> Result<Labels, WeightsError> {
    let config = Value::Object(folder.config.raw().clone());
    Labels::parse(&config).map_err(|source| folder.config_error(source))
}

/// The stored tensors of a trunk and of the head on it, whose parameters' paths begin with [`HEAD`].
fn to_stored(
    trunk: &Trunk,
    trunk_values: &BTreeMap<String, Vec<f32>>,
    head: &[ParameterSource],
    head_values: &BTreeMap<String, Vec<f32>>,
) -> Vec<save::Stored> {
    let below = |(path, own): (&String, &Vec<f32>)| (format!("{HEAD}{path}"), own.clone());
    let mut stored = save::stored(&trunk.parameters(), trunk_values);
    stored.extend(save::stored(head, &head_values.iter().map(below).collect()));
    stored
}

#[cfg(test)]
mod tests;
