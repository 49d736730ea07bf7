//! `factual_accuracy`, and `qa_relevance` with a `model`: whether one text follows from another, by a
//! classifier of entailment.
//!
//! The premise is the first text of the pair, the response or one of its sentences the second, as in
//! MNLI and, where the premise is the question, in QNLI.

use std::sync::Arc;

use hybrid_data::tokenizer::Segments;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::batched::{Batched, Network};
use super::classifier::Problem;
use super::classifier::readout::{Naming, Pick, Readout};
use super::text_classifier::TextClassifier;
use super::{BATCH_TOKENS, BATCH_TOKENS_PARAM, CACHE, CACHED, DEVICE, MAX_LENGTH, check_sizes};
use crate::error::ParamError;
use crate::language::sentences;
use crate::reward::Needs;
use crate::sample::Sample;
use crate::spec::form::{NetworkForm, keys_of, maker};
use crate::spec::info::{Evidence, Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{BuildEnv, RegisterError, Registry};

/// How the response is cut, and what becomes of the parts' scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Pool {
    /// The mean over the sentences.
    Mean,
    /// The least of the sentences.
    Min,
    /// The response is one text.
    Whole,
}

/// What a part of the response scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Score {
    /// The probability of entailment.
    #[default]
    Entailment,
    /// That less the probability of contradiction.
    Margin,
}

/// Parameters of both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    model: Option<String>,
    premise: String,
    pool: Pool,
    score: Score,
    label: Option<Pick>,
    problem: Option<Problem>,
    max_length: Option<usize>,
    device: Option<String>,
    batch_tokens: usize,
    cache: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model: None,
            premise: TARGET.to_owned(),
            pool: Pool::Mean,
            score: Score::Entailment,
            label: None,
            problem: None,
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
        if self.premise.is_empty() {
            let reason = "is empty, must be `prompt`, `target` or a field's name";
            return Err(ParamError::new("premise", reason));
        }
        Ok(())
    }
}

const TARGET: &str = "target";
const PROMPT: &str = "prompt";
const ENTAILMENT: Naming = Naming { names: &["entailment"], independent: false, layouts: &[] };
const CONTRADICTION: &str = "contradiction";

const PREMISE: Param = Param::new(
    "premise",
    "a string",
    "what the response must follow from: `prompt`, `target`, or the name of a field that holds a text or a list of them; of several, the one that supports a sentence best counts",
);
const POOL: Param = Param::new(
    "pool",
    "one of `mean`, `min` or `whole`",
    "the mean over the response's sentences, the least of them, or the response as one text",
);
const SCORE: Param = Param::new(
    "score",
    "one of `entailment` or `margin`",
    "the probability of entailment, in [0, 1], or that less the probability of `contradiction`, in [−1, 1]",
);
const LABEL: Param = Param::new(
    "label",
    "a string, a whole number or null",
    "the label for entailment, by its name in either case or by its place from 0; null is `entailment`, or a model's only one",
);
const PROBLEM: Param = Param::new(
    "problem",
    "one of `single_label`, `multi_label` or `regression`, or null",
    "how outputs are read, as for `classifier`; null is as the model says, but a sigmoid where there is one output",
);

const FACTUAL: Info = Info {
    name: "factual_accuracy",
    about: "The mean over the response's sentences of the probability that a source entails them, by a \
            classifier of entailment (such as `hf:cross-encoder/nli-distilroberta-base`), the source \
            being its first text and the sentence its second (SummaC-ZS, Laban et al. 2022, with \
            whole sources). A response without a sentence has no score.",
    needs: &["target"],
    params: &[
        Param::new(
            "model",
            "a string or null",
            "a sequence classifier, named as for `classifier`; required",
        ),
        PREMISE,
        POOL,
        SCORE,
        LABEL,
        PROBLEM,
        MAX_LENGTH,
        DEVICE,
        BATCH_TOKENS_PARAM,
        CACHE,
    ],
    evidence: Evidence::Unvalidated,
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(FACTUAL, build)?;
    let model = Param::new(
        "model",
        "a string or null",
        "a sequence classifier, named as for `classifier`, in place of the words",
    );
    let params = vec![
        model,
        PREMISE,
        POOL,
        SCORE,
        LABEL,
        PROBLEM,
        MAX_LENGTH,
        DEVICE,
        BATCH_TOKENS_PARAM,
        CACHE,
    ];
    let (premise, pool) = (PROMPT.to_owned(), Pool::Whole);
    let defaults = keys_of(&Config { premise, pool, ..Config::default() });
    registry.network_form(NetworkForm {
        name: "qa_relevance",
        about: "With a `model`, the probability of its label `entailment` for the pair of question \
                and response, as in QNLI; or of its only output, a sigmoid, as of the cross-encoders \
                for search (such as `hf:cross-encoder/ms-marco-MiniLM-L6-v2`). A blank response then \
                has no score.",
        reworded: &[],
        make: maker(params.clone(), defaults.clone(), build),
        params,
        defaults,
    })
}

