//! Event files that TensorBoard reads: scalars, and samples as text.
//!
//! An event file is a sequence of records (see `record`), each a protocol-buffers message `Event`
//! (see `message`). The format is TensorFlow's, stable since 2016: `core/lib/io/record_writer.cc`
//! and `core/util/event.proto`.
//!
//! A resumed run opens a new file in the same folder. It begins with a session mark, by which
//! TensorBoard forgets what an earlier file says about that step and later ones, so a curve never
//! runs back in time.

mod message;
mod record;

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::definitions;
use crate::error::ReportError;

/// Writes one event file.
///
/// Clocks and host names belong to the caller: times are arguments, in seconds since 1970.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    out: BufWriter<File>,
    /// Tags that have been written, and so described.
    described: Vec<String>,
}

impl EventWriter {
    /// Opens `events.out.tfevents.SECONDS.HOST` in `folder`, making the folder where needed.
    ///
    /// `resumed_at` is the first step that this run will do, where it continues an earlier one: what
    /// older files in the folder say about that step and later ones is then void. An event file
    /// of the same name is continued; half a record at its end, left by a killed program, is cut
    /// off first.
    ///
    /// # Errors
    ///
    /// [`ReportError::BadHost`] for a host name that is empty or holds more than ASCII letters, digits
    /// and `-_.`; [`ReportError::NotEvents`] where a file of that name holds something else;
    /// [`ReportError::Io`] where the machine refuses.
    pub fn open(
        folder: &Path,
        seconds: u64,
        host: &str,
        resumed_at: Option<u64>,
    ) -> Result<Self, ReportError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if host.is_empty() || !host.chars().all(is_plain) {
            return Err(ReportError::BadHost { host: host.to_owned() });
        }
        fs::create_dir_all(folder).map_err(ReportError::io("create", folder))?;
        let path = folder.join(format!("events.out.tfevents.{seconds:010}.{host}"));
        let is_new = cut_after_last_record(&path)?;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(ReportError::io("create", &path))?;
        let mut writer = Self { path, out: BufWriter::new(file), described: Vec::new() };
        let time = seconds as f64;
        if is_new {
            writer.append(&message::file_version(time))?;
        }
        if let Some(step) = resumed_at {
            writer.append(&message::session_start(time, step))?;
        }
        writer.flush()?;
        Ok(writer)
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the numbers of one step under their metric keys. A `None` is left out; numbers are
    /// stored as `f32`, as TensorBoard has them.
    ///
    /// # Errors
    ///
    /// [`ReportError::Io`] where the machine refuses.
    pub fn scalars<'a>(
        &mut self,
        step: u64,
        time: f64,
        metrics: impl IntoIterator<Item = (&'a str, Option<f64>)>,
    ) -> Result<(), ReportError> {
        let mut values = Vec::new();
        for (tag, value) in metrics {
            let Some(value) = value else { continue };
            values.push(message::scalar(tag, value as f32, self.description(tag).as_deref()));
        }
        if values.is_empty() {
            return Ok(());
        }
        self.append(&message::summary(time, step, &values))
    }

    /// Writes a text under `tag`; TensorBoard shows it as Markdown.
    ///
    /// # Errors
    ///
    /// [`ReportError::Io`] where the machine refuses.
    pub fn text(&mut self, step: u64, time: f64, tag: &str, text: &str) -> Result<(), ReportError> {
        self.append(&message::summary(time, step, &[message::text(tag, text)]))
    }

    /// Hands everything to the operating system. Also done when the writer is dropped, but only here
    /// is a failure told.
    ///
    /// # Errors
    ///
    /// [`ReportError::Io`] where the machine refuses.
    pub fn flush(&mut self) -> Result<(), ReportError> {
        self.out.flush().map_err(ReportError::io("write", &self.path))
    }

    fn append(&mut self, event: &[u8]) -> Result<(), ReportError> {
        record::write(&mut self.out, event).map_err(ReportError::io("write", &self.path))
    }

    /// The definition of `tag`, once a file.
    fn description(&mut self, tag: &str) -> Option<String> {
        if self.described.iter().any(|known| known == tag) {
            return None;
        }
        self.described.push(tag.to_owned());
        definitions::find(tag).map(|definition| definition.sentence(tag))
    }
}

/// A sample as the Markdown that [`EventWriter::text`] takes: prompt, response and scores, each
/// line indented so that nothing in it is read as Markdown or HTML.
pub fn sample_markdown(prompt: &str, response: &str, score: Option<f64>) -> String {
    let block =
        |text: &str| -> String { text.lines().map(|line| format!("    {line}\n")).collect() };
    let score = score.map_or_else(|| "no score".to_owned(), |score| format!("score {score:.4}"));
    format!("Prompt\n\n{}\nResponse ({score})\n\n{}", block(prompt), block(response))
}

/// Cuts half a record off the end of the file; says whether the file is new or empty.
fn cut_after_last_record(path: &Path) -> Result<bool, ReportError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(source) => return Err(ReportError::io("read", path)(source)),
    };
    let mut whole = 0;
    while let Some(event) = bytes.get(whole..).and_then(record::first) {
        whole += record::FRAME + event.len();
    }
    if whole == 0 && !bytes.is_empty() {
        return Err(ReportError::NotEvents { path: path.to_path_buf() });
    }
    if whole < bytes.len() {
        let file = OpenOptions::new().write(true).open(path);
        file.and_then(|file| file.set_len(whole as u64)).map_err(ReportError::io("write", path))?;
    }
    Ok(whole == 0)
}

#[cfg(test)]
mod tests;
