use super::*;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn soon(seconds: f64) -> Instant {
    Instant::now() + Duration::from_secs_f64(seconds)
}

#[test]
fn a_command_that_ends_in_time_is_judged_by_its_status() {
    assert_eq!(run_until(&mut shell("exit 0"), soon(30.0)).unwrap(), Ended::Well);
    let error = run_until(&mut shell("exit 3"), soon(30.0)).unwrap_err().to_string();
    assert!(error.starts_with("`sh -c exit 3` ended with"), "{error}");
    let error = run_until(&mut Command::new("no-such-program"), soon(30.0)).unwrap_err();
    assert_eq!(error.to_string(), "cannot start `no-such-program`");
}

#[test]
#[cfg(unix)]
fn a_command_is_stopped_with_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let late = folder.path().join("late");
    // The shell waits for a shell that would leave a file.
    let script = format!("sh -c 'sleep 1; echo > {}'; true", late.display());
    let start = Instant::now();
    assert_eq!(run_until(&mut shell(&script), soon(0.2)).unwrap(), Ended::OutOfTime);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    std::thread::sleep(Duration::from_secs(2));
    assert!(!late.exists());
}
