//! `regex`: the response has the form that a pattern describes.

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::exact_match::compile;
use crate::error::ParamError;
use crate::reward::{PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// Parameters of `regex`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    pattern: String,
    full: bool,
    ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
    absent: bool,
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        if self.pattern.is_empty() {
            let reason = "is empty, must be a regular expression; set `pattern`";
            return Err(ParamError::new("pattern", reason));
        }
        Ok(())
    }
}

const INFO: Info = Info {
    name: "regex",
    about: "1 where the pattern is found in the response, else 0. Patterns run in linear time: no \
            look-around, no back-references.",
    params: &[
        Param::new("pattern", "a string", "the regular expression; required"),
        Param::new("full", "true or false", "the whole response must match"),
        Param::new("ignore_case", "true or false", "letters match in either case"),
        Param::new("multi_line", "true or false", "`^` and `$` also match at line ends"),
        Param::new("dot_all", "true or false", "`.` also matches a line end"),
        Param::new("absent", "true or false", "1 where the pattern is not found, else 0"),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| {
        // The user's own pattern first, so that a message is about what was written.
        compile("pattern", &config.pattern)?;
        let pattern = match config.full {
            true => format!(r"\A(?:{})\z", config.pattern),
            false => config.pattern,
        };
        let regex = RegexBuilder::new(&pattern)
            .case_insensitive(config.ignore_case)
            .multi_line(config.multi_line)
            .dot_matches_new_line(config.dot_all)
            .build()
            .map_err(|error| ParamError::new("pattern", error.to_string()))?;
        Ok(PerRow(Pattern { regex, absent: config.absent }))
    })
}

struct Pattern {
    regex: Regex,
    absent: bool,
}

impl RowMetric for Pattern {
    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let found = self.regex.is_match(sample.response);
        Some(if found == self.absent { 0.0 } else { 1.0 })
    }
}
