//! `sentiment`: how positive or negative the response is, by VADER's lexicon and rules.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::linear::load;
use super::vader::{Lexicon, Vader};
use crate::error::ParamError;
use crate::linear::Model;
use crate::linear::fit::sigmoid;
use crate::reward::{PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Evidence, Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{BuildEnv, RegisterError, Registry};

/// The catalogue's name for the lexicon.
const ASSET: &str = "vader-lexicon";
const WORDS: &str = "vader_lexicon.txt";
const EMOJI: &str = "emoji_utf8_lexicon.txt";

/// The scale of the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    /// (compound + 1) / 2, in [0, 1].
    #[default]
    Unit,
    /// The compound score itself, in [−1, 1].
    Compound,
}

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Target {
    /// Positive text.
    #[default]
    Positive,
    /// Negative text: the score is turned round.
    Negative,
    /// Neutral text: 1 − |compound|.
    Neutral,
}

/// Parameters of `sentiment`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    target: Target,
    output: Output,
    lexicon: Option<PathBuf>,
    model: Option<PathBuf>,
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        if self.target == Target::Neutral && self.output == Output::Compound {
            let reason = "is `compound`, which has no neutral end; use `unit`";
            return Err(ParamError::new("output", reason));
        }
        if self.lexicon.is_some() && self.model.is_some() {
            let reason = "`lexicon` and `model` exclude each other; keep one of them";
            return Err(ParamError::new("", reason));
        }
        Ok(())
    }
}

const INFO: Info = Info {
    name: "sentiment",
    about: "(compound + 1) / 2 of VADER 3.3.2, a lexicon with rules for English (Hutto and Gilbert \
            2014): 0 negative, 0.5 neutral, 1 positive.",
    params: &[
        Param::new("target", "one of `positive`, `negative` or `neutral`", "what scores high"),
        Param::new(
            "output",
            "one of `unit` or `compound`",
            "`unit` scores in [0, 1], `compound` in [−1, 1]",
        ),
        Param::new(
            "lexicon",
            "a path or null",
            "a folder with `vader_lexicon.txt`, or such a file; null takes the asset `vader-lexicon`",
        ),
        Param::new(
            "model",
            "a path or null",
            "a trained model, as for `linear`, whose probability p of positive text takes VADER's place, 2p − 1 being its compound",
        ),
    ],
    evidence: Evidence::Validated(
        "VADER against people's ratings (Hutto and Gilbert 2014), correlation: 4,200 tweets 0.872 (0.865 to 0.879), 3,708 product review snippets 0.590 (0.568 to 0.610), 5,190 editorial snippets 0.503 (0.482 to 0.523), 10,605 film review snippets 0.427 (0.412 to 0.443)",
    ),
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, env| {
        let judge = match &config.model {
            Some(path) => Judge::Learned(Box::new(load(path)?)),
            None => Judge::Vader(Vader::new(lexicon(config.lexicon.as_deref(), env)?)),
        };
        Ok(PerRow(Sentiment { judge, config }))
    })
}

/// Reads the lexicon that the spec names, or the asset.
fn lexicon(named: Option<&Path>, env: &BuildEnv<'_>) -> Result<Lexicon, ParamError> {
    let path = match named {
        Some(path) => path.to_path_buf(),
        None => (env.assets)(ASSET).map_err(|reason| {
            let advice = format!("{reason}; or set `lexicon` to a folder with `{WORDS}`");
            ParamError::new("lexicon", advice)
        })?,
    };
    let folder = path.is_dir();
    let words = if folder { path.join(WORDS) } else { path };
    let emoji = words.with_file_name(EMOJI);
    let emoji = emoji.is_file().then_some(emoji);
    Lexicon::read(&words, emoji.as_deref()).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        ParamError::new("lexicon", format!("{error}{}", cause.unwrap_or_default()))
    })
}

/// Who says how positive a text is.
enum Judge {
    Vader(Vader),
    Learned(Box<Model>),
}

struct Sentiment {
    judge: Judge,
    config: Config,
}

impl RowMetric for Sentiment {
    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let compound = match &self.judge {
            Judge::Vader(vader) => vader.polarity(sample.response).compound,
            Judge::Learned(model) => 2.0 * sigmoid(model.logit(sample.response)) - 1.0,
        };
        let wanted = match self.config.target {
            Target::Positive => compound,
            Target::Negative => -compound,
            Target::Neutral => return Some(1.0 - compound.abs()),
        };
        Some(match self.config.output {
            Output::Unit => (wanted + 1.0) / 2.0,
            Output::Compound => wanted,
        })
    }
}
