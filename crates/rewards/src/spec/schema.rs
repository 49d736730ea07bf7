//! The registry as a JSON Schema (draft 2020-12), so that an editor completes and checks a spec.
//!
//! The schema knows names, keys and the kinds of values. What it cannot say (a file that is not
//! there, two keys that exclude each other, names that are equal) only building a spec finds: every
//! spec that builds is allowed, not the other way round.

use serde_json::{Map, Value, json};

use super::build::WRAPPERS;
use super::info::{EntryKind, ListedParam, Listing};
use super::markdown::{direction, evidence, range};
use super::registry::{Maker, Registry, Weights};

#[cfg(test)]
mod tests;

impl Registry {
    /// The schema of a spec: a component alone, or an object that holds one under `REWARD` or
    /// `reward`.
    pub fn json_schema(&self) -> Value {
        let entries = self.list();
        let mut definitions = Map::new();
        let (mut components, mut steps) = (Vec::new(), Vec::new());
        for entry in &entries {
            let post = entry.kind == EntryKind::Postprocessor;
            let name = format!("{}.{}", if post { "post" } else { "reward" }, entry.name);
            let list = if post { &mut steps } else { &mut components };
            list.push(reference(&name));
            definitions.insert(name, self.definition(entry));
        }
        definitions.insert("component".into(), json!({ "oneOf": components }));
        let unweighted =
            json!({ "allOf": [reference("component")], "properties": { "weight": false } });
        definitions.insert("unweighted".into(), unweighted);
        definitions.insert("step".into(), json!({ "oneOf": steps }));
        let mut forms = vec![reference("component")];
        for (held, other) in [(WRAPPERS[0], WRAPPERS[1]), (WRAPPERS[1], WRAPPERS[0])] {
            forms.push(json!({
                "type": "object",
                "required": [held],
                "properties": { held: reference("component"), "type": false, other: false },
            }));
        }
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "A reward spec of hybrid",
            "description": "One reward, alone or under REWARD or reward.",
            "anyOf": forms,
            "$defs": definitions,
        })
    }

    /// What one entry allows.
    fn definition(&self, entry: &Listing) -> Value {
        let names: Vec<&str> =
            std::iter::once(entry.name).chain(entry.aliases.iter().copied()).collect();
        let mut properties = Map::new();
        properties.insert("type".into(), json!({ "enum": names }));
        let mut required = vec!["type"];
        if entry.kind != EntryKind::Postprocessor {
            properties.extend(envelope());
        }
        if let Some(Maker::Combinator(weights, _)) = self.find(entry.name).map(|found| &found.make)
            && entry.kind == EntryKind::Combinator
        {
            let component = match weights {
                Weights::Used => "component",
                Weights::Unused => "unweighted",
            };
            let list = json!({ "type": "array", "minItems": 1, "items": reference(component) });
            properties.insert("components".into(), list);
            required.push("components");
        }
        for param in &entry.parameters {
            if param.about.ends_with(REQUIRED) {
                required.push(param.name);
            }
            properties.insert(param.name.into(), parameter(param));
        }
        json!({
            "title": entry.name,
            "description": description(entry),
            "type": "object",
            "required": required,
            "additionalProperties": false,
            "properties": properties,
        })
    }
}

/// How the meaning of a parameter without a usable default ends.
const REQUIRED: &str = "; required";

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// The keys of every component.
fn envelope() -> Map<String, Value> {
    let steps = json!({
        "description": "what is done to the scores, in this order",
        "type": "array",
        "items": reference("step"),
    });
    let keys = [
        (
            "name",
            json!({
                "description": "its name in the output; default: its type. Unique among its siblings",
                "type": "string",
                "pattern": "^[^/]+$",
            }),
        ),
        ("weight", json!({ "description": "its weight", "type": "number", "default": 1 })),
        ("postprocess", steps),
        (
            "timeout_ms",
            json!({
                "description": "a row that takes longer has no score",
                "type": "integer",
                "minimum": 1,
            }),
        ),
    ];
    keys.into_iter().map(|(key, schema)| (key.to_owned(), schema)).collect()
}

fn description(entry: &Listing) -> String {
    if entry.kind != EntryKind::Reward {
        return entry.about.clone();
    }
    let needs = match entry.needs {
        [] => String::new(),
        needs => format!(" Needs {}.", needs.join(", ")),
    };
    let (range, better) = (range(entry.range), direction(entry.direction));
    let evidence = evidence(entry.evidence);
    format!("{} Range {range}; better: {better}; evidence: {evidence}.{needs}", entry.about)
}

