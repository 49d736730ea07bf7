//! What a person sees while waiting: bars and spinners on stderr, none when it is no terminal.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

/// Options of every command that shape its output.
#[derive(Debug, Clone, Args)]
pub(crate) struct Ui {
    /// Print no progress and no warnings
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Print JSON on stdout, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl Ui {
    /// True when a person watches stderr.
    pub(crate) fn is_watched(&self) -> bool {
        !self.quiet && std::io::stderr().is_terminal()
    }

    /// A line on stderr for a person who waits.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet && !self.json {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// A bar over `total` bytes, or a spinner where the total is unknown.
    pub(crate) fn bar(&self, what: &str, total: Option<u64>) -> ProgressBar {
        let template = match total {
            Some(_) => "{msg} {wide_bar:.dim} {bytes}/{total_bytes} {eta}",
            None => "{spinner} {msg} {bytes}",
        };
        self.styled(what, total, template)
    }

    /// A bar over `total` steps of `what`.
    pub(crate) fn steps(&self, what: &str, total: u64) -> ProgressBar {
        self.styled(what, Some(total), "{msg} {wide_bar:.dim} {pos}/{len} {eta}")
    }

    /// A count of rows of unknown number, `since` after the work began.
    pub(crate) fn counter(&self, what: &str, since: Duration) -> ProgressBar {
        let template = "{spinner} {msg} {human_pos} rows {per_sec} {elapsed}";
        let bar = self.styled(what, None, template).with_elapsed(since);
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    /// A spinner for work of unknown length.
    pub(crate) fn spinner(&self, what: &str) -> ProgressBar {
        let bar = self.styled(what, None, "{spinner} {msg} {elapsed}");
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    fn styled(&self, what: &str, total: Option<u64>, template: &str) -> ProgressBar {
        let target = if self.is_watched() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(total, target);
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        // An error that drops a bar takes it off the screen: the message has its line to itself.
        bar.with_style(style).with_message(what.to_owned()).with_finish(ProgressFinish::AndClear)
    }
}

/// Sends the libraries' events to stderr: warnings by default, `RUST_LOG` for more.
pub(crate) fn start_tracing(ui: &Ui) {
    use tracing_subscriber::EnvFilter;
    let default = if ui.quiet { "error" } else { "warn" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .with_target(false)
        .try_init();
}
