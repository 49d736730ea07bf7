//! Metrics as TensorBoard event files: the clock and the host's name that the writer does not know.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use hybrid::Metrics;
use hybrid_report::ReportError;
use hybrid_report::tensorboard::EventWriter;

/// The folder of a run directory that TensorBoard is pointed at.
const FOLDER: &str = "tensorboard";

/// An event file, or nothing once it could not be written.
#[derive(Debug)]
pub(super) struct Events {
    writer: Option<EventWriter>,
}

impl Events {
    /// Opens a file in the run directory. `resumed_at` is the first step that will be written, where
    /// older files may have it already.
    pub(super) fn open(run_dir: &Path, resumed_at: Option<u64>) -> Self {
        let seconds = now() as u64;
        let opened = EventWriter::open(&run_dir.join(FOLDER), seconds, &host(), resumed_at);
        let mut events = Self { writer: None };
        events.writer = events.kept(opened);
        events
    }

    /// Writes the metrics of a step.
    pub(super) fn write(&mut self, step: u64, metrics: &Metrics) {
        let Some(writer) = &mut self.writer else { return };
        let finite = |value: f64| value.is_finite().then_some(value);
        let metrics = metrics.iter().map(|(name, value)| (name, finite(value)));
        let written = writer.scalars(step, now(), metrics).and_then(|()| writer.flush());
        if self.kept(written).is_none() {
            self.writer = None;
        }
    }

    /// The value, or a warning: pictures that cannot be drawn are no reason to end a run.
    fn kept<T>(&self, result: Result<T, ReportError>) -> Option<T> {
        let failed = |error| {
            tracing::warn!("TensorBoard events end here: {:#}", anyhow::Error::new(error));
        };
        result.map_err(failed).ok()
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// The machine's name as far as a file name may hold it.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let plain: String = name.trim().chars().filter(is_plain).collect();
    if plain.is_empty() { "localhost".to_owned() } else { plain }
}
