//! `classifier`: what a sequence classifier says of the response.

use std::collections::BTreeMap;
use std::sync::Arc;

use hybrid_data::tokenizer::Segments;
use serde::{Deserialize, Serialize};

use self::readout::{Naming, Pick, Readout, Scale};
use super::batched::{Batched, Network};
use super::text_classifier::{Standard, TextClassifier};
use super::{BATCH_TOKENS, BATCH_TOKENS_PARAM, CACHE, CACHED, DEVICE, check_sizes};
use crate::error::{ParamError, require};
use crate::reward::Needs;
use crate::sample::Sample;
use crate::spec::info::{Direction, Evidence, Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{BuildEnv, RegisterError, Registry};

mod named;
pub(super) mod readout;

#[cfg(test)]
mod tests;

/// How the outputs are read, where the checkpoint does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Problem {
    /// One label is right: softmax.
    SingleLabel,
    /// Each label is right or not: sigmoid.
    MultiLabel,
    /// The outputs are numbers.
    Regression,
}

impl From<Problem> for hybrid_model::labels::Problem {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::SingleLabel => Self::SingleLabel,
            Problem::MultiLabel => Self::MultiLabel,
            Problem::Regression => Self::Regression,
        }
    }
}

/// What the classifier reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Text {
    /// The response alone.
    #[default]
    Response,
    /// The prompt, a line break and the response as one text.
    PromptResponse,
    /// The prompt and the response as a pair.
    Pair,
}

/// One label or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Label {
    One(Pick),
    Any(Vec<Pick>),
}

impl Label {
    fn picks(&self) -> &[Pick] {
        match self {
            Self::One(pick) => std::slice::from_ref(pick),
            Self::Any(picks) => picks,
        }
    }
}

/// Parameters of `classifier` and of the rewards that are one by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Config {
    model: Option<String>,
    task: Option<String>,
    /// What some of the named ones have besides, in words that are not the model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Label>,
    label: Option<Label>,
    labels: Option<BTreeMap<String, f64>>,
    problem: Option<Problem>,
    text: Text,
    score: Scale,
    invert: bool,
    max_length: Option<usize>,
    device: Option<String>,
    batch_tokens: usize,
    cache: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model: None,
            task: None,
            target: None,
            label: None,
            labels: None,
            problem: None,
            text: Text::Response,
            score: Scale::Probability,
            invert: false,
            max_length: None,
            device: None,
            batch_tokens: BATCH_TOKENS,
            cache: CACHED,
        }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        check_sizes(self.max_length, self.batch_tokens, self.cache)?;
        for (key, label) in [("label", &self.label), ("target", &self.target)] {
            if label.as_ref().is_some_and(|label| label.picks().is_empty()) {
                return Err(ParamError::new(key, "is an empty list, must name a label"));
            }
        }
        let Some(labels) = &self.labels else { return Ok(()) };
        if self.label.is_some() {
            let reason = "`label` and `labels` exclude each other; keep one of them";
            return Err(ParamError::new("", reason));
        }
        if labels.is_empty() {
            return Err(ParamError::new("labels", "is empty, must give labels their weights"));
        }
        for (name, weight) in labels {
            require(weight.is_finite(), &format!("labels.{name}"), weight, "finite")?;
        }
        Ok(())
    }
}

const MODEL: Param = Param::new(
    "model",
    "a string or null",
    "a sequence classifier: the path of a folder or of a run of task heads, `hf:owner/name`, or a catalogue name; required",
);
pub(super) const TASK: Param = Param::new(
    "task",
    "a string or null",
    "which head of a run of task heads; null where it has one that reads whole texts",
);
const LABEL: Param = Param::new(
    "label",
    "a string, a whole number or a list of them, or null",
    "the label whose probability counts, by its name in either case or by its place from 0; of several, that one of them is right where they exclude each other, else the likeliest's",
);
const LABELS: Param = Param::new(
    "labels",
    "an object of numbers or null",
    "labels with weights, in place of `label`: the score is the sum of weight · probability",
);
const PROBLEM: Param = Param::new(
    "problem",
    "one of `single_label`, `multi_label` or `regression`, or null",
    "whether the outputs go through a softmax, a sigmoid each, or are the numbers themselves; null is as the model's `config.json` says, which older models of several labels do not",
);
const TEXT: Param = Param::new(
    "text",
    "one of `response`, `prompt_response` or `pair`",
    "what is read: the response; prompt, line break and response as one text; or prompt and response as a pair",
);
const SCORE: Param = Param::new(
    "score",
    "one of `probability`, `logit` or `log_probability`",
    "the probability, in [0, 1]; the output itself, as is all that a regression has; or the natural logarithm of the probability. Of a reward model trained here, `probability` is its number in deviations from the mean of its held-out texts",
);
const LENGTH: Param = Param::new(
    "max_length",
    "a whole number ≥ 2 or null",
    "the most tokens that are read of a row, never more than the model's context; null is all of that, and of a head trained here the `train.max_length` of its run",
);
const INVERT: Param = Param::new(
    "invert",
    "true or false",
    "score the opposite: 1 − p, the logarithm of that, or minus the output",
);

