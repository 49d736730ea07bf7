//! Rows of files to token rows and targets.

mod answers;
mod articles;
mod columns;
mod pairs;

use std::ops::Range;

use hybrid_data::config::Validation;
use hybrid_data::load::Source;
use hybrid_data::parallel::in_order;
use hybrid_data::reader::{ReadOptions, Row, read_rows};
use hybrid_data::select::{holdout, shuffle, split};
use hybrid_data::tokenizer::{TextLimit, Tokenizer};
use hybrid_data::view::View;
use hybrid_heads::span::TokenSpan;
use hybrid_heads::{LabelSet, TaskKind};
use hybrid_model::TokenRow;

use super::spans::{self, SpanReading};
use super::task::Task;
use crate::config::{NeutralData, TaskConfig};
use crate::error::HybridError;
use articles::Question;
use columns::{Raw, RawTarget};

/// The files of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskSources {
    /// Files of `data.train`.
    pub train: Vec<Source>,
    /// Files of `data.validation` where it is a name; else empty.
    pub validation: Vec<Source>,
    /// Files of `data.neutral`, where there is any.
    pub neutral: Vec<Source>,
}

/// A task with its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRows {
    /// The task.
    pub task: Task,
    /// What is trained on.
    pub train: Vec<Example>,
    /// What is measured on; none of `train` is in it.
    pub held_out: Vec<Example>,
}

/// One row of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The text, or the two of a preference, the better first; the windows of a context.
    pub rows: Vec<TextRow>,
    /// What the head should say.
    pub target: Target,
    /// The text as it was, or the context of a question, for rewards and for people.
    pub text: String,
}

/// A text as tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextRow {
    /// The tokens, special ones included; at least one.
    pub ids: Vec<u32>,
    /// The word that each token belongs to, where the task is about words; else empty.
    pub words: Vec<Option<usize>>,
    /// The type (segment) of each token; empty where all are of type 0.
    pub types: Vec<u32>,
    /// Which of the tokens are a context's, where the task is about answers in it; else empty.
    pub context: Range<usize>,
    /// The bytes of the context behind each token, where the task is about answers in it; else empty.
    pub offsets: Vec<Range<usize>>,
}

impl TextRow {
    /// As what a model reads.
    pub(super) fn tokens(&self) -> TokenRow<'_> {
        TokenRow { ids: &self.ids, types: &self.types }
    }
}

/// What a head should say of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// The id of its class.
    Class(usize),
    /// The share of each label, or the numbers of a regression.
    Numbers(Vec<Option<f32>>),
    /// The tag of each word.
    Tags(Vec<usize>),
    /// The first of two texts is better, by this margin at least.
    Preferred(f32),
    /// Where the answer stands.
    Answers {
        /// In each window; `None` where the window does not count.
        windows: Vec<Option<TokenSpan>>,
        /// All answers that are right; none where there is no answer.
        texts: Vec<String>,
    },
}

impl Example {
    /// Whether there is anything to learn of it.
    fn counts(&self) -> bool {
        match &self.target {
            Target::Answers { windows, .. } => windows.iter().any(Option::is_some),
            _ => true,
        }
    }

    /// Tokens of its longest text.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.rows.iter().map(|row| row.ids.len()).max().unwrap_or(0)
    }
}

/// Reads what `config` describes; the same seed gives the same examples in the same order.
///
/// # Errors
///
/// [`HybridError`] for files that cannot be read, rows without what the task needs, labels that are
/// unknown, and data of which nothing is left.
pub fn read(
    config: &TaskConfig,
    sources: &TaskSources,
    tokenizer: &Tokenizer,
    limit: TextLimit,
    seed: u64,
) -> Result<TaskRows, HybridError> {
    let mut train = rows_of(config, &sources.train)?;
    if config.data.shuffle {
        train = shuffle(train, seed);
    }
    train = pairs::make(config, train)?;
    if let Some(count) = config.data.select {
        if count > train.len() {
            return Err(HybridError::Missing(format!(
                "the head `{}` asks for {count} rows by `data.select`, but its data has {}",
                config.task,
                train.len()
            )));
        }
        train.truncate(count);
    }
    if let Some(neutral) = &config.data.neutral {
        let found = shuffle(neutral_rows(config, neutral, &sources.neutral)?, seed);
        if found.len() < neutral.select {
            return Err(HybridError::Missing(format!(
                "the head `{}` asks for {} neutral rows, but its data has {}",
                config.task,
                neutral.select,
                found.len()
            )));
        }
        train.extend(found.into_iter().take(neutral.select));
    }
    let (train, held_out) = match &config.data.validation {
        Some(Validation::Source(_)) => {
            (train, pairs::make(config, rows_of(config, &sources.validation)?)?)
        }
        other => {
            let count = holdout(other.as_ref(), train.len())?;
            split(train, count, seed)
        }
    };
    if train.is_empty() {
        return Err(HybridError::Missing(format!(
            "the head `{}` has no rows to learn from",
            config.task
        )));
    }
    let task = task(config, &train, limit)?;
    let train = usable(&task, encoded(&task, train, tokenizer)?)?;
    let held_out = encoded(&task, held_out, tokenizer)?;
    Ok(TaskRows { task, train, held_out })
}

/// Leaves out rows of which nothing can be learnt: those whose answer is longer than what two windows
/// share, and is cut by each.
fn usable(task: &Task, mut train: Vec<Example>) -> Result<Vec<Example>, HybridError> {
    let all = train.len();
    train.retain(Example::counts);
    if train.is_empty() {
        return Err(HybridError::Missing(format!(
            "no row of the head `{}` has its answer within one window of its context; raise \
             `train.max_length` or `overlap`",
            task.name
        )));
    }
    if train.len() < all {
        tracing::warn!(
            "{} of {all} rows of the head `{}` are left out of training: no window of their context \
             holds their answer; a larger `overlap` would",
            all - train.len(),
            task.name
        );
    }
    Ok(train)
}

