//! Writing checkpoints and thinning them out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::find::{self, Candidate, REPLACED};
use super::manifest::{FORMAT_VERSION, FileEntry, MANIFEST, Manifest};
use super::steps::Disk;
use super::{CheckpointError, FOLDER, path_of};
use crate::config::Mode;

/// What may go wrong while a part writes its files.
pub type PartsError = Box<dyn std::error::Error + Send + Sync>;

/// Which checkpoints stay when a new one is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// So many of the newest; the newest stays even at 0.
    pub last: usize,
    /// Also the one with the best metric, where more or less is better; of equals the first.
    pub best: Option<Mode>,
}

/// Writes the checkpoints of one run directory. No two may write to the same at once.
#[derive(Debug)]
pub struct Writer {
    run_dir: PathBuf,
    keep: Keep,
    disk: Disk,
}

impl Writer {
    /// Makes the folder for checkpoints, and removes what an interrupted run left half written.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Io`] naming the folder.
    pub fn open(run_dir: &Path, keep: Keep) -> Result<Self, CheckpointError> {
        Self::with_disk(run_dir, keep, Disk::default())
    }

    pub(super) fn with_disk(
        run_dir: &Path,
        keep: Keep,
        disk: Disk,
    ) -> Result<Self, CheckpointError> {
        let mut writer = Self { run_dir: run_dir.to_owned(), keep, disk };
        writer.disk.ensure_folder(&writer.folder())?;
        writer.clean()?;
        Ok(writer)
    }

    /// Writes the checkpoint of `step`: `parts` fills a folder with files, which may stand in
    /// folders of their own. Only when all of it is on the disk does it get its name, and only then
    /// are older ones removed. A checkpoint of the same step is replaced.
    ///
    /// `metric` decides which checkpoint is the best.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`] saying what could not be written. Checkpoints from before are still
    /// there.
    pub fn save(
        &mut self,
        step: u64,
        metric: Option<f64>,
        parts: &mut dyn FnMut(&Path) -> Result<(), PartsError>,
    ) -> Result<PathBuf, CheckpointError> {
        let partial = self.folder().join(format!("step-{step}.tmp-{}", std::process::id()));
        if partial.exists() {
            self.disk.remove(&partial)?;
        }
        let filled = self.fill(&partial, step, metric, parts);
        if filled.is_err() {
            // The first error is the one to report; the next run cleans up what is left.
            let _ = self.disk.remove(&partial);
        }
        filled?;
        let path = self.put_in_place(&partial, step)?;
        self.thin_out(step)?;
        Ok(path)
    }

    fn folder(&self) -> PathBuf {
        self.run_dir.join(FOLDER)
    }

    /// Writes everything, manifest last, each flushed before the next is begun.
    fn fill(
        &mut self,
        partial: &Path,
        step: u64,
        metric: Option<f64>,
        parts: &mut dyn FnMut(&Path) -> Result<(), PartsError>,
    ) -> Result<(), CheckpointError> {
        self.disk.create_folder(partial)?;
        parts(partial).map_err(|source| CheckpointError::Part { step, source })?;
        let mut files = BTreeMap::new();
        self.flush_all(partial, "", &mut files)?;
        let metric = metric.filter(|value| value.is_finite());
        let manifest = Manifest { format_version: FORMAT_VERSION, step, metric, files };
        let text = manifest
            .to_text()
            .map_err(|source| CheckpointError::Part { step, source: source.into() })?;
        let path = partial.join(MANIFEST);
        self.disk.write(&path, text.as_bytes())?;
        self.disk.flush(&path)?;
        self.disk.flush(partial)
    }

