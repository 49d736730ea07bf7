//! Texts that a spec gives with `{prompt}`, `{response}` and the like in them.

use hybrid_data::record::TextTemplate;

use crate::error::ParamError;
use crate::reward::Needs;
use crate::sample::Sample;
use crate::spec::params::quoted;

/// A text with places in it, or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Text {
    Fixed(String),
    Template(TextTemplate),
}

impl Text {
    /// Parses `source`, which stands under `key`: each place is one of `known`, `{{` and `}}` are braces.
    ///
    /// # Errors
    ///
    /// [`ParamError`] of `key` for a brace without its partner or a place that is not known.
    pub(super) fn parse(
        key: &'static str,
        source: &str,
        known: &[&str],
    ) -> Result<Self, ParamError> {
        if !source.contains(['{', '}']) {
            return Ok(Self::Fixed(source.to_owned()));
        }
        let template = TextTemplate::parse(key, source)
            .map_err(|error| ParamError::new(key, error.to_string()))?;
        if let Some(unknown) = template.columns().find(|name| !known.contains(name)) {
            let known = quoted(known);
            let reason = format!("names `{{{unknown}}}`; the places are {known}, without spaces");
            return Err(ParamError::new(key, reason));
        }
        Ok(Self::Template(template))
    }

    /// Whether the place `name` occurs.
    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Template(template) => template.columns().any(|column| column == name),
        }
    }

    /// The text with every place filled by the value of its name.
    pub(super) fn fill(&self, values: &[(&str, &str)]) -> String {
        let value =
            |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        match self {
            Self::Fixed(text) => text.clone(),
            // Every place is known, or the text would not have been parsed.
            Self::Template(template) => {
                template.fill(|name| value(name).or(Some(""))).unwrap_or_default()
            }
        }
    }
}

/// What rows must carry for `texts` to be filled.
pub(super) fn needs(texts: &[&Text]) -> Needs {
    let has = |name: &str| texts.iter().any(|text| text.has(name));
    Needs { prompt: has("prompt"), target: has("target"), ..Needs::default() }
}

/// The targets that a row is scored with, the best of which counts: one that is empty where the texts
/// have no place for a target.
pub(super) fn targets<'s>(sample: &Sample<'s>, needs: &Needs) -> Vec<&'s str> {
    if needs.target { sample.targets.iter().map(String::as_str).collect() } else { vec![""] }
}
