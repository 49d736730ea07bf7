//! Trunk and heads in one directory, and a single head as `transformers` loads it.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, Gradients};
use serde_json::{Map, Value, json};

use super::head::Head;
use super::{HeadConfig, HeadConfigError, Level, MultiHead};
use crate::classifier::{HeadStyle, parameters_of};
use crate::encoder;
use crate::family::scheme::{self, Part, Stored};
use crate::trunk::Trunk;
use crate::values;
use crate::weights::WeightsError;
use crate::weights::folder::{Folder, HEAD, LORA, config_has};
use crate::weights::layout::ParameterSource;
use crate::weights::save;

/// The key of `config.json` that lists the heads of a directory.
pub const HEADS: &str = "hybrid_heads";

/// The key of `config.json` that says that the matrix to the vocabulary was trained beside the heads.
pub(crate) const LANGUAGE_MODEL: &str = "hybrid_language_model";

/// What a head is to `transformers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// `…ForSequenceClassification`, whatever its `problem_type`.
    Sequence,
    /// `…ForTokenClassification`.
    Tokens,
    /// `…ForQuestionAnswering`: a start and an end.
    Question,
}

/// A head that `transformers` has no class for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Why it has none.
    #[error("the head `{head}` cannot be exported for `transformers`: {reason}")]
    NoClass {
        /// The head.
        head: String,
        /// What is in the way.
        reason: &'static str,
    },
    /// A file that cannot be written.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// Whether a directory is one that [`MultiHead::save`] wrote, by its `config.json`.
#[must_use]
pub fn lists_heads(directory: &Path) -> bool {
    config_has(directory, HEADS)
}

/// Whether a directory is one that [`MultiHead::save_with_language_model`] wrote.
#[must_use]
pub fn holds_language_model(directory: &Path) -> bool {
    config_has(directory, LANGUAGE_MODEL)
}

/// Takes out of a configuration what it says of heads, for a model without them.
pub(crate) fn forget_heads(config: &mut Map<String, Value>) {
    config.remove(HEADS);
    config.remove(LANGUAGE_MODEL);
}

impl MultiHead {
    /// Reads what [`Self::save`] wrote.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] where the directory holds no trunk with heads, with every missing, extra or
    /// misshapen tensor at once.
    pub fn load(directory: &Path, device: &Device) -> Result<Self, WeightsError> {
        let folder = Folder::open(directory)?;
        let configs = configs(&folder)?;
        let parameters = sources(&folder, &configs);
        let (trunk, mut task) = folder.read(&parameters)?;
        let trunk = folder.build_adapted(trunk, device)?;
        super::head::check(&trunk, &configs).map_err(|error| refused(&folder, &error))?;
        let heads = configs.into_iter().map(|config| {
            let prefix = format!("{}.", config.name);
            let names: Vec<String> =
                task.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
            let own = names.into_iter().filter_map(|name| {
                let values = task.remove(&name)?;
                Some((name.strip_prefix(&prefix)?.to_owned(), values))
            });
            let own = own.collect();
            Head::blank(&trunk, config, device).filled(own, device)
        });
        let heads = heads.collect();
        Ok(Self { trunk, heads })
    }

    /// Writes `config.json`, with the heads under [`HEADS`], and `model.safetensors` (f32) into
    /// `directory`, as [`crate::weights::save()`] does. The trunk's tensors have their usual names,
    /// so that the directory is one of the trunk, too; those of a head are `heads.NAME.…`. Adapters
    /// are beside the weights that they do not change, as `lora.LAYER.TARGET.…`: here they are read
    /// with the trunk, other programs read the trunk without them.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Io`] naming the file.
    pub fn save(&self, directory: &Path) -> Result<(), WeightsError> {
        let config = save::saved_config(self.trunk.raw_config(), None);
        self.write(directory, config)
    }

    /// As [`Self::save`], for a decoder that is a language model beside its heads:
    /// [`crate::weights::load()`] reads the directory as that model, adapters merged.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Io`] naming the file.
    pub fn save_with_language_model(&self, directory: &Path) -> Result<(), WeightsError> {
        let class = match &self.trunk {
            Trunk::Decoder(decoder) => save::architecture(&decoder.config().model_type),
            Trunk::Encoder(_) => None,
        };
        let mut config = save::saved_config(self.trunk.raw_config(), class);
        config.insert(LANGUAGE_MODEL.to_owned(), json!(true));
        self.write(directory, config)
    }

