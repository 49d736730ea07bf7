//! Sequence labelling: labels of words to labels of tokens and back, and BIO tags to entities.
//!
//! `B-x` begins an entity of kind `x`, `I-x` continues it, `O` is outside.

mod align;

pub use align::{SubWords, word_ids};

use serde::{Deserialize, Serialize};

use crate::error::{HeadsError, class_below};
use crate::labels::LabelSet;

/// A stretch of words that belong together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entity {
    /// What it is, as `PER`.
    pub kind: String,
    /// Its first word, from 0.
    pub start: usize,
    /// The word after its last.
    pub end: usize,
}

/// What an `I-x` means that does not follow a `B-x` or `I-x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// It begins an entity, as in CoNLL's evaluation and seqeval's default.
    #[default]
    Lenient,
    /// It belongs to no entity, as in seqeval's strict mode with IOB2.
    Strict,
}

/// What a tag says of its word; kinds are counted from 0 in order of appearance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag {
    Outside,
    Begin(usize),
    Inside(usize),
}

/// Labels that are BIO tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagSet {
    labels: LabelSet,
    tags: Vec<Tag>,
    kinds: Vec<String>,
    outside: usize,
}

impl TagSet {
    /// Reads every label as a tag.
    ///
    /// # Errors
    ///
    /// [`HeadsError::Labels`] where a label is no tag, `O` is missing, or an `I-x` has no `B-x`.
    pub fn new(labels: LabelSet) -> Result<Self, HeadsError> {
        let refuse = |reason: String| HeadsError::Labels { reason };
        let mut kinds: Vec<String> = Vec::new();
        let mut kind_of = |name: &str| {
            kinds.iter().position(|kind| kind == name).unwrap_or_else(|| {
                kinds.push(name.to_owned());
                kinds.len() - 1
            })
        };
        let mut tags = Vec::with_capacity(labels.len());
        for label in labels.names() {
            let tag = match label.split_once('-') {
                _ if label == "O" => Tag::Outside,
                Some(("B", kind)) if !kind.is_empty() => Tag::Begin(kind_of(kind)),
                Some(("I", kind)) if !kind.is_empty() => Tag::Inside(kind_of(kind)),
                _ => {
                    let forms = "tags are `O`, `B-kind` and `I-kind`";
                    return Err(refuse(format!("`{label}` is no BIO tag: {forms}")));
                }
            };
            tags.push(tag);
        }
        let Some(outside) = tags.iter().position(|tag| *tag == Tag::Outside) else {
            return Err(refuse("the tag `O` is missing".to_owned()));
        };
        for (kind, name) in kinds.iter().enumerate() {
            if !tags.contains(&Tag::Begin(kind)) {
                return Err(refuse(format!("there is `I-{name}` but no `B-{name}`")));
            }
        }
        Ok(Self { labels, tags, kinds, outside })
    }

    /// The labels, in the order of their ids.
    #[must_use]
    pub fn labels(&self) -> &LabelSet {
        &self.labels
    }

    /// The id of `O`.
    #[must_use]
    pub fn outside(&self) -> usize {
        self.outside
    }

    /// The tag of a word's further pieces: `I-x` for `B-x` where the set has it, else the same.
    #[must_use]
    pub fn continued(&self, id: usize) -> usize {
        match self.tags.get(id) {
            Some(Tag::Begin(kind)) => {
                self.tags.iter().position(|tag| *tag == Tag::Inside(*kind)).unwrap_or(id)
            }
            _ => id,
        }
    }

    /// The entities in the tags of one text's words, in order.
    ///
    /// # Errors
    ///
    /// [`HeadsError::OutOfRange`] where a tag is no id of the set.
    pub fn entities(&self, tags: &[usize], scheme: Scheme) -> Result<Vec<Entity>, HeadsError> {
        let mut entities: Vec<Entity> = Vec::new();
        // Kind of the entity that the word before belongs to.
        let mut open: Option<usize> = None;
        for (word, id) in tags.iter().enumerate() {
            class_below("tags", *id, self.tags.len())?;
            let (starts, kind) = match self.tags.get(*id) {
                Some(Tag::Begin(kind)) => (true, Some(*kind)),
                Some(Tag::Inside(kind)) if open == Some(*kind) => (false, Some(*kind)),
                Some(Tag::Inside(kind)) => match scheme {
                    Scheme::Lenient => (true, Some(*kind)),
                    Scheme::Strict => (false, None),
                },
                Some(Tag::Outside) | None => (false, None),
            };
            let name = kind.and_then(|kind| self.kinds.get(kind));
            match (name, entities.last_mut()) {
                (Some(name), _) if starts => {
                    entities.push(Entity { kind: name.clone(), start: word, end: word + 1 });
                }
                (Some(_), Some(last)) => last.end = word + 1,
                _ => {}
            }
            open = kind;
        }
        Ok(entities)
    }
}

#[cfg(test)]
mod tests;
