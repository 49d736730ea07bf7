//! From words to the tokens they were cut into, and back.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::TagSet;
use crate::error::{HeadsError, class_below, same_length};

/// Which tokens of a word count in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubWords {
    /// The first (Devlin et al. 2019, §5.3).
    #[default]
    First,
    /// All; those after the first of a `B-x` are `I-x`.
    All,
}

/// The word that each token belongs to: the first that it shares a byte with. `None` for special
/// tokens, which stand for no bytes, and for white space between words.
///
/// Both lists are byte ranges in one text; `words` are in order and do not overlap.
#[must_use]
pub fn word_ids(tokens: &[Range<usize>], words: &[Range<usize>]) -> Vec<Option<usize>> {
    let of = |token: &Range<usize>| {
        let word = words.partition_point(|word| word.end <= token.start);
        let starts = words.get(word).map_or(usize::MAX, |word| word.start);
        (token.start < token.end && starts < token.end).then_some(word)
    };
    tokens.iter().map(of).collect()
}

impl TagSet {
    /// Tags of words to targets of tokens; `None` where a token does not count. Words may be cut off
    /// at the end of the tokens; a word without a tag (`None`) does not count either.
    ///
    /// # Errors
    ///
    /// [`HeadsError::OutOfRange`] where a tag is no id of the set, or a token's word is past the
    /// tagged ones.
    pub fn token_targets(
        &self,
        tags: &[Option<usize>],
        word_ids: &[Option<usize>],
        sub_words: SubWords,
    ) -> Result<Vec<Option<usize>>, HeadsError> {
        let mut before = None;
        let mut targets = Vec::with_capacity(word_ids.len());
        for word in word_ids {
            let Some(word) = word else {
                targets.push(None);
                continue;
            };
            class_below("word_ids", *word, tags.len())?;
            let tag = tags.get(*word).copied().flatten();
            if let Some(tag) = tag {
                class_below("tags", tag, self.labels().len())?;
            }
            // White space within a word does not make its next piece a first one.
            let first = before != Some(*word);
            before = Some(*word);
            targets.push(match sub_words {
                _ if first => tag,
                SubWords::First => None,
                SubWords::All => tag.map(|tag| self.continued(tag)),
            });
        }
        Ok(targets)
    }

    /// Predicted tags of tokens to tags of the text's `words`: that of each word's first token, `O`
    /// for a word that no token stands for, as one that was cut off.
    ///
    /// # Errors
    ///
    /// [`HeadsError::Length`] where the lists differ in length, [`HeadsError::OutOfRange`] where a
    /// token's word is past the last.
    pub fn word_tags(
        &self,
        predicted: &[usize],
        word_ids: &[Option<usize>],
        words: usize,
    ) -> Result<Vec<usize>, HeadsError> {
        same_length("predicted", predicted.len(), word_ids.len())?;
        let mut tags = vec![None; words];
        for (tag, word) in predicted.iter().zip(word_ids) {
            let Some(word) = word else { continue };
            class_below("word_ids", *word, words)?;
            if let Some(place) = tags.get_mut(*word) {
                place.get_or_insert(*tag);
            }
        }
        Ok(tags.into_iter().map(|tag| tag.unwrap_or(self.outside())).collect())
    }
}
