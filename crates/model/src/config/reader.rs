//! Typed look-ups in a `config.json`, with errors that name the key.

use serde_json::{Map, Value};

use super::{Activation, ConfigError};

/// A `config.json` being read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConfigReader<'a> {
    map: &'a Map<String, Value>,
    model_type: &'a str,
}

impl<'a> ConfigReader<'a> {
    pub(crate) fn new(map: &'a Map<String, Value>, model_type: &'a str) -> Self {
        Self { map, model_type }
    }

    pub(crate) fn raw(&self) -> &'a Map<String, Value> {
        self.map
    }

    pub(crate) fn model_type(&self) -> &'a str {
        self.model_type
    }

    fn missing(&self, keys: &[&str]) -> ConfigError {
        let key = keys.first().copied().unwrap_or_default().to_owned();
        ConfigError::Missing { key, model_type: self.model_type.to_owned() }
    }

    pub(crate) fn opt_usize(&self, keys: &[&str]) -> Result<Option<usize>, ConfigError> {
        let convert = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
        self.typed(keys, "a whole number of at least 0", convert)
    }

    pub(crate) fn usize(&self, keys: &[&str]) -> Result<usize, ConfigError> {
        self.opt_usize(keys)?.ok_or_else(|| self.missing(keys))
    }

    pub(crate) fn opt_f64(&self, keys: &[&str]) -> Result<Option<f64>, ConfigError> {
        self.typed(keys, "a finite number", |value| value.as_f64().filter(|n| n.is_finite()))
    }

    pub(crate) fn f64_or(&self, keys: &[&str], default: f64) -> Result<f64, ConfigError> {
        Ok(self.opt_f64(keys)?.unwrap_or(default))
    }

    pub(crate) fn bool_or(&self, key: &str, default: bool) -> Result<bool, ConfigError> {
        Ok(self.typed(&[key], "true or false", Value::as_bool)?.unwrap_or(default))
    }

    pub(crate) fn opt_str(&self, keys: &[&str]) -> Result<Option<&'a str>, ConfigError> {
        self.typed(keys, "a string", Value::as_str)
    }

    pub(crate) fn opt_object(
        &self,
        key: &str,
    ) -> Result<Option<&'a Map<String, Value>>, ConfigError> {
        self.typed(&[key], "an object", Value::as_object)
    }

    pub(crate) fn opt_f64_list(&self, key: &str) -> Result<Option<Vec<f64>>, ConfigError> {
        let convert = |value: &Value| {
            value.as_array()?.iter().map(|n| n.as_f64().filter(|n| n.is_finite())).collect()
        };
        self.typed(&[key], "a list of finite numbers", convert)
    }

    pub(crate) fn opt_str_list(&self, key: &str) -> Result<Option<Vec<&'a str>>, ConfigError> {
        let convert = |value: &'a Value| value.as_array()?.iter().map(Value::as_str).collect();
        self.typed(&[key], "a list of strings", convert)
    }

    pub(crate) fn activation(
        &self,
        keys: &[&str],
        default: Activation,
    ) -> Result<Activation, ConfigError> {
        match self.opt_str(keys)? {
            None => Ok(default),
            Some("gelu") => Ok(Activation::Gelu),
            Some("gelu_new" | "gelu_pytorch_tanh" | "gelu_fast") => Ok(Activation::GeluTanh),
            Some("silu" | "swish") => Ok(Activation::Silu),
            Some("relu") => Ok(Activation::Relu),
            Some(other) => Err(ConfigError::Unsupported {
                key: keys.first().copied().unwrap_or_default().to_owned(),
                value: other.to_owned(),
                supported: "use gelu, gelu_new, gelu_pytorch_tanh, silu or relu".to_owned(),
            }),
        }
    }

    fn typed<T>(
        &self,
        keys: &[&str],
        expected: &'static str,
        convert: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let present =
            keys.iter().find_map(|key| Some((key, self.map.get(*key).filter(|v| !v.is_null())?)));
        let Some((key, value)) = present else { return Ok(None) };
        let wrong =
            || ConfigError::WrongType { key: (*key).to_owned(), found: shortened(value), expected };
        convert(value).map(Some).ok_or_else(wrong)
    }
}

/// A JSON value on one line, cut after a few dozen characters.
fn shortened(value: &Value) -> String {
    const LIMIT: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
