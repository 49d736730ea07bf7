//! `--help`: every command shows how it is used.

use crate::support::hybrid;

#[test]
fn the_commands() {
    insta::assert_snapshot!(hybrid(&["--help"]).data(), @r#"
    SFT and PPO in one run, on one machine

    Usage: hybrid [OPTIONS] <COMMAND>

    Commands:
      quickstart  Fetch a small model and data, train by SFT and PPO, show what changed
      train       Train a model as a run file says
      check       Check a run file and show the effective configuration
      generate    Continue prompts with a model
      chat        Talk with a chat model
      eval        Measure perplexity on texts, and rewards of answers
      predict     Ask a trained task head about texts
      inspect     Show examples as tokens, the trained ones marked
      reward      Score texts by a reward spec
      report      Make one HTML page of a run
      export      Write a run's newest weights as a Hugging Face folder
      merge       Average the weights of several checkpoints
      assets      List and fetch pinned models and data sets
      devices     List the devices that were compiled in and are there
      help        Print this message or the help of the given subcommand(s)

    Options:
      -q, --quiet    Print no progress and no warnings
          --json     Print JSON on stdout, for programs
      -h, --help     Print help
      -V, --version  Print version

    Examples:
      hybrid quickstart
      hybrid generate smollm2-135m-instruct --prompt "Hello" --greedy
    "#);
}

#[test]
fn every_command_has_an_example_that_names_it() {
    for command in [
        "quickstart",
        "train",
        "check",
        "generate",
        "chat",
        "eval",
        "predict",
        "inspect",
        "reward",
        "report",
        "export",
        "merge",
        "assets",
        "devices",
    ] {
        let help = hybrid(&[command, "--help"]).data();
        let example = help.split("\nExample").nth(1).unwrap_or_else(|| panic!("{command}: {help}"));
        assert!(example.contains(&format!("hybrid {command}")), "{help}");
    }
    let help = hybrid(&["reward", "train", "--help"]).data();
    assert!(help.contains("Examples:\n  hybrid reward train"), "{help}");
    for action in ["list", "get", "add"] {
        let help = hybrid(&["assets", action, "--help"]).data();
        assert!(help.contains(&format!("Example: hybrid assets {action}")), "{help}");
    }
}

#[test]
fn no_arguments_are_a_mistake() {
    let outcome = hybrid::<&str>(&[]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""));
    assert!(outcome.stderr.contains("Usage: hybrid"), "{}", outcome.stderr);
}
