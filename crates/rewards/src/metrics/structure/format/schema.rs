//! JSON Schema, draft 2020-12, without what it takes a network or another document to check.
//!
//! Known: `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`,
//! `patternProperties`, `propertyNames`, `minProperties`, `maxProperties`, `items`, `prefixItems`,
//! `contains`, `minItems`, `maxItems`, `uniqueItems`, `minLength`, `maxLength`, `pattern`,
//! `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf`, `allOf`, `anyOf`,
//! `oneOf`, `not`, and `$ref` to `#` or `#/$defs/NAME`. Annotations are passed over. Any other key
//! is refused, so that no rule is silently left out.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::{Map, Value};

use self::read::{at, object, rules};
use crate::error::ParamError;
use crate::spec::params::suggestion;

mod read;

/// Deeper than any document that `serde_json` reads.
const MAX_DEPTH: usize = 512;
/// A schema that was checked as a whole.
#[derive(Debug)]
pub(in crate::metrics::structure) struct Schema {
    root: Rules,
    definitions: BTreeMap<String, Rules>,
}

/// What one schema demands; everything must hold.
#[derive(Debug, Default)]
struct Rules {
    never: bool,
    types: Option<Vec<String>>,
    /// The canonical texts of what `enum` and `const` allow, a list each.
    values: Vec<Vec<String>>,
    /// Limits by their keys: of numbers, and of sizes as numbers.
    limits: BTreeMap<&'static str, f64>,
    pattern: Option<Regex>,
    unique: bool,
    required: Vec<String>,
    properties: BTreeMap<String, Rules>,
    patterns: Vec<(Regex, Rules)>,
    additional: Option<Box<Rules>>,
    names: Option<Box<Rules>>,
    prefix: Vec<Rules>,
    items: Option<Box<Rules>>,
    contains: Option<Box<Rules>>,
    all: Vec<Rules>,
    any: Vec<Rules>,
    one: Vec<Rules>,
    not: Option<Box<Rules>>,
    /// `""` for the whole, else a definition's name.
    reference: Option<String>,
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    ///
    /// [`ParamError`] with the path inside the schema, for the first thing that is wrong.
    pub(in crate::metrics::structure) fn compile(value: &Value) -> Result<Self, ParamError> {
        let mut definitions = BTreeMap::new();
        if let Some(defs) = value.get("$defs") {
            for (name, schema) in object(defs).map_err(|error| at("$defs", error))? {
                let rules = rules(schema).map_err(|error| at(&format!("$defs.{name}"), error))?;
                definitions.insert(name.clone(), rules);
            }
        }
        let schema = Self { root: rules(value)?, definitions };
        let every = std::iter::once(&schema.root).chain(schema.definitions.values());
        for rules in every {
            schema.check_references(rules)?;
        }
        let circular = |name: &&str| schema.returns(name, &mut Vec::new());
        let names = std::iter::once("").chain(schema.definitions.keys().map(String::as_str));
        if let Some(name) = names.into_iter().find(circular) {
            let reason = format!(
                "`$ref` leads from \"#{}{name}\" back to itself for the same value, so that nothing \
                 is ever decided; let it lead through `properties` or `items`",
                if name.is_empty() { "" } else { "/$defs/" }
            );
            return Err(ParamError::new("", reason));
        }
        Ok(schema)
    }

    /// True where `value` keeps every rule.
    pub(in crate::metrics::structure) fn allows(&self, value: &Value) -> bool {
        self.holds(&self.root, value, 0)
    }

    fn check_references(&self, rules: &Rules) -> Result<(), ParamError> {
        if let Some(name) = rules.reference.as_ref().filter(|name| !name.is_empty())
            && !self.definitions.contains_key(name)
        {
            let names: Vec<&str> = self.definitions.keys().map(String::as_str).collect();
            let known = suggestion(name, &names, "the definitions are");
            return Err(ParamError::new("$defs", format!("has no `{name}`; {known}")));
        }
        rules.inner().try_for_each(|inner| self.check_references(inner))
    }

