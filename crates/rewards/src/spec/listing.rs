//! The registry as text: what `--list` shows on a terminal.

use std::fmt::Write as _;

use super::info::{EntryKind, ListedParam, Listing};
use super::markdown::{direction, evidence, range};

/// Every entry under a heading of its kind, with its parameters.
pub fn text(entries: &[Listing]) -> String {
    let kinds = [
        ("REWARDS", EntryKind::Reward),
        ("COMBINATORS", EntryKind::Combinator),
        ("POST-PROCESSORS", EntryKind::Postprocessor),
    ];
    let mut out = String::new();
    for (title, kind) in kinds {
        let entries: Vec<&Listing> = entries.iter().filter(|entry| entry.kind == kind).collect();
        if entries.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(title);
        out.push('\n');
        for entry in entries {
            // Writing to a string cannot fail.
            let _ = write!(out, "\n{}", one(entry));
        }
    }
    out
}

/// One entry: its names, what it is, and a line a parameter.
pub fn one(entry: &Listing) -> String {
    let mut out = entry.name.to_owned();
    for alias in entry.aliases {
        let _ = write!(out, ", {alias}");
    }
    let _ = write!(out, "\n  {}\n", entry.about);
    let (range, better) = (range(entry.range), direction(entry.direction));
    let needs = match (entry.kind, entry.needs) {
        (EntryKind::Reward, []) => "nothing but the response".to_owned(),
        (EntryKind::Combinator, []) => "what its components need".to_owned(),
        (EntryKind::Postprocessor, []) => "a score".to_owned(),
        (_, needs) => needs.join(", "),
    };
    let _ = writeln!(out, "  range {range}; better: {better}; needs: {needs}");
    if entry.kind == EntryKind::Reward {
        let _ = writeln!(out, "  evidence: {}", evidence(entry.evidence).replace('*', ""));
    }
    let width = |of: fn(&ListedParam) -> usize| entry.parameters.iter().map(of).max().unwrap_or(0);
    let names = width(|param| param.name.chars().count());
    let defaults = width(|param| param.default.to_string().chars().count()).min(WIDEST_DEFAULT);
    for param in &entry.parameters {
        let ListedParam { name, kind, about, default } = param;
        let default = default.to_string();
        let _ = writeln!(out, "    {name:<names$}  {default:<defaults$}  {kind}: {about}");
    }
    out
}

/// Longer defaults push their own line aside, not the whole table.
const WIDEST_DEFAULT: usize = 16;
