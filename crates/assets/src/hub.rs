//! Repositories of the Hugging Face Hub, through `hf-hub`.
//!
//! `hf-hub` knows the addresses, the cache layout shared with the hub's other clients, locking
//! between processes, and continuing a partial file. Around it, this module
//!
//! - asks once which commit a revision is, and takes every file from that commit;
//! - retries what fails in passing, and starts a file anew when its partial copy cannot be used;
//! - checks the size of every file, and the sha256 of those whose etag is one (all large files);
//! - remembers listing and sizes, so that a pinned or offline repository needs no request;
//! - refuses hashes and names from the hub that would leave the cache directory.

mod download;
mod name;
mod plan;
mod record;

use std::fs;
use std::path::Path;
use std::time::Duration;

use hf_hub::api::RepoInfo;
use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};

use crate::asset::{Asset, AssetFile, Origin};
use crate::options::{HubOptions, Options};
use crate::{AssetError, Kind, Progress};
use download::Download;
use name::HubName;
use plan::Plan;
use record::Record;

/// How long the hub may take to say what a repository holds.
const INFO_TIMEOUT: Duration = Duration::from_secs(30);

/// Fetches what `name` means for a caller who needs a `kind`, and says where it is.
pub(crate) fn resolve(
    name: &str,
    kind: Kind,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Asset, AssetError> {
    let name = HubName::parse(name, kind)?;
    let hub = Hub::new(&options.hub, name)?;
    let (commit, mut record) = hub.listing(&options.home)?;
    let folder = hub.cache.repo(hub.repo.clone()).pointer_path(&commit);
    let download = Download { hub: &hub, commit: &commit, folder: &folder, progress };

    let mut plan = Plan::new(&hub.name, kind, &record.files)?;
    let mut next = 0;
    // The index of a sharded model is itself a file to fetch, and names further ones.
    while let Some(file) = plan.files.get(next).cloned() {
        if !record.has(&file, &folder) {
            if options.hub.offline {
                return Err(hub.offline());
            }
            let size = download.fetch(&file)?;
            record.sizes.insert(file.clone(), size);
        }
        if plan.index.as_deref() == Some(file.as_str()) {
            plan.add_shards(&hub.name, &folder.join(&file), &record.files)?;
        }
        next += 1;
    }
    // After the files, so that an interrupted fetch leaves the branch where it was; and only if there
    // is news, so that a complete cache may be read-only.
    if !options.hub.offline
        && Record::load(&options.home, &hub.repo, &commit).as_ref() != Some(&record)
    {
        record.save(&options.home, &hub.repo, &commit)?;
    }
    if hub.last_commit().as_ref() != Some(&commit) {
        let refs = hub.cache.repo(hub.repo.clone());
        refs.create_ref(&commit).map_err(AssetError::cache("write", hub.cache.path()))?;
    }
    let file = |path: &String| AssetFile { path: folder.join(path), split: None };
    let files = plan.files.iter().map(file).collect();
    Ok(if plan.is_folder {
        Asset { path: folder, origin: Origin::Hub, files, view: None }
    } else {
        Asset::of_files(Origin::Hub, folder, files)
    })
}

/// One repository at one revision, and the way to reach it.
pub(super) struct Hub<'a> {
    options: &'a HubOptions,
    name: HubName,
    repo: Repo,
    cache: Cache,
    api: Api,
    endpoint: String,
    has_token: bool,
}