    fn write(&self, directory: &Path, mut config: Map<String, Value>) -> Result<(), WeightsError> {
        let tensors = self.to_stored(&self.trunk.values(), values::read);
        let configs: Vec<&HeadConfig> = self.configs().collect();
        config.insert(HEADS.to_owned(), json!(configs));
        if let Some(plan) = self.adapters() {
            config.insert(LORA.to_owned(), json!(plan));
        }
        save::write(directory, &tensors, config)
    }

    /// Writes one head with its trunk so that `transformers` loads it, with equal logits; adapters
    /// are merged into the weights. Outputs without names are called `LABEL_0` and so on.
    ///
    /// # Errors
    ///
    /// [`ExportError::NoClass`] for a head at a lower layer, one that pools otherwise than the
    /// family's classifier, or a head of tokens on a causal model; [`ExportError::Weights`] naming
    /// the file that cannot be written.
    ///
    /// # Panics
    ///
    /// When there is no such head: the caller's mistake.
    pub fn export(&self, head: usize, task: Task, directory: &Path) -> Result<(), ExportError> {
        let head = &self.heads[head];
        let (class, sources) = self.exported(head, task)?;
        let mut trunk = self.trunk.clone();
        trunk.merge_adapters();
        let mut tensors = save::stored(&trunk.parameters(), &trunk.values());
        let below =
            values::read(head).into_iter().map(|(path, own)| (format!("{HEAD}{path}"), own));
        tensors.extend(save::stored(&sources, &below.collect()));
        let mut config = save::saved_config(self.trunk.raw_config(), Some(&class));
        name_outputs(&mut config, head.config(), task);
        Ok(save::write(directory, &tensors, config)?)
    }

    /// The gradients of every parameter that has one, by the name of its tensor in a directory.
    #[must_use]
    pub fn stored_gradients(&self, gradients: &Gradients) -> Vec<save::Stored> {
        let of_head = |head: &Head| values::read_gradients(head, gradients);
        self.to_stored(&self.trunk.gradients(gradients), of_head)
    }

    fn to_stored(
        &self,
        trunk: &BTreeMap<String, Vec<f32>>,
        of_head: impl Fn(&Head) -> BTreeMap<String, Vec<f32>>,
    ) -> Vec<save::Stored> {
        let mut tensors = save::stored(&self.trunk.parameters(), trunk);
        if let Some(plan) = self.adapters() {
            tensors.extend(save::stored(&plan.parameters(&self.trunk.slots()), trunk));
        }
        for head in &self.heads {
            let config = head.config();
            let sources = head_sources(config, head.style(), self.trunk.width());
            let own = of_head(head).into_iter();
            let own = own.map(|(path, own)| (format!("{HEAD}{}.{path}", config.name), own));
            tensors.extend(save::stored(&sources, &own.collect()));
        }
        tensors
    }

    /// The class of `transformers` that a head is, and its tensors there.
    fn exported(
        &self,
        head: &Head,
        task: Task,
    ) -> Result<(String, Vec<ParameterSource>), ExportError> {
        let config = head.config();
        let refuse = |reason| ExportError::NoClass { head: config.name.clone(), reason };
        if config.layer.is_some_and(|layer| layer != self.trunk.layers()) {
            return Err(refuse("it reads a lower layer, and theirs read the last"));
        }
        let (width, outputs) = (self.trunk.width(), config.outputs);
        let class = self.trunk.class().ok_or_else(|| refuse("the trunk's family has no class"))?;
        match (task, head.style()) {
            (Task::Sequence, Some(style)) => {
                let mut sources = parameters_of(style, width, outputs);
                if style == HeadStyle::Pooler {
                    let tensor = format!("{}pooler.dense", self.trunk.prefix());
                    sources.extend(linear("dense", width, &tensor, width));
                }
                Ok((format!("{class}ForSequenceClassification"), sources))
            }
            (Task::Sequence, None) => {
                Err(refuse("it pools in its own way; leave `pooling` out for the family's"))
            }
            _ if matches!(self.trunk, Trunk::Decoder(_)) => {
                Err(refuse("it is a head of tokens on a causal model"))
            }
            (Task::Tokens, _) => {
                let sources = linear("output", width, "classifier", outputs);
                Ok((format!("{class}ForTokenClassification"), sources))
            }
            (Task::Question, _) => {
                let sources = linear("output", width, "qa_outputs", outputs);
                Ok((format!("{class}ForQuestionAnswering"), sources))
            }
        }
    }
}

