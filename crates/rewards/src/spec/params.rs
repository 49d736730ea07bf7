//! The keys of one component to its typed parameters, with every wrong key reported.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::info::Param;
use crate::error::{ParamError, SpecError};
use crate::text::shorten;

/// The typed parameters of an entry. Every key has a default.
///
/// Types derive `Serialize` and `Deserialize` with `#[serde(default, deny_unknown_fields)]`.
pub trait Params: Serialize + DeserializeOwned + Default {
    /// Checks what the types cannot express.
    ///
    /// # Errors
    ///
    /// [`ParamError`] naming the first parameter that is wrong. NaN is out of every range.
    fn validate(&self) -> Result<(), ParamError> {
        Ok(())
    }
}

/// The parameters of an entry that has none.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoParams {}

impl Params for NoParams {}

/// Reads `P` out of `map`. Mistakes go to `errors`, each under `path`; then there is no result.
///
/// `common` are keys that were taken out of `map` before, for the message about an unknown one.
pub(crate) fn read<P: Params>(
    map: &Map<String, Value>,
    known: &[Param],
    common: &[&str],
    path: &str,
    errors: &mut Vec<SpecError>,
) -> Option<P> {
    let before = errors.len();
    for (key, value) in map {
        match known.iter().find(|param| param.name == key) {
            None => {
                let own = known.iter().map(|param| param.name);
                let names: Vec<&str> = own.chain(common.iter().copied()).collect();
                let reason = format!("unknown key; {}", suggestion(key, &names, "the keys are"));
                errors.push(SpecError { path: join(path, key), reason });
            }
            Some(param) => {
                if let Err(error) = read_one::<P>(key, value) {
                    errors.push(describe_error(&error, param, value, path));
                }
            }
        }
    }
    if errors.len() > before {
        return None;
    }
    let params: P = match serde_path_to_error::deserialize(Value::Object(map.clone())) {
        Ok(params) => params,
        Err(error) => {
            let at = join(path, &error.path().to_string());
            errors.push(SpecError { path: at, reason: error.inner().to_string() });
            return None;
        }
    };
    match params.validate() {
        Ok(()) => Some(params),
        Err(error) => {
            errors.push(SpecError { path: join(path, &error.key), reason: error.reason });
            None
        }
    }
}

type ReadError = serde_path_to_error::Error<serde_json::Error>;

/// Reads one key alone, so that a mistake in it does not hide the others.
fn read_one<P: Params>(key: &str, value: &Value) -> Result<P, ReadError> {
    let alone = Map::from_iter([(key.to_owned(), value.clone())]);
    serde_path_to_error::deserialize(Value::Object(alone))
}

fn describe_error(error: &ReadError, param: &Param, value: &Value, path: &str) -> SpecError {
    let inner = error.path().to_string();
    let reason = if inner == param.name || inner == "." {
        format!("expected {}, got {}", param.kind, describe(value))
    } else {
        format!("{}; expected {}", error.inner(), param.kind)
    };
    let at = if inner == "." { join(path, param.name) } else { join(path, &inner) };
    SpecError { path: at, reason }
}

/// `outer.inner`, `outer[0]`, or the one that is not empty.
pub(crate) fn join(outer: &str, inner: &str) -> String {
    match (outer.is_empty(), inner.is_empty() || inner == ".") {
        (true, false) => inner.to_owned(),
        (_, true) => outer.to_owned(),
        _ if inner.starts_with('[') => format!("{outer}{inner}"),
        _ => format!("{outer}.{inner}"),
    }
}

/// "did you mean `x`? `lead` `a`, `b` and `c`", the first half only where a name is near.
pub(crate) fn suggestion(name: &str, known: &[&str], lead: &str) -> String {
    let list = match known {
        [] => "none is allowed here".to_owned(),
        _ => format!("{lead} {}", quoted(known)),
    };
    match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`? {list}"),
        None => list,
    }
}

/// The candidate most like `name`, where one is near enough to be a slip of the finger.
pub fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let lower = name.to_lowercase().replace('-', "_");
    candidates
        .iter()
        .map(|candidate| (strsim::jaro_winkler(&lower, candidate), *candidate))
        .filter(|(similarity, _)| *similarity >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// `a`, `b` and `c`.
pub(crate) fn quoted(names: &[&str]) -> String {
    match names {
        [] => "(none)".into(),
        [only] => format!("`{only}`"),
        [start @ .., last] => {
            let start: Vec<String> = start.iter().map(|name| format!("`{name}`")).collect();
            format!("{} and `{last}`", start.join(", "))
        }
    }
}

/// `value` in a few words, for the "got" half of a message.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(flag) => format!("the boolean {flag}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the string {:?}", shorten(text)),
        Value::Array(items) if items.is_empty() => "an empty array".into(),
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(_) => "an object".into(),
    }
}
