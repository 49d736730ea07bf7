//! Running the binary, and the tiny models it is run on.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use burn::tensor::Device;
use hybrid_model::input::{Rows, TokenInput};
use hybrid_model::{Decoder, weights};
use hybrid_testing::models;
use serde_json::Value;
use tempfile::TempDir;

/// What `f32` may cost: far less than a token more or less before a prediction changes it, in nats.
const ROUNDING: f64 = 1e-5;

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Stdout of a run that succeeded and had nothing to say.
    #[track_caller]
    pub(crate) fn data(self) -> String {
        assert_eq!(self.code, 0, "{}", self.stderr);
        assert_eq!(self.stderr, "");
        self.stdout
    }

    /// The JSON value of each line of [`Outcome::data`].
    #[track_caller]
    pub(crate) fn json_lines(self) -> Vec<Value> {
        self.data().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The JSON value of the only line of [`Outcome::data`].
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let lines = self.json_lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.into_iter().next().unwrap()
    }

    /// The message of a run that found its input bad: one paragraph, and nothing on stdout.
    #[track_caller]
    pub(crate) fn bad_input(self) -> String {
        assert_eq!(self.code, 2, "{self:?}");
        assert_eq!(self.stdout, "");
        // clap ends its messages so.
        let message = self.stderr.replace("\n\nFor more information, try '--help'.\n", "\n");
        assert!(message.starts_with("error: "), "{message}");
        assert!(message.ends_with('\n') && !message.contains("\n\n"), "{message}");
        for trace in
            ["panicked", "RUST_BACKTRACE", "called `Option", "called `Result", "Stack backtrace"]
        {
            assert!(!message.contains(trace), "{message}");
        }
        message.trim_end().to_owned()
    }
}

/// The binary in a world without pip, network and colours.
pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hybrid"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("HYBRID_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-assets"));
    command.env("HF_HUB_OFFLINE", "1").env("PATH", "").env("RUST_BACKTRACE", "1");
    for name in ["RUST_LOG", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "HF_ENDPOINT"] {
        command.env_remove(name);
    }
    command
}

/// Runs the binary to its end.
pub(crate) fn hybrid<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Outcome {
    finish(command(args).spawn().unwrap())
}

/// Runs the binary with `input` on stdin.
pub(crate) fn hybrid_fed<S: AsRef<std::ffi::OsStr>>(args: &[S], input: &str) -> Outcome {
    let mut child = command(args).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that stops reading early is judged by what it prints.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    finish(child)
}

/// Presses Ctrl-C.
pub(crate) fn interrupt(child: &Child) {
    // `kill` is a builtin of every shell.
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("/bin/sh").args(["-c", &kill]).status().unwrap().success());
}

pub(crate) fn finish(child: Child) -> Outcome {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Outcome {
        code: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// A tiny llama with the byte tokenizer; its context is 128. Read only.
pub(crate) fn model() -> &'static Path {
    static MODEL: OnceLock<PathBuf> = OnceLock::new();
    MODEL.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tiny-llama");
        std::fs::create_dir_all(&directory).unwrap();
        models::write(&directory, "llama", 7, &Device::flex());
        directory
    })
}

/// [`model`] as an argument.
pub(crate) fn model_name() -> &'static str {
    model().to_str().unwrap()
}

/// A copy of [`model`] to break.
pub(crate) fn copy_of_model() -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(model()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    copy
}

/// A file with this content in a folder of its own.
pub(crate) fn file(name: &str, content: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// `log_softmax(logits / temperature)` of the token after `ids`, for every token, in `f64`.
pub(crate) fn next_logprobs(decoder: &Decoder, ids: &[u32], temperature: f64) -> Vec<f64> {
    let input = TokenInput::new(ids, [1, ids.len()], Rows::RightPadded, &decoder.device());
    let hidden = decoder.hidden(&input, None).slice_dim(1, ids.len() - 1..ids.len());
    let logits = decoder.logits(hidden).into_data();
    let logits: Vec<f64> = logits.iter::<f64>().map(|x| x / temperature).collect();
    let log_sum = logits.iter().map(|x| x.exp()).sum::<f64>().ln();
    logits.iter().map(|x| x - log_sum).collect()
}

/// The weights of [`model`].
pub(crate) fn decoder() -> Decoder {
    let checkpoint = weights::Checkpoint::open(model()).unwrap();
    weights::load(&checkpoint, &Device::flex()).unwrap()
}

#[track_caller]
pub(crate) fn assert_near(ours: &Value, expected: f64) {
    let ours = ours.as_f64().unwrap();
    assert!((ours - expected).abs() <= ROUNDING, "{ours}, expected {expected}");
}
