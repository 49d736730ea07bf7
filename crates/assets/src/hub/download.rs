//! One file of a repository, fetched, continued and checked.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use hf_hub::api::sync::{ApiError, ApiRepo, Metadata};

use super::Hub;
use crate::digest::{self, bytes};
use crate::options::HubOptions;
use crate::store::remove;
use crate::{AssetError, Progress};

/// How long to wait for another process that downloads the same file.
const LOCK_PATIENCE: Duration = Duration::from_secs(60 * 60);

/// Fetches files of one commit.
pub(crate) struct Download<'a> {
    pub(crate) hub: &'a Hub<'a>,
    pub(crate) commit: &'a str,
    /// The snapshot folder of the commit.
    pub(crate) folder: &'a Path,
    pub(crate) progress: &'a dyn Progress,
}

impl Download<'_> {
    /// Makes sure that `file` is in the snapshot folder and returns its size in bytes.
    pub(crate) fn fetch(&self, file: &str) -> Result<u64, AssetError> {
        let what = format!("{}/{file}@{}", self.hub.name.id, self.commit);
        let api = self.hub.api_at(self.commit);
        let url = api.url(file);
        let metadata = with_retries(self.hub.options, || self.hub.api.metadata(&url))
            .map_err(|error| self.hub.error(error, &what))?;
        if !metadata.commit_hash().eq_ignore_ascii_case(self.commit) {
            let got = metadata.commit_hash();
            return Err(self.hub.bad_answer(&what, format!("it is of another commit, `{got}`")));
        }
        // The etag becomes a file name in the cache.
        if !is_etag(metadata.etag()) {
            let reason = format!("`{}` is no etag that can be kept", metadata.etag());
            return Err(self.hub.bad_answer(&what, reason));
        }
        let wanted = Wanted::new(self, file, &metadata);
        if self.is_there(&wanted)? {
            return Ok(wanted.size);
        }
        // A file that arrives in full and is wrong is fetched once more from its start: its first
        // part may have been left by somebody else.
        for is_last in [false, true] {
            self.transfer(&api, file, &wanted).map_err(|error| self.hub.error(error, &what))?;
            let Some(fault) = wanted.fault()? else { return Ok(wanted.size) };
            wanted.discard()?;
            if is_last {
                return Err(self.hub.bad_answer(&what, fault));
            }
            tracing::warn!("fetching {what} again: {fault}");
        }
        Ok(wanted.size)
    }

    /// True if the snapshot has the file, or can have it from the blobs of another commit.
    fn is_there(&self, wanted: &Wanted) -> Result<bool, AssetError> {
        let has_size = |path: &Path| fs::metadata(path).is_ok_and(|m| m.len() == wanted.size);
        if has_size(&wanted.pointer) {
            return Ok(true);
        }
        // A link to nothing, or to a file of the wrong size, would be in `hf-hub`'s way.
        remove(&wanted.pointer)?;
        if !has_size(&wanted.blob) {
            return Ok(false);
        }
        let parent = wanted.pointer.parent().unwrap_or(self.folder);
        fs::create_dir_all(parent).map_err(AssetError::cache("create", parent))?;
        let (blob, pointer) = (&wanted.blob, &wanted.pointer);
        match fs::hard_link(blob, pointer) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(true),
            // Some file systems have no links.
            Err(_) => {
                fs::copy(blob, pointer).map_err(AssetError::cache("write", pointer))?;
                Ok(true)
            }
        }
    }

    /// Downloads the file, each attempt from where the last one stopped.
    fn transfer(&self, api: &ApiRepo, file: &str, wanted: &Wanted) -> Result<(), ApiError> {
        let begin = Instant::now();
        with_retries(self.hub.options, || {
            let mut may_restart = true;
            loop {
                let adapter = Adapter { progress: self.progress, running: false };
                let result = guarded(|| api.download_with_progress(file, adapter));
                match result {
                    Ok(_) => return Ok(()),
                    // Another process has the lock: what it downloads will serve us too.
                    Err(ApiError::LockAcquisition(_)) if begin.elapsed() < LOCK_PATIENCE => {
                        match self.is_there(wanted) {
                            Ok(true) => return Ok(()),
                            _ => continue,
                        }
                    }
                    // Another process was first with the link to what both have downloaded.
                    Err(ApiError::IoError(error))
                        if error.kind() == io::ErrorKind::AlreadyExists
                            && matches!(self.is_there(wanted), Ok(true)) =>
                    {
                        return Ok(());
                    }
                    // The partial file is as long as the whole or longer: nothing to continue.
                    Err(error) if may_restart && is_bad_resume(&error) => {
                        may_restart = false;
                        fs::remove_file(&wanted.part)?;
                    }
                    Err(error) => return Err(error),
                }
            }
        })
    }
}

