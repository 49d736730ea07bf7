use std::process::ExitStatus;

use super::*;

fn output(stdout: &str) -> Output {
    Output { status: ExitStatus::default(), stdout: stdout.into(), stderr: Vec::new() }
}

#[test]
fn only_present_devices_are_run() {
    let json = r#"[{"device": "cpu", "present": true}, {"device": "cuda:0", "present": false}]"#;
    assert_eq!(devices(json).unwrap(), ["cpu"]);
    assert!(devices("{}").unwrap_err().to_string().contains("no JSON array"));
    assert!(devices(r#"[{"device": "cpu"}]"#).unwrap_err().to_string().contains("`present`"));
}

#[test]
fn a_device_is_chosen_by_name_or_by_family() {
    let present = ["cpu", "cuda:0", "cuda:1"].map(str::to_owned);
    assert_eq!(chosen(&present, None).unwrap(), present);
    assert_eq!(chosen(&present, Some("cuda")).unwrap(), ["cuda:0", "cuda:1"]);
    assert_eq!(chosen(&present, Some("cuda:1")).unwrap(), ["cuda:1"]);
    let error = chosen(&present, Some("vulkan")).unwrap_err().to_string();
    assert!(error.contains("present are: cpu, cuda:0, cuda:1"), "{error}");
    assert!(chosen(&present, Some("cu")).is_err());
}

#[test]
fn generated_tokens_are_counted_and_their_logprobs_are_numbers() {
    let line = |ids: &str, logprobs: &str| {
        output(&format!("{{\"token_ids\": [{ids}], \"logprobs\": [{logprobs}]}}\n"))
    };
    let ids = "1, 2, 3, 4, 5, 6, 7, 8";
    let logprobs = "-1, -1, -1, -1, -1, -1, -0.5, 0";
    expect_eight_tokens(&line(ids, logprobs)).unwrap();
    assert!(expect_eight_tokens(&line("1", logprobs)).is_err());
    assert!(expect_eight_tokens(&line(ids, "-1")).is_err());
    assert!(expect_eight_tokens(&line(ids, &logprobs.replace("-0.5", "null"))).is_err());
    assert!(expect_eight_tokens(&line(ids, &logprobs.replace("-0.5", "0.5"))).is_err());
    assert!(expect_eight_tokens(&output("The sky is blue")).is_err());
}

/// Runs a shell script where the binary would stand.
#[cfg(unix)]
fn run_script(script: &str, expect: fn(&Output) -> Result<()>) -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let smoke = Smoke { binary: Path::new("sh"), folder: folder.path() };
    smoke.check("a check", &["-c", script].map(str::to_owned), &expect)
}

#[cfg(unix)]
#[test]
fn a_check_needs_both_a_good_status_and_a_good_output() {
    let says_yes: fn(&Output) -> Result<()> = |output| {
        ensure!(stdout(output)?.trim() == "yes", "did not say yes");
        Ok(())
    };
    run_script("echo yes", says_yes).unwrap();
    let error = format!("{:#}", run_script("echo no; echo why >&2", says_yes).unwrap_err());
    assert!(error.contains("`a check`") && error.contains("why"), "{error}");
    assert!(error.contains("did not say yes"), "{error}");
    let error = format!("{:#}", run_script("echo yes; exit 3", says_yes).unwrap_err());
    assert!(error.contains("exit status: 3"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_check_sees_a_cache_of_its_own() {
    run_script("test \"$HYBRID_HOME\" -ef .", |_| Ok(())).unwrap();
}
