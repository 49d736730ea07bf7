//! Tables of configuration keys, for tests that change each of them alone.

use serde_json::{Value, json};

/// A key, what is set beside it for it to have a meaning, and to what it changes.
#[derive(Debug, Clone)]
pub struct Flip {
    /// Its dotted path.
    pub key: &'static str,
    /// Values by dotted paths.
    pub beside: Value,
    /// The value that should change something.
    pub to: Value,
}

/// A key that means something beside others.
#[must_use]
pub fn flip(key: &'static str, beside: Value, to: Value) -> Flip {
    Flip { key, beside, to }
}

/// A key that means something by itself.
#[must_use]
pub fn alone(key: &'static str, to: Value) -> Flip {
    flip(key, json!({}), to)
}

impl Flip {
    /// `config` with what stands beside the key, each put at its path by `set`.
    #[must_use]
    pub fn before(&self, mut config: Value, set: impl Fn(&mut Value, &str, &Value)) -> Value {
        for (path, value) in self.beside.as_object().into_iter().flatten() {
            set(&mut config, path, value);
        }
        config
    }
}
