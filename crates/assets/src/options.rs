//! Where the cache is and how the outside world is reached.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use directories::BaseDirs;

use crate::AssetError;

/// Everything that the environment decides, as values.
#[derive(Debug, Clone)]
pub struct Options {
    /// Directory of the cache: `HYBRID_HOME`, else `hybrid` in the platform's cache directory.
    pub home: PathBuf,
    /// The search path on which pip is looked for: `PATH`.
    pub search_path: OsString,
    /// How the hub is reached.
    pub hub: HubOptions,
}

/// How the Hugging Face Hub is reached.
#[derive(Clone)]
pub struct HubOptions {
    /// Directory of the hub's own cache, shared with its other clients: `HF_HUB_CACHE`, else `hub`
    /// in `HF_HOME`, else `huggingface/hub` in the user's cache directory.
    pub cache: PathBuf,
    /// Address of the hub: `HF_ENDPOINT`, else `https://huggingface.co`.
    pub endpoint: String,
    /// Access token: `HF_TOKEN`.
    pub token: Option<String>,
    /// File that holds the token of a user who logged in; read if `token` is none.
    pub token_file: PathBuf,
    /// Make no request at all: `HF_HUB_OFFLINE`.
    pub offline: bool,
    /// How often a request that failed in passing is made in all; at least 1.
    pub attempts: u32,
    /// Pause before the second attempt; it doubles with each further one.
    pub backoff: Duration,
}

// By hand, so that a token never reaches a log.
impl std::fmt::Debug for HubOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubOptions")
            .field("cache", &self.cache)
            .field("endpoint", &self.endpoint)
            .field("token", &self.token.as_ref().map(|_| "<hidden>"))
            .field("token_file", &self.token_file)
            .field("offline", &self.offline)
            .field("attempts", &self.attempts)
            .field("backoff", &self.backoff)
            .finish()
    }
}

impl Options {
    /// Reads the options from the environment of this process.
    ///
    /// # Errors
    ///
    /// [`AssetError::NoHome`] if the user has no home directory and `HYBRID_HOME` names none.
    pub fn from_env() -> Result<Self, AssetError> {
        Self::from_vars(|name| std::env::var_os(name), BaseDirs::new())
    }

    /// Reads the options from `var`, which looks a variable up, and the user's directories.
    fn from_vars(
        var: impl Fn(&str) -> Option<OsString>,
        user: Option<BaseDirs>,
    ) -> Result<Self, AssetError> {
        let path = |name| var(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let text = |name| {
            let value = var(name)?.into_string().ok()?;
            Some(value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let home = path("HYBRID_HOME")
            .or_else(|| Some(user.as_ref()?.cache_dir().join("hybrid")))
            .ok_or(AssetError::NoHome)?;
        let hub_home = path("HF_HOME")
            .or_else(|| Some(path("XDG_CACHE_HOME")?.join("huggingface")))
            // Not the platform's cache directory: the hub's other clients use this one everywhere.
            .or_else(|| Some(user.as_ref()?.home_dir().join(".cache/huggingface")))
            .unwrap_or_else(|| home.join("huggingface"));
        let is_on = |value: String| {
            ["1", "on", "yes", "true"].contains(&value.to_ascii_lowercase().as_str())
        };
        let hub = HubOptions {
            cache: path("HF_HUB_CACHE").unwrap_or_else(|| hub_home.join("hub")),
            endpoint: text("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned()),
            token: text("HF_TOKEN"),
            token_file: path("HF_TOKEN_PATH").unwrap_or_else(|| hub_home.join("token")),
            offline: text("HF_HUB_OFFLINE").is_some_and(is_on),
            attempts: 5,
            backoff: Duration::from_millis(500),
        };
        Ok(Self { home, search_path: var("PATH").unwrap_or_default(), hub })
    }
}

#[cfg(test)]
mod tests;
