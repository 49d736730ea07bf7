//! `qa_relevance`: whether a response looks like an answer to its question, by its words alone.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::{ParamError, require};
use crate::language::{content_stems, tokens};
use crate::metrics::structure::entities::{Kind, entities};
use crate::reward::{Needs, PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Evidence, Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// Parameters of `qa_relevance`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    type_weight: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { type_weight: 0.5 }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        let weight = self.type_weight;
        require((0.0..=1.0).contains(&weight), "type_weight", weight, "between 0 and 1")
    }
}

const INFO: Info = Info {
    name: "qa_relevance",
    about: "Whether the response looks like an answer: the share of the question's words that it \
            takes up, mixed with whether it holds what the question asks for (when: a date or \
            number; how many: a number; who, where: a name; is, does: yes or no; why: a reason).",
    needs: &["prompt"],
    params: &[Param::new(
        "type_weight",
        "a number from 0 to 1",
        "the weight of the kind of answer against that of the question's words",
    )],
    evidence: Evidence::Validated(
        "2,000 NarrativeQA answers against those of another question: AUC 0.591 (0.578 to 0.604)",
    ),
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| Ok(PerRow(config)))
}

/// What a question asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Name,
    Date,
    Number,
    YesOrNo,
    Reason,
}

/// What the last question of `prompt` asks for, by the first question word of its last line.
fn wanted(prompt: &str) -> Option<Wanted> {
    let line = prompt.lines().rev().find(|line| !line.trim().is_empty())?;
    let words = tokens(line);
    let question = line.contains('?');
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1).map(String::as_str);
        let kind = match word.as_str() {
            "who" | "whom" | "whose" | "where" => Wanted::Name,
            "when" => Wanted::Date,
            "why" => Wanted::Reason,
            "how" if matches!(next, Some("many" | "much" | "old" | "long" | "far" | "tall")) => {
                Wanted::Number
            }
            "what" | "which" if matches!(next, Some("year" | "date" | "day" | "month")) => {
                Wanted::Date
            }
            "is" | "are" | "was" | "were" | "do" | "does" | "did" | "can" | "could" | "will"
            | "would" | "has" | "have" | "had" | "should"
                if at == 0 && question =>
            {
                Wanted::YesOrNo
            }
            "what" | "which" | "how" => return None,
            _ => continue,
        };
        return Some(kind);
    }
    None
}

/// True where `response` holds what is wanted.
fn holds(response: &str, wanted: Wanted) -> bool {
    let has = |kind: Kind| entities(response).iter().any(|entity| entity.kind == kind);
    let says = |of: &[&str]| tokens(response).iter().any(|word| of.contains(&word.as_str()));
    match wanted {
        Wanted::Name => has(Kind::Name),
        Wanted::Date => has(Kind::Date) || has(Kind::Number),
        Wanted::Number => has(Kind::Number) || says(NUMBER_WORDS),
        Wanted::YesOrNo => says(&["yes", "no", "true", "false", "not", "indeed"]),
        Wanted::Reason => says(&["because", "since", "due", "therefore", "reason"]),
    }
}

const NUMBER_WORDS: &[&str] = &[
    "none", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "twenty", "thirty", "forty", "fifty", "hundred", "thousand", "million",
    "billion",
];

impl RowMetric for Config {
    fn needs(&self) -> Needs {
        Needs::prompt()
    }

    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        if tokens(sample.response).is_empty() {
            return Some(0.0);
        }
        let asked: BTreeSet<String> = content_stems(sample.prompt).into_iter().collect();
        let said: BTreeSet<String> = content_stems(sample.response).into_iter().collect();
        let common = asked.intersection(&said).count();
        let overlap = (!asked.is_empty()).then(|| common as f64 / asked.len() as f64);
        let kind =
            wanted(sample.prompt).map(|kind| if holds(sample.response, kind) { 1.0 } else { 0.0 });
        match (overlap, kind) {
            (Some(overlap), Some(kind)) => {
                Some(self.type_weight * kind + (1.0 - self.type_weight) * overlap)
            }
            (one, other) => one.or(other),
        }
    }
}