fn build(config: Config, env: &BuildEnv<'_>) -> Result<Batched<Entailment>, ParamError> {
    let Some(name) = &config.model else {
        return Err(ParamError::new("model", "is absent, must name a sequence classifier"));
    };
    let model = env.classifier(name, None, config.device.as_deref())?;
    let alone = (model.labels().count() == 1).then_some(Problem::MultiLabel);
    let labels = ENTAILMENT.labels(model.labels(), config.problem.or(alone).map(Into::into));
    let label = config.label.clone().map_or_else(|| ENTAILMENT.own(&labels), Ok)?;
    let entailed = Readout::of(&labels, &[label], "label")?;
    let contradicted = match config.score {
        Score::Entailment => None,
        Score::Margin => {
            Some(Readout::of(&labels, &[Pick::Name(CONTRADICTION.to_owned())], "score")?)
        }
    };
    let limit = model.limit(config.max_length);
    let (batch_tokens, cache) = (config.batch_tokens, config.cache);
    let Config { premise, pool, .. } = config;
    let network = Entailment { model, entailed, contradicted, premise, pool, limit };
    Ok(Batched::new(network, batch_tokens, cache))
}

struct Entailment {
    model: Arc<TextClassifier>,
    entailed: Readout,
    contradicted: Option<Readout>,
    premise: String,
    pool: Pool,
    limit: usize,
}

/// A premise and a part of the response.
struct Pair {
    row: Segments,
    /// The part's place in the response.
    part: usize,
}

impl Network for Entailment {
    type Input = Pair;

    fn needs(&self) -> Needs {
        match self.premise.as_str() {
            PROMPT => Needs::prompt(),
            TARGET => Needs::target(),
            field => Needs { fields: [field.to_owned()].into(), ..Needs::default() },
        }
    }

    fn inputs(&self, sample: &Sample<'_>) -> Result<Vec<Pair>, String> {
        let premises: Vec<&str> = match self.premise.as_str() {
            PROMPT => vec![sample.prompt],
            TARGET => sample.targets.iter().map(String::as_str).collect(),
            field => texts(sample.fields.get(field)).ok_or_else(|| {
                format!("the field `{field}` is neither a text nor a list of them")
            })?,
        };
        let parts = match self.pool {
            Pool::Whole if sample.response.trim().is_empty() => Vec::new(),
            Pool::Whole => vec![sample.response],
            Pool::Mean | Pool::Min => sentences(sample.response),
        };
        let mut pairs = Vec::with_capacity(parts.len() * premises.len());
        for (part, text) in parts.into_iter().enumerate() {
            for premise in &premises {
                let row = self.model.row(premise, Some(text), self.limit)?;
                pairs.push(Pair { row, part });
            }
        }
        Ok(pairs)
    }

    fn length(&self, input: &Pair) -> usize {
        input.row.ids.len()
    }

    fn run(&self, inputs: &[&Pair]) -> Vec<f64> {
        let rows: Vec<&Segments> = inputs.iter().map(|pair| &pair.row).collect();
        let score = |logits: &Vec<f64>| {
            let against = self.contradicted.as_ref().map_or(0.0, |label| label.score(logits));
            self.entailed.score(logits) - against
        };
        self.model.logits(&rows).iter().map(score).collect()
    }

    fn fold(&self, scored: &[(&Pair, f64)]) -> f64 {
        // The pairs of a part stand together.
        let best = |pairs: &[(&Pair, f64)]| {
            pairs.iter().map(|(_, score)| *score).fold(f64::NEG_INFINITY, nan_or(f64::max))
        };
        let parts: Vec<f64> = scored.chunk_by(|a, b| a.0.part == b.0.part).map(best).collect();
        match self.pool {
            Pool::Min => parts.into_iter().fold(f64::INFINITY, nan_or(f64::min)),
            Pool::Mean | Pool::Whole => parts.iter().sum::<f64>() / parts.len() as f64,
        }
    }
}

/// `of` two numbers, NaN where one of them is.
fn nan_or(of: fn(f64, f64) -> f64) -> impl Fn(f64, f64) -> f64 {
    move |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { of(a, b) }
}

/// The text or texts of a field.
fn texts(value: Option<&Value>) -> Option<Vec<&str>> {
    match value? {
        Value::String(text) => Some(vec![text]),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
