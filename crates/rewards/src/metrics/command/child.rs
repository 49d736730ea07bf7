//! A running program with a line to it and a line from it.

use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{self, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Why no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The time was up.
    Late,
    /// The program ended.
    Ended,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Late => "the program did not answer in time",
            Self::Ended => "the program ended without an answer",
        })
    }
}

/// The program; it is killed when this is dropped.
///
/// A thread writes and a thread reads, so that neither side waits for the other to empty a pipe.
pub(super) struct Child {
    process: process::Child,
    requests: Sender<String>,
    answers: Receiver<String>,
}

impl Child {
    /// Starts `command`, the program and its arguments. Its error output goes where ours goes.
    pub(super) fn start(command: &[String]) -> Result<Self, String> {
        let [program, arguments @ ..] = command else { return Err("has no command".to_owned()) };
        let failed = |what: &str, error: String| {
            format!("cannot {what} `{program}`: {error}; check `command`")
        };
        let mut process = process::Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed("start", error.to_string()))?;
        let pipes = process.stdin.take().zip(process.stdout.take());
        let Some((mut stdin, stdout)) = pipes else {
            return Err(failed("talk to", "it has no pipes".to_owned()));
        };
        let (requests, to_write) = channel::<String>();
        let (read, answers) = channel();
        // Both threads end with the program: their pipes break, or we drop our ends.
        std::thread::spawn(move || {
            for line in to_write {
                let sent = writeln!(stdin, "{line}").and_then(|()| stdin.flush());
                if sent.is_err() {
                    break;
                }
            }
        });
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { break };
                if read.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { process, requests, answers })
    }

    /// Queues a line for the program. Where it has ended, the next [`answer`](Self::answer) says so.
    pub(super) fn send(&mut self, line: String) {
        let _ = self.requests.send(line);
    }

    /// The next line from the program.
    pub(super) fn answer(&mut self, limit: Duration) -> Result<String, Failure> {
        self.answers.recv_timeout(limit).map_err(|error| match error {
            RecvTimeoutError::Timeout => Failure::Late,
            RecvTimeoutError::Disconnected => Failure::Ended,
        })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill and only to be waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
