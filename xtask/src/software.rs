//! wgpu without a GPU: the parity tests on SwiftShader, and the type check of CUDA.
//!
//! SwiftShader computes Vulkan on the processor. Debian has it in `chromium-common`; the browser is
//! neither installed nor started. Both tasks compile burn once more, in the profile `gpu`.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::workspace::{Ended, Workspace, run_until};

#[cfg(test)]
mod tests;

/// The profile of both tasks; see the root `Cargo.toml`.
const PROFILE: &str = "gpu";

/// Where Debian puts SwiftShader.
const DRIVER: &str = "/usr/lib/chromium/libvk_swiftshader.so";

/// Debian's packages with the driver, and with the library that finds it.
const PACKAGES: [&str; 2] = ["chromium-common", "libvulkan1"];

/// Folders in which the library that finds drivers may be, and its name.
const LIBRARIES: [&str; 5] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
];
const LOADER: &str = "libvulkan.so.1";

/// The longest that installing the packages may take.
const INSTALL: Duration = Duration::from_secs(5 * 60);

/// How a task ended that did not fail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything ran.
    Passed,
    /// It did not run to its end, and why.
    Skipped(String),
}

/// Does both tasks, with hours for each.
///
/// # Errors
///
/// As [`parity`] and [`cuda`], and where one of them cannot run.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    for task in [parity, cuda] {
        let deadline = Instant::now() + Duration::from_secs(3 * 3600);
        if let Outcome::Skipped(reason) = task(workspace, deadline)? {
            bail!("{reason}");
        }
    }
    Ok(())
}

/// Runs the parity tests on SwiftShader, which is installed where it is absent and `apt-get` may.
///
/// What takes until `deadline` is stopped and counts as skipped.
///
/// # Errors
///
/// Tests that do not compile or do not pass.
pub(crate) fn parity(workspace: &Workspace, deadline: Instant) -> Result<Outcome> {
    if let Some(reason) = install(deadline)? {
        return Ok(Outcome::Skipped(reason));
    }
    let driver = workspace.artefacts_of(PROFILE).with_file_name("swiftshader.json");
    std::fs::write(&driver, description(Path::new(DRIVER)))
        .with_context(|| format!("cannot write `{}`", driver.display()))?;
    let features = "flex,wgpu-untuned";
    let tests = ["-p", "hybrid-cli", "--no-default-features", "--features", features];
    for (what, more) in [
        ("compiling", ["--test", "parity", "--no-run"].as_slice()),
        ("running", &["--test", "parity"]),
    ] {
        let mut cargo = workspace.cargo_command();
        cargo.args(["test", "--profile", PROFILE]).args(tests).args(more);
        cargo.env("HYBRID_PARITY_DEVICE", "wgpu");
        // The second is the name that older loaders know.
        cargo.env("VK_DRIVER_FILES", &driver).env("VK_ICD_FILENAMES", &driver);
        if run_until(&mut cargo, deadline)? == Ended::OutOfTime {
            let reason = format!("{what} the parity tests was stopped: no time was left");
            return Ok(Outcome::Skipped(reason));
        }
    }
    Ok(Outcome::Passed)
}

/// Checks the types of the CUDA backend, which needs neither a toolkit nor a device.
///
/// # Errors
///
/// What does not compile.
pub(crate) fn cuda(workspace: &Workspace, deadline: Instant) -> Result<Outcome> {
    let mut cargo = workspace.cargo_command();
    cargo.args(["check", "-p", "hybrid-cli", "--profile", PROFILE, "--features", "cuda"]);
    cargo.args(["--bins", "--test", "parity"]);
    // Without it a build script of burn's fetches LLVM, which only linking needs.
    cargo.env("DOCS_RS", "1");
    Ok(match run_until(&mut cargo, deadline)? {
        Ended::Well => Outcome::Passed,
        Ended::OutOfTime => Outcome::Skipped("the check was stopped: no time was left".to_owned()),
    })
}

/// Installs the driver and its loader where one is missing; why not, if it cannot be.
fn install(deadline: Instant) -> Result<Option<String>> {
    if is_installed() {
        return Ok(None);
    }
    let by = deadline.min(Instant::now() + INSTALL);
    let install = [["install", "-y", "--no-install-recommends"].as_slice(), &PACKAGES].concat();
    // On a bare machine the first try may know no package at all.
    for arguments in [install.as_slice(), &["update"], &install] {
        println!("apt-get {}", arguments.join(" "));
        let mut apt = Command::new("apt-get");
        apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        let ended = run_until(&mut apt, by);
        if matches!(ended, Ok(Ended::OutOfTime)) {
            break;
        }
        if is_installed() {
            return Ok(None);
        }
    }
    let packages = PACKAGES.join(" ");
    Ok(Some(format!(
        "no software Vulkan device, and `apt-get install {packages}` did not bring one; install \
         them, or run the tests on a GPU as docs/gpu.md says"
    )))
}

fn is_installed() -> bool {
    let loader = LIBRARIES.iter().any(|folder| Path::new(folder).join(LOADER).exists());
    loader && Path::new(DRIVER).exists()
}

/// What tells the loader of Vulkan where a driver is.
fn description(driver: &Path) -> String {
    json!({
        "file_format_version": "1.0.0",
        "ICD": { "library_path": driver, "api_version": "1.0.5" },
    })
    .to_string()
}
