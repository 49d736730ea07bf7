//! A trained head's answers.

use std::path::Path;

use burn::tensor::Device;
use hybrid_data::parallel::in_order;
use hybrid_data::tokenizer::Tokenizer;
use hybrid_heads::TaskKind;
use hybrid_heads::tagging::{Entity, Scheme};
use hybrid_model::MultiHead;
use hybrid_model::heads::Task as Class;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::example::TextRow;
use super::measure::{largest, logits, sigmoid, softmax, tags_of};
use super::spans;
use super::task::{self, Task};
use crate::error::HybridError;

/// A model with heads, ready to answer.
#[derive(Debug)]
pub struct Predictor {
    model: MultiHead,
    tasks: Vec<Task>,
    tokenizer: Tokenizer,
}

/// What a head is asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// The text, or the answer of a preference, or the context of a question.
    pub text: String,
    /// What is asked, where the head answers out of the text.
    pub question: Option<String>,
    /// What stands before it, for a reward model of prompts and answers.
    pub prompt: Option<String>,
    /// The words of a text whose words are tagged; absent, the text is cut at white space.
    pub words: Option<Vec<String>>,
}

/// What a head says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Prediction {
    /// One of several labels.
    Class {
        /// The likeliest.
        label: String,
        /// Of every label, in their order.
        probabilities: Map<String, Value>,
    },
    /// Each of several labels, or not.
    Labels {
        /// Those of probability ½ and more.
        labels: Vec<String>,
        /// Of every label, in their order.
        probabilities: Map<String, Value>,
    },
    /// Numbers.
    Values {
        /// In the order of the outputs.
        values: Vec<f64>,
    },
    /// Tags of words.
    Tags {
        /// The words.
        words: Vec<String>,
        /// The tag of each.
        tags: Vec<String>,
        /// What they say together.
        entities: Vec<Entity>,
    },
    /// The words of the text that answer a question.
    Answer {
        /// The words; empty where there is no answer.
        answer: String,
        /// The character of the text that they begin at.
        start: Option<usize>,
        /// The one after their last.
        end: Option<usize>,
        /// The probability of the start times that of the end.
        score: f64,
        /// Whether there is an answer.
        answerable: bool,
    },
    /// How good an answer is.
    Reward {
        /// In deviations from the mean of the texts that the reward model was measured on, where it
        /// was.
        reward: f64,
    },
}

impl Predictor {
    /// Reads a checkpoint of a run of heads.
    ///
    /// # Errors
    ///
    /// [`HybridError`] where the folder holds no such checkpoint.
    pub fn load(checkpoint: &Path, device: &Device) -> Result<Self, HybridError> {
        if !checkpoint.join(task::TASKS).is_file() {
            return Err(HybridError::Missing(format!(
                "`{}` has no task heads (`{}` is not there): name a run with a `[[head]]` table, \
                 or one of its checkpoints",
                checkpoint.display(),
                task::TASKS
            )));
        }
        let model = MultiHead::load(checkpoint, device)?;
        let tokenizer = Tokenizer::from_dir(checkpoint)?;
        Ok(Self { model, tasks: task::read(checkpoint)?, tokenizer })
    }

    /// The tasks, in the order of the heads.
    #[must_use]
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// The trunk and its heads.
    #[must_use]
    pub fn model(&self) -> &MultiHead {
        &self.model
    }

    /// The tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The place of the task called `name`.
    ///
    /// # Errors
    ///
    /// [`HybridError::Missing`] with the tasks that are there.
    pub fn task(&self, name: &str) -> Result<usize, HybridError> {
        self.tasks.iter().position(|task| task.name == name).ok_or_else(|| {
            let known: Vec<String> =
                self.tasks.iter().map(|task| format!("`{}`", task.name)).collect();
            HybridError::Missing(format!(
                "there is no task `{name}`; the run has {}",
                known.join(", ")
            ))
        })
    }

    /// Writes the head of task `task` with trunk and tokenizer so that `transformers` loads it; see
    /// [`MultiHead::export`]. The rewards of a reward model are written as they are,
    /// without their scale.
    ///
    /// # Errors
    ///
    /// [`HybridError::Export`] for a head that `transformers` has no class for, or a file that cannot
    /// be written.
    pub fn export(&self, task: usize, directory: &Path) -> Result<(), HybridError> {
        let Some(own) = self.tasks.get(task) else {
            return Err(HybridError::Missing(format!("there is no task {task}")));
        };
        let class = match own.kind {
            TaskKind::Tagging => Class::Tokens,
            TaskKind::Span | TaskKind::SpanOrNone => Class::Question,
            _ => Class::Sequence,
        };
        self.model.export(task, class, directory)?;
        Ok(self.tokenizer.save(directory)?)
    }

