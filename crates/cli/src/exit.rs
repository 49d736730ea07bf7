//! Exit codes: 0 done, 1 failed, 2 bad usage or bad input, 130 interrupted.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Error;
use hybrid::HybridError;
use hybrid::checkpoint::CheckpointError;
use hybrid::config::ConfigError;
use hybrid::merge::MergeError;
use hybrid::run_dir::RunDirError;
use hybrid_assets::AssetError;
use hybrid_data::encode::EncodeError;
use hybrid_data::error::DataError;
use hybrid_data::template::TemplateError;
use hybrid_data::tokenizer::TokenizerError;
use hybrid_model::generate::GenerateError;
use hybrid_model::weights::WeightsError;
use hybrid_report::ReportError;
use hybrid_rewards::linear::LinearError;
use hybrid_rewards::{RewardError, SpecErrors};

/// Something wrong with what the user gave: an argument, a file, a prompt.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadInput(String);

impl BadInput {
    /// An error with exit code 2.
    pub(crate) fn error(message: impl Into<String>) -> Error {
        Error::new(Self(message.into()))
    }
}

/// Ctrl-C ended the work early. The message says how to go on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Interrupted(pub(crate) String);

const FAILED: u8 = 1;
const BAD_INPUT: u8 = 2;
/// 128 and the number of the signal.
pub(crate) const INTERRUPTED: u8 = 130;

/// Prints the error with its causes and returns the exit code it stands for.
pub(crate) fn report(error: &Error) -> ExitCode {
    if is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    if let Some(interrupted) = error.downcast_ref::<Interrupted>() {
        let _ = writeln!(std::io::stderr(), "{interrupted}");
        return ExitCode::from(INTERRUPTED);
    }
    // Where stderr is closed the exit code says it all.
    let _ = writeln!(std::io::stderr(), "error: {}", chain(error));
    ExitCode::from(if is_bad_input(error) { BAD_INPUT } else { FAILED })
}

/// The message and its causes, a cause on its own line where one of them has several.
fn chain(error: &Error) -> String {
    let parts: Vec<String> = error.chain().map(ToString::to_string).collect();
    if parts.iter().any(|part| part.contains('\n')) {
        return parts.join("\n  cause: ");
    }
    parts.join(": ")
}

/// Names the record by `place` in front of the reason why it cannot be encoded.
pub(crate) fn at_record(place: &str, error: EncodeError) -> Error {
    reason(error).context(place.to_owned())
}

/// The reason alone, without the encoder's own words around it: it says that a record cannot be used
/// for training, which is not what every command does.
pub(crate) fn reason(error: EncodeError) -> Error {
    match error {
        EncodeError::Record { source, .. } => reason(*source),
        EncodeError::Tokenizer { source } => source.into(),
        other => other.into(),
    }
}

/// True when the reader of our output went away, as `head` does: no failure of ours.
fn is_broken_pipe(error: &Error) -> bool {
    io_kinds(error).any(|kind| kind == ErrorKind::BrokenPipe)
}

fn io_kinds(error: &Error) -> impl Iterator<Item = ErrorKind> {
    let io = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind)
    };
    error.chain().filter_map(io)
}

/// A name of the wrong kind, such as a folder where a file should be.
const WRONG_PATH: [ErrorKind; 3] =
    [ErrorKind::IsADirectory, ErrorKind::NotADirectory, ErrorKind::InvalidFilename];
/// What can be the input's fault; whose it is says the error around it. Everything else, a disk or a
/// permission, is the machine's, whoever noticed it.
const WRONG_CONTENT: [ErrorKind; 4] = [
    ErrorKind::NotFound,
    ErrorKind::InvalidData,
    ErrorKind::InvalidInput,
    ErrorKind::UnexpectedEof,
];

fn is_bad_input(error: &Error) -> bool {
    if io_kinds(error).any(|kind| WRONG_PATH.contains(&kind)) {
        return true;
    }
    if io_kinds(error).any(|kind| !WRONG_CONTENT.contains(&kind)) {
        return false;
    }
    error.chain().any(|cause| {
        cause.is::<BadInput>()
            || cause.is::<TemplateError>()
            || cause.is::<TokenizerError>()
            || cause.is::<EncodeError>()
            || cause.downcast_ref::<AssetError>().is_some_and(AssetError::is_bad_input)
            || cause.downcast_ref::<DataError>().is_some_and(DataError::is_bad_input)
            || cause.downcast_ref::<WeightsError>().is_some_and(WeightsError::is_bad_input)
            || cause.is::<SpecErrors>()
            || cause.downcast_ref::<RewardError>().is_some_and(RewardError::is_bad_input)
            || cause.downcast_ref::<LinearError>().is_some_and(LinearError::is_bad_input)
            || cause.downcast_ref::<ConfigError>().is_some_and(ConfigError::is_bad_input)
            || cause.downcast_ref::<RunDirError>().is_some_and(RunDirError::is_bad_input)
            || cause.downcast_ref::<CheckpointError>().is_some_and(CheckpointError::is_bad_input)
            || cause.downcast_ref::<MergeError>().is_some_and(MergeError::is_bad_input)
            || cause.downcast_ref::<HybridError>().is_some_and(HybridError::is_bad_input)
            || cause.downcast_ref::<ReportError>().is_some_and(ReportError::is_bad_input)
            || cause.downcast_ref::<GenerateError>().is_some_and(is_about_the_request)
    })
}

/// False for what goes wrong in the numbers or on the device while generating.
fn is_about_the_request(error: &GenerateError) -> bool {
    !matches!(error, GenerateError::NoToken { .. } | GenerateError::Device { .. })
}

#[cfg(test)]
mod tests;
