//! The benchmarks of the workspace, and where their results belong.

use anyhow::Result;

use crate::workspace::Workspace;

/// Runs every benchmark program of the workspace, with `args` handed to each.
///
/// # Errors
///
/// When one does not compile or fails.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    if !has_benchmark(workspace) {
        println!("SKIPPED bench: no crate has a benchmark yet");
        return Ok(());
    }
    // Named targets only: a library's unit tests also run under `cargo bench`, and they would
    // refuse the arguments of a benchmark.
    let mut command = vec!["bench", "--workspace", "--bench", "*", "--"];
    command.extend(args.iter().map(String::as_str));
    workspace.cargo(&command)?;
    println!("Record what you publish: one dated file in benches/record/, see its README.");
    Ok(())
}

fn has_benchmark(workspace: &Workspace) -> bool {
    let packages = workspace.metadata.workspace_packages();
    packages.iter().flat_map(|package| &package.targets).any(|target| target.is_bench())
}
