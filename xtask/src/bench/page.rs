//! The table and the plot of `docs/performance.md`: the newest numbers of every case.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::case::Case;
use super::plot;
use super::summary::number;

pub(super) const PAGE: &str = "docs/performance.md";
const PLOT: &str = "docs/performance.svg";
const BEGIN: &str = "<!-- bench: begin, written by `cargo xtask bench --peers` -->";
const END: &str = "<!-- bench: end -->";
const NOTHING: &str = "–";

const HEAD: &str = "\
| work | rows × tokens | beside | ours | theirs | times as fast | asked | memory | asked | share of the ceiling | record |
|---|---|---|---|---|---|---|---|---|---|---|
";

/// A row: one case beside one peer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) work: String,
    pub(super) sizes: String,
    pub(super) peer: String,
    pub(super) ours: String,
    pub(super) theirs: String,
    /// How many times as fast ours is.
    pub(super) ratio: Option<f64>,
    pub(super) asked: Option<f64>,
    /// Our peak memory as a share of theirs.
    pub(super) memory: Option<f64>,
    pub(super) asked_memory: Option<f64>,
    pub(super) share: String,
    /// A link.
    pub(super) record: String,
}

impl Entry {
    fn row(&self) -> String {
        let shown = |value: Option<f64>, before: &str| {
            value.map_or(NOTHING.to_owned(), |value| format!("{before}{}", number(value)))
        };
        let cells = [
            self.work.clone(),
            self.sizes.clone(),
            self.peer.clone(),
            self.ours.clone(),
            self.theirs.clone(),
            shown(self.ratio, ""),
            shown(self.asked, "≥ "),
            shown(self.memory, ""),
            shown(self.asked_memory, "≤ "),
            self.share.clone(),
            self.record.clone(),
        ];
        format!("| {} |\n", cells.join(" | "))
    }

    fn parse(row: &str) -> Result<Self> {
        let cells: Vec<&str> = row.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [work, sizes, peer, ours, theirs, ratio, asked, memory, asked_memory, share, record] =
            cells[..]
        else {
            bail!("{} cells, not 11", cells.len());
        };
        let read = |cell: &str| -> Result<Option<f64>> {
            if cell == NOTHING {
                return Ok(None);
            }
            let digits = cell.trim_start_matches(['≥', '≤', ' ']);
            Ok(Some(digits.parse().with_context(|| format!("`{cell}` is no number"))?))
        };
        Ok(Self {
            work: work.to_owned(),
            sizes: sizes.to_owned(),
            peer: peer.to_owned(),
            ours: ours.to_owned(),
            theirs: theirs.to_owned(),
            ratio: read(ratio)?,
            asked: read(asked)?,
            memory: read(memory)?,
            asked_memory: read(asked_memory)?,
            share: share.to_owned(),
            record: record.to_owned(),
        })
    }
}

/// Puts `entries` in the place of those of the same case and peer, and draws all of them.
///
/// # Errors
///
/// When the page is not there or not as this function left it.
pub(super) fn update(root: &Path, table: &[Case], entries: Vec<Entry>) -> Result<()> {
    rewrite(root, PLOT, |old| {
        let (new, all) = updated(old, table, entries)?;
        Ok((new, plot::drawn(&all)))
    })
}

/// Writes the page and the picture that `change` makes of the page as it is.
///
/// # Errors
///
/// When the page is not there, when `change` fails, or when a file cannot be written.
pub(super) fn rewrite(
    root: &Path,
    picture: &str,
    change: impl FnOnce(&str) -> Result<(String, String)>,
) -> Result<()> {
    let path = root.join(PAGE);
    let old = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{PAGE}`"))?;
    let (new, drawn) = change(&old).with_context(|| format!("`{PAGE}` is not usable"))?;
    std::fs::write(root.join(picture), drawn)
        .with_context(|| format!("cannot write `{picture}`"))?;
    std::fs::write(&path, new).with_context(|| format!("cannot write `{PAGE}`"))?;
    println!("brought {PAGE} and {picture} up to date");
    Ok(())
}

/// What stands before two marks, between them, and after them.
pub(super) fn parted<'a>(page: &'a str, begin: &str, end: &str) -> Result<[&'a str; 3]> {
    let (before, rest) =
        page.split_once(begin).with_context(|| format!("it lacks the line `{begin}`"))?;
    let (block, after) =
        rest.split_once(end).with_context(|| format!("it lacks the line `{end}`"))?;
    Ok([before, block, after])
}

/// The page with new rows, and all its rows.
pub(super) fn updated(
    page: &str,
    table: &[Case],
    entries: Vec<Entry>,
) -> Result<(String, Vec<Entry>)> {
    let [before, block, after] = parted(page, BEGIN, END)?;
    let rows = block.lines().filter(|line| line.starts_with('|')).skip(HEAD.lines().count());
    let mut known = entries;
    for row in rows {
        let old = Entry::parse(row).with_context(|| format!("the row `{row}`"))?;
        let same = |new: &Entry| new.work == old.work && new.peer == old.peer;
        if !known.iter().any(same) {
            known.push(old);
        }
    }
    // In the order of the table, which also leaves out what is no longer measured.
    let order = table
        .iter()
        .flat_map(|case| case.peers.iter().map(|peer| (case.name.as_str(), peer.name.as_str())));
    let find = |(work, peer): (&str, &str)| {
        known.iter().find(|entry| entry.work == work && entry.peer == peer).cloned()
    };
    let all: Vec<Entry> = order.filter_map(find).collect();
    let rows: String = all.iter().map(Entry::row).collect();
    let picture = "![How many times as fast, by work and peer](performance.svg)";
    Ok((format!("{before}{BEGIN}\n\n{HEAD}{rows}\n{picture}\n\n{END}{after}"), all))
}
