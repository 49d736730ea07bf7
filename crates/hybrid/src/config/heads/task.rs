//! A `[[head]]` table: one task, its data and its loss.

use std::collections::BTreeMap;

use hybrid_data::config::{Sources, Validation};
use hybrid_heads::TaskKind;
use hybrid_heads::losses::RegressionLoss;
use hybrid_heads::reinforce::{Pick, ReinforceOptions};
use hybrid_heads::span::SpanOptions;
use hybrid_heads::tagging::SubWords;
use hybrid_model::Pooling;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::check::Problem;

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskConfig {
    /// Its name: letters, digits, `_` and `-`.
    pub task: String,
    /// What the head predicts.
    pub kind: TaskKind,
    /// Its labels in the order of the outputs; absent means those of the training data, sorted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// How the states of a text become one vector; absent is the layout of the family's own
    /// classifier, which `transformers` can load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// Layers of the trunk before the head; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
    /// How much its loss counts among the tasks'. At least 0.
    #[serde(default = "one")]
    pub weight: f64,
    /// Where its examples come from.
    pub data: TaskData,
    /// How much each class counts: `"balanced"`, or a number of at least 0 a label. Of
    /// classification and tagging.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
    /// Share of the target that is spread over all classes. In [0, 1). Of classification and
    /// tagging.
    #[serde(default)]
    pub label_smoothing: f64,
    /// What the distance of a prediction costs: `"squared"` or `{ huber = { delta = 1.0 } }`. Of
    /// regression.
    #[serde(default)]
    pub loss: RegressionLoss,
    /// Factor of `(r₊ + r₋)²`, which keeps rewards around 0. At least 0. Of pairwise heads.
    #[serde(default)]
    pub center_coef: f64,
    /// Which tokens of a word count. Of tagging.
    #[serde(default)]
    pub sub_words: SubWords,
    /// Tokens that two windows share where a context is longer than `train.max_length` leaves room
    /// for, at most half of a window: `doc_stride` in examples of `transformers`. Of span kinds.
    #[serde(default = "overlap")]
    pub overlap: usize,
    /// Most tokens of an answer. At least 1. Of span kinds.
    #[serde(default = "max_answer")]
    pub max_answer: usize,
    /// Rewards the head's own predictions beside, or in place of, its supervised loss. Of
    /// classification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<FeedbackConfig>,
}

fn one() -> f64 {
    1.0
}

fn overlap() -> usize {
    128
}

fn max_answer() -> usize {
    SpanOptions::default().max_tokens
}

/// Where a task's examples come from, and which columns they are made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TaskData {
    /// Training data: paths, or names of `hybrid assets list`.
    pub train: Sources,
    /// What is measured on: a share or a number of the training rows, or a file of its own; absent
    /// measures nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
    /// Only rows whose columns have these values, as `{ source = "imdb" }`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rows: BTreeMap<String, String>,
    /// Shuffle before `select` takes the first rows.
    pub shuffle: bool,
    /// Keep this many rows; absent means all. At least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select: Option<usize>,
    /// Write HTML line breaks (`<br />`) in texts as line ends.
    pub clean_html: bool,
    /// Further training rows, of which no label holds. Of multi_label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neutral: Option<NeutralData>,
    /// Makes the pairs of a pairwise head of rows with one text and a label each: a text that is
    /// labelled as the better ones are with one that is labelled as the worse ones, each text once;
    /// rows with another label are left out. Absent reads both answers from each row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairs: Option<PairsData>,
    /// The column with the text, or with a list of messages, of which the last counts. Of all kinds
    /// but tagging, the span kinds, and pairwise heads without `pairs`.
    pub text: String,
    /// The column with the label: a text or number (classification, `pairs`), a list of labels or an
    /// object of shares (multi_label), a number or a list of them (regression). Where a multi-label row
    /// has no such column, each label is a column that holds its share.
    pub label: String,
    /// The column with the list of words. Of tagging.
    pub words: String,
    /// The column with the list of their tags. Of tagging.
    pub tags: String,
    /// The column with the question. Of span kinds.
    pub question: String,
    /// The column with the text that the answer stands in. Of span kinds.
    pub context: String,
    /// The column with the answers as SQuAD writes them, `{text = […], answer_start = […]}`, the
    /// first of which is learnt, or with one answer as a text. Empty lists, an empty text and null
    /// say that there is none. Starts count characters, from 0. Of span kinds.
    pub answers: String,
    /// The column with the start of an answer that is a text. Of span kinds.
    pub answer_start: String,
    /// The column that stands before both answers, with a line end between. Of pairwise heads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The column with the better answer: a text, or a list of messages. Of pairwise heads.
    pub chosen: String,
    /// The column with the worse one.
    pub rejected: String,
    /// The column with the number by which the better one must lead; absent means 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<String>,
}

