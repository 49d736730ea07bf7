//! The programs under `examples/`: each proves its claim and fails when it does not hold.

use anyhow::{Context, Result, bail};

use crate::workspace::{Workspace, succeed};

/// One example program, as cargo names it, and the arguments with which `ci` runs it, from the
/// root; `{folder}` stands for a folder of its own.
struct Example {
    name: &'static str,
    args: &'static [&'static str],
}

/// Every example target of the workspace; [`run`] fails when one has no row here.
const EXAMPLES: &[Example] = &[
    Example { name: "resave", args: &["golden/gguf/qwen3.gguf", "{folder}/qwen3"] },
    Example { name: "custom_reward", args: &[] },
    Example {
        name: "validate",
        args: &["auc", r#"{"type": "distinct_n"}"#, "crates/rewards/examples/validate.jsonl"],
    },
    Example { name: "compare_rewards", args: &["golden/rewards/compare.jsonl"] },
    Example { name: "reward_speed", args: &["golden/rewards/compare.jsonl"] },
    Example { name: "flat_memory", args: &["50000"] },
    Example {
        name: "enumerable",
        args: &[
            "--reward",
            "echo",
            "--seed",
            "1",
            "--estimator",
            "gae",
            "--updates",
            "200",
            "--at-least",
            "0.8",
        ],
    },
    Example {
        name: "random_walks",
        args: &["--seed", "1", "--sft-steps", "150", "--updates", "12", "--at-least", "0.5"],
    },
    Example { name: "thesis", args: &["--seeds", "1", "--units", "4", "--small"] },
    Example { name: "design_loop", args: &["--small"] },
    Example { name: "use_one_crate", args: &[] },
    Example { name: "hybrid_curriculum", args: &[] },
    Example { name: "run_files", args: &[] },
    Example { name: "sentiment_judges", args: &[] },
];

/// Runs every registered example and returns how many there were.
///
/// # Errors
///
/// When one fails its own claim, or when an example exists that is not registered.
pub(crate) fn run(workspace: &Workspace) -> Result<usize> {
    let packages = workspace.metadata.workspace_packages();
    for target in packages.iter().flat_map(|package| &package.targets) {
        if target.is_example() && !EXAMPLES.iter().any(|example| example.name == target.name) {
            bail!("example `{}` is not in the table of xtask/src/examples.rs", target.name);
        }
    }
    let folder = workspace.artefacts().join("examples");
    for example in EXAMPLES {
        println!("example {}", example.name);
        let program = folder.join(example.name).with_extension(std::env::consts::EXE_EXTENSION);
        let own = tempfile::tempdir().context("cannot make a temporary folder")?;
        let own = own.path().to_string_lossy();
        let args = example.args.iter().map(|arg| arg.replace("{folder}", &own));
        succeed(workspace.command(program).args(args))?;
    }
    Ok(EXAMPLES.len())
}
