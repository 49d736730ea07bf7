//! Where something was measured: the day, the commit, the machine, the versions.

use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use chrono::DateTime;

use crate::workspace::Workspace;

/// What a record says of the place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Machine {
    /// With whether anything was changed since.
    pub(super) commit: String,
    /// Processor, cores, memory, system, load before the first measurement.
    pub(super) hardware: String,
    /// Compiler and burn.
    pub(super) versions: String,
}

impl Machine {
    pub(super) fn read(workspace: &Workspace) -> Result<Self> {
        let commit = said(workspace, "git", &["rev-parse", "--short", "HEAD"])?;
        let changes = said(workspace, "git", &["status", "--porcelain"])?;
        let state = if changes.is_empty() { "clean" } else { "with changes" };
        let burn = workspace.metadata.packages.iter().find(|package| package.name == "burn");
        let burn = burn.map_or(String::new(), |burn| format!(", burn {}", burn.version));
        let rustc = said(workspace, "rustc", &["-V"])?;
        Ok(Self {
            commit: format!("{commit} ({state})"),
            hardware: hardware(),
            versions: format!("{rustc}{burn}, profile `{}`", crate::workspace::PROFILE),
        })
    }
}

/// Today's date, UTC.
pub(super) fn today() -> Result<String> {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let time = DateTime::from_timestamp(i64::try_from(seconds)?, 0);
    Ok(time.context("the clock is off")?.format("%Y-%m-%d").to_string())
}

fn said(workspace: &Workspace, program: &str, args: &[&str]) -> Result<String> {
    let output = workspace.command(program).args(args).output();
    let output = output.with_context(|| format!("cannot start `{program}`"))?;
    ensure!(output.status.success(), "`{program} {}` ended with {}", args.join(" "), output.status);
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn hardware() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    described(&read("/proc/cpuinfo"), &read("/proc/meminfo"), &read("/proc/loadavg"), cores)
}

/// One line out of what Linux tells; what it does not tell is left out.
pub(super) fn described(cpu: &str, memory: &str, load: &str, cores: usize) -> String {
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let model = value(cpu, "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let flags = value(cpu, "flags").unwrap_or_default();
    let has = |flag: &str| flags.split(' ').any(|own| own == flag);
    let vectors = [("avx2", "AVX2"), ("avx512f", "AVX-512"), ("amx_tile", "AMX")];
    let vectors: Vec<&str> =
        vectors.into_iter().filter(|(flag, _)| has(flag)).map(|(_, name)| name).collect();
    let mut parts = vec![model];
    if !vectors.is_empty() {
        parts.push(vectors.join(" "));
    }
    parts.push(format!("{cores} cores"));
    let kilobytes = value(memory, "MemTotal");
    let kilobytes = kilobytes.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    parts.extend(kilobytes.map(|kilobytes| format!("{:.0} GB", kilobytes * 1024.0 / 1e9)));
    parts.push(std::env::consts::OS.to_owned());
    let load = load.split(' ').next().filter(|load| !load.is_empty());
    parts.extend(load.map(|load| format!("load {load} before the first measurement")));
    parts.join(", ")
}
