//! How the crate reports the bytes it moves, without printing.

/// Receives the progress of one download or one unpacking at a time.
///
/// A call to [`Progress::start`] while another is unfinished replaces it: an attempt that failed is
/// started anew.
pub trait Progress {
    /// Work on `what` begins; `total` is the number of bytes if it is known.
    fn start(&self, what: &str, total: Option<u64>);

    /// `bytes` more are done.
    fn advance(&self, bytes: u64);

    /// The work begun last is complete.
    fn finish(&self);
}

/// A [`Progress`] that ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn start(&self, _what: &str, _total: Option<u64>) {}

    fn advance(&self, _bytes: u64) {}

    fn finish(&self) {}
}