/// The schema of a parameter; any value where its kind is in other words than those known here.
fn parameter(param: &ListedParam) -> Value {
    let mut schema = value_schema(param.kind).unwrap_or_default();
    schema.insert("description".into(), format!("{}: {}", param.kind, param.about).into());
    // Null also stands for "absent", which not every key may be written as.
    if !param.default.is_null() {
        schema.insert("default".into(), param.default.clone());
    }
    Value::Object(schema)
}

/// The schema of a value that is `kind`, in the words of [`super::info::Param::kind`].
fn value_schema(kind: &str) -> Option<Map<String, Value>> {
    if kind == "a JSON Schema, the path of one, or null" {
        return Some(Map::new());
    }
    if let Some(inner) = kind.strip_suffix(" or null") {
        let inner = value_schema(inner.trim_end_matches(','))?;
        return Some(object(json!({ "anyOf": [inner, { "type": "null" }] })));
    }
    if let Some(names) = kind.strip_prefix("one of ") {
        return Some(object(json!({ "enum": quoted(names)? })));
    }
    if let Some(items) = kind.strip_prefix("a list of ") {
        return Some(object(json!({ "type": "array", "items": items_schema(items)? })));
    }
    if let Some(range) = kind.strip_prefix("a whole number") {
        return number("integer", range);
    }
    if let Some(range) = kind.strip_prefix("a number") {
        return number("number", range);
    }
    Some(object(match kind {
        "true or false" => json!({ "type": "boolean" }),
        "a string" | "a path" | "a URL" => json!({ "type": "string" }),
        "a string, a whole number" => json!({ "type": ["string", "integer"] }),
        "a string, a whole number or a list of them" => {
            let one = json!({ "type": ["string", "integer"] });
            json!({ "anyOf": [one, { "type": "array", "minItems": 1, "items": one }] })
        }
        "an object" | "an object of strings" => json!({ "type": "object" }),
        "an object of numbers" => {
            json!({ "type": "object", "additionalProperties": { "type": "number" } })
        }
        "two numbers" => json!({
            "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2,
        }),
        _ => return None,
    }))
}

/// The schema of what a list holds, named in the plural.
fn items_schema(items: &str) -> Option<Value> {
    Some(match items {
        "strings" | "paths" | "names of rules" => json!({ "type": "string" }),
        "numbers" => json!({ "type": "number" }),
        "pairs of strings" => json!({
            "type": "array", "items": { "type": "string" }, "minItems": 2, "maxItems": 2,
        }),
        names => json!({ "enum": quoted(names)? }),
    })
}

/// A number with the range that stands behind "a number": `≥ 0`, `from 1 to 4`, `in [0, 1)`.
fn number(kind: &str, range: &str) -> Option<Map<String, Value>> {
    let mut schema = object(json!({ "type": kind }));
    let range = range.trim();
    let limits = match range.split_once(' ') {
        None if range.is_empty() => vec![],
        Some(("≥", low)) => vec![("minimum", low)],
        Some(("more", rest)) => vec![("exclusiveMinimum", rest.strip_prefix("than ")?)],
        Some(("from", rest)) => {
            let (low, high) = rest.split_once(" to ")?;
            vec![("minimum", low), ("maximum", high)]
        }
        Some(("in", interval)) => {
            let (low, high) = interval.split_once(", ")?;
            let below = low.strip_prefix('[').map(|low| ("minimum", low));
            let above = high.strip_suffix(']').map(|high| ("maximum", high));
            vec![
                below.or_else(|| Some(("exclusiveMinimum", low.strip_prefix('(')?)))?,
                above.or_else(|| Some(("exclusiveMaximum", high.strip_suffix(')')?)))?,
            ]
        }
        _ => return None,
    };
    for (key, limit) in limits {
        let limit: serde_json::Number = limit.parse().ok()?;
        schema.insert(key.into(), Value::Number(limit));
    }
    Some(schema)
}

/// The names in "`a`, `b` or `c`".
fn quoted(text: &str) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    let mut parts = text.split('`');
    let mut between = parts.next()?;
    while let Some(name) = parts.next() {
        if !matches!(between, "" | ", " | " or " | " and ") {
            return None;
        }
        names.push(name);
        between = parts.next()?;
    }
    (!names.is_empty() && between.is_empty()).then_some(names)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
