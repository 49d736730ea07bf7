//! What a registry entry says about itself: the source of `--list`, the docs and error messages.

use serde::Serialize;
use serde_json::Value;

/// The facts about one entry of the registry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Info {
    /// The `type` in a spec.
    pub name: &'static str,
    /// Other spellings of it.
    pub aliases: &'static [&'static str],
    /// One plain sentence.
    pub about: &'static str,
    /// Smallest and largest score with the default parameters; infinite where unbounded.
    pub range: (f64, f64),
    /// Which scores are good.
    pub direction: Direction,
    /// What a row must carry with the default parameters, as [`crate::reward::Needs::names`].
    pub needs: &'static [&'static str],
    /// The parameters, in the order of their struct.
    pub params: &'static [Param],
    /// How far the score can be trusted to measure what its name says.
    pub evidence: Evidence,
}

/// One parameter of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param {
    /// The key.
    pub name: &'static str,
    /// What a value is, to stand after "expected": `a number`, `a list of strings`.
    pub kind: &'static str,
    /// What the value does; one sentence without a full stop.
    pub about: &'static str,
}

/// Which scores are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// It depends on the parameters or the components.
    Depends,
}

/// How far a score can be trusted to measure what its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// It is what its definition says, and claims no more.
    Definition,
    /// It claims to measure a human notion and was not compared with people's judgement.
    Unvalidated,
    /// It was compared with people's judgement: the set, the measure and its 95 % interval.
    Validated(&'static str),
}

impl Info {
    /// What most entries share: a score in [0, 1], more is better, no need, no parameter.
    pub const UNIT: Self = Self {
        name: "",
        aliases: &[],
        about: "",
        range: (0.0, 1.0),
        direction: Direction::Higher,
        needs: &[],
        params: &[],
        evidence: Evidence::Definition,
    };

    /// What most combinators and post-processors share: the range follows from what they are given.
    pub const OPEN: Self = Self {
        range: (f64::NEG_INFINITY, f64::INFINITY),
        direction: Direction::Depends,
        ..Self::UNIT
    };
}

impl Param {
    /// The parameter `name`, a value of which is `kind`, which does `about`.
    pub const fn new(name: &'static str, kind: &'static str, about: &'static str) -> Self {
        Self { name, kind, about }
    }
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Scores rows.
    Reward,
    /// Makes one score of its components' scores.
    Combinator,
    /// Changes a component's scores.
    Postprocessor,
}

/// An entry as a person or a program reads it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listing {
    /// The `type` in a spec.
    pub name: &'static str,
    /// What it is.
    pub kind: EntryKind,
    /// Other spellings of the name.
    pub aliases: &'static [&'static str],
    /// What it is, in plain sentences.
    pub about: String,
    /// Smallest and largest score with the default parameters; `None` where unbounded.
    pub range: (Option<f64>, Option<f64>),
    /// Which scores are good.
    pub direction: Direction,
    /// What a row must carry besides the response.
    pub needs: &'static [&'static str],
    /// The parameters with their defaults.
    pub parameters: Vec<ListedParam>,
    /// How far the score can be trusted.
    pub evidence: Evidence,
}

/// A parameter as a person or a program reads it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedParam {
    /// The key.
    pub name: &'static str,
    /// What a value is.
    pub kind: &'static str,
    /// The value where the key is absent.
    pub default: Value,
    /// What the value does.
    pub about: &'static str,
}

impl Listing {
    /// Lists `info` with what it is and its parameters, which may be more than its own, and
    /// `defaults`, the default parameters as an object.
    pub(crate) fn new(
        info: &Info,
        about: &str,
        kind: EntryKind,
        params: &[Param],
        defaults: &Value,
    ) -> Self {
        let bound = |value: f64| value.is_finite().then_some(value);
        let listed = |param: &Param| ListedParam {
            name: param.name,
            kind: param.kind,
            default: defaults.get(param.name).cloned().unwrap_or(Value::Null),
            about: param.about,
        };
        Self {
            name: info.name,
            kind,
            aliases: info.aliases,
            about: about.to_owned(),
            range: (bound(info.range.0), bound(info.range.1)),
            direction: info.direction,
            needs: info.needs,
            parameters: params.iter().map(listed).collect(),
            evidence: info.evidence,
        }
    }
}
