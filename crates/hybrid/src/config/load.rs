//! From a file and overrides to a checked [`RunConfig`].

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::check::{self, Problem};
use super::error::{ConfigError, Place};
use super::json::{self, BadValue, Format};
use super::legacy::{self, Renamed};
use super::overrides::Override;
use super::path::{KeyPath, Part};
use super::{HeadsConfig, PhaseKind, RunConfig, unknown};

/// Reads the TOML or JSON file at `path`, lets the overrides replace values in order, and checks the
/// whole.
///
/// # Errors
///
/// [`ConfigError`] naming the first thing that is wrong: the file, its syntax, an unknown key with
/// its full path and the nearest known one, or a value that its key does not take.
pub fn load(path: &Path, overrides: &[Override]) -> Result<RunConfig, ConfigError> {
    parse(&read(path)?, path, overrides)
}

/// As [`load()`], from the text of the file; `path` is named in messages and its extension says
/// which format is meant: `.json`, `.toml`, or by the first character for any other.
///
/// # Errors
///
/// As [`load()`], but for reading.
pub fn parse(text: &str, path: &Path, overrides: &[Override]) -> Result<RunConfig, ConfigError> {
    let mut reader = Reader::new(text, path, overrides);
    let root = reader.root()?;
    reader.configuration(root, check::check)
}

/// What a run file describes.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "there is one a program")]
pub enum AnyConfig {
    /// A language model is trained, task heads beside it or not.
    Language(RunConfig),
    /// Task heads are trained: the file has a `[[head]]` table, and no phase of SFT or PPO.
    Heads(HeadsConfig),
}

/// As [`load()`], for a file of either kind of run.
///
/// # Errors
///
/// As [`load()`].
pub fn load_any(path: &Path, overrides: &[Override]) -> Result<AnyConfig, ConfigError> {
    parse_any(&read(path)?, path, overrides)
}

/// As [`parse`], for a text of either kind of run.
///
/// # Errors
///
/// As [`load()`], but for reading.
pub fn parse_any(
    text: &str,
    path: &Path,
    overrides: &[Override],
) -> Result<AnyConfig, ConfigError> {
    let mut reader = Reader::new(text, path, overrides);
    let root = reader.root()?;
    if root.contains_key("head") && !trains_language_model(&root) {
        return reader.configuration(root, HeadsConfig::check).map(AnyConfig::Heads);
    }
    reader.configuration(root, check::check).map(AnyConfig::Language)
}

/// Whether a phase is of a kind that only the run of a language model has.
fn trains_language_model(root: &Map<String, Value>) -> bool {
    let phases = root.get("phase").and_then(Value::as_array);
    let kinds = phases.into_iter().flatten().filter_map(|phase| phase.get("kind")?.as_str());
    let own = [PhaseKind::Sft, PhaseKind::Ppo, PhaseKind::Hybrid];
    kinds.into_iter().any(|kind| own.iter().any(|own| own.name() == kind))
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })
}

fn format(text: &str, path: &Path) -> Format {
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    match extension.as_ref().and_then(|extension| extension.to_str()) {
        Some("json") => Format::Json,
        Some("toml") => Format::Toml,
        _ if text.trim_start().starts_with('{') => Format::Json,
        _ => Format::Toml,
    }
}

