//! The benchmarks: ours and, beside them, the same work by our peers, in turn.
//!
//! 1. [`case`] — what is measured: `benches/cases.json`, which our program and the peers' scripts read, too.
//! 2. [`program`] — one process for each measurement, ours or a peer's, and the line it prints.
//! 3. [`summary`] — medians, ratios, shares of what the machine can do.
//! 4. [`machine`] — where it was measured.
//! 5. [`record`] — the dated file, and [`page`] and [`plot`] — what `docs/performance.md` shows.
//! 6. [`scaling`] — in place of the cases, how time grows with tokens, steps and threads.

mod case;
mod machine;
mod page;
mod plot;
mod program;
mod record;
mod scaling;
mod summary;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::{Result, ensure};

use self::case::Case;
use self::machine::Machine;
use self::program::{Outcome, Programs};
use self::summary::{Ceiling, PeerRuns, Summary};
use crate::workspace::{Features, Workspace};

/// What is measured, and beside whom.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The Python of our peers, with torch, transformers and the others, and trl on its PYTHONPATH
    #[arg(long, value_name = "PYTHON")]
    peers: Option<PathBuf>,
    /// Rounds of ours and theirs in turn
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Only cases whose name contains it, or one of several with commas between
    #[arg(long, value_name = "SUBSTRING")]
    only: Option<String>,
    /// Threads of each process; all there are where nothing is said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Where ours runs
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
    /// How time grows with tokens, steps and threads, up to --threads; without the cases
    #[arg(long, conflicts_with_all = ["peers", "only", "device"])]
    scaling: bool,
    /// The record's name after its date; `speed-DEVICE` and what `--only` says, or `scaling-cpu`, where
    /// nothing is said
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// Tiny models and short rows; prints, and records nothing
    #[arg(long)]
    trial: bool,
}

impl Options {
    fn threads(&self) -> usize {
        self.threads.map_or_else(
            || std::thread::available_parallelism().map_or(1, usize::from),
            usize::from,
        )
    }

    fn topic(&self) -> String {
        if let Some(topic) = &self.topic {
            return topic.clone();
        }
        let kind = if self.scaling { "scaling" } else { "speed" };
        let only = self.only.as_deref().unwrap_or_default();
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        let name: String =
            format!("{kind}-{} {only}", self.device).trim().chars().map(plain).collect();
        name
    }

    /// Where a record made with these options comes from.
    fn origin<'a>(&self, date: &'a str, machine: &'a Machine) -> record::Origin<'a> {
        record::Origin {
            date,
            machine,
            command: format!("cargo xtask bench {}", self.typed()),
            threads: self.threads(),
            rounds: self.rounds.into(),
        }
    }

    /// The arguments as they were typed, without the path of Python.
    fn typed(&self) -> String {
        let mut typed = format!("--rounds {} --threads {}", self.rounds, self.threads());
        if self.scaling {
            typed.insert_str(0, "--scaling ");
        }
        if let Some(only) = &self.only {
            typed.push_str(&format!(" --only {only}"));
        }
        if self.device != "cpu" {
            typed.push_str(&format!(" --device {}", self.device));
        }
        if self.peers.is_some() {
            typed.push_str(" --peers PYTHON");
        }
        typed
    }
}