/// `id2label`, `label2id` and `problem_type`, as `transformers` writes them.
fn name_outputs(config: &mut Map<String, Value>, head: &HeadConfig, task: Task) {
    let names = match &head.labels {
        Some(labels) => labels.names.clone(),
        None => (0..head.outputs).map(|id| format!("LABEL_{id}")).collect(),
    };
    let by_id: Map<String, Value> =
        names.iter().enumerate().map(|(id, label)| (id.to_string(), json!(label))).collect();
    let by_label: Map<String, Value> =
        names.iter().enumerate().map(|(id, label)| (label.clone(), json!(id))).collect();
    config.insert("id2label".to_owned(), Value::Object(by_id));
    config.insert("label2id".to_owned(), Value::Object(by_label));
    match head.labels.as_ref().filter(|_| task == Task::Sequence) {
        Some(labels) => config.insert("problem_type".to_owned(), json!(labels.problem.name())),
        None => config.remove("problem_type"),
    };
}

fn configs(folder: &Folder) -> Result<Vec<HeadConfig>, WeightsError> {
    let Some(listed) = folder.config.raw().get(HEADS) else {
        let what = format!("its `config.json` lists no `{HEADS}`: it is a model without heads");
        return Err(folder.unsupported(what));
    };
    serde_json::from_value(listed.clone()).map_err(|error| {
        folder.unsupported(format!("`{HEADS}` of its `config.json` is not understood: {error}"))
    })
}

fn refused(folder: &Folder, error: &HeadConfigError) -> WeightsError {
    folder.unsupported(error.to_string())
}

/// The stored tensors of all heads.
fn sources(folder: &Folder, configs: &[HeadConfig]) -> Vec<ParameterSource> {
    let width = folder.config.width();
    let style = |config: &HeadConfig| {
        let is_family = config.level == Level::Text && config.pooling.is_none();
        is_family.then(|| crate::classifier::style(&folder.config))
    };
    configs.iter().flat_map(|config| head_sources(config, style(config), width)).collect()
}

fn head_sources(
    config: &HeadConfig,
    style: Option<HeadStyle>,
    width: usize,
) -> Vec<ParameterSource> {
    let HeadConfig { name, outputs, .. } = config;
    let named = |part: &str| (format!("{name}.{part}"), format!("heads.{name}.{part}"));
    let mut sources = Vec::new();
    if style.is_some_and(|style| style != HeadStyle::LastToken) {
        let (parameter, tensor) = named("dense");
        sources.extend(linear(&parameter, width, &tensor, width));
    }
    let (parameter, tensor) = named("output");
    let has_bias = style != Some(HeadStyle::LastToken);
    let part = [Part::new(tensor, *outputs)];
    let parameter = format!("{HEAD}{parameter}");
    sources.extend(scheme::linear(&parameter, width, &part, has_bias, Stored::OutIn));
    sources
}

fn linear(parameter: &str, inputs: usize, tensor: &str, outputs: usize) -> Vec<ParameterSource> {
    let part = [Part::new(tensor.to_owned(), outputs)];
    scheme::linear(&format!("{HEAD}{parameter}"), inputs, &part, true, Stored::OutIn)
}

impl Trunk {
    /// What the classes of its family are called in `transformers`, without their task.
    fn class(&self) -> Option<&'static str> {
        match self {
            Self::Encoder(encoder) => {
                encoder::family::find(&encoder.config().model_type).map(|family| family.class)
            }
            Self::Decoder(decoder) => {
                let class = save::architecture(&decoder.config().model_type)?;
                class.strip_suffix("ForCausalLM").or_else(|| class.strip_suffix("LMHeadModel"))
            }
        }
    }

    /// The prefix of the trunk's tensors in a checkpoint with a head.
    fn prefix(&self) -> &'static str {
        match self {
            Self::Encoder(encoder) => encoder::family::base_prefix(encoder.config()),
            Self::Decoder(decoder) => crate::family::base_prefix(decoder.config()),
        }
    }
}
