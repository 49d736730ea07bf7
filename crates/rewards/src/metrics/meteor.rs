//! METEOR: aligned words, their recall above all, and a penalty for scattered ones (Lavie and Agarwal
//! 2007), as NLTK 3.10.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::align::align;
use self::wordnet::WordNet;
use super::{BestTarget, PairMetric};
use crate::error::{ParamError, require};
use crate::reward::PerRow;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{BuildEnv, RegisterError, Registry};
use crate::text::words;

mod align;
mod treebank;
mod wordnet;

/// The catalogue's name for WordNet.
const ASSET: &str = "wordnet";

/// How text is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tokenize {
    /// At white space, for text that is tokenized already.
    #[default]
    Whitespace,
    /// Punctuation and clitics apart, as NLTK's word tokenizer.
    Treebank,
}

/// The three numbers of the score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct StemConfig {
    alpha: f64,
    beta: f64,
    gamma: f64,
    tokenize: Tokenize,
}

impl Default for StemConfig {
    fn default() -> Self {
        Self { alpha: 0.9, beta: 3.0, gamma: 0.5, tokenize: Tokenize::Whitespace }
    }
}

impl Params for StemConfig {
    fn validate(&self) -> Result<(), ParamError> {
        let unit = 0.0..=1.0;
        require(unit.contains(&self.alpha), "alpha", self.alpha, "between 0 and 1")?;
        let positive = self.beta >= 0.0 && self.beta.is_finite();
        require(positive, "beta", self.beta, "finite and at least 0")?;
        require(unit.contains(&self.gamma), "gamma", self.gamma, "between 0 and 1")
    }
}

/// Parameters of `meteor`: those of `meteor_stem` and where WordNet is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    alpha: f64,
    beta: f64,
    gamma: f64,
    tokenize: Tokenize,
    wordnet: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        let StemConfig { alpha, beta, gamma, tokenize } = StemConfig::default();
        Self { alpha, beta, gamma, tokenize, wordnet: None }
    }
}

impl Config {
    fn score(&self) -> StemConfig {
        let Self { alpha, beta, gamma, tokenize, .. } = *self;
        StemConfig { alpha, beta, gamma, tokenize }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        self.score().validate()
    }
}

const ALPHA: Param = Param::new(
    "alpha",
    "a number from 0 to 1",
    "how much recall counts: Fmean is PR / (alpha·P + (1 − alpha)·R)",
);
const BETA: Param =
    Param::new("beta", "a number ≥ 0", "the power of chunks/matches in the penalty for scatter");
const GAMMA: Param = Param::new("gamma", "a number from 0 to 1", "the size of that penalty");
const TOKENIZE: Param = Param::new(
    "tokenize",
    "one of `whitespace` or `treebank`",
    "`treebank` sets punctuation and clitics apart, as NLTK's word tokenizer does with one sentence",
);

const METEOR: Info = Info {
    name: "meteor",
    about: "METEOR as NLTK 3.10: words aligned by form, then Porter stem, then WordNet synonym; Fmean \
            of precision and recall, less a penalty for scattered matches. Equal texts stay below 1: \
            one word scores 0.5, six 0.998.",
    needs: &["target"],
    params: &[
        ALPHA,
        BETA,
        GAMMA,
        TOKENIZE,
        Param::new(
            "wordnet",
            "a path or null",
            "the folder with WordNet's `index.*`, `data.*` and `*.exc`; null takes the asset `wordnet`",
        ),
    ],
    ..Info::UNIT
};

const STEM: Info = Info {
    name: "meteor_stem",
    about: "METEOR as NLTK 3.10 without synonyms: needs no WordNet, and scores at most what `meteor` \
            scores but for ties.",
    params: &[ALPHA, BETA, GAMMA, TOKENIZE],
    ..METEOR
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(METEOR, |config: Config, env| {
        let wordnet = Some(open(config.wordnet.as_deref(), env)?);
        Ok(PerRow(BestTarget(Meteor { config: config.score(), wordnet })))
    })?;
    registry.reward(STEM, |config: StemConfig, _| {
        Ok(PerRow(BestTarget(Meteor { config, wordnet: None })))
    })
}

/// Reads WordNet from the folder that the spec names, or the asset.
fn open(named: Option<&Path>, env: &BuildEnv<'_>) -> Result<WordNet, ParamError> {
    let folder = match named {
        Some(folder) => folder.to_path_buf(),
        None => (env.assets)(ASSET).map_err(|reason| {
            let advice = "set `wordnet` to a folder with WordNet 3.0's files (Debian's package \
                          `wordnet-base` puts them into /usr/share/wordnet), or take `meteor_stem`, \
                          which matches no synonyms";
            ParamError::new("wordnet", format!("{reason}; or {advice}"))
        })?,
    };
    WordNet::read(&folder).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        ParamError::new("wordnet", format!("{error}{}", cause.unwrap_or_default()))
    })
}

#[derive(Debug)]
struct Meteor {
    config: StemConfig,
    wordnet: Option<WordNet>,
}

impl PairMetric for Meteor {
    fn score_pair(&self, response: &str, target: &str) -> Option<f64> {
        let (response, target) = (self.config.tokens(response), self.config.tokens(target));
        let matches = align(&response, &target, self.wordnet.as_ref());
        Some(self.config.score(&matches, response.len(), target.len()))
    }
}

impl StemConfig {
    /// The tokens of `text` in lower case.
    fn tokens(&self, text: &str) -> Vec<String> {
        match self.tokenize {
            Tokenize::Whitespace => words(text).map(str::to_lowercase).collect(),
            Tokenize::Treebank => words(&treebank::tokenize(text)).map(str::to_lowercase).collect(),
        }
    }

    /// The score of `matches`, pairs of places in order of the first, of texts of so many tokens.
    fn score(&self, matches: &[(usize, usize)], response: usize, target: usize) -> f64 {
        if matches.is_empty() {
            return 0.0;
        }
        let count = matches.len() as f64;
        let (precision, recall) = (count / response as f64, count / target as f64);
        let mean = precision * recall / (self.alpha * precision + (1.0 - self.alpha) * recall);
        let follows = |pair: &&[(usize, usize)]| match pair {
            [(a, b), (c, d)] => a + 1 == *c && b + 1 == *d,
            _ => false,
        };
        let chunks = matches.len() - matches.windows(2).filter(follows).count();
        let penalty = self.gamma * (chunks as f64 / count).powf(self.beta);
        (1.0 - penalty) * mean
    }
}

#[cfg(test)]
mod tests;
