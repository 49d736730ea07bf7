//! The `[data]` table: which files, which columns, which records, what is held out.

use std::fmt;

use serde::de::{self, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::DataError;
use crate::reader::{Format, ReadOptions, TextUnit};
use crate::record::RecordMapper;
use crate::select::Filter;

/// Where examples come from and what becomes of them before they meet a tokenizer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// Training data: a path, a name, or a list of them.
    pub train: Sources,
    /// Prompts for rollouts; empty means the prompts of `train`.
    pub prompts: Sources,
    /// What is held out of `train` to measure on, or a file of its own.
    pub validation: Option<Validation>,
    /// Format of every file; absent means by each file's name.
    pub format: Option<Format>,
    /// What one record of plain text is.
    pub text_unit: TextUnit,
    /// Makes the text from columns, such as `"Review: {text}\nSentiment: {label}"`.
    pub template: Option<String>,
    /// Makes the prompt from columns.
    pub prompt_template: Option<String>,
    /// Makes the completion from columns.
    pub completion_template: Option<String>,
    /// Cut each text into a prompt of this many words and a completion, the rest; texts without more
    /// words are left out. At least 1; absent leaves texts whole.
    pub prompt_words: Option<usize>,
    /// Write HTML line breaks (`<br />`) in texts, prompts and completions as line ends.
    pub clean_html: bool,
    /// Shuffle before `select` takes the first records.
    pub shuffle: bool,
    /// Keep this many records; absent means all. At least 1.
    pub select: Option<usize>,
    /// Names of the columns that records are made of, where they are not the standard ones.
    pub columns: ColumnMap,
    /// Which records are kept.
    pub filter: FilterConfig,
}

/// Paths or names, written as one string or as a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Sources(pub Vec<String>);

/// Which column plays which part. A column that is not named here keeps its own name and travels in
/// the record's `fields`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColumnMap {
    /// The column that is the text.
    pub text: Option<String>,
    /// The column that is the prompt.
    pub prompt: Option<String>,
    /// The column that is the completion.
    pub completion: Option<String>,
    /// The column that holds the list of messages.
    pub messages: Option<String>,
}

/// Which records are kept. Lengths are in characters over all of a record's text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FilterConfig {
    /// Drop records in which the text, the prompt, the completion or every message is blank.
    pub non_empty: bool,
    /// Drop shorter records.
    pub min_chars: Option<usize>,
    /// Drop longer records.
    pub max_chars: Option<usize>,
    /// Keep only records in one of whose texts this regular expression is found.
    pub matching: Option<String>,
    /// Drop records in one of whose texts this regular expression is found.
    pub excluding: Option<String>,
}

/// What is measured on: a share such as `0.02`, a count such as `500`, or a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Validation {
    /// This share of the training records, more than 0 and less than 1.
    Share(f64),
    /// This many of the training records, at least 1.
    Count(usize),
    /// A path or a name of its own.
    Source(String),
}

impl DataConfig {
    /// Checks every range that the types cannot express, and that templates and regular expressions
    /// parse.
    ///
    /// # Errors
    ///
    /// [`DataError`] naming the first field that is wrong. `NaN` is out of every range.
    pub fn validate(&self) -> Result<(), DataError> {
        require(!self.train.is_empty(), "train", "empty", "at least one path or name")?;
        for (field, sources) in [("train", &self.train), ("prompts", &self.prompts)] {
            for source in &sources.0 {
                require(!source.trim().is_empty(), field, "a blank name", "paths or names")?;
            }
        }
        require(self.select != Some(0), "select", "0", "at least 1, or absent for all")?;
        let words = self.prompt_words;
        require(words != Some(0), "prompt_words", "0", "at least 1, or absent for whole texts")?;
        match &self.validation {
            Some(Validation::Share(share)) => require(
                *share > 0.0 && *share < 1.0,
                "validation",
                &share.to_string(),
                "a share between 0 and 1, a whole number of records, or a path",
            )?,
            Some(Validation::Count(0)) => {
                require(false, "validation", "0", "at least 1, or absent for none")?;
            }
            Some(Validation::Source(source)) => {
                require(!source.trim().is_empty(), "validation", "a blank name", "a path or name")?;
            }
            Some(Validation::Count(_)) | None => {}
        }
        Filter::new(&self.filter)?;
        RecordMapper::new(self)?;
        Ok(())
    }

    /// How the files are read.
    pub fn read_options(&self) -> ReadOptions {
        ReadOptions { format: self.format, text_unit: self.text_unit }
    }
}

fn require(holds: bool, field: &str, value: &str, allowed: &str) -> Result<(), DataError> {
    if holds {
        return Ok(());
    }
    let (field, value, allowed) = (field.to_owned(), value.to_owned(), allowed.to_owned());
    Err(DataError::OutOfRange { field, value, allowed })
}

impl Sources {
    /// True where nothing is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Sources {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourcesVisitor)
    }
}

/// Written by hand because an untagged enum says only that no variant matched.
struct SourcesVisitor;

impl<'de> Visitor<'de> for SourcesVisitor {
    type Value = Sources;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path or name, or a list of them")
    }

    fn visit_str<E: de::Error>(self, source: &str) -> Result<Sources, E> {
        Ok(Sources(vec![source.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Sources, A::Error> {
        let mut sources = Vec::new();
        while let Some(source) = items.next_element()? {
            sources.push(source);
        }
        Ok(Sources(sources))
    }
}

impl Serialize for Validation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Share(share) => serializer.serialize_f64(*share),
            Self::Count(count) => serializer.serialize_u64(*count as u64),
            Self::Source(source) => serializer.serialize_str(source),
        }
    }
}

impl<'de> Deserialize<'de> for Validation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValidationVisitor)
    }
}

/// A whole number is a count and a decimal one a share: 1 is one record, 1.0 is out of range.
struct ValidationVisitor;

impl Visitor<'_> for ValidationVisitor {
    type Value = Validation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a share such as 0.02, a whole number of records, or a path")
    }

    fn visit_f64<E: de::Error>(self, share: f64) -> Result<Validation, E> {
        Ok(Validation::Share(share))
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<Validation, E> {
        let wrong = || E::invalid_value(Unexpected::Unsigned(count), &self);
        usize::try_from(count).map(Validation::Count).map_err(|_| wrong())
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<Validation, E> {
        let wrong = || E::invalid_value(Unexpected::Signed(count), &self);
        usize::try_from(count).map(Validation::Count).map_err(|_| wrong())
    }

    fn visit_str<E: de::Error>(self, source: &str) -> Result<Validation, E> {
        Ok(Validation::Source(source.to_owned()))
    }
}

#[cfg(test)]
mod tests;