    /// Flushes and lists every file below `folder`, whose path in the checkpoint is `prefix`.
    fn flush_all(
        &mut self,
        folder: &Path,
        prefix: &str,
        files: &mut BTreeMap<String, FileEntry>,
    ) -> Result<(), CheckpointError> {
        for path in find::entries(folder)? {
            let refused = |reason| CheckpointError::NotAFile { path: path.clone(), reason };
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.ok_or_else(|| refused("its name is not UTF-8"))?;
            let name = format!("{prefix}{name}");
            let io = |source| CheckpointError::io("read", &path, source);
            let kind = std::fs::symlink_metadata(&path).map_err(io)?.file_type();
            if kind.is_dir() {
                self.flush_all(&path, &format!("{name}/"), files)?;
            } else if !kind.is_file() {
                return Err(refused("it is a link or a device, not a file"));
            } else if name == MANIFEST {
                return Err(refused("the name belongs to the checkpoint itself"));
            } else {
                self.disk.flush(&path)?;
                files.insert(name, FileEntry::of(&path).map_err(io)?);
            }
        }
        self.disk.flush(folder)
    }

    /// Gives the finished checkpoint its name. One of the same step steps aside under a name that
    /// [`super::newest_complete`] also knows, so that at no moment there is neither.
    fn put_in_place(&mut self, partial: &Path, step: u64) -> Result<PathBuf, CheckpointError> {
        let path = path_of(&self.run_dir, step);
        let replaced = with_suffix(&path, REPLACED);
        let folder = self.folder();
        if path.exists() {
            if replaced.exists() {
                self.remove(&replaced)?;
            }
            self.disk.rename(&path, &replaced)?;
        }
        self.disk.rename(partial, &path)?;
        self.disk.flush(&folder)?;
        if replaced.exists() {
            self.remove(&replaced)?;
        }
        Ok(path)
    }

    /// Removes a checkpoint: first its name, so that no half of it is ever taken for one.
    fn remove(&mut self, path: &Path) -> Result<(), CheckpointError> {
        let aside = with_suffix(path, ".tmp-removed");
        if aside.exists() {
            self.disk.remove(&aside)?;
        }
        self.disk.rename(path, &aside)?;
        self.disk.remove(&aside)
    }

    /// Removes complete checkpoints that are neither among the newest nor the best. Those of steps
    /// after `newest` belong to a run that was set back, and those that are damaged may be of use to
    /// somebody: both stay.
    fn thin_out(&mut self, newest: u64) -> Result<(), CheckpointError> {
        let mut complete = Vec::new();
        for candidate in find::candidates(&self.run_dir)? {
            if candidate.step > newest || candidate.is_replaced {
                continue;
            }
            if let Ok(manifest) = Manifest::read(&candidate.path) {
                complete.push((candidate, manifest.metric));
            }
        }
        let first_kept = complete.len().saturating_sub(self.keep.last.max(1));
        let mut kept: BTreeSet<u64> =
            complete.iter().skip(first_kept).map(|(candidate, _)| candidate.step).collect();
        kept.extend(self.keep.best.and_then(|mode| best(&complete, mode)));
        for (candidate, _) in complete {
            if !kept.contains(&candidate.step) {
                self.remove(&candidate.path)?;
            }
        }
        Ok(())
    }

    /// Removes what an interrupted run left: folders under temporary names, and a replaced
    /// checkpoint, unless it is the only whole one of its step.
    fn clean(&mut self) -> Result<(), CheckpointError> {
        for path in find::entries(&self.folder())? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with("step-") && name.contains(".tmp-") {
                self.disk.remove(&path)?;
            }
        }
        for candidate in find::candidates(&self.run_dir)? {
            let Candidate { step, is_replaced, path } = candidate;
            let current = path_of(&self.run_dir, step);
            if !is_replaced {
                continue;
            }
            if !current.exists() {
                self.disk.rename(&path, &current)?;
            } else if find::verify(&current).is_ok() {
                self.remove(&path)?;
            }
        }
        Ok(())
    }
}

/// The step with the best metric; the first of equals.
fn best(complete: &[(Candidate, Option<f64>)], mode: Mode) -> Option<u64> {
    let mut best: Option<(u64, f64)> = None;
    for (candidate, metric) in complete {
        let Some(value) = *metric else { continue };
        if best.is_none_or(|(_, so_far)| mode.is_better(value, so_far)) {
            best = Some((candidate.step, value));
        }
    }
    best.map(|(step, _)| step)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