    /// What the head of task `task`, a place from [`Self::task`], says of each query, in their order;
    /// at most `micro_tokens` tokens go through the model at once.
    ///
    /// # Errors
    ///
    /// [`HybridError`] for a text that tokenizer or model cannot read.
    pub fn predict(
        &self,
        task: usize,
        queries: &[Query],
        micro_tokens: usize,
    ) -> Result<Vec<Prediction>, HybridError> {
        let Some(own) = self.tasks.get(task) else {
            return Err(HybridError::Missing(format!("there is no task {task}")));
        };
        if spans::is_span(own.kind) {
            return self.answers(task, own, queries, micro_tokens);
        }
        let words: Vec<Vec<String>> = queries.iter().map(words_of).collect();
        let rows: Vec<TextRow> = if own.kind == TaskKind::Tagging {
            let tokenizer = &self.tokenizer;
            in_order(&words, |words| own.row_of_words(words, tokenizer))
                .collect::<Result<_, _>>()?
        } else {
            let texts: Vec<String> = queries
                .iter()
                .map(|query| own.joined(query.prompt.as_deref(), &query.text))
                .collect();
            own.rows(&texts.iter().map(String::as_str).collect::<Vec<_>>(), &self.tokenizer)?
        };
        let rows: Vec<&TextRow> = rows.iter().collect();
        let said = logits(&self.model, task, own, &rows, micro_tokens)?;
        let answers = said.iter().zip(&rows).zip(words);
        answers.map(|((logits, row), words)| answer(own, logits, row, words)).collect()
    }

    fn answers(
        &self,
        task: usize,
        own: &Task,
        queries: &[Query],
        micro_tokens: usize,
    ) -> Result<Vec<Prediction>, HybridError> {
        let tokenizer = &self.tokenizer;
        let windows = in_order(queries, |query| {
            let question = query.question.as_deref().ok_or_else(|| {
                HybridError::Missing(format!(
                    "the head `{}` answers questions about texts: a `question` is missing",
                    own.name
                ))
            })?;
            own.windows(question, &query.text, tokenizer)
        });
        let windows = windows.collect::<Result<Vec<Vec<TextRow>>, _>>()?;
        let rows: Vec<&TextRow> = windows.iter().flatten().collect();
        let said = logits(&self.model, task, own, &rows, micro_tokens)?;
        let mut said = said.iter().map(Vec::as_slice);
        let mut answers = Vec::with_capacity(queries.len());
        for (query, rows) in queries.iter().zip(&windows) {
            let rows: Vec<&TextRow> = rows.iter().collect();
            let said: Vec<&[f32]> = said.by_ref().take(rows.len()).collect();
            let found = spans::best(own, &rows, &said, &query.text)?;
            let text = found.bytes.clone().and_then(|bytes| query.text.get(bytes));
            let before = |byte: usize| query.text.get(..byte).map(|text| text.chars().count());
            answers.push(Prediction::Answer {
                answer: text.unwrap_or_default().to_owned(),
                start: found.bytes.as_ref().and_then(|bytes| before(bytes.start)),
                end: found.bytes.as_ref().and_then(|bytes| before(bytes.end)),
                score: found.probability,
                answerable: found.bytes.is_some(),
            });
        }
        Ok(answers)
    }
}

fn words_of(query: &Query) -> Vec<String> {
    match &query.words {
        Some(words) => words.clone(),
        None => query.text.split_whitespace().map(str::to_owned).collect(),
    }
}

fn answer(
    task: &Task,
    logits: &[f32],
    row: &TextRow,
    words: Vec<String>,
) -> Result<Prediction, HybridError> {
    let names: Vec<String> = match &task.labels {
        Some(labels) => labels.names().to_vec(),
        None => (0..task.outputs).map(|place| place.to_string()).collect(),
    };
    let named = |values: &[f64]| -> Map<String, Value> {
        names.iter().cloned().zip(values.iter().map(|value| json!(value))).collect()
    };
    let label = |id: usize| names.get(id).cloned().unwrap_or_default();
    let numbers: Vec<f64> = logits.iter().map(|logit| f64::from(*logit)).collect();
    Ok(match task.kind {
        TaskKind::Classification => {
            let shares = softmax(logits);
            Prediction::Class { label: label(largest(&shares)), probabilities: named(&shares) }
        }
        TaskKind::MultiLabel => {
            let shares: Vec<f64> = numbers.iter().map(|logit| sigmoid(*logit)).collect();
            let held = shares.iter().enumerate().filter(|(_, share)| **share >= 0.5);
            let labels = held.map(|(id, _)| label(id)).collect();
            Prediction::Labels { labels, probabilities: named(&shares) }
        }
        TaskKind::Tagging => {
            let ids = tags_of(task, logits, row, words.len())?;
            let entities = task.tags()?.entities(&ids, Scheme::default())?;
            Prediction::Tags { tags: ids.into_iter().map(label).collect(), words, entities }
        }
        TaskKind::Pairwise => {
            let reward = numbers.first().copied().unwrap_or(f64::NAN);
            let scaled = task.scale.map(|scale| (reward - scale.mean) / scale.deviation);
            Prediction::Reward { reward: scaled.unwrap_or(reward) }
        }
        _ => Prediction::Values { values: numbers },
    })
}