/// Measures the chosen cases, or the scaling, prints what came out, writes the record and brings the page
/// up to date.
///
/// # Errors
///
/// When no case is chosen, when the record is there already, when our program does not build or fails
/// (the cases before are recorded), or when a file cannot be written. A peer that is absent or fails is
/// left out, which is said here and in the record.
pub(crate) fn run(workspace: &Workspace, features: &Features, options: &Options) -> Result<()> {
    if options.scaling {
        return scaling::run(workspace, features, options);
    }
    let table = Case::read_all(workspace.root())?;
    let cases = chosen(&table, options.only.as_deref())?;
    let date = machine::today()?;
    let name = record::name(&date, &options.topic());
    if !options.trial {
        record::ensure_new(workspace.root(), &name)?;
    }
    let machine = Machine::read(workspace)?;
    let mut programs = Programs::new(workspace, features, options)?;
    let mut ceiling = measured_ceiling(&mut programs)?;
    let mut summaries = Vec::new();
    let mut failure = None;
    for case in cases {
        if case.is_rounded && options.device != "cpu" {
            programs.skip(&case.name, "only the processor has kernels for rounded weights");
            continue;
        }
        match measured(&mut programs, case, options.rounds.into()) {
            Ok((ours, peers)) => {
                let summary = Summary { case: case.clone(), ours, peers };
                print!("{}", summary.text(&ceiling));
                summaries.push(summary);
            }
            Err(error) => {
                failure = Some(error.context(format!("stopped at `{}`", case.name)));
                break;
            }
        }
    }
    if options.trial || summaries.is_empty() {
        return failure.map_or(Ok(()), Err);
    }
    // What took an hour is kept, even if a later case fails.
    ceiling = ceiling.max(&measured_ceiling(&mut programs)?);
    println!("{}", ceiling.sentence());
    let mut left_out = programs.skipped().to_vec();
    left_out.extend(failure.as_ref().map(|error| format!("all cases from here on: {error:#}")));
    let text = record::text(
        &record::Head {
            origin: options.origin(&date, &machine),
            ceiling: &ceiling,
            skipped: &left_out,
        },
        &summaries,
    );
    record::create(workspace.root(), &name, &text)?;
    if options.peers.is_none() || options.device != "cpu" {
        println!("docs/performance.md stays as it is: it shows the CPU beside peers");
        return failure.map_or(Ok(()), Err);
    }
    let link = format!("[{date}](../{name})");
    let entries = summaries.iter().flat_map(|summary| summary.entries(&ceiling, &link)).collect();
    page::update(workspace.root(), &table, entries)?;
    failure.map_or(Ok(()), Err)
}

/// Runs every case and the scaling once on a tiny model, so that none stops working unseen.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn trial(workspace: &Workspace, features: &Features) -> Result<()> {
    let options = |scaling| Options {
        peers: None,
        rounds: 1,
        only: None,
        threads: None,
        device: "cpu".to_owned(),
        scaling,
        topic: None,
        trial: true,
    };
    run(workspace, features, &options(false))?;
    run(workspace, features, &options(true))
}

fn chosen<'a>(table: &'a [Case], only: Option<&str>) -> Result<Vec<&'a Case>> {
    let only = only.unwrap_or_default();
    let is_chosen = |case: &&Case| only.split(',').any(|part| case.name.contains(part));
    let chosen: Vec<&Case> = table.iter().filter(is_chosen).collect();
    let known: Vec<&str> = table.iter().map(|case| case.name.as_str()).collect();
    ensure!(!chosen.is_empty(), "no case contains `{only}`; there are: {}", known.join(", "));
    Ok(chosen)
}

fn measured_ceiling(programs: &mut Programs<'_>) -> Result<Ceiling> {
    let ours = programs.our_ceiling(None)?;
    Ok(programs.peer_ceiling().map_or(ours, |theirs| ours.max(&theirs)))
}

/// All rounds of one case: ours, then each peer, and again.
fn measured(
    programs: &mut Programs<'_>,
    case: &Case,
    rounds: usize,
) -> Result<(Vec<program::Measured>, Vec<PeerRuns>)> {
    let mut ours = Vec::new();
    let mut peers: Vec<PeerRuns> = Vec::new();
    if programs.has_peers() {
        peers.extend(case.peers.iter().cloned().map(PeerRuns::new));
    }
    for round in 1..=rounds {
        println!("{} round {round} of {rounds}", case.name);
        ours.push(programs.ours(case)?);
        for peer in peers.iter_mut().filter(|peer| peer.skipped.is_none()) {
            match programs.peer(case, &peer.peer.name) {
                Outcome::Measured(measured) => peer.runs.push(measured),
                Outcome::Skipped(reason) => peer.skipped = Some(reason),
            }
        }
    }
    Ok((ours, peers))
}
