//! Scoring rows: a stream of batches through the tree.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hybrid_rewards::rows::Row;
use hybrid_rewards::{Column, Context, RewardTree, Sample};
use indicatif::ProgressBar;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use super::output::Output;
use super::rows::{Batch, Batches};
use super::summary::Totals;
use super::{ScoreArgs, rows, spec};
use crate::training::parts;
use crate::ui::Ui;

/// Scores the input and prints the table.
pub(super) fn run(args: &ScoreArgs, ui: &Ui) -> Result<()> {
    // clap asks for one, unless something is shown instead.
    let given = args.spec.as_deref().unwrap_or_default();
    let spec = spec::read("--spec", given)?;
    let tree = parts::reward(&spec, args.device, ui);
    // Which file it was, where it was one.
    let tree = if Path::new(given).is_file() { tree.context(format!("`{given}`")) } else { tree }?;
    let input = rows::open(args.input.as_deref())?;
    let mut output = Output::open(args.output.as_deref(), args.input.as_deref())?;
    let mut scoring = Scoring::new(&tree, &output, ui);
    for batch in Batches::new(input, &tree, args.batch) {
        scoring.batch(&batch, output.writer())?;
        if let Some(end) = batch.end {
            end?;
        }
    }
    let totals = scoring.finish();
    if totals.rows == 0 {
        return Err(rows::empty());
    }
    let leaves_stdout = output.leaves_stdout();
    output.finish()?;
    if ui.json && leaves_stdout {
        return Ok(writeln!(io::stdout().lock(), "{}", totals.json())?);
    }
    if !ui.quiet {
        totals.print_table(&mut io::stderr().lock())?;
    }
    Ok(())
}

/// A pass over the rows.
struct Scoring<'a> {
    tree: &'a RewardTree,
    totals: Totals,
    step: u64,
    started: Instant,
    progress: Progress<'a>,
    quiet: bool,
}

impl<'a> Scoring<'a> {
    fn new(tree: &'a RewardTree, output: &Output, ui: &'a Ui) -> Self {
        let progress = Progress { ui: (!output.is_terminal()).then_some(ui), bar: None };
        let (totals, started) = (Totals::default(), Instant::now());
        Self { tree, totals, step: 0, started, progress, quiet: ui.quiet }
    }

    /// Scores a batch and writes its lines.
    fn batch(&mut self, batch: &Batch, out: &mut dyn Write) -> Result<()> {
        let first = self.totals.rows;
        let samples: Vec<Sample<'_>> = (first..)
            .zip(batch.rows.iter().zip(&batch.groups))
            .map(|(number, (row, group))| row.sample(number, *group))
            .collect();
        if samples.is_empty() {
            return Ok(());
        }
        let started = self.started;
        let clock = move || started.elapsed();
        let before = clock();
        let context = Context::training(self.step).with_clock(&clock);
        let column = self.tree.score(&samples, &context)?;
        self.totals.add(&column, clock() - before);
        self.step += 1;
        write_rows(&batch.rows, first, &column, out).context("cannot write the scores")?;
        self.progress.rows(self.totals.rows, started.elapsed());
        if !self.quiet {
            for note in &column.notes {
                self.progress.say(note)?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Totals {
        if let Some(bar) = &self.progress.bar {
            bar.finish_and_clear();
        }
        self.totals
    }
}

/// Writes one line a row, whose numbers begin with `first`.
fn write_rows(rows: &[Row], first: u64, column: &Column, out: &mut dyn Write) -> io::Result<()> {
    for (index, (row, number)) in rows.iter().zip(first..).enumerate() {
        let number = Value::from(number);
        let id = row.id.as_ref().unwrap_or(&number);
        let score = column.value.get(index).copied().flatten();
        let line = Scored { id, score, components: Components { column, index } };
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// One line of the output.
#[derive(Serialize)]
struct Scored<'a> {
    id: &'a Value,
    score: Option<f64>,
    components: Components<'a>,
}

/// What each leaf said of one row.
struct Components<'a> {
    column: &'a Column,
    index: usize,
}

impl Serialize for Components<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = &self.column.parts;
        let mut map = serializer.serialize_map(Some(parts.len()))?;
        for part in parts {
            map.serialize_entry(&part.path, &part.value.get(self.index).copied().flatten())?;
        }
        map.end()
    }
}

/// A bar that appears where the work takes long and someone watches.
struct Progress<'a> {
    /// Absent where the scores themselves are watched.
    ui: Option<&'a Ui>,
    bar: Option<ProgressBar>,
}

/// Work that is done sooner needs no bar.
const PATIENCE: Duration = Duration::from_secs(2);

impl Progress<'_> {
    fn rows(&mut self, done: u64, elapsed: Duration) {
        if self.bar.is_none()
            && elapsed >= PATIENCE
            && let Some(ui) = self.ui
        {
            self.bar = Some(ui.counter("scoring", elapsed));
        }
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        }
    }

    /// Prints a warning on a line of its own.
    fn say(&self, note: &str) -> io::Result<()> {
        let say = || writeln!(io::stderr().lock(), "warning: {note}");
        self.bar.as_ref().map_or_else(say, |bar| bar.suspend(say))
    }
}
