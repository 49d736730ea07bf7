//! `counterfactual`: a score must not change when only the people in the text do.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Combination, Rewrite, Rule, require_components};
use crate::corpus;
use crate::error::ParamError;
use crate::language::matches;
use crate::sample::{Context, Sample};
use crate::spec::info::{Evidence, Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry, Weights};

/// Parameters of `counterfactual`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    swaps: Vec<(String, String)>,
    file: Option<PathBuf>,
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        match (self.swaps.is_empty(), &self.file) {
            (true, None) => {
                let reason =
                    "is empty, must hold pairs of words, such as [\"he\", \"she\"]; or set `file`";
                Err(ParamError::new("swaps", reason))
            }
            (false, Some(_)) => Err(ParamError::new("file", "excludes `swaps`; keep one of them")),
            _ => Ok(()),
        }
    }
}

const INFO: Info = Info {
    name: "counterfactual",
    about: "1 − |Δ|, at least 0: how little the component's score changes when each word of a pair \
            is replaced by the other in prompt and response; 1 where neither holds such a word.",
    range: (0.0, 1.0),
    params: &[
        Param::new(
            "swaps",
            "a list of pairs of strings",
            "single words that are replaced by each other",
        ),
        Param::new(
            "file",
            "a path or null",
            "a file of such pairs, one a line with a tab between them, in place of `swaps`",
        ),
    ],
    evidence: Evidence::Definition,
    ..Info::OPEN
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.combinator(INFO, Weights::Unused, |config: Config, children| {
        require_components(children, 1, "the reward that is watched")?;
        let pairs = match &config.file {
            None => config.swaps,
            Some(path) => {
                let text = corpus::read("file", path)?;
                let pair = |(line, content): (usize, &str)| {
                    let pair = content.split_once('\t');
                    let pair = pair.map(|(a, b)| (a.trim().to_owned(), b.trim().to_owned()));
                    pair.ok_or_else(|| {
                        corpus::bad_line("file", path, line, "two words with a tab between")
                    })
                };
                corpus::lines(&text).map(pair).collect::<Result<_, _>>()?
            }
        };
        Counterfactual::new(&pairs)
    })
}

/// Words in lower case with what replaces them, both ways.
struct Counterfactual {
    swaps: std::collections::HashMap<String, String>,
}

impl Counterfactual {
    fn new(pairs: &[(String, String)]) -> Result<Self, ParamError> {
        let mut swaps = std::collections::HashMap::new();
        for (at, (one, other)) in pairs.iter().enumerate() {
            let key = format!("swaps[{at}]");
            for (from, to) in [(one, other), (other, one)] {
                let word = matches(from).next().is_some_and(|(_, word)| word == from);
                if !word {
                    return Err(ParamError::new(key, format!("{from:?} is not one word")));
                }
                let before = swaps.insert(from.to_lowercase(), to.to_lowercase());
                if before.is_some_and(|before| before != to.to_lowercase()) {
                    let reason =
                        format!("{from:?} stands in two pairs; a word has one counterpart");
                    return Err(ParamError::new(key, reason));
                }
            }
        }
        Ok(Self { swaps })
    }

    /// `text` with its words swapped; `None` where it holds none of them.
    fn swap(&self, text: &str) -> Option<String> {
        let mut out = String::with_capacity(text.len());
        let mut end = 0;
        for (at, word) in matches(text) {
            let Some(other) = self.swaps.get(&word.to_lowercase()) else { continue };
            out.push_str(text.get(end..at).unwrap_or_default());
            out.push_str(&cased_like(word, other));
            end = at + word.len();
        }
        out.push_str(text.get(end..).unwrap_or_default());
        (end > 0).then_some(out)
    }
}

/// `other` in capitals, with a capital, or as it stands, as `word` is.
fn cased_like(word: &str, other: &str) -> String {
    let mut letters = word.chars();
    let first_large = letters.next().is_some_and(char::is_uppercase);
    let all_large = first_large && word.chars().count() > 1 && letters.all(|c| !c.is_lowercase());
    let mut chars = other.chars();
    match (all_large, first_large, chars.next()) {
        (true, _, _) => other.to_uppercase(),
        (_, true, Some(first)) => first.to_uppercase().chain(chars).collect(),
        _ => other.to_owned(),
    }
}

impl Rule for Counterfactual {
    fn combine(
        &self,
        inputs: &[Vec<Option<f64>>],
        batch: &[Sample<'_>],
        _context: &Context<'_>,
    ) -> Combination {
        // Without a rewritten row there is no difference.
        let unchanged = |row| inputs.first()?.get(row).copied().flatten().map(|_| 1.0);
        (0..batch.len()).map(unchanged).collect::<Vec<_>>().into()
    }

    fn rewrites(&self, batch: &[Sample<'_>]) -> Vec<Rewrite> {
        let rewrite = |(row, sample): (usize, &Sample<'_>)| {
            let (prompt, response) = (self.swap(sample.prompt), self.swap(sample.response));
            (prompt.is_some() || response.is_some()).then(|| Rewrite {
                row,
                prompt: prompt.unwrap_or_else(|| sample.prompt.to_owned()),
                response: response.unwrap_or_else(|| sample.response.to_owned()),
            })
        };
        batch.iter().enumerate().filter_map(rewrite).collect()
    }

    fn compare(
        &self,
        inputs: &[Vec<Option<f64>>],
        rewrites: &[Rewrite],
        rewritten: &[Vec<Option<f64>>],
        combined: &mut Combination,
    ) {
        let (Some(before), Some(after)) = (inputs.first(), rewritten.first()) else { return };
        for (rewrite, after) in rewrites.iter().zip(after) {
            let before = before.get(rewrite.row).copied().flatten();
            if let Some(slot) = combined.value.get_mut(rewrite.row) {
                *slot = before.zip(*after).map(|(one, other)| (1.0 - (one - other).abs()).max(0.0));
            }
        }
    }
}

#[cfg(test)]
mod tests;