impl Default for TaskData {
    fn default() -> Self {
        Self {
            train: Sources::default(),
            validation: None,
            rows: BTreeMap::new(),
            shuffle: true,
            select: None,
            clean_html: false,
            neutral: None,
            pairs: None,
            text: "text".to_owned(),
            label: "label".to_owned(),
            words: "tokens".to_owned(),
            tags: "tags".to_owned(),
            question: "question".to_owned(),
            context: "context".to_owned(),
            answers: "answers".to_owned(),
            answer_start: "answer_start".to_owned(),
            prompt: None,
            chosen: "chosen".to_owned(),
            rejected: "rejected".to_owned(),
            margin: None,
        }
    }
}

/// Which of two labelled texts is better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairsData {
    /// The label of the better ones.
    pub chosen: String,
    /// The label of the worse ones.
    pub rejected: String,
}

/// Texts of which no label holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeutralData {
    /// Paths, or names of `hybrid assets list`.
    pub train: Sources,
    /// Only rows whose columns have these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rows: BTreeMap<String, String>,
    /// Keep this many, chosen by the seed. At least 1.
    pub select: usize,
    /// The column with the text.
    #[serde(default = "text")]
    pub text: String,
}

fn text() -> String {
    "text".to_owned()
}

/// How much each class counts in the loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeights {
    /// So that the classes of the training data count alike.
    Balanced,
    /// One number a label.
    #[serde(untagged)]
    Given(Vec<f64>),
}

/// A head's own predictions and their rewards (REINFORCE).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeedbackConfig {
    /// Factor of the reward's loss. Above 0.
    pub coef: f64,
    /// Factor of the supervised loss beside it; 0 learns from rewards alone. At least 0.
    pub supervised_coef: f64,
    /// How a prediction is made.
    pub pick: Pick,
    /// Baseline and entropy bonus.
    pub options: ReinforceOptions,
    /// What a prediction is worth: a reward specification that reads the predicted label as the
    /// response, the true one as the target and the text as the prompt; absent means 1 where they
    /// are equal and 0 elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reward: Option<Value>,
}

impl Default for FeedbackConfig {
    fn default() -> Self {
        Self {
            coef: 1.0,
            supervised_coef: 1.0,
            pick: Pick::default(),
            options: ReinforceOptions::default(),
            reward: None,
        }
    }
}

impl TaskConfig {
    pub(super) fn check(&self, key: &str) -> Result<(), Problem> {
        let of = |name: &str| format!("{key}.{name}");
        let name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if self.task.is_empty() || !self.task.chars().all(name) {
            let value = format!("`{}`", self.task);
            return Err(Problem::range(&of("task"), &value, "of letters, digits, `_` and `-`"));
        }
        let numbers = [
            ("weight", self.weight, self.weight >= 0.0, "a finite number of at least 0"),
            (
                "label_smoothing",
                self.label_smoothing,
                (0.0..1.0).contains(&self.label_smoothing),
                "in [0, 1)",
            ),
            (
                "center_coef",
                self.center_coef,
                self.center_coef >= 0.0,
                "a finite number of at least 0",
            ),
        ];
        for (name, value, fits, allowed) in numbers {
            if !(fits && value.is_finite()) {
                return Err(Problem::range(&of(name), &value.to_string(), allowed));
            }
        }
        if self.data.train.is_empty() {
            let name = of("data.train");
            let text = format!("`{name}` is missing; it names the rows to learn from");
            return Err(Problem::new(&name, text));
        }
        if self.max_answer == 0 {
            return Err(Problem::range(&of("max_answer"), "0", "at least 1"));
        }
        if self.data.select == Some(0) {
            return Err(Problem::range(&of("data.select"), "0", "at least 1"));
        }
        if self.data.neutral.as_ref().is_some_and(|neutral| neutral.select == 0) {
            return Err(Problem::range(&of("data.neutral.select"), "0", "at least 1"));
        }
        self.keys_fit(key)?;
        self.check_pairs(key)?;
        self.check_labels(key)?;
        self.check_feedback(key)
    }

