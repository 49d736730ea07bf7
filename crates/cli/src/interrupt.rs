//! Ctrl-C: the first asks a training to end well, the second ends the program; a command that writes
//! one file ends at once and leaves no part of it.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::exit::INTERRUPTED;
use crate::ui::Ui;

static ASKED: AtomicBool = AtomicBool::new(false);
static LISTENS: AtomicBool = AtomicBool::new(false);

/// Takes over Ctrl-C; [`is_asked`] tells of it from then on. Further calls change nothing.
pub(crate) fn listen(ui: &Ui) -> Result<()> {
    if LISTENS.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    let is_watched = ui.is_watched();
    ctrlc::set_handler(move || on_ctrl_c(is_watched)).context("cannot listen for Ctrl-C")
}

/// True once Ctrl-C was pressed.
pub(crate) fn is_asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Takes over Ctrl-C: what is written so far to `partial` goes, and the program ends.
#[expect(clippy::exit, reason = "the user asks for it, and a read of stdin may block the rest")]
pub(crate) fn discard(partial: PathBuf) -> Result<()> {
    let end = move || {
        // Where it is gone already it has been put into its place.
        let _ = std::fs::remove_file(&partial);
        std::process::exit(i32::from(INTERRUPTED));
    };
    ctrlc::set_handler(end).context("cannot listen for Ctrl-C")
}

#[expect(clippy::exit, reason = "the user asks a second time: whatever runs, ends")]
fn on_ctrl_c(is_watched: bool) {
    if ASKED.swap(true, Ordering::Relaxed) {
        std::process::exit(i32::from(INTERRUPTED));
    }
    if is_watched {
        let text = "finishing this step and saving; press Ctrl-C again to stop at once";
        let _ = writeln!(std::io::stderr(), "\n{text}");
    }
}