impl<'a> Hub<'a> {
    fn new(options: &'a HubOptions, name: HubName) -> Result<Self, AssetError> {
        let endpoint = options.endpoint.trim_end_matches('/').to_owned();
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err(AssetError::BadEndpoint { endpoint });
        }
        let token = options.token.clone().or_else(|| {
            let token = fs::read_to_string(&options.token_file).ok()?;
            Some(token.trim().to_owned()).filter(|token| !token.is_empty())
        });
        let has_token = token.is_some();
        let cache = Cache::new(options.cache.clone());
        let api = ApiBuilder::from_cache(cache.clone())
            .with_endpoint(endpoint.clone())
            .with_token(token)
            .with_progress(false)
            // Its own retries append to a partial file at the wrong place: see `download`.
            .with_retries(0)
            .with_user_agent("hybrid", env!("CARGO_PKG_VERSION"))
            .build()
            .map_err(|source| AssetError::HubUnreachable {
                endpoint: endpoint.clone(),
                what: name.id.clone(),
                source: Box::new(source),
            })?;
        let repo = Repo::with_revision(name.id.clone(), name.repo_type, name.revision.clone());
        Ok(Self { options, name, repo, cache, api, endpoint, has_token })
    }

    /// The same repository at one commit.
    fn api_at(&self, commit: &str) -> ApiRepo {
        let (id, repo_type) = (self.name.id.clone(), self.name.repo_type);
        self.api.repo(Repo::with_revision(id, repo_type, commit.to_owned()))
    }

    /// The commit that the revision is, and what it holds.
    ///
    /// A commit never changes, so a pinned one is not asked for twice. A branch is looked up each
    /// time; if the hub cannot be reached, the commit it was last seen at serves.
    fn listing(&self, home: &Path) -> Result<(String, Record), AssetError> {
        let recorded = |commit: &str| Record::load(home, &self.repo, commit);
        let last = self.last_commit();
        let fallback = |commit: String| {
            let folder = self.cache.repo(self.repo.clone()).pointer_path(&commit);
            // Another client of the hub may have left the files without our record.
            let record = recorded(&commit).or_else(|| Record::of_folder(&folder))?;
            Some((commit, record))
        };
        if self.options.offline {
            return last.and_then(fallback).ok_or_else(|| self.offline());
        }
        if is_commit(&self.name.revision)
            && let Some(record) = recorded(&self.name.revision)
        {
            return Ok((self.name.revision.clone(), record));
        }
        let info = match download::with_retries(self.options, || self.info()) {
            Ok(info) => info,
            Err(error) => {
                let error = self.error(error, &self.what());
                let unreachable = matches!(error, AssetError::HubUnreachable { .. });
                let Some(known) = last.filter(|_| unreachable).and_then(fallback) else {
                    return Err(error);
                };
                tracing::warn!(
                    "using commit {} of {} from the cache: {error}",
                    known.0,
                    self.what()
                );
                return Ok(known);
            }
        };
        if !is_commit(&info.sha) {
            return Err(self.bad_answer(&self.what(), format!("`{}` is no commit", info.sha)));
        }
        let files = info.siblings.into_iter().map(|file| file.rfilename).collect();
        let sizes = recorded(&info.sha).map(|old| old.sizes).unwrap_or_default();
        Ok((info.sha, Record { files, sizes }))
    }

    /// Asks the hub about the revision.
    fn info(&self) -> Result<RepoInfo, ApiError> {
        let request = self.api.repo(self.repo.clone()).info_request();
        let request = request.config().timeout_global(Some(INFO_TIMEOUT)).build();
        let mut response = request.call().map_err(Box::new)?;
        Ok(response.body_mut().read_json().map_err(Box::new)?)
    }

    /// The commit that the revision was when it was last looked up.
    fn last_commit(&self) -> Option<String> {
        if is_commit(&self.name.revision) {
            return Some(self.name.revision.clone());
        }
        let refs = self.cache.path().join(self.repo.folder_name()).join("refs");
        let commit = fs::read_to_string(refs.join(&self.name.revision)).ok()?;
        Some(commit.trim().to_owned()).filter(|commit| is_commit(commit))
    }

    fn offline(&self) -> AssetError {
        AssetError::HubOffline { repo: self.what(), cache: self.cache.path().clone() }
    }

    /// The repository and its revision, for messages.
    fn what(&self) -> String {
        format!("{}@{}", self.name.id, self.name.revision)
    }

    fn bad_answer(&self, what: &str, reason: String) -> AssetError {
        AssetError::HubBadAnswer { endpoint: self.endpoint.clone(), what: what.to_owned(), reason }
    }

    /// An error of `hf-hub` while fetching `what`, as one of ours.
    fn error(&self, error: ApiError, what: &str) -> AssetError {
        let endpoint = self.endpoint.clone();
        match error {
            ApiError::RequestError(error) => match *error {
                ureq::Error::StatusCode(404) => {
                    AssetError::HubNotFound { endpoint, what: what.to_owned() }
                }
                ureq::Error::StatusCode(status @ (401 | 403)) => AssetError::HubDenied {
                    endpoint,
                    repo: self.name.id.clone(),
                    status,
                    advice: match self.has_token {
                        true => "the token in use (HF_TOKEN, or the one of a login) has no access",
                        false => "set HF_TOKEN to an access token if it is private or gated",
                    },
                },
                ureq::Error::Json(error) => self.bad_answer(what, error.to_string()),
                error @ (ureq::Error::BadUri(_) | ureq::Error::TooManyRedirects) => {
                    self.bad_answer(what, format!("it redirects to nowhere ({error})"))
                }
                error => AssetError::HubUnreachable {
                    endpoint,
                    what: what.to_owned(),
                    source: Box::new(error),
                },
            },
            ApiError::IoError(error) if download::is_local(&error) => {
                AssetError::cache("write a file below", self.cache.path())(error)
            }
            ApiError::IoError(error) => AssetError::HubUnreachable {
                endpoint,
                what: what.to_owned(),
                source: Box::new(error),
            },
            ApiError::LockAcquisition(path) => {
                let busy = std::io::ErrorKind::ResourceBusy.into();
                AssetError::cache("get, because another process holds it, the lock", &path)(busy)
            }
            other => self.bad_answer(what, other.to_string()),
        }
    }
}

/// True for a full commit hash.
fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// True for models, false for data sets.
pub(super) fn is_model(repo_type: RepoType) -> bool {
    matches!(repo_type, RepoType::Model)
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
