//! Whether a run that is to go on is still the same run.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::RunConfig;
use crate::error::HybridError;
use crate::run_dir::RunDir;

#[cfg(test)]
mod tests;

/// Tables that may change between two parts of a run: they say what is measured and written, not
/// what is learnt.
const FREE: [&str; 2] = ["output", "eval"];

/// Opens the directory of a run that `config` goes on with.
///
/// # Errors
///
/// [`HybridError::Resume`] naming the first key that is not as the run was begun with;
/// [`HybridError::RunDir`] where there is no run.
pub(super) fn open(config: &RunConfig) -> Result<RunDir, HybridError> {
    let dir = RunDir::resume(&config.output.dir)?;
    let begun = dir.read_config()?;
    same(dir, &begun, config)
}

/// `dir`, where `now` is what its run was begun with.
pub(crate) fn same<T: Serialize>(dir: RunDir, begun: &T, now: &T) -> Result<RunDir, HybridError> {
    match first_difference(begun, now) {
        None => Ok(dir),
        Some(Difference { key, begun, now }) => Err(HybridError::Resume {
            path: dir.path().to_owned(),
            reason: format!(
                "`{key}` is {now} now, and was {begun} when the run began; only `output` and `eval` \
                 may change, so set it back, or start a new run with another `output.dir`"
            ),
        }),
    }
}

/// A key with two values.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    key: String,
    begun: String,
    now: String,
}

/// The first key, in the order of the configuration, that differs outside [`FREE`].
fn first_difference<T: Serialize>(begun: &T, now: &T) -> Option<Difference> {
    // Both were read or checked before: they can be written.
    let table = |config: &T| match serde_json::to_value(config) {
        Ok(Value::Object(mut table)) => {
            table.retain(|key, _| !FREE.contains(&key.as_str()));
            table
        }
        _ => Map::new(),
    };
    in_table(&table(begun), &table(now), "")
}

fn in_table(
    begun: &Map<String, Value>,
    now: &Map<String, Value>,
    path: &str,
) -> Option<Difference> {
    let added = now.keys().filter(|key| !begun.contains_key(*key));
    begun.keys().chain(added).find_map(|key| {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        in_value(begun.get(key), now.get(key), &path)
    })
}

fn in_value(begun: Option<&Value>, now: Option<&Value>, path: &str) -> Option<Difference> {
    match (begun, now) {
        (Some(Value::Object(begun)), Some(Value::Object(now))) => in_table(begun, now, path),
        (Some(Value::Array(begun)), Some(Value::Array(now))) if begun.len() == now.len() => {
            let mut pairs = begun.iter().zip(now).enumerate();
            pairs.find_map(|(index, (begun, now))| {
                in_value(Some(begun), Some(now), &format!("{path}[{index}]"))
            })
        }
        _ if begun == now => None,
        _ => Some(Difference { key: path.to_owned(), begun: shown(begun), now: shown(now) }),
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "absent".to_owned(), |value| format!("`{value}`"))
}