    /// Refuses keys that a task of this kind does not use.
    fn keys_fit(&self, key: &str) -> Result<(), Problem> {
        use TaskKind::{
            Classification, MultiLabel, Pairwise, Regression, Span, SpanOrNone, Tagging,
        };
        let classes: &[TaskKind] = &[Classification, Tagging];
        let spans: &[TaskKind] = &[Span, SpanOrNone];
        let given: [(&str, bool, &[TaskKind]); 11] = [
            ("overlap", self.overlap != overlap(), spans),
            ("max_answer", self.max_answer != max_answer(), spans),
            ("data.neutral", self.data.neutral.is_some(), &[MultiLabel]),
            ("data.pairs", self.data.pairs.is_some(), &[Pairwise]),
            ("labels", self.labels.is_some(), &[Classification, MultiLabel, Tagging, Regression]),
            ("class_weights", self.class_weights.is_some(), classes),
            ("label_smoothing", self.label_smoothing != 0.0, classes),
            ("loss", self.loss != RegressionLoss::default(), &[Regression]),
            ("center_coef", self.center_coef != 0.0, &[Pairwise]),
            ("sub_words", self.sub_words != SubWords::default(), &[Tagging]),
            ("feedback", self.feedback.is_some(), &[Classification]),
        ];
        for (name, given, kinds) in given {
            if !given || kinds.contains(&self.kind) {
                continue;
            }
            let kinds: Vec<String> =
                kinds.iter().map(|kind| format!("`{}`", kind.name())).collect();
            let key = format!("{key}.{name}");
            let text = format!(
                "`{key}` belongs to heads of kind {}, this one is `{}`: remove it",
                kinds.join(", "),
                self.kind.name()
            );
            return Err(Problem::new(&key, text));
        }
        let is_span = spans.contains(&self.kind);
        if (self.kind == Tagging || is_span) && self.pooling.is_some() {
            let key = format!("{key}.pooling");
            let of = if is_span { "answers are spans of tokens" } else { "tags are of words" };
            let text = format!("`{key}` makes one vector of a text, but {of}: remove it");
            return Err(Problem::new(&key, text));
        }
        if is_span && self.data.clean_html {
            let key = format!("{key}.data.clean_html");
            let text = format!("`{key}` would move the places of answers: remove it");
            return Err(Problem::new(&key, text));
        }
        Ok(())
    }

    fn check_pairs(&self, key: &str) -> Result<(), Problem> {
        let Some(pairs) = &self.data.pairs else { return Ok(()) };
        let key = format!("{key}.data");
        if pairs.chosen == pairs.rejected {
            let name = format!("{key}.pairs.rejected");
            let value = format!("`{}`", pairs.rejected);
            return Err(Problem::range(&name, &value, "another label than `chosen`"));
        }
        let beside =
            [("prompt", self.data.prompt.is_some()), ("margin", self.data.margin.is_some())];
        match beside.into_iter().find(|(_, given)| *given) {
            Some((name, _)) => {
                let name = format!("{key}.{name}");
                let text = format!(
                    "`{name}` is of rows that hold both answers, but `{key}.pairs` makes pairs of \
                     single texts: remove one of them"
                );
                Err(Problem::new(&name, text))
            }
            None => Ok(()),
        }
    }

    fn check_labels(&self, key: &str) -> Result<(), Problem> {
        let Some(labels) = &self.labels else {
            if self.kind == TaskKind::MultiLabel {
                let key = format!("{key}.labels");
                let text = format!(
                    "`{key}` is missing: a multi-label task needs its labels, in the order of the \
                     outputs"
                );
                return Err(Problem::new(&key, text));
            }
            return Ok(());
        };
        let key_labels = format!("{key}.labels");
        hybrid_heads::LabelSet::new(labels.iter().cloned())
            .map_err(|error| Problem::new(&key_labels, format!("`{key_labels}`: {error}")))?;
        if self.kind == TaskKind::Classification && labels.len() < 2 {
            return Err(Problem::range(&key_labels, "one label", "at least two"));
        }
        match &self.class_weights {
            Some(ClassWeights::Given(weights)) if weights.len() != labels.len() => {
                let key = format!("{key}.class_weights");
                let value = format!("{} numbers", weights.len());
                Err(Problem::range(
                    &key,
                    &value,
                    &format!("one for each of {} labels", labels.len()),
                ))
            }
            _ => Ok(()),
        }
    }

    fn check_feedback(&self, key: &str) -> Result<(), Problem> {
        let Some(feedback) = &self.feedback else { return Ok(()) };
        let key = format!("{key}.feedback");
        let FeedbackConfig { coef, supervised_coef, .. } = *feedback;
        if !(coef > 0.0 && coef.is_finite()) {
            let allowed = "a finite number above 0; remove `feedback` to train without it";
            return Err(Problem::range(&format!("{key}.coef"), &coef.to_string(), allowed));
        }
        if !(supervised_coef >= 0.0 && supervised_coef.is_finite()) {
            let allowed = "a finite number of at least 0";
            let name = format!("{key}.supervised_coef");
            return Err(Problem::range(&name, &supervised_coef.to_string(), allowed));
        }
        feedback
            .options
            .validate()
            .map_err(|error| Problem::in_section(&format!("{key}.options"), &error.to_string()))
    }
}