/// A configuration's text, and what is needed to say where something stands in it.
struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
    format: Format,
    overrides: &'a [Override],
    renamed: Vec<Renamed>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, path: &'a Path, overrides: &'a [Override]) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { text, path, format: format(text, path), overrides, renamed: Vec::new() }
    }

    /// All keys under their present names, overrides included.
    fn root(&mut self) -> Result<Map<String, Value>, ConfigError> {
        let mut root = self.read()?;
        self.renamed = legacy::rename(&mut root).map_err(|conflict| {
            let old = KeyPath(vec![Part::Key(conflict.old.to_owned())]);
            ConfigError::key(self.place(&old), conflict.old, conflict.problem)
        })?;
        for change in self.overrides {
            change.apply(&mut root)?;
        }
        Ok(root)
    }

    /// The configuration that `root` says, checked.
    fn configuration<T: DeserializeOwned>(
        &self,
        root: Map<String, Value>,
        check: impl Fn(&T) -> Result<(), Problem>,
    ) -> Result<T, ConfigError> {
        // TOML tables have no order; with none in JSON either, both formats give the same bytes.
        let mut value = Value::Object(root);
        value.sort_all_objects();
        let config: T = serde_path_to_error::deserialize(value)
            .map_err(|error| self.refused(&error.path().into(), &error.inner().to_string()))?;
        match check(&config) {
            Ok(()) => Ok(config),
            Err(problem) => Err(self.wrong(problem)),
        }
    }

    /// The text as one JSON object without nulls.
    fn read(&self) -> Result<Map<String, Value>, ConfigError> {
        let syntax = |format, error: json::SyntaxError| ConfigError::Syntax {
            place: self.file(error.position),
            format,
            problem: error.problem,
        };
        let root = KeyPath::default();
        let value = match self.format {
            Format::Toml => {
                let table = json::read_toml(self.text).map_err(|error| syntax("TOML", error))?;
                json::table_to_json(table, &root).map(Value::Object)
            }
            Format::Json => json::read_json(self.text)
                .map_err(|error| syntax("JSON", error))
                .and_then(|value| self.is_object(value))
                .map(|value| json::without_nulls(value, &root))?,
        };
        match value.map_err(|bad| self.bad_value(&bad))? {
            Value::Object(fields) => Ok(fields),
            _ => Ok(Map::new()),
        }
    }

    fn is_object(&self, value: Value) -> Result<Value, ConfigError> {
        if value.is_object() {
            return Ok(value);
        }
        let problem = "a configuration is an object, as `{\"model\": {\"base\": …}, …}`";
        Err(ConfigError::key(self.file(None), "", problem))
    }

    fn bad_value(&self, bad: &BadValue) -> ConfigError {
        let problem = format!("`{}` {}", bad.path, bad.problem);
        ConfigError::key(self.place(&bad.path), &bad.path.to_string(), problem)
    }

    fn refused(&self, path: &KeyPath, message: &str) -> ConfigError {
        self.at(path, unknown::explain(path, message))
    }

    fn wrong(&self, problem: Problem) -> ConfigError {
        let path = KeyPath::parse(&problem.key).unwrap_or_default();
        self.at(&path, problem.text)
    }

    fn at(&self, path: &KeyPath, mut problem: String) -> ConfigError {
        let place = self.place(path);
        if let (Some(renamed), Place::File { .. }) = (self.renamed(path), &place) {
            problem = format!("{problem} (written here as `{}`)", renamed.old);
        }
        ConfigError::key(place, &path.to_string(), problem)
    }

    fn renamed(&self, path: &KeyPath) -> Option<&Renamed> {
        self.renamed.iter().find(|renamed| renamed.new.holds(path))
    }

    /// Where the value at `path` was written, or, where the file does not have it, what changed
    /// something inside it.
    fn place(&self, path: &KeyPath) -> Place {
        let last_change = |test: &dyn Fn(&KeyPath) -> bool| {
            self.overrides.iter().rev().find(|change| test(change.path())).map(Override::place)
        };
        if let Some(place) = last_change(&|changed| changed.holds(path)) {
            return place;
        }
        let written = match self.renamed(path) {
            Some(renamed) => KeyPath(vec![Part::Key(renamed.old.to_owned())]),
            None => path.clone(),
        };
        let position = match self.format {
            Format::Toml => json::locate(self.text, &written),
            Format::Json => None,
        };
        let inside = |changed: &KeyPath| !path.0.is_empty() && path.holds(changed);
        match last_change(&inside) {
            Some(place) if position.is_none() => place,
            _ => self.file(position),
        }
    }

    fn file(&self, position: Option<(usize, usize)>) -> Place {
        Place::File { path: self.path.to_owned(), position }
    }
}