fn rows_of(config: &TaskConfig, sources: &[Source]) -> Result<Vec<Raw>, HybridError> {
    let (clean_html, rows) = (config.data.clean_html, config.data.rows.clone());
    let own = View { rows, clean_html, ..View::default() };
    let mut found = Vec::new();
    for source in sources {
        for row in read_rows(&source.paths, &ReadOptions::default())? {
            for question in asked(config, row?)? {
                let row = &question.row;
                if source.view.sees(&row.columns) && own.sees(&row.columns) {
                    let seen = |text: String| own.text(source.view.text(text));
                    let read = columns::read(config, row, seen);
                    found.push(read.map_err(|error| question.within(error))?);
                }
            }
        }
    }
    Ok(found)
}

/// The questions of a row, where the head answers any; other rows as they are.
fn asked(config: &TaskConfig, row: Row) -> Result<Vec<Question>, HybridError> {
    if spans::is_span(config.kind) {
        return articles::questions(&config.data, row);
    }
    Ok(vec![Question::from(row)])
}

/// Texts of which no label holds.
fn neutral_rows(
    config: &TaskConfig,
    neutral: &NeutralData,
    sources: &[Source],
) -> Result<Vec<Raw>, HybridError> {
    let (clean_html, rows) = (config.data.clean_html, neutral.rows.clone());
    let own = View { rows, clean_html, ..View::default() };
    let mut found = Vec::new();
    for source in sources {
        for row in read_rows(&source.paths, &ReadOptions::default())? {
            let row = row?;
            if source.view.sees(&row.columns) && own.sees(&row.columns) {
                let seen = |text: String| own.text(source.view.text(text));
                found.push(columns::read_neutral(config, &neutral.text, &row, seen)?);
            }
        }
    }
    Ok(found)
}

/// The task, with the labels of its training rows where none are given.
fn task(config: &TaskConfig, train: &[Raw], limit: TextLimit) -> Result<Task, HybridError> {
    let given = config.labels.as_ref().map(|labels| LabelSet::new(labels.iter().cloned()));
    let labels = match (config.kind, given) {
        (TaskKind::Pairwise, _) => None,
        (_, Some(given)) => Some(given?),
        (TaskKind::Classification | TaskKind::Tagging, None) => {
            Some(LabelSet::from_data(train.iter().flat_map(Raw::labels))?)
        }
        _ => None,
    };
    let numbers = train.iter().map(Raw::numbers).max().unwrap_or(1);
    let outputs = match (&labels, config.kind) {
        (Some(labels), _) => labels.len(),
        (None, TaskKind::Regression) => numbers.max(1),
        (None, _) => 1,
    };
    if config.kind == TaskKind::Classification && outputs < 2 {
        return Err(HybridError::Missing(format!(
            "every row of the head `{}` has the same label; a classification needs two at least",
            config.task
        )));
    }
    let separator = config.data.prompt.as_ref().map(|_| "\n".to_owned());
    let reading =
        SpanReading { overlap: config.overlap, max_answer: config.max_answer, none_above: None };
    Ok(Task {
        name: config.task.clone(),
        kind: config.kind,
        labels,
        outputs,
        max_length: limit.max_length,
        truncation_side: limit.side,
        separator,
        scale: None,
        span: spans::is_span(config.kind).then_some(reading),
    })
}

fn encoded(task: &Task, raw: Vec<Raw>, tokenizer: &Tokenizer) -> Result<Vec<Example>, HybridError> {
    let with_texts = |row: Raw| -> (Raw, Vec<String>) {
        let joined = |text: &String| task.joined(row.prompt.as_deref(), text);
        let texts = row.texts.iter().map(joined).collect();
        (row, texts)
    };
    let raw: Vec<(Raw, Vec<String>)> = raw.into_iter().map(with_texts).collect();
    let flat: Vec<&str> = raw.iter().flat_map(|(_, texts)| texts).map(String::as_str).collect();
    let mut rows = match task.kind {
        TaskKind::Tagging | TaskKind::Span | TaskKind::SpanOrNone => Vec::new(),
        _ => task.rows(&flat, tokenizer)?,
    }
    .into_iter();
    // `None` for a row whose texts were read with all others.
    let alone = |(row, texts): &(Raw, Vec<String>)| -> Result<Option<Vec<TextRow>>, HybridError> {
        Ok(match (&row.target, texts.as_slice()) {
            (RawTarget::Tags { words, .. }, _) => Some(vec![task.row_of_words(words, tokenizer)?]),
            (RawTarget::Answers { .. }, [question, context]) => {
                Some(task.windows(question, context, tokenizer)?)
            }
            _ => None,
        })
    };
    let mut examples = Vec::with_capacity(raw.len());
    for ((row, texts), alone) in raw.iter().zip(in_order(&raw, alone)) {
        let together = || rows.by_ref().take(texts.len()).collect();
        let rows: Vec<TextRow> = alone?.unwrap_or_else(together);
        let is_asked = matches!(row.target, RawTarget::Answers { .. });
        let text = if is_asked { texts.last() } else { texts.first() };
        let text = text.cloned().unwrap_or_default();
        let target = row.target(task, &rows)?;
        examples.push(Example { rows, target, text });
    }
    Ok(examples)
}

#[cfg(test)]
mod tests;
