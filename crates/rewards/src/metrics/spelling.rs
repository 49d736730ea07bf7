//! `spelling`: the share of words that a Hunspell dictionary knows.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use spellbook::Dictionary;

use crate::error::ParamError;
use crate::reward::{PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{BuildEnv, RegisterError, Registry};
use crate::text;

/// The catalogue's name for the dictionary.
const ASSET: &str = "hunspell-en-us";
/// The dictionary's name in the asset's folder.
const NAME: &str = "en_US";

/// Parameters of `spelling`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    dictionary: Option<PathBuf>,
    allow: Vec<String>,
    skip_names: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { dictionary: None, allow: Vec::new(), skip_names: true }
    }
}

impl Params for Config {}

const INFO: Info = Info {
    name: "spelling",
    about: "1 − unknown words / words, by a Hunspell dictionary. Code in backquotes, addresses and \
            words with a digit do not count; a text without words has no score.",
    params: &[
        Param::new(
            "dictionary",
            "a path or null",
            "a `.dic` file with the `.aff` file beside it; null takes the asset `hunspell-en-us`",
        ),
        Param::new("allow", "a list of strings", "more words that are right, in any case"),
        Param::new(
            "skip_names",
            "true or false",
            "leave out unknown words that start with a capital letter",
        ),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, env| {
        Spelling::open(config.dictionary.as_deref(), &config.allow, config.skip_names, env)
            .map(PerRow)
    })
}

/// Reads the dictionary that the spec names, or the asset.
fn open(named: Option<&Path>, env: &BuildEnv<'_>) -> Result<Dictionary, ParamError> {
    let at_fault = |reason: String| ParamError::new("dictionary", reason);
    let path = match named {
        Some(path) => path.to_path_buf(),
        None => (env.assets)(ASSET)
            .map_err(|reason| {
                let advice = "set `dictionary` to a `.dic` file (Debian's package \
                              `hunspell-en-us` puts one into /usr/share/hunspell)";
                at_fault(format!("{reason}; or {advice}"))
            })?
            .join(NAME),
    };
    let (words, affixes) = (path.with_extension("dic"), path.with_extension("aff"));
    let (words, affixes) = (read(&words).map_err(at_fault)?, read(&affixes).map_err(at_fault)?);
    Dictionary::new(&affixes, &words).map_err(|error| {
        let reason = format!("`{}` is not a Hunspell dictionary: {error}", path.display());
        at_fault(reason)
    })
}

fn read(path: &Path) -> Result<String, String> {
    let bytes =
        fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    String::from_utf8(bytes).map_err(|_| {
        format!(
            "`{}` is not UTF-8; convert it and the line `SET` of the `.aff` file",
            path.display()
        )
    })
}

/// A dictionary, and what else is right.
pub(super) struct Spelling {
    dictionary: Dictionary,
    allow: HashSet<String>,
    skip_names: bool,
}

impl RowMetric for Spelling {
    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let (known, unknown) = self.count(sample.response);
        let all = known + unknown;
        (all > 0).then(|| known as f64 / all as f64)
    }
}

impl Spelling {
    /// Reads the dictionary `named`, or the asset; words of `allow` are right too.
    pub(super) fn open(
        named: Option<&Path>,
        allow: &[String],
        skip_names: bool,
        env: &BuildEnv<'_>,
    ) -> Result<Self, ParamError> {
        let dictionary = open(named, env)?;
        let allow = allow.iter().map(|word| word.to_lowercase()).collect();
        Ok(Self { dictionary, allow, skip_names })
    }

    /// How many words of `text` are right, and how many are not.
    pub(super) fn count(&self, text: &str) -> (usize, usize) {
        let verdicts = spelled_words(text).filter_map(|word| self.verdict(word));
        verdicts.fold((0, 0), |(known, unknown), right| match right {
            true => (known + 1, unknown),
            false => (known, unknown + 1),
        })
    }

    /// Whether `word` is right; `None` where it may be a name.
    fn verdict(&self, word: &str) -> Option<bool> {
        let word = word.replace('’', "'");
        if self.dictionary.check(&word) || self.allow.contains(&word.to_lowercase()) {
            return Some(true);
        }
        let name = self.skip_names && word.starts_with(char::is_uppercase);
        if name { None } else { Some(false) }
    }
}

/// The words of `text` that have a spelling: runs of letters with the apostrophes inside them.
fn spelled_words(text: &str) -> impl Iterator<Item = &str> {
    let pieces = prose(text).flat_map(text::words).filter(|piece| is_prose(piece));
    let words = pieces.flat_map(|piece| piece.split(|c| !is_letter(c) && !is_apostrophe(c)));
    words.map(|word| word.trim_matches(is_apostrophe)).filter(|word| !word.is_empty())
}

/// What is not code: the text outside ``` fences and outside ` quotes.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    text.split("```").step_by(2).flat_map(|part| part.split('`').step_by(2))
}

/// False for addresses and what has a digit or an underscore.
fn is_prose(piece: &str) -> bool {
    let address = piece.contains("://") || piece.contains('@') || piece.starts_with("www.");
    !address && !piece.contains(|c: char| c.is_numeric() || c == '_')
}

/// A letter, or one of the marks that stand above and below Latin, Greek and Cyrillic ones.
fn is_letter(c: char) -> bool {
    c.is_alphabetic() || ('\u{300}'..='\u{36f}').contains(&c)
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’')
}

#[cfg(test)]
mod tests;
