use std::io;
use std::path::PathBuf;

use super::*;

fn code(error: impl Into<Error>) -> bool {
    is_bad_input(&error.into())
}

fn reading(kind: ErrorKind) -> WeightsError {
    WeightsError::Io { action: "read", path: PathBuf::from("m"), source: kind.into() }
}

#[test]
fn the_input_is_to_blame_for_what_it_names_and_holds() {
    assert!(code(BadInput::error("x")));
    assert!(code(GenerateError::EmptyPrompt { row: 0 }));
    for kind in [ErrorKind::NotFound, ErrorKind::IsADirectory, ErrorKind::NotADirectory] {
        assert!(code(reading(kind)), "{kind}");
        assert!(code(Error::new(reading(kind)).context("while loading")), "{kind}");
    }
}

#[test]
fn the_machine_is_to_blame_for_disks_devices_and_numbers() {
    for kind in [ErrorKind::PermissionDenied, ErrorKind::StorageFull, ErrorKind::TimedOut] {
        assert!(!code(reading(kind)), "{kind}");
    }
    assert!(!code(GenerateError::NoToken { row: 0, step: 3 }));
    assert!(!code(GenerateError::Device { reason: "lost".to_owned() }));
    assert!(!code(io::Error::from(ErrorKind::NotFound)));
    assert!(!code(anyhow::anyhow!("anything else")));
}

#[test]
fn a_reader_that_left_is_found_behind_a_context() {
    let left = Error::from(io::Error::from(ErrorKind::BrokenPipe)).context("cannot write");
    assert!(is_broken_pipe(&left));
    assert!(!is_broken_pipe(&Error::from(io::Error::from(ErrorKind::StorageFull))));
}

#[test]
fn causes_follow_on_one_line_unless_one_of_them_has_several() {
    let error = anyhow::anyhow!("the disk is full").context("cannot write `x`");
    assert_eq!(chain(&error), "cannot write `x`: the disk is full");
    let error = anyhow::anyhow!("a\nb").context("cannot read `x`");
    assert_eq!(chain(&error), "cannot read `x`\n  cause: a\nb");
}
