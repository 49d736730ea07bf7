//! A reward spec from the command line: JSON itself, or a JSON or TOML file.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Context, Result};
use hybrid_rewards::Registry;
use serde_json::Value;

use crate::exit::BadInput;

/// Reads what `--spec` or `--reward`, called `option`, says.
///
/// # Errors
///
/// A file that is not there or cannot be read, text that is neither JSON nor TOML.
pub(crate) fn read(option: &str, given: &str) -> Result<Value> {
    if is_json(given) {
        return serde_json::from_str(given)
            .map_err(|error| BadInput::error(format!("`{option}` is not valid JSON: {error}")));
    }
    let path = Path::new(given);
    let text = match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(no_file(option, given));
        }
        bytes => bytes.with_context(|| format!("cannot read the spec `{given}`"))?,
    };
    let text = String::from_utf8(text)
        .map_err(|_| BadInput::error(format!("`{given}` is not UTF-8 text; convert it")))?;
    let extension = path.extension().and_then(OsStr::to_str).map(str::to_lowercase);
    let (parsed, format) = match extension.as_deref() {
        Some("toml") => (toml(&text), "TOML"),
        Some("json") => (json(&text), "JSON"),
        _ if is_json(&text) => (json(&text), "JSON"),
        _ => (toml(&text), "TOML"),
    };
    parsed.map_err(|reason| BadInput::error(format!("`{given}` is not valid {format}: {reason}")))
}

/// What no path and no TOML document begins with.
fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| error.to_string())
}

fn toml(text: &str) -> Result<Value, String> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| {
            let before = text.get(..span.start).unwrap_or(text);
            format!(" at line {}", 1 + before.matches('\n').count())
        });
        format!("{}{}", error.message().trim_end(), line.unwrap_or_default())
    })
}

fn no_file(option: &str, given: &str) -> anyhow::Error {
    let is_reward = Registry::builtin().is_ok_and(|registry| {
        let mut entries = registry.list().into_iter();
        entries.any(|entry| entry.name == given || entry.aliases.contains(&given))
    });
    let advice = match is_reward {
        true => format!("the reward of that name is written '{{\"type\": \"{given}\"}}'"),
        false => "expected a JSON or TOML file, or JSON such as '{\"type\": \"bleu\"}'".to_owned(),
    };
    BadInput::error(format!("`{option}`: there is no file `{given}`; {advice}"))
}
