//! TER: edits and shifts for each word of the target (Snover et al. 2006), as sacrebleu 2.6.0, which
//! follows Tercom.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::tokenize::{around_numbers, resolve_entities, set_apart, set_western_apart, tokens};
use crate::error::{ParamError, require};
use crate::reward::{Needs, PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};
use crate::text::is_space;

mod beam;
mod shift;

/// Parameters of `ter`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    normalized: bool,
    no_punct: bool,
    asian_support: bool,
    case_sensitive: bool,
    invert: bool,
    max_tokens: usize,
}

impl Default for Config {
    fn default() -> Self {
        let Tercom { normalized, no_punct, asian_support, case_sensitive } = Tercom::default();
        Self { normalized, no_punct, asian_support, case_sensitive, invert: true, max_tokens: 2048 }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        let max = self.max_tokens;
        require((1..=16_384).contains(&max), "max_tokens", max, "between 1 and 16384")?;
        if self.asian_support && !self.normalized && !self.no_punct {
            let reason = "has no effect without `normalized` or `no_punct`; set one or remove it";
            return Err(ParamError::new("asian_support", reason));
        }
        Ok(())
    }
}

const INFO: Info = Info {
    name: "ter",
    about: "max(0, 1 − TER) as sacrebleu 2.6.0: word edits and shifts of word sequences for each \
            word of the target.",
    needs: &["target"],
    params: &[
        Param::new("normalized", "true or false", "set punctuation apart and resolve XML entities"),
        Param::new("no_punct", "true or false", "remove punctuation"),
        Param::new(
            "asian_support",
            "true or false",
            "treat Chinese and Japanese characters as words",
        ),
        Param::new("case_sensitive", "true or false", "compare upper and lower case"),
        Param::new(
            "invert",
            "true or false",
            "score max(0, 1 − TER), where more is better; false gives minus TER",
        ),
        Param::new(
            "max_tokens",
            "a whole number from 1 to 16384",
            "where a longer text is cut, as the cost grows with the square",
        ),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| Ok(PerRow(config)))
}

impl RowMetric for Config {
    fn needs(&self) -> Needs {
        Needs::target()
    }

    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let rate = self.edits(sample.response, sample.targets)?.rate();
        Some(if self.invert { (1.0 - rate).max(0.0) } else { -rate })
    }
}

/// The fewest edits to any target, and the targets' mean length.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Edits {
    edits: usize,
    target_len: f64,
}

impl Edits {
    fn rate(self) -> f64 {
        match self.edits {
            0 => 0.0,
            _ if self.target_len <= 0.0 => 1.0,
            edits => edits as f64 / self.target_len,
        }
    }
}

impl Config {
    fn edits(&self, response: &str, targets: &[String]) -> Option<Edits> {
        let Self { normalized, no_punct, asian_support, case_sensitive, .. } = *self;
        let tercom = Tercom { normalized, no_punct, asian_support, case_sensitive };
        let response = tercom.apply(response);
        let response: Vec<&str> = tokens(&response).take(self.max_tokens).collect();
        let mut fewest: Option<usize> = None;
        let mut lengths = 0;
        for target in targets {
            // The original prepares a target a second time, which parts `'s` from a comma's word.
            let target = tercom.apply(target);
            let target = tokens(&target).collect::<Vec<_>>().join(" ");
            let target = if normalized { tercom.apply(&target) } else { target.into() };
            let target: Vec<&str> = tokens(&target).take(self.max_tokens).collect();
            lengths += target.len();
            let (response, target) = number(&response, &target);
            let edits = shift::edits(&response, &target);
            fewest = Some(fewest.map_or(edits, |fewest| fewest.min(edits)));
        }
        let target_len = lengths as f64 / targets.len() as f64;
        fewest.map(|edits| Edits { edits, target_len })
    }
}

/// Numbers for words, in the words' own order: Tercom breaks ties by comparing words.
fn number(response: &[&str], target: &[&str]) -> (Vec<u32>, Vec<u32>) {
    let known: BTreeSet<&str> = response.iter().chain(target).copied().collect();
    let known: Vec<&str> = known.into_iter().collect();
    let place = |word: &&str| known.binary_search(word).unwrap_or(known.len()) as u32;
    (response.iter().map(place).collect(), target.iter().map(place).collect())
}

/// Tercom's tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tercom {
    pub(super) normalized: bool,
    pub(super) no_punct: bool,
    pub(super) asian_support: bool,
    pub(super) case_sensitive: bool,
}

impl Tercom {
    /// `text` with its tokens parted by white space.
    pub(super) fn apply(self, text: &str) -> Cow<'_, str> {
        let text = text.trim_end_matches(is_space);
        let mut text =
            if self.case_sensitive { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) };
        if self.normalized {
            text = Cow::Owned(normalize(&text));
            if self.asian_support {
                text = Cow::Owned(set_apart(&text, |c| is_asian(c) || is_asian_mark(c)));
            }
        }
        if self.no_punct {
            let western = |c| matches!(c, '.' | ',' | '?' | ':' | ';' | '!' | '"' | '(' | ')');
            let asian = self.asian_support;
            text = Cow::Owned(text.replace(|c| western(c) || (asian && is_asian_mark(c)), ""));
        }
        text
    }
}

fn normalize(text: &str) -> String {
    let joined = text.replace("\n-", "").replace('\n', " ");
    let text = format!(" {} ", resolve_entities(&joined));
    around_numbers(&set_western_apart(&text).replace("'s ", " 's "))
}

/// Characters that are words of their own. The original also means to part kana from its
/// neighbours, by patterns that only match at the start of a text, where a space always stands.
fn is_asian(c: char) -> bool {
    matches!(
        c,
        '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{31c0}'..='\u{31ef}'
            | '\u{2e80}'..='\u{2eff}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}'
            | '\u{3200}'..='\u{3f22}'
    )
}

fn is_asian_mark(c: char) -> bool {
    matches!(
        c,
        '\u{3001}' | '\u{3002}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}'
            | '\u{ff61}'..='\u{ff65}' | '\u{30fb}' | '\u{ff0e}' | '\u{ff0c}' | '\u{ff1f}'
            | '\u{ff1a}' | '\u{ff1b}' | '\u{ff01}' | '\u{ff02}' | '\u{ff08}' | '\u{ff09}'
    )
}

#[cfg(test)]
mod tests;
