//! `domain_terms`: whether a response uses a field's terms as its term base and rules say.
//!
//! It checks words, not facts: a response can use every term rightly and be wrong.

use std::path::PathBuf;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::word_list::WordList;
use crate::corpus;
use crate::error::ParamError;
use crate::language::tokens;
use crate::metrics::exact_match::compile;
use crate::reward::{PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Evidence, Info, Param};
use crate::spec::params::{Params, join};
use crate::spec::registry::{RegisterError, Registry};

/// Parameters of `domain_terms`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    terms: Option<PathBuf>,
}

impl Params for Config {}

const INFO: Info = Info {
    name: "domain_terms",
    aliases: &[
        "medical_accuracy",
        "legal_validity",
        "scientific_integrity",
        "legal_accuracy",
        "scientific_accuracy",
    ],
    about: "The share of a term base's concepts and rules that the response keeps, of those that \
            the prompt, a target or the response brings up: a concept is kept where the response \
            names it and no forbidden form. Words, not facts. A row that brings up none has no score.",
    params: &[Param::new(
        "terms",
        "a path or null",
        "a JSON file: {\"terms\": [{\"term\", \"accepted\": […], \"forbidden\": […]}], \"rules\": [{\"when\", \"require\", \"forbid\"}]}, the rules being regular expressions; required",
    )],
    evidence: Evidence::Unvalidated,
    ..Info::UNIT
};

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TermBase {
    terms: Vec<Term>,
    rules: Vec<RuleSpec>,
}

/// A concept with its names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Term {
    term: String,
    #[serde(default)]
    accepted: Vec<String>,
    #[serde(default)]
    forbidden: Vec<String>,
}

/// What a response must or must not hold, where `when` is found in prompt or response.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RuleSpec {
    when: Option<String>,
    require: Option<String>,
    forbid: Option<String>,
}

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| {
        let path = corpus::required("terms", config.terms.as_deref(), "a term base in JSON")?;
        let text = corpus::read("terms", path)?;
        let mut json = serde_json::Deserializer::from_str(&text);
        let base: TermBase = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let reason = format!("`{}`, `{}`: {}", path.display(), error.path(), error.inner());
            ParamError::new("terms", reason)
        })?;
        DomainTerms::new(base).map(PerRow).map_err(|error| {
            let reason = format!("`{}`, `{}`: {}", path.display(), error.key, error.reason);
            ParamError::new("terms", reason)
        })
    })
}

/// How a phrase names a concept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Naming {
    concept: usize,
    forbidden: bool,
}

struct DomainTerms {
    concepts: usize,
    phrases: WordList<Naming>,
    rules: Vec<Rule>,
}

struct Rule {
    when: Option<Regex>,
    require: Option<Regex>,
    forbid: Option<Regex>,
}

impl DomainTerms {
    fn new(base: TermBase) -> Result<Self, ParamError> {
        if base.terms.is_empty() && base.rules.is_empty() {
            return Err(ParamError::new("terms", "holds no term and no rule; write one"));
        }
        let mut phrases = WordList::default();
        for (concept, term) in base.terms.iter().enumerate() {
            let good = std::iter::once(&term.term).chain(&term.accepted).map(|name| (name, false));
            for (name, forbidden) in good.chain(term.forbidden.iter().map(|name| (name, true))) {
                if !phrases.add(name, Naming { concept, forbidden }) {
                    let reason = format!("{name:?} holds no word");
                    return Err(ParamError::new(format!("terms[{concept}]"), reason));
                }
            }
        }
        let rule = |(at, spec): (usize, &RuleSpec)| {
            let read = |key: &str, pattern: &Option<String>| {
                let key = join(&format!("rules[{at}]"), key);
                pattern.as_ref().map(|pattern| compile(&key, pattern)).transpose()
            };
            if spec.require.is_none() && spec.forbid.is_none() {
                let reason = "has neither `require` nor `forbid`; set one";
                return Err(ParamError::new(format!("rules[{at}]"), reason));
            }
            Ok(Rule {
                when: read("when", &spec.when)?,
                require: read("require", &spec.require)?,
                forbid: read("forbid", &spec.forbid)?,
            })
        };
        let rules = base.rules.iter().enumerate().map(rule).collect::<Result<_, _>>()?;
        Ok(Self { concepts: base.terms.len(), phrases, rules })
    }
}

impl RowMetric for DomainTerms {
    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let named = |text: &str| self.phrases.find(&tokens(text));
        let response = named(sample.response);
        let mut due = vec![false; self.concepts];
        let context = sample.targets.iter().map(String::as_str).chain([sample.prompt]);
        for naming in context.flat_map(named).chain(response.iter().copied()) {
            if let Some(due) = due.get_mut(naming.concept) {
                *due = true;
            }
        }
        let due_concepts = due.iter().enumerate().filter(|(_, due)| **due).map(|(place, _)| place);
        let kept = |concept: usize| {
            let mut names = response.iter().filter(|naming| naming.concept == concept).peekable();
            names.peek().is_some() && names.all(|naming| !naming.forbidden)
        };
        let mut kept: Vec<bool> = due_concepts.map(kept).collect();
        for rule in &self.rules {
            let found =
                |when: &Regex| when.is_match(sample.response) || when.is_match(sample.prompt);
            if rule.when.as_ref().is_none_or(found) {
                let holds = |pattern: &Regex| pattern.is_match(sample.response);
                let required = rule.require.as_ref().is_none_or(holds);
                kept.push(required && !rule.forbid.as_ref().is_some_and(holds));
            }
        }
        let right = kept.iter().filter(|kept| **kept).count();
        (!kept.is_empty()).then(|| right as f64 / kept.len() as f64)
    }
}
