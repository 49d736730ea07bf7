//! The key-value part of a GGUF file, with typed look-up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::GgufError;
use crate::value::{FromValue, Value};

/// All metadata of a file, by key.
#[derive(Debug, Clone)]
pub struct Metadata {
    path: PathBuf,
    values: BTreeMap<String, Value>,
}

impl Metadata {
    pub(crate) fn new(path: &Path, values: BTreeMap<String, Value>) -> Self {
        Self { path: path.to_owned(), values }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the value of `key` in whatever type the file gives it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// Every key and value, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Reads `key` as a `T`, or returns None where the file lacks the key.
    ///
    /// # Errors
    ///
    /// [`GgufError::KeyType`] when the key holds something else.
    pub fn optional<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<Option<T>, GgufError> {
        let Some(value) = self.values.get(key) else { return Ok(None) };
        match T::from_value(value) {
            Some(typed) => Ok(Some(typed)),
            None => Err(GgufError::KeyType {
                path: self.path.clone(),
                key: key.to_owned(),
                found: value.describe(),
                expected: T::EXPECTED,
            }),
        }
    }

    /// Reads `key` as a `T`.
    ///
    /// # Errors
    ///
    /// [`GgufError::MissingKey`] when the file lacks the key, [`GgufError::KeyType`] when it holds
    /// something else.
    pub fn required<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<T, GgufError> {
        self.optional(key)?.ok_or_else(|| GgufError::MissingKey {
            path: self.path.clone(),
            key: key.to_owned(),
            expected: T::EXPECTED,
        })
    }

    /// Reads a string.
    ///
    /// # Errors
    ///
    /// As [`Metadata::required`].
    pub fn string(&self, key: &str) -> Result<&str, GgufError> {
        self.required(key)
    }

    /// Reads a 32-bit count or id, stored in any integer type.
    ///
    /// # Errors
    ///
    /// As [`Metadata::required`].
    pub fn u32(&self, key: &str) -> Result<u32, GgufError> {
        self.required(key)
    }

    /// Reads a 64-bit count, stored in any integer type.
    ///
    /// # Errors
    ///
    /// As [`Metadata::required`].
    pub fn u64(&self, key: &str) -> Result<u64, GgufError> {
        self.required(key)
    }

    /// Reads a float, stored in either float type.
    ///
    /// # Errors
    ///
    /// As [`Metadata::required`].
    pub fn f32(&self, key: &str) -> Result<f32, GgufError> {
        self.required(key)
    }

    /// Reads a bool.
    ///
    /// # Errors
    ///
    /// As [`Metadata::required`].
    pub fn bool(&self, key: &str) -> Result<bool, GgufError> {
        self.required(key)
    }

    /// Reads an array of strings.
    ///
    /// # Errors
    ///
    /// As [`Metadata::required`].
    pub fn strings(&self, key: &str) -> Result<&[String], GgufError> {
        self.required(key)
    }

    /// Reads an array of `f32`.
    ///
    /// # Errors
    ///
    /// As [`Metadata::required`].
    pub fn f32s(&self, key: &str) -> Result<&[f32], GgufError> {
        self.required(key)
    }

    /// Reads an array of integers, stored in any integer type.
    ///
    /// # Errors
    ///
    /// As [`Metadata::required`].
    pub fn integers(&self, key: &str) -> Result<Vec<i64>, GgufError> {
        self.required(key)
    }
}
