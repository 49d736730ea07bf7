//! What can go wrong between a file and a decoder.

use std::io::ErrorKind;
use std::path::PathBuf;

use hybrid_gguf::GgufError;

use crate::config::ConfigError;

/// A model that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// A path that is neither a model directory nor a `.gguf` file.
    #[error(
        "`{path}` is no model: {reason}; expected a directory with `config.json` and \
         `model.safetensors` (or its shards and their index), or a `.gguf` file"
    )]
    NotAModel {
        /// The path.
        path: PathBuf,
        /// What is not there.
        reason: &'static str,
    },
    /// A file that cannot be opened, read or written.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried, as `read`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file that should be JSON.
    #[error("`{path}` is not valid JSON")]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// A `config.json` that describes no model we can build.
    #[error("cannot build a model from `{path}`")]
    Config {
        /// The file.
        path: PathBuf,
        /// The key and the reason.
        #[source]
        source: ConfigError,
    },
    /// A damaged safetensors file.
    #[error(
        "`{path}` is not a whole safetensors file ({reason}); it may have been cut off: fetch it \
         again"
    )]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// What the reader found.
        reason: String,
    },
    /// A damaged or unsupported GGUF file.
    #[error("the model cannot be used")]
    Gguf {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: GgufError,
    },
    /// Something valid that this reader does not handle.
    #[error("`{path}`: {what}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What, and what can be used instead.
        what: String,
    },
    /// Tensors that do not fit the configuration.
    #[error("the weights in `{path}` do not fit its configuration:\n{list}")]
    Mismatch {
        /// The file or directory.
        path: PathBuf,
        /// One line a tensor: missing, extra or misshapen.
        list: String,
    },
    /// A weight that is NaN or infinite.
    #[error(
        "`{tensor}` in `{path}` holds {count} values that are NaN or infinite; the checkpoint is \
         broken (a diverged run, or a conversion that overflowed)"
    )]
    NotFinite {
        /// The file or directory.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// How many values.
        count: usize,
    },
}

impl WeightsError {
    /// True when the input is at fault, false for the machine (disk, permissions).
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        match self {
            WeightsError::Io { source, .. } => {
                matches!(source.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput)
            }
            _ => true,
        }
    }
}
