//! What the scores of all rows were in short, for people and for programs.

use std::io::Write;
use std::time::Duration;

use hybrid_rewards::Column;
use hybrid_rewards::column::{Running, Summary};
use serde_json::{Map, Value, json};

/// Means, deviations and times of every component and of the total.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) rows: u64,
    score: Line,
    components: Vec<(String, Line)>,
}

/// One line of the table.
#[derive(Default)]
struct Line {
    values: Running,
    elapsed: Duration,
    nonfinite: usize,
}

/// What the total is called.
const SCORE: &str = "score";

impl Totals {
    /// Takes in a batch, which took `elapsed` as a whole.
    pub(super) fn add(&mut self, column: &Column, elapsed: Duration) {
        self.rows += column.value.len() as u64;
        self.score.values.extend(&column.value);
        self.score.elapsed += elapsed;
        if self.components.is_empty() {
            let names = column.parts.iter().map(|part| (part.path.clone(), Line::default()));
            self.components = names.collect();
        }
        for ((_, line), part) in self.components.iter_mut().zip(&column.parts) {
            line.values.extend(&part.value);
            line.elapsed += part.elapsed.unwrap_or_default();
            line.nonfinite += part.nonfinite;
        }
    }

    /// One line a component, then the total.
    fn lines(&self) -> impl Iterator<Item = (&str, &Line)> {
        let components = self.components.iter().map(|(name, line)| (name.as_str(), line));
        components.chain([(SCORE, &self.score)])
    }

    /// Writes the table.
    pub(super) fn print_table(&self, out: &mut impl Write) -> std::io::Result<()> {
        let names = self.lines().map(|(name, _)| name.chars().count());
        let width = names.max().unwrap_or(0).max("component".len());
        writeln!(
            out,
            "{:width$}  {:>10}  {:>10}  {:>7}  {:>9}",
            "component", "mean", "std", "null", "ms"
        )?;
        for (name, line) in self.lines() {
            let Summary { mean, std, null, .. } = line.values.summary();
            let (mean, std) = (number(mean), number(std));
            let ms = 1e3 * line.elapsed.as_secs_f64();
            writeln!(out, "{name:width$}  {mean:>10}  {std:>10}  {null:>7}  {ms:>9.1}")?;
        }
        for (name, line) in self.lines().filter(|(_, line)| line.nonfinite > 0) {
            let count = line.nonfinite;
            writeln!(out, "{count} scores of `{name}` were infinite or undefined: null")?;
        }
        Ok(())
    }

    /// The table as JSON.
    pub(super) fn json(&self) -> Value {
        let line = |line: &Line| {
            let Summary { mean, std, null: nulls, .. } = line.values.summary();
            let ms = 1e3 * line.elapsed.as_secs_f64();
            json!({ "mean": mean, "std": std, "null": nulls, "ms": ms })
        };
        let components: Map<String, Value> =
            self.components.iter().map(|(name, own)| (name.clone(), line(own))).collect();
        json!({ "rows": self.rows, SCORE: line(&self.score), "components": components })
    }
}

/// A number in at most ten columns.
pub(crate) fn number(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value.abs() >= 1e5 || (value.abs() > 0.0 && value.abs() < 1e-3) => {
            format!("{value:.2e}")
        }
        Some(value) => format!("{value:.4}"),
    }
}