    /// True where checking `name` asks for something on the way to it, `path`, of the same value.
    fn returns<'s>(&'s self, name: &'s str, path: &mut Vec<&'s str>) -> bool {
        if path.contains(&name) {
            return true;
        }
        path.push(name);
        let rules = if name.is_empty() { Some(&self.root) } else { self.definitions.get(name) };
        let mut names = Vec::new();
        if let Some(rules) = rules {
            rules.referred(&mut names);
        }
        let found = names.into_iter().any(|name| self.returns(name, path));
        path.pop();
        found
    }

    fn holds(&self, rules: &Rules, value: &Value, depth: usize) -> bool {
        if rules.never || depth > MAX_DEPTH {
            return false;
        }
        let holds = |rules: &Rules| self.holds(rules, value, depth + 1);
        let referred = match rules.reference.as_deref() {
            None => true,
            Some("") => holds(&self.root),
            Some(name) => self.definitions.get(name).is_some_and(holds),
        };
        let typed =
            rules.types.as_ref().is_none_or(|types| types.iter().any(|t| is_type(value, t)));
        let listed = rules.values.is_empty() || {
            let value = canonical(value);
            rules.values.iter().all(|values| values.contains(&value))
        };
        referred
            && typed
            && listed
            && rules.all.iter().all(holds)
            && (rules.any.is_empty() || rules.any.iter().any(holds))
            && (rules.one.is_empty() || rules.one.iter().filter(|rules| holds(rules)).count() == 1)
            && rules.not.as_ref().is_none_or(|not| !holds(not))
            && match value {
                Value::Number(number) => rules.number(number.as_f64().unwrap_or(f64::NAN)),
                Value::String(text) => {
                    rules.size(text.chars().count(), "minLength", "maxLength")
                        && rules.pattern.as_ref().is_none_or(|pattern| pattern.is_match(text))
                }
                Value::Array(items) => self.array(rules, items, depth),
                Value::Object(map) => self.object(rules, map, depth),
                Value::Null | Value::Bool(_) => true,
            }
    }

    fn array(&self, rules: &Rules, items: &[Value], depth: usize) -> bool {
        let holds = |rules: &Rules, value| self.holds(rules, value, depth + 1);
        let first = rules.prefix.iter().zip(items).all(|(rules, value)| holds(rules, value));
        let mut rest = items.iter().skip(rules.prefix.len());
        let rest = rules.items.as_ref().is_none_or(|rules| rest.all(|value| holds(rules, value)));
        let contains =
            rules.contains.as_ref().is_none_or(|rules| items.iter().any(|item| holds(rules, item)));
        let unique = !rules.unique
            || items.iter().map(canonical).collect::<BTreeSet<_>>().len() == items.len();
        rules.size(items.len(), "minItems", "maxItems") && first && rest && contains && unique
    }

    fn object(&self, rules: &Rules, map: &Map<String, Value>, depth: usize) -> bool {
        let holds = |rules: &Rules, value: &Value| self.holds(rules, value, depth + 1);
        let member = |(key, value): (&String, &Value)| {
            let own = rules.properties.get(key);
            let mut known = own.is_some();
            let mut right = own.is_none_or(|rules| holds(rules, value));
            for (_, rules) in rules.patterns.iter().filter(|(pattern, _)| pattern.is_match(key)) {
                known = true;
                right &= holds(rules, value);
            }
            let named = rules.names.as_ref();
            right
                && (known || rules.additional.as_ref().is_none_or(|rules| holds(rules, value)))
                && named.is_none_or(|rules| holds(rules, &Value::String(key.clone())))
        };
        rules.size(map.len(), "minProperties", "maxProperties")
            && rules.required.iter().all(|key| map.contains_key(key))
            && map.iter().all(member)
    }
}

impl Rules {
    fn inner(&self) -> impl Iterator<Item = &Self> {
        let lists = [&self.prefix, &self.all, &self.any, &self.one];
        let single = [&self.additional, &self.names, &self.items, &self.contains, &self.not];
        let listed = lists.into_iter().flatten();
        let single = single.into_iter().flatten().map(|rules| &**rules);
        let patterns = self.patterns.iter().map(|(_, rules)| rules);
        listed.chain(single).chain(patterns).chain(self.properties.values())
    }

    /// The references that are followed for the same value.
    fn referred<'r>(&'r self, names: &mut Vec<&'r str>) {
        names.extend(self.reference.as_deref());
        let lists = [&self.all, &self.any, &self.one].into_iter().flatten();
        lists.chain(self.not.as_deref()).for_each(|rules| rules.referred(names));
    }

    fn limit(&self, key: &str) -> Option<f64> {
        self.limits.get(key).copied()
    }

    fn size(&self, size: usize, min: &str, max: &str) -> bool {
        let size = size as f64;
        self.limit(min).is_none_or(|min| size >= min)
            && self.limit(max).is_none_or(|max| size <= max)
    }

    fn number(&self, number: f64) -> bool {
        self.limit("minimum").is_none_or(|limit| number >= limit)
            && self.limit("maximum").is_none_or(|limit| number <= limit)
            && self.limit("exclusiveMinimum").is_none_or(|limit| number > limit)
            && self.limit("exclusiveMaximum").is_none_or(|limit| number < limit)
            && self.limit("multipleOf").is_none_or(|step| {
                // 0.3 is three times 0.1 to a reader, not to binary fractions.
                let times = number / step;
                (times - times.round()).abs() <= 1e-9 * times.abs().max(1.0)
            })
    }
}

fn is_type(value: &Value, name: &str) -> bool {
    match (name, value) {
        ("null", Value::Null)
        | ("boolean", Value::Bool(_))
        | ("object", Value::Object(_))
        | ("array", Value::Array(_))
        | ("number", Value::Number(_))
        | ("string", Value::String(_)) => true,
        ("integer", Value::Number(number)) => {
            number.is_i64()
                || number.is_u64()
                || number.as_f64().is_some_and(|number| number.fract().abs() <= 0.0)
        }
        _ => false,
    }
}

/// The same text for values that JSON Schema calls equal: 1 is 1.0, and keys have no order.
fn canonical(value: &Value) -> String {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => float.to_string(),
            _ => number.to_string(),
        },
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(map) => {
            let mut members: Vec<String> =
                map.iter().map(|(key, value)| format!("{key:?}:{}", canonical(value))).collect();
            members.sort_unstable();
            format!("{{{}}}", members.join(","))
        }
        other => other.to_string(),
    }
}