/// Where a file goes, and what it has to be.
struct Wanted {
    pointer: PathBuf,
    blob: PathBuf,
    part: PathBuf,
    size: u64,
    sha256: Option<String>,
}

impl Wanted {
    fn new(download: &Download<'_>, file: &str, metadata: &Metadata) -> Self {
        let repo = download.hub.cache.repo(download.hub.repo.clone());
        let blob = repo.blob_path(metadata.etag());
        let etag = metadata.etag().to_ascii_lowercase();
        Self {
            pointer: download.folder.join(file),
            part: blob.with_extension("part"),
            blob,
            size: metadata.size() as u64,
            // Files in large-file storage are called by their hash, others by a git hash.
            sha256: (etag.len() == 64 && etag.chars().all(|c| c.is_ascii_hexdigit()))
                .then_some(etag),
        }
    }

    /// What is wrong with the downloaded file, if anything is.
    fn fault(&self) -> Result<Option<String>, AssetError> {
        let read = || AssetError::cache("read", &self.pointer);
        let size = fs::metadata(&self.pointer).map_err(read())?.len();
        if size != self.size {
            let (expected, got) = (bytes(self.size), bytes(size));
            return Ok(Some(format!("expected {expected}, got {got}")));
        }
        let Some(sha256) = &self.sha256 else { return Ok(None) };
        let got = digest::of_file(&self.pointer).map_err(read())?.sha256;
        Ok((got != *sha256).then(|| format!("expected sha256 {sha256}, got {got}")))
    }

    fn discard(&self) -> Result<(), AssetError> {
        [&self.pointer, &self.blob, &self.part].into_iter().try_for_each(|path| remove(path))
    }
}

/// `hf-hub`'s progress, passed on to ours.
struct Adapter<'a> {
    progress: &'a dyn Progress,
    running: bool,
}

impl hf_hub::api::Progress for Adapter<'_> {
    fn init(&mut self, size: usize, filename: &str) {
        // It is called twice for each download.
        if !self.running {
            self.progress.start(&format!("downloading {filename}"), Some(size as u64));
            self.running = true;
        }
    }

    fn update(&mut self, size: usize) {
        self.progress.advance(size as u64);
    }

    fn finish(&mut self) {
        self.progress.finish();
    }
}

/// Makes `call` until it succeeds, fails for good, or has failed as often as `options` allows.
pub(crate) fn with_retries<T>(
    options: &HubOptions,
    mut call: impl FnMut() -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let mut pause = options.backoff;
    let mut attempt = 1;
    loop {
        match guarded(&mut call) {
            Err(error) if attempt < options.attempts && is_passing(&error) => {
                tracing::debug!("attempt {attempt} failed, next one in {pause:?}: {error}");
                thread::sleep(pause);
                pause = pause.saturating_mul(2);
                attempt += 1;
            }
            result => return result,
        }
    }
}

/// Runs `call`; a panic inside `hf-hub`, which trusts the hub's redirects to be well formed, becomes
/// an error.
fn guarded<T>(call: impl FnOnce() -> Result<T, ApiError>) -> Result<T, ApiError> {
    // Nothing is used after a panic that it may have left half done: requests stand alone.
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(Err(ApiError::InvalidHeader("location")))
}

/// True for failures that the same request may not meet again.
fn is_passing(error: &ApiError) -> bool {
    match error {
        ApiError::RequestError(error) => match &**error {
            ureq::Error::StatusCode(status) => matches!(status, 408 | 429 | 500..=599),
            ureq::Error::Io(error) => error.kind() != io::ErrorKind::ConnectionRefused,
            ureq::Error::Timeout(_) | ureq::Error::Protocol(_) => true,
            _ => false,
        },
        ApiError::IoError(error) => !is_local(error),
        _ => false,
    }
}

/// True for I/O errors that come from the disk. The others come from the connection: `hf-hub` uses
/// one variant for both.
pub(crate) fn is_local(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        error.kind(),
        K::StorageFull
            | K::QuotaExceeded
            | K::PermissionDenied
            | K::ReadOnlyFilesystem
            | K::NotFound
            | K::NotADirectory
            | K::IsADirectory
            | K::AlreadyExists
            | K::FileTooLarge
            | K::InvalidFilename
    )
}

fn is_bad_resume(error: &ApiError) -> bool {
    match error {
        ApiError::InvalidResume => true,
        ApiError::RequestError(error) => matches!(**error, ureq::Error::StatusCode(416)),
        _ => false,
    }
}

/// True for a word that may be a file name. The hub's own are git hashes and sha256 sums.
fn is_etag(etag: &str) -> bool {
    (1..=128).contains(&etag.len()) && etag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}
