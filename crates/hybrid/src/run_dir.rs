//! The run directory: what a run leaves behind, complete in itself.
//!
//! `config.toml` is the effective configuration, `env.json` says what ran it, `metrics.jsonl` and
//! `samples.jsonl` grow by a line at a time, `checkpoints/` belongs to [`crate::checkpoint`].

mod error;
mod jsonl;

pub use error::RunDirError;
pub use jsonl::JsonlLog;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::{self, AnyConfig, RunConfig};

/// The effective configuration's file.
pub const CONFIG: &str = "config.toml";
/// What ran it.
pub const ENVIRONMENT: &str = "env.json";
/// One object a step: `step`, `phase`, `time_s`, `metrics`.
pub const METRICS: &str = "metrics.jsonl";
/// One object a completion: its prompt, response, target, and scores by component.
pub const SAMPLES: &str = "samples.jsonl";

/// A run directory that may be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

/// What ran a run: enough to know whether another run can be compared with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Version of the program.
    pub version: String,
    /// The device, as `cpu`.
    pub device: String,
    /// What was compiled in, as `flex`.
    pub features: Vec<String>,
    /// The commit it was built from, where the build knew it (`HYBRID_COMMIT`).
    pub commit: Option<String>,
}

impl Environment {
    /// This program on a device.
    #[must_use]
    pub fn new(device: &str, features: &[&str]) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            device: device.to_owned(),
            features: features.iter().map(|feature| (*feature).to_owned()).collect(),
            commit: option_env!("HYBRID_COMMIT").map(str::to_owned),
        }
    }
}

impl RunDir {
    /// Makes the folder, with those around it, for a new run.
    ///
    /// # Errors
    ///
    /// [`RunDirError::NotEmpty`] where it holds something: a run of its own is never overwritten.
    pub fn create(path: &Path) -> Result<Self, RunDirError> {
        fs::create_dir_all(path).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
                RunDirError::NotAFolder { path: path.to_owned() }
            }
            _ => RunDirError::io("create", path, source),
        })?;
        let mut entries =
            fs::read_dir(path).map_err(|source| RunDirError::io("read", path, source))?;
        if entries.next().is_some() {
            let has_config = path.join(CONFIG).exists();
            return Err(RunDirError::NotEmpty { path: path.to_owned(), is_run: has_config });
        }
        Ok(Self { path: path.to_owned() })
    }

    /// Opens the folder of a run that is to go on.
    ///
    /// # Errors
    ///
    /// [`RunDirError::NotARun`] where there is no `config.toml`.
    pub fn resume(path: &Path) -> Result<Self, RunDirError> {
        let reason = if !path.is_dir() {
            "there is no such folder"
        } else if !path.join(CONFIG).is_file() {
            "it has no `config.toml`"
        } else {
            return Ok(Self { path: path.to_owned() });
        };
        Err(RunDirError::NotARun { path: path.to_owned(), reason })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `config.toml`, the effective configuration.
    ///
    /// # Errors
    ///
    /// [`RunDirError::Io`] where it cannot be written.
    pub fn write_config(&self, effective: &str) -> Result<(), RunDirError> {
        self.replace(CONFIG, effective.as_bytes())
    }

    /// Reads `config.toml` back.
    ///
    /// # Errors
    ///
    /// [`RunDirError::Config`] saying what is wrong with it.
    pub fn read_config(&self) -> Result<RunConfig, RunDirError> {
        Ok(config::load(&self.path.join(CONFIG), &[])?)
    }

    /// Reads `config.toml` of a run of either kind.
    ///
    /// # Errors
    ///
    /// [`RunDirError::Config`] saying what is wrong with it.
    pub fn read_any_config(&self) -> Result<AnyConfig, RunDirError> {
        Ok(config::load_any(&self.path.join(CONFIG), &[])?)
    }

    /// Writes `env.json`.
    ///
    /// # Errors
    ///
    /// [`RunDirError::Io`] where it cannot be written.
    pub fn write_environment(&self, environment: &Environment) -> Result<(), RunDirError> {
        let path = self.path.join(ENVIRONMENT);
        let text = serde_json::to_string_pretty(environment)
            .map_err(|error| RunDirError::io("write", &path, error.into()))?;
        self.replace(ENVIRONMENT, (text + "\n").as_bytes())
    }

    /// Opens a log of the run, [`METRICS`] or [`SAMPLES`]; see [`JsonlLog::open`].
    ///
    /// # Errors
    ///
    /// As [`JsonlLog::open`].
    pub fn log(&self, name: &str, truncate_after: Option<u64>) -> Result<JsonlLog, RunDirError> {
        JsonlLog::open(&self.path.join(name), truncate_after)
    }

    /// Empties both logs: a run that never reached a checkpoint starts again.
    ///
    /// # Errors
    ///
    /// [`RunDirError::Io`] where one cannot be removed.
    pub fn clear_logs(&self) -> Result<(), RunDirError> {
        for name in [METRICS, SAMPLES] {
            let path = self.path.join(name);
            match fs::remove_file(&path) {
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(RunDirError::io("remove", &path, source));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes a file under a temporary name, and gives it its own when it is on the disk.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), RunDirError> {
        let (path, partial) = (self.path.join(name), self.path.join(format!("{name}.partial")));
        let write = || -> io::Result<()> {
            fs::write(&partial, bytes)?;
            fs::File::open(&partial)?.sync_all()?;
            fs::rename(&partial, &path)
        };
        write().map_err(|source| RunDirError::io("write", &path, source))
    }
}

#[cfg(test)]
mod tests;
