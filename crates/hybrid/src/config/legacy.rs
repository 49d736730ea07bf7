//! The design document's own JSON keys.

use serde_json::{Map, Value};

use super::path::{KeyPath, Part};

/// Its key, and where the value belongs.
const KEYS: &[(&str, &[&str])] = &[
    ("LRATE", &["optim", "lr"]),
    ("OPTIMIZER", &["optim", "optimizer"]),
    ("SCHEDULER", &["optim", "scheduler"]),
    ("NUM_TRAINING_STEPS", &["optim", "total_steps"]),
    ("NUM_WARMUP_STEPS", &["optim", "warmup_steps"]),
    ("REWARD", &["reward"]),
];

/// A key of the design document and of what it became.
#[derive(Debug)]
pub(super) struct Renamed {
    pub(super) old: &'static str,
    pub(super) new: KeyPath,
}

/// An old key whose value cannot be moved.
#[derive(Debug)]
pub(super) struct Conflict {
    pub(super) old: &'static str,
    pub(super) problem: String,
}

/// The design document's keys.
pub(super) fn names() -> Vec<String> {
    KEYS.iter().map(|(old, _)| (*old).to_owned()).collect()
}

/// Today's path for a key of the design document.
pub(super) fn today(key: &str) -> Option<KeyPath> {
    let (_, path) = KEYS.iter().find(|(old, _)| *old == key)?;
    Some(KeyPath(path.iter().map(|part| Part::Key((*part).to_owned())).collect()))
}

/// Moves the values of old keys to where they belong today.
pub(super) fn rename(root: &mut Map<String, Value>) -> Result<Vec<Renamed>, Conflict> {
    let mut renamed = Vec::new();
    for (old, path) in KEYS {
        let Some(value) = root.shift_remove(*old) else { continue };
        let new = path.join(".");
        let conflict = |problem: String| Conflict { old, problem };
        let together = || {
            conflict(format!(
                "`{old}` and `{new}` cannot be used together, they mean the same; remove one"
            ))
        };
        let Some((last, tables)) = path.split_last() else { continue };
        let mut table = &mut *root;
        for name in tables {
            let inner = table.entry(*name).or_insert_with(|| Value::Object(Map::new()));
            table = inner.as_object_mut().ok_or_else(|| {
                conflict(format!("`{old}` means `{new}`, but `{name}` is not a table here"))
            })?;
        }
        if table.insert((*last).to_owned(), value).is_some() {
            return Err(together());
        }
        renamed.extend(today(old).map(|new| Renamed { old, new }));
    }
    Ok(renamed)
}
