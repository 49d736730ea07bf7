//! `length`: how long the response is, or how well that fits a range.

use serde::{Deserialize, Serialize};

use crate::error::{ParamError, require};
use crate::reward::{Needs, PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Direction, Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};
use crate::text::words;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unit {
    /// Pieces between white space.
    #[default]
    Words,
    /// Unicode scalar values.
    Chars,
    /// Tokens of the policy's tokenizer.
    Tokens,
}

/// What the count becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shape {
    /// 1 inside the range, falling to 0 outside it.
    #[default]
    Band,
    /// 0 inside, falling to −1 at `max` (DAPO's soft overlong punishment).
    Overlong,
}

/// Parameters of `length`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    unit: Unit,
    min: Option<u64>,
    max: Option<u64>,
    target: Option<u64>,
    soft: u64,
    shape: Shape,
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        let (min, max) = (self.min.unwrap_or(0), self.max.unwrap_or(u64::MAX));
        require(min <= max, "min", min, &format!("at most `max`, which is {max}"))?;
        if self.target.is_some() && (self.min.is_some() || self.max.is_some()) {
            let reason = "excludes `min` and `max`; keep the target or the range";
            return Err(ParamError::new("target", reason));
        }
        let bounded = self.target.is_some() || self.min.is_some() || self.max.is_some();
        if self.soft > 0 && !bounded {
            let reason = "has no effect without `min`, `max` or `target`; set one or remove it";
            return Err(ParamError::new("soft", reason));
        }
        if self.shape == Shape::Band {
            return Ok(());
        }
        let only_max = self.min.is_none() && self.target.is_none();
        require(only_max, "shape", "`overlong`", "`band` where `min` or `target` is set")?;
        require(self.max.is_some(), "max", "absent", "set where `shape` is `overlong`")?;
        require(self.soft <= max, "soft", self.soft, &format!("at most `max`, which is {max}"))
    }
}

const INFO: Info = Info {
    name: "length",
    aliases: &["length_consistency"],
    about: "The response's length; with `min`, `max` or `target`, how well it fits.",
    range: (0.0, f64::INFINITY),
    direction: Direction::Depends,
    params: &[
        Param::new("unit", "one of `words`, `chars` or `tokens`", "what is counted"),
        Param::new("min", "a whole number ≥ 0 or null", "the shortest length that scores 1"),
        Param::new("max", "a whole number ≥ 0 or null", "the longest length that scores 1"),
        Param::new("target", "a whole number ≥ 0 or null", "the only length that scores 1"),
        Param::new(
            "soft",
            "a whole number ≥ 0",
            "how far outside the score reaches 0, falling evenly; 0 is at once",
        ),
        Param::new(
            "shape",
            "one of `band` or `overlong`",
            "`band` is 1 inside and 0 far outside; `overlong` is 0 up to `max` − `soft`, then falls evenly to −1 at `max`",
        ),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| Ok(PerRow(config)))
}

impl RowMetric for Config {
    fn needs(&self) -> Needs {
        Needs { token_ids: self.unit == Unit::Tokens, ..Needs::default() }
    }

    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let count = match self.unit {
            Unit::Words => words(sample.response).count(),
            Unit::Chars => sample.response.chars().count(),
            Unit::Tokens => sample.token_ids?.len(),
        } as u64;
        Some(self.shaped(count))
    }
}

impl Config {
    fn shaped(&self, count: u64) -> f64 {
        let (min, max) = match (self.target, self.min, self.max) {
            (Some(target), ..) => (target, target),
            (None, None, None) => return count as f64,
            (None, min, max) => (min.unwrap_or(0), max.unwrap_or(u64::MAX)),
        };
        let soft = self.soft as f64;
        if self.shape == Shape::Overlong {
            let over = count.saturating_sub(max - self.soft.min(max)) as f64;
            return if count >= max && over > 0.0 { -1.0 } else { -(over / soft.max(1.0)) };
        }
        let outside = min.saturating_sub(count).max(count.saturating_sub(max)) as f64;
        match (outside > 0.0, self.soft) {
            (false, _) => 1.0,
            (true, 0) => 0.0,
            (true, _) => (1.0 - outside / soft).max(0.0),
        }
    }
}
