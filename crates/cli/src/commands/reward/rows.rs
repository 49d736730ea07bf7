//! The rows to score, batch by batch: what a reward lacks is found before a batch is scored.

use std::io::BufReader;
use std::path::Path;

use anyhow::{Error, Result};
use hybrid_data::reader::{Format, ReadOptions, Rows, TextUnit, read_rows, rows_from};
use hybrid_rewards::RewardTree;
use hybrid_rewards::rows::{Grouper, Row, RowError};
use serde_json::Value;

use crate::exit::BadInput;

/// Rows out of a file or stdin in batches.
pub(super) struct Batches<'a> {
    rows: Rows,
    tree: &'a RewardTree,
    size: usize,
    /// The first row of the next batch, where it was read to see whether a group ends.
    ahead: Option<Row>,
    ended: bool,
}

/// Rows that are scored together.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) rows: Vec<Row>,
    /// The number of each row's group, counted within the batch.
    pub(super) groups: Vec<u64>,
    /// Why nothing follows these rows, where they are the last.
    pub(super) end: Option<Result<()>>,
}

/// Opens a data file, JSON lines where its name tells nothing else; `None` or `-` is stdin.
pub(crate) fn open(input: Option<&Path>) -> Result<Rows> {
    let Some(path) = input.filter(|path| *path != Path::new("-")) else {
        let stdin = Box::new(BufReader::new(std::io::stdin()));
        let name = Path::new("standard input");
        return Ok(rows_from(stdin, name, Format::Jsonl, TextUnit::default())?);
    };
    // A row is more than a text, so a `.txt` holds JSON lines, too.
    let named = Format::from_path(path).filter(|format| *format != Format::Text);
    let format = if path.is_dir() { None } else { Some(named.unwrap_or(Format::Jsonl)) };
    Ok(read_rows(&[path.to_owned()], &ReadOptions { format, ..ReadOptions::default() })?)
}

impl<'a> Batches<'a> {
    /// Cuts `rows` into batches of `size`; where `tree` compares the rows of a group, a batch goes
    /// on to the end of its last group.
    pub(super) fn new(rows: Rows, tree: &'a RewardTree, size: usize) -> Self {
        Self { rows, tree, size, ahead: None, ended: false }
    }

    /// The next row, checked.
    fn read(&mut self) -> Option<Result<Row>> {
        if let Some(row) = self.ahead.take() {
            return Some(Ok(row));
        }
        let read = match self.rows.next()? {
            Ok(read) => read,
            Err(error) => return Some(Err(error.into())),
        };
        let at = read.at;
        let row = match Row::from_json(Value::Object(read.columns)) {
            Ok(row) => row,
            Err(error @ RowError::BadField { .. }) => {
                return Some(Err(BadInput::error(format!("{at}, {error}"))));
            }
            Err(error) => return Some(Err(BadInput::error(format!("{at} {error}")))),
        };
        let lack = self.tree.missing_in(&row).map(|lack| format!("{at} {lack}"));
        Some(lack.map_or(Ok(row), |lack| Err(BadInput::error(lack))))
    }
}

impl Iterator for Batches<'_> {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        if self.ended {
            return None;
        }
        let mut batch = Batch::default();
        let mut grouper = Grouper::default();
        let whole_groups = self.tree.compares_group();
        while batch.rows.len() < self.size || whole_groups {
            let row = match self.read() {
                Some(Ok(row)) => row,
                last => {
                    batch.end = Some(last.map_or(Ok(()), |row| row.map(drop)));
                    self.ended = true;
                    break;
                }
            };
            let group = grouper.group(&row);
            if batch.rows.len() >= self.size && batch.groups.last() != Some(&group) {
                self.ahead = Some(row);
                break;
            }
            batch.rows.push(row);
            batch.groups.push(group);
        }
        Some(batch)
    }
}

/// The error of an input without rows.
pub(super) fn empty() -> Error {
    BadInput::error(
        "standard input is empty; expected a line of {\"response\": …} for each row to score",
    )
}