const INFO: Info = Info {
    name: "classifier",
    about: "The probability of a label by a sequence classifier of Hugging Face's form with its own \
            tokenizer, or a weighted sum of probabilities. A text that is too long loses its end, of \
            a pair the longer one first; a head trained here cuts a text as its run did. An empty \
            text has the score that the model gives it.",
    direction: Direction::Depends,
    params: &[
        MODEL,
        TASK,
        LABEL,
        LABELS,
        PROBLEM,
        TEXT,
        SCORE,
        INVERT,
        LENGTH,
        DEVICE,
        BATCH_TOKENS_PARAM,
        CACHE,
    ],
    evidence: Evidence::Definition,
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, env| build(config, &Naming::default(), env))?;
    named::register(registry)
}

/// The reward that `config` describes, of a kind of model of which `naming` is known.
fn build(
    config: Config,
    naming: &Naming,
    env: &BuildEnv<'_>,
) -> Result<Batched<Classifier>, ParamError> {
    let Some(name) = &config.model else {
        return Err(ParamError::new("model", "is absent, must name a sequence classifier"));
    };
    let model = env.classifier(name, config.task.as_deref(), config.device.as_deref())?;
    let readout = readout(&config, naming, &model)?;
    let (text, limit) = (config.text, model.limit(config.max_length));
    let standard = model.standard().filter(|_| config.score != Scale::Logit);
    let network = Classifier { model, readout, text, limit, standard };
    Ok(Batched::new(network, config.batch_tokens, config.cache))
}

/// What of the model's outputs counts.
fn readout(
    config: &Config,
    naming: &Naming,
    model: &TextClassifier,
) -> Result<Readout, ParamError> {
    let labels = naming.labels(model.labels(), config.problem.map(Into::into));
    let mut readout = match (&config.labels, &config.label, &config.target) {
        (Some(weights), _, _) => Readout::expected(&labels, weights)?,
        (None, Some(label), _) => Readout::of(&labels, label.picks(), "label")?,
        (None, None, Some(target)) => Readout::of(&labels, target.picks(), "target")?,
        (None, None, None) => Readout::of(&labels, &[naming.own(&labels)?], "label")?,
    };
    readout.scale(config.score)?;
    readout.invert = config.invert;
    Ok(readout)
}

struct Classifier {
    model: Arc<TextClassifier>,
    readout: Readout,
    text: Text,
    limit: usize,
    /// Of a reward model: what its numbers are measured in.
    standard: Option<Standard>,
}

impl Network for Classifier {
    type Input = Segments;

    fn needs(&self) -> Needs {
        Needs { prompt: self.text != Text::Response, ..Needs::default() }
    }

    fn inputs(&self, sample: &Sample<'_>) -> Result<Vec<Segments>, String> {
        let (prompt, response) = (sample.prompt, sample.response);
        let row = match self.text {
            Text::Response => self.model.row(response, None, self.limit),
            Text::PromptResponse => {
                self.model.row(&format!("{prompt}\n{response}"), None, self.limit)
            }
            Text::Pair => self.model.row(prompt, Some(response), self.limit),
        };
        Ok(vec![row?])
    }

    fn length(&self, input: &Segments) -> usize {
        input.ids.len()
    }

    fn run(&self, inputs: &[&Segments]) -> Vec<f64> {
        let logits = self.model.logits(inputs);
        let standard = |number: &f64| self.standard.map_or(*number, |scale| scale.of(*number));
        logits
            .iter()
            .map(|logits| logits.iter().map(standard).collect::<Vec<f64>>())
            .map(|logits| self.readout.score(&logits))
            .collect()
    }
}
