//! `hybrid reward --list`: what the registry knows.

use std::io::Write;

use anyhow::Result;
use hybrid_rewards::Registry;
use hybrid_rewards::spec::info::Listing;
use hybrid_rewards::spec::listing;
use hybrid_rewards::spec::params::nearest;

use crate::exit::BadInput;
use crate::ui::Ui;

/// Prints all entries, or those called `name` where that is not empty.
pub(super) fn run(name: &str, ui: &Ui) -> Result<()> {
    let entries = Registry::builtin()?.list();
    let mut out = std::io::stdout().lock();
    let chosen: Vec<Listing> = match name {
        "" => entries,
        name => called(name, entries)?,
    };
    if ui.json {
        return Ok(writeln!(out, "{}", serde_json::to_string_pretty(&chosen)?)?);
    }
    Ok(write!(out, "{}", listing::text(&chosen))?)
}

/// The entries of this name; a reward and a post-processor may share one.
fn called(name: &str, entries: Vec<Listing>) -> Result<Vec<Listing>> {
    let names: Vec<&str> = entries
        .iter()
        .flat_map(|entry| std::iter::once(entry.name).chain(entry.aliases.iter().copied()))
        .collect();
    if !names.contains(&name) {
        let near = nearest(name, &names).map(|near| format!(" (did you mean `{near}`?)"));
        return Err(BadInput::error(format!(
            "`--list`: nothing is called `{name}`{}; `hybrid reward --list` shows every name",
            near.unwrap_or_default()
        )));
    }
    let is_it = |entry: &Listing| entry.name == name || entry.aliases.contains(&name);
    Ok(entries.into_iter().filter(is_it).collect())
}
