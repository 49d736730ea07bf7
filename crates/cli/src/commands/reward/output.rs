//! Where scores go: stdout as they come, or a file that is there as a whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

use crate::exit::BadInput;
use crate::interrupt;

/// An open output.
pub(super) struct Output {
    sink: Sink,
}

enum Sink {
    Stdout(BufWriter<io::Stdout>),
    /// A device or a pipe, which cannot be replaced.
    Direct(BufWriter<File>),
    /// Renamed to the path at the end; an error or Ctrl-C before that takes it away.
    Atomic(BufWriter<NamedTempFile>, PathBuf),
}

impl Output {
    /// Opens `output`, or stdout. Refuses to write over `input`.
    pub(super) fn open(output: Option<&Path>, input: Option<&Path>) -> Result<Self> {
        let Some(path) = output else {
            return Ok(Self { sink: Sink::Stdout(BufWriter::new(io::stdout())) });
        };
        // A link stays one: what it points to is replaced.
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if input.is_some_and(|input| fs::canonicalize(input).is_ok_and(|input| input == real)) {
            return Err(BadInput::error(format!(
                "`--output` and `--input` are the same file `{}`; write to another one",
                path.display()
            )));
        }
        let failed = || format!("cannot write `{}`", path.display());
        let sink = match fs::metadata(&real) {
            Ok(there) if there.is_dir() => {
                return Err(BadInput::error(format!(
                    "`--output` is the folder `{}`; expected a file",
                    path.display()
                )));
            }
            Ok(there) if !there.is_file() => {
                let file = OpenOptions::new().write(true).open(&real).with_context(failed)?;
                Sink::Direct(BufWriter::new(file))
            }
            _ => {
                let file = temporary(&real).with_context(failed).map_err(no_folder(&real))?;
                interrupt::discard(file.path().to_owned())?;
                Sink::Atomic(BufWriter::new(file), real)
            }
        };
        Ok(Self { sink })
    }

    /// True where a person reads the scores as they come.
    pub(super) fn is_terminal(&self) -> bool {
        matches!(&self.sink, Sink::Stdout(stdout) if stdout.get_ref().is_terminal())
    }

    /// True where stdout is left to something else.
    pub(super) fn leaves_stdout(&self) -> bool {
        !matches!(self.sink, Sink::Stdout(_))
    }

    pub(super) fn writer(&mut self) -> &mut dyn Write {
        match &mut self.sink {
            Sink::Stdout(writer) => writer,
            Sink::Direct(writer) => writer,
            Sink::Atomic(writer, _) => writer,
        }
    }

    /// Puts the file into its place.
    pub(super) fn finish(mut self) -> Result<()> {
        self.writer().flush()?;
        let Sink::Atomic(writer, path) = self.sink else { return Ok(()) };
        let failed = || format!("cannot write `{}`", path.display());
        let file = writer.into_inner().map_err(io::IntoInnerError::into_error);
        file.and_then(|file| file.persist(&path).map_err(|error| error.error))
            .with_context(failed)?;
        Ok(())
    }
}

/// A file beside `path` with the rights that a new file has.
fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".partial");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path).map_or(0o666, |there| there.permissions().mode());
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    builder.tempfile_in(folder.unwrap_or_else(|| Path::new(".")))
}

/// A folder that is not there is the user's to make.
fn no_folder(path: &Path) -> impl FnOnce(anyhow::Error) -> anyhow::Error {
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    let is_missing = !folder.as_os_str().is_empty() && !folder.exists();
    move |error| match is_missing {
        true => BadInput::error(format!(
            "`--output`: there is no folder `{}`; make it first",
            folder.display()
        )),
        false => error,
    }
}
