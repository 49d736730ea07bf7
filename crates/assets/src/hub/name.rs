//! The form of hub names: `hf:[datasets/]owner/name[/path][@revision]`.

use hf_hub::RepoType;

use crate::catalogue::is_plain;
use crate::{AssetError, Kind};

/// A hub name, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct HubName {
    /// `owner/name`.
    pub(crate) id: String,
    /// Model or data set.
    pub(crate) repo_type: RepoType,
    /// A file, or a folder of files, inside the repository.
    pub(crate) path: Option<String>,
    /// Branch, tag or commit.
    pub(crate) revision: String,
}

impl HubName {
    /// Takes `text` apart; without `datasets/` in it, `kind` says what the repository is.
    pub(crate) fn parse(text: &str, kind: Kind) -> Result<Self, AssetError> {
        let bad = |reason| AssetError::BadHubName { name: text.to_owned(), reason };
        let rest = text.strip_prefix("hf:").unwrap_or(text);
        let (place, revision) = rest.split_once('@').unwrap_or((rest, "main"));
        let (place, repo_type) = match place.strip_prefix("datasets/") {
            Some(place) => (place, RepoType::Dataset),
            None if kind == Kind::Model => (place, RepoType::Model),
            None => (place, RepoType::Dataset),
        };
        let mut parts = place.splitn(3, '/');
        let (Some(owner), Some(name)) = (parts.next(), parts.next()) else {
            return Err(bad("it has no owner"));
        };
        let path = parts.next().map(|path| path.trim_end_matches('/').to_owned());
        let is_word = |word: &str| {
            is_plain(word) && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        if !is_word(owner) || !is_word(name) {
            return Err(bad("owner and name consist of letters, digits, `-`, `_` and `.`"));
        }
        if !revision.split('/').all(is_word) {
            return Err(bad("the revision is no branch, tag or commit"));
        }
        if path.as_deref().is_some_and(|path| !is_plain(path)) {
            return Err(bad("the path leaves the repository"));
        }
        let id = format!("{owner}/{name}");
        Ok(Self { id, repo_type, path, revision: revision.to_owned() })
    }
}

#[cfg(test)]
mod tests;
