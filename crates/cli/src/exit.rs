//! Exit codes: 0 done, 1 failed, 2 bad usage or bad input, 130 interrupted.

use std::process::ExitCode;

use anyhow::Error;
use hybrid_assets::AssetError;
use hybrid_data::encode::EncodeError;
use hybrid_data::error::DataError;
use hybrid_data::template::TemplateError;
use hybrid_data::tokenizer::TokenizerError;
use hybrid_model::generate::GenerateError;
use hybrid_model::weights::WeightsError;

/// Something wrong with what the user gave: an argument, a file, a prompt.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadInput(String);

impl BadInput {
    /// An error with exit code 2.
    pub(crate) fn new(message: impl Into<String>) -> Error {
        Error::new(Self(message.into()))
    }
}

const FAILED: u8 = 1;
const BAD_INPUT: u8 = 2;

/// Prints the error with its causes and returns the exit code it stands for.
#[expect(clippy::print_stderr, reason = "the one place where errors are printed")]
pub(crate) fn report(error: &Error) -> ExitCode {
    if is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    eprintln!("error: {}", chain(error));
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

/// True when the reader of our output went away, as `head` does: no failure of ours.
fn is_broken_pipe(error: &Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

fn is_bad_input(error: &Error) -> bool {
    if is_machine_fault(error) {
        return false;
    }
    error.chain().any(|cause| {
        let generate = cause.downcast_ref::<GenerateError>();
        cause.is::<BadInput>()
            || cause.is::<TemplateError>()
            || cause.is::<TokenizerError>()
            || cause.is::<EncodeError>()
            || cause.downcast_ref::<AssetError>().is_some_and(AssetError::is_bad_input)
            || cause.downcast_ref::<DataError>().is_some_and(DataError::is_bad_input)
            || cause.downcast_ref::<WeightsError>().is_some_and(WeightsError::is_bad_input)
            || generate.is_some_and(|error| !matches!(error, GenerateError::NoToken { .. }))
    })
}

/// True for a disk or a permission at fault, whoever noticed it; a file that is not there or not
/// what it should be is the input's fault.
fn is_machine_fault(error: &Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, NotFound, UnexpectedEof};
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|io| ![NotFound, InvalidData, InvalidInput, UnexpectedEof].contains(&io.kind()))
    })
}
