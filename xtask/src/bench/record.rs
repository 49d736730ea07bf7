//! The dated file of one measurement, as `benches/record/README.md` describes it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::machine::Machine;
use super::program::Measured;
use super::summary::{Ceiling, Summary, number, peak};

/// Where any record comes from.
pub(super) struct Origin<'a> {
    pub(super) date: &'a str,
    pub(super) machine: &'a Machine,
    /// What made the record.
    pub(super) command: String,
    pub(super) threads: usize,
    pub(super) rounds: usize,
}

/// What stands above the table.
pub(super) struct Head<'a> {
    pub(super) origin: Origin<'a>,
    pub(super) ceiling: &'a Ceiling,
    /// What could not be measured, and why.
    pub(super) skipped: &'a [String],
}

/// Where a record goes, from the root.
pub(super) fn name(date: &str, topic: &str) -> String {
    format!("benches/record/{date}-{topic}.md")
}

/// Refuses a name that is taken, before anything is measured.
pub(super) fn ensure_new(root: &Path, name: &str) -> Result<()> {
    let taken = root.join(name).exists();
    ensure!(!taken, "`{name}` is there, and a record is never edited; give another --topic");
    Ok(())
}

/// Writes a record where none is.
pub(super) fn create(root: &Path, name: &str, text: &str) -> Result<()> {
    File::create_new(root.join(name))
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write `{name}`"))?;
    println!("wrote {name}; say under its last heading what explains the numbers, then commit it");
    Ok(())
}

/// The whole file.
pub(super) fn text(head: &Head<'_>, summaries: &[Summary]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, head, summaries);
    text
}

fn write(text: &mut String, head: &Head<'_>, summaries: &[Summary]) -> std::fmt::Result {
    let Head { origin, ceiling, skipped } = head;
    let Origin { date, machine, command, threads, rounds } = origin;
    let peers: BTreeSet<&str> = summaries
        .iter()
        .flat_map(|s| &s.peers)
        .flat_map(|p| &p.runs)
        .map(|r| r.by.as_str())
        .collect();
    let peers = if peers.is_empty() {
        "none was asked for".to_owned()
    } else {
        peers.into_iter().collect::<Vec<_>>().join("; ")
    };
    writeln!(
        text,
        "# Speed beside peers\n\n\
         - date, commit: {date}, {}\n\
         - machine: {}\n\
         - versions: {}; of peers: {peers}\n\
         - model and work: the cases of `benches/cases.json`, random weights, f32 where a case names no other\n\
         - ours: `cargo bench -p hybrid-cli --bench speed -- --json --case CASE`, by `{command}`\n\
         - peer: `python reference/bench/SCRIPT --case CASE --peer PEER --threads {threads}`\n\
         - a process for each number, {threads} threads each; {rounds} rounds of ours and theirs in turn; a number \
         is the median of the process's repetitions after its warm-up\n\
         - {}\n",
        machine.commit,
        machine.hardware,
        machine.versions,
        ceiling.sentence(),
    )?;
    writeln!(
        text,
        "| what | unit | ours, by round | peer | theirs, by round | ratio of medians | asked | MB, ours / theirs |\n\
         |---|---|---|---|---|---|---|---|"
    )?;
    for summary in summaries {
        rows(text, summary)?;
    }
    writeln!(text, "\n| what | share of the machine's ceiling |\n|---|---|")?;
    for summary in summaries {
        if let Some((share, of)) = summary.share(ceiling) {
            writeln!(text, "| {} | {:.0} % of {of} |", summary.case.name, 100.0 * share)?;
        }
    }
    writeln!(text, "\n## Not measured\n")?;
    if skipped.is_empty() {
        writeln!(text, "Nothing was left out.")?;
    }
    for what in *skipped {
        writeln!(text, "- {what}")?;
    }
    writeln!(text, "\n## What is not comparable, and what explains the numbers\n\n{NOTES}")
}

/// A line for each peer, or one without.
fn rows(text: &mut String, summary: &Summary) -> std::fmt::Result {
    let by_round = |runs: &[Measured]| {
        let values: Vec<String> = summary.values(runs).into_iter().map(number).collect();
        if values.is_empty() { "–".to_owned() } else { values.join(" / ") }
    };
    let shown = |value: Option<f64>| value.map_or("–".to_owned(), number);
    let (name, unit, ours) = (&summary.case.name, summary.unit(), by_round(&summary.ours));
    let own = shown(peak(&summary.ours));
    if summary.peers.is_empty() {
        return writeln!(text, "| {name} | {unit} | {ours} | – | – | – | – | {own} / – |");
    }
    for peer in &summary.peers {
        let asked = peer.peer.speed.map_or("–".to_owned(), |asked| format!("≥ {asked}"));
        writeln!(
            text,
            "| {name} | {unit} | {ours} | {} | {} | {} | {asked} | {own} / {} |",
            peer.peer.name,
            by_round(&peer.runs),
            shown(summary.ratio(peer)),
            shown(peak(&peer.runs)),
        )?;
    }
    Ok(())
}

/// What holds of every record; what explains its own numbers is added by hand.
const NOTES: &str = "\
- Ours and TRL clip the gradient's norm and compute statistics; the loops in PyTorch do neither.
- `ppo-shared` does less work than TRL's update beside it: no network for values, none for rewards.
- TRL's supervised step is timed without loading its batch; ours includes it.
- Where ours decodes with rounded weights, its peer does with f32.
- The originals of rewards without a network use one thread; ours use all.
- The peers' memory includes that of Python and its packages.
- Shares count products with weights alone, not attention's own, and one reading of all weights a step.";
