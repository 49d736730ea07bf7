//! A task as a trained model keeps it.

use std::path::Path;

use hybrid_data::tokenizer::{TextLimit, Tokenizer, TruncationSide};
use hybrid_heads::tagging::{TagSet, word_ids};
use hybrid_heads::task::Level as TaskLevel;
use hybrid_heads::{LabelSet, TaskKind};
use hybrid_model::heads::{HeadConfig, Level};
use hybrid_model::labels::{Labels, Problem};
use serde::{Deserialize, Serialize};

use crate::checkpoint::{read_json, write_json};
use crate::config::TaskConfig;
use crate::error::HybridError;
use crate::heads::example::TextRow;
use crate::heads::spans::SpanReading;

/// The file of a checkpoint that holds its tasks.
pub const TASKS: &str = "tasks.json";

/// What a head's numbers mean, and how a text becomes what it reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Its name, which is the head's.
    pub name: String,
    /// What the head predicts.
    pub kind: TaskKind,
    /// The labels, in the order of the outputs; absent where the kind has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelSet>,
    /// Numbers that a regression predicts, or labels.
    pub outputs: usize,
    /// Most tokens of a text.
    pub max_length: usize,
    /// Where longer texts are cut.
    #[serde(default)]
    pub truncation_side: TruncationSide,
    /// What stands between a prompt and an answer, where a preference has a prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// Makes the rewards of the held-out texts have mean 0 and deviation 1; of a reward model that
    /// was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
    /// How contexts are read, of a head of spans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<SpanReading>,
}

/// A linear map of a reward model's numbers: `(reward − mean) / deviation`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// Their mean on the reference texts.
    pub mean: f64,
    /// Their standard deviation there, above 0.
    pub deviation: f64,
}

impl Task {
    /// The head that a task needs.
    #[must_use]
    pub fn head(&self, config: &TaskConfig) -> HeadConfig {
        let level = match self.kind.level() {
            TaskLevel::Text => Level::Text,
            TaskLevel::Token => Level::Token,
        };
        let outputs = self.kind.outputs(self.outputs);
        let problem = match self.kind {
            TaskKind::MultiLabel => Problem::MultiLabel,
            TaskKind::Regression | TaskKind::Pairwise => Problem::Regression,
            _ => Problem::SingleLabel,
        };
        let names = match &self.labels {
            Some(labels) => labels.names().to_vec(),
            None => (0..outputs).map(|id| format!("LABEL_{id}")).collect(),
        };
        HeadConfig {
            name: self.name.clone(),
            level,
            outputs,
            labels: Some(Labels { names, problem }),
            pooling: config.pooling,
            layer: config.layer,
        }
    }

    /// Its labels as tags of words.
    ///
    /// # Errors
    ///
    /// [`HybridError::Heads`] where they are none.
    pub fn tags(&self) -> Result<TagSet, HybridError> {
        let labels = self.labels.clone().map_or_else(|| LabelSet::new(["O"]), Ok)?;
        Ok(TagSet::new(labels)?)
    }

    /// Texts as what the head reads: special tokens around each, cut where it is longer than
    /// [`Self::max_length`].
    ///
    /// # Errors
    ///
    /// [`HybridError::Tokenizer`] for a text that the tokenizer cannot read.
    pub fn rows(&self, texts: &[&str], tokenizer: &Tokenizer) -> Result<Vec<TextRow>, HybridError> {
        let limit = TextLimit { max_length: self.max_length, side: self.truncation_side };
        let rows = tokenizer.encode_cut(texts, limit)?;
        Ok(rows.into_iter().map(|ids| TextRow { ids, ..TextRow::default() }).collect())
    }

    /// Words as what a head of tags reads, with the word of each token. The words stand in one text
    /// with a space between.
    ///
    /// # Errors
    ///
    /// [`HybridError::Tokenizer`] for words that the tokenizer cannot read.
    pub fn row_of_words(
        &self,
        words: &[String],
        tokenizer: &Tokenizer,
    ) -> Result<TextRow, HybridError> {
        let (prefix, suffix) = tokenizer.affixes()?;
        let room = self.max_length.saturating_sub(prefix.len() + suffix.len());
        let mut places = Vec::with_capacity(words.len());
        let mut text = String::new();
        for word in words {
            if !text.is_empty() {
                text.push(' ');
            }
            places.push(text.len()..text.len() + word.len());
            text.push_str(word);
        }
        let encoding = tokenizer.encode_with_offsets(&text, false)?;
        let kept = room.min(encoding.ids.len());
        let of_tokens = word_ids(encoding.offsets.get(..kept).unwrap_or_default(), &places);
        let body = encoding.ids.get(..kept).unwrap_or_default();
        let mut ids = [prefix.as_slice(), body, suffix.as_slice()].concat();
        let mut of_all = vec![None; prefix.len()];
        of_all.extend(of_tokens);
        of_all.resize(ids.len(), None);
        if ids.is_empty() {
            ids.push(tokenizer.stand_in());
            of_all.push(None);
        }
        Ok(TextRow { ids, words: of_all, ..TextRow::default() })
    }

    /// A prompt and an answer as the one text that a reward model reads.
    #[must_use]
    pub fn joined(&self, prompt: Option<&str>, answer: &str) -> String {
        match (prompt, &self.separator) {
            (Some(prompt), Some(separator)) => format!("{prompt}{separator}{answer}"),
            _ => answer.to_owned(),
        }
    }
}

/// Reads the tasks of a checkpoint.
///
/// # Errors
///
/// [`HybridError`] where there is no such file, or it is not understood.
pub fn read(checkpoint: &Path) -> Result<Vec<Task>, HybridError> {
    Ok(read_json(&checkpoint.join(TASKS))?)
}

/// Writes the tasks of a checkpoint.
///
/// # Errors
///
/// [`HybridError`] where the file cannot be written.
pub fn write(tasks: &[Task], checkpoint: &Path) -> Result<(), HybridError> {
    Ok(write_json(&checkpoint.join(TASKS), &tasks)?)
}
