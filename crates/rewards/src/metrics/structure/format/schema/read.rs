//! A schema's keys to its rules, with the path of what is wrong.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Rules, canonical};
use crate::error::ParamError;
use crate::metrics::exact_match::compile;
use crate::spec::params::{describe, join, suggestion};

const ANNOTATIONS: &[&str] = &[
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "format",
];
const TYPES: &[&str] = &["null", "boolean", "object", "array", "number", "string", "integer"];
const RULES: &[&str] = &[
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "items",
    "prefixItems",
    "contains",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "$ref",
    "$defs",
];

/// The rules of a schema or of a part of one.
pub(super) fn rules(value: &Value) -> Result<Rules, ParamError> {
    match value {
        Value::Bool(allowed) => Ok(Rules { never: !allowed, ..Rules::default() }),
        Value::Object(map) => {
            let mut rules = Rules::default();
            for (key, value) in map {
                read(&mut rules, key, value).map_err(|error| at(key, error))?;
            }
            Ok(rules)
        }
        other => Err(wrong("a schema: an object, true or false", other)),
    }
}

/// Takes one key of a schema.
fn read(rules: &mut Rules, key: &str, value: &Value) -> Result<(), ParamError> {
    let single = |value| self::rules(value).map(|rules| Some(Box::new(rules)));
    match key {
        "type" => rules.types = Some(types(value)?),
        "enum" => rules.values.push(array(value)?.iter().map(canonical).collect()),
        "const" => rules.values.push(vec![canonical(value)]),
        "pattern" => rules.pattern = Some(compile("", string(value)?)?),
        "uniqueItems" => {
            rules.unique = value.as_bool().ok_or_else(|| wrong("true or false", value))?;
        }
        "required" => rules.required = strings(value)?,
        "properties" => rules.properties = members(value)?,
        "patternProperties" => {
            for (pattern, inner) in members(value)? {
                rules.patterns.push((compile(&pattern, &pattern)?, inner));
            }
        }
        "additionalProperties" => rules.additional = single(value)?,
        "propertyNames" => rules.names = single(value)?,
        "items" => rules.items = single(value)?,
        "contains" => rules.contains = single(value)?,
        "not" => rules.not = single(value)?,
        "prefixItems" => rules.prefix = list(value)?,
        "allOf" => rules.all = list(value)?,
        "anyOf" => rules.any = list(value)?,
        "oneOf" => rules.one = list(value)?,
        "$ref" => rules.reference = Some(reference(string(value)?)?),
        "$defs" => {}
        _ if ANNOTATIONS.contains(&key) => {}
        _ => return limit(rules, key, value),
    }
    Ok(())
}

fn limit(rules: &mut Rules, key: &str, value: &Value) -> Result<(), ParamError> {
    let Some(known) = RULES.iter().find(|known| **known == key) else {
        let reason = format!("unknown key; {}", suggestion(key, RULES, "the rules known here are"));
        return Err(ParamError::new("", reason));
    };
    let number = value.as_f64().ok_or_else(|| wrong("a number", value))?;
    let size = ["Length", "Items", "Properties"].iter().any(|end| key.ends_with(end));
    if size && value.as_u64().is_none() {
        return Err(wrong("a whole number ≥ 0", value));
    }
    if key == "multipleOf" && number <= 0.0 {
        return Err(wrong("a number more than 0", value));
    }
    rules.limits.insert(known, number);
    Ok(())
}

fn reference(text: &str) -> Result<String, ParamError> {
    let name = if text == "#" { Some("") } else { text.strip_prefix("#/$defs/") };
    name.filter(|name| !name.contains('/')).map(str::to_owned).ok_or_else(|| {
        ParamError::new("", format!("is {text:?}, must be \"#\" or \"#/$defs/NAME\""))
    })
}

fn types(value: &Value) -> Result<Vec<String>, ParamError> {
    let names = match value {
        Value::String(name) => vec![name.clone()],
        _ => strings(value)?,
    };
    match names.iter().find(|name| !TYPES.contains(&name.as_str())) {
        Some(name) => {
            let known = suggestion(name, TYPES, "the types are");
            Err(ParamError::new("", format!("unknown type `{name}`; {known}")))
        }
        None => Ok(names),
    }
}

fn members(value: &Value) -> Result<BTreeMap<String, Rules>, ParamError> {
    let member = |(key, value): (&String, &Value)| {
        Ok((key.clone(), rules(value).map_err(|error| at(key, error))?))
    };
    object(value)?.iter().map(member).collect()
}

fn list(value: &Value) -> Result<Vec<Rules>, ParamError> {
    let items = array(value)?;
    if items.is_empty() {
        return Err(wrong("a list of at least one schema", value));
    }
    let item = |(place, value)| rules(value).map_err(|error| at(&format!("[{place}]"), error));
    items.iter().enumerate().map(item).collect()
}

pub(super) fn object(value: &Value) -> Result<&Map<String, Value>, ParamError> {
    value.as_object().ok_or_else(|| wrong("an object", value))
}

fn array(value: &Value) -> Result<&Vec<Value>, ParamError> {
    value.as_array().ok_or_else(|| wrong("a list", value))
}

fn string(value: &Value) -> Result<&str, ParamError> {
    value.as_str().ok_or_else(|| wrong("a string", value))
}

fn strings(value: &Value) -> Result<Vec<String>, ParamError> {
    let item = |item: &Value| string(item).map(str::to_owned);
    array(value)?.iter().map(item).collect()
}

fn wrong(expected: &str, got: &Value) -> ParamError {
    ParamError::new("", format!("expected {expected}, got {}", describe(got)))
}

pub(super) fn at(key: &str, error: ParamError) -> ParamError {
    ParamError::new(join(key, &error.key), error.reason)
}
