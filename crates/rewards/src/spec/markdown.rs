//! The registry as tables for people: what the docs show.

use std::fmt::Write as _;

use super::info::{Direction, EntryKind, Evidence, ListedParam, Listing};

/// One table of each kind of entry, then the parameters of every entry that has some.
pub fn tables(entries: &[Listing]) -> String {
    let mut out = String::new();
    let kinds = [
        ("Rewards", EntryKind::Reward),
        ("Combinators", EntryKind::Combinator),
        ("Post-processors", EntryKind::Postprocessor),
    ];
    for (title, kind) in kinds {
        let entries: Vec<&Listing> = entries.iter().filter(|entry| entry.kind == kind).collect();
        // Writing to a string cannot fail.
        let _ = write!(out, "### {title}\n\n{}\n", table(&entries, kind));
        for entry in entries.iter().filter(|entry| !entry.parameters.is_empty()) {
            let _ = write!(out, "`{}`\n\n{}\n", entry.name, parameters(&entry.parameters));
        }
    }
    out
}

fn table(entries: &[&Listing], kind: EntryKind) -> String {
    let mut out = String::new();
    if kind == EntryKind::Reward {
        out.push_str(
            "| `type` | score | range | better | needs | evidence |\n|---|---|---|---|---|---|\n",
        );
    } else {
        out.push_str("| `type` | score |\n|---|---|\n");
    }
    for entry in entries {
        let also: String = entry.aliases.iter().map(|alias| format!(", `{alias}`")).collect();
        let _ = write!(out, "| `{}`{also} | {} |", entry.name, escape(&entry.about));
        if kind == EntryKind::Reward {
            let needs: Vec<String> = entry.needs.iter().map(|need| format!("`{need}`")).collect();
            let (range, better) = (range(entry.range), direction(entry.direction));
            let _ = write!(
                out,
                " {range} | {better} | {} | {} |",
                needs.join(", "),
                evidence(entry.evidence)
            );
        }
        out.push('\n');
    }
    out
}

fn parameters(parameters: &[ListedParam]) -> String {
    let mut out = String::from("| key | value | default | meaning |\n|---|---|---|---|\n");
    for param in parameters {
        let ListedParam { name, kind, default, about } = param;
        let _ = writeln!(out, "| `{name}` | {} | `{default}` | {} |", escape(kind), escape(about));
    }
    out
}

pub(super) fn range((low, high): (Option<f64>, Option<f64>)) -> String {
    let bound =
        |value: Option<f64>, open: &str| value.map_or(open.to_owned(), |value| value.to_string());
    format!("{} … {}", bound(low, "−∞"), bound(high, "∞"))
}

pub(super) fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Higher => "higher",
        Direction::Lower => "lower",
        Direction::Depends => "depends",
    }
}

pub(super) fn evidence(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Definition => "by definition",
        Evidence::Unvalidated => "*unvalidated*",
        Evidence::Validated(what) => what,
    }
}

/// A bar would end the table's cell.
fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}
