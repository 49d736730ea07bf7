//! `command`: a program of the user's own that scores rows, one JSON line each way.
//!
//! The program is started once and kept. For each row it is sent a line with `id`, `prompt`,
//! `response`, `target` (a list) and the row's other fields, and must answer with one line: a
//! number, `null`, or an object with a `score`. Answers come in the order of the rows.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::child::{Child, Failure};
use super::wire;
use crate::column::Column;
use crate::error::{ParamError, RewardError, require};
use crate::reward::Reward;
use crate::sample::{Context, Sample};
use crate::spec::info::{Direction, Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

mod child;
#[cfg(test)]
mod tests;

/// Parameters of `command`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    command: Vec<String>,
    row_timeout_ms: u64,
    restarts: u32,
    window: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { command: Vec::new(), row_timeout_ms: 30_000, restarts: 3, window: 64 }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        if self.command.first().is_none_or(String::is_empty) {
            let reason = "is empty, must be a program and its arguments, such as \
                          [\"python3\", \"score.py\"]";
            return Err(ParamError::new("command", reason));
        }
        require(self.row_timeout_ms > 0, "row_timeout_ms", self.row_timeout_ms, "at least 1")?;
        require((1..=65_536).contains(&self.window), "window", self.window, "between 1 and 65536")
    }
}

const INFO: Info = Info {
    name: "command",
    about: "The score that a program of the user's gives: it runs on as long as the reward, reads a \
            JSON line a row (id, prompt, response, target, other fields) and writes a line with a \
            number, null, or an object with a `score`.",
    range: (f64::NEG_INFINITY, f64::INFINITY),
    direction: Direction::Depends,
    params: &[
        Param::new(
            "command",
            "a list of strings",
            "the program and its arguments, run without a shell; required",
        ),
        Param::new(
            "row_timeout_ms",
            "a whole number ≥ 1",
            "how long an answer may take; a row without one, or one that the program ends at twice, has no score, and the program is started anew",
        ),
        Param::new(
            "restarts",
            "a whole number ≥ 0",
            "how often in one batch the program may be started anew before the batch fails",
        ),
        Param::new(
            "window",
            "a whole number from 1 to 65536",
            "how many rows are sent before the first answer is waited for",
        ),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| Ok(Command { config, child: Mutex::new(None) }))
}

struct Command {
    config: Config,
    child: Mutex<Option<Child>>,
}

impl Reward for Command {
    fn score(&self, batch: &[Sample<'_>], context: &Context<'_>) -> Result<Column, RewardError> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let mut value: Vec<Option<f64>> = Vec::with_capacity(batch.len());
        let mut notes = Vec::new();
        let (mut restarts, mut ended_at) = (0, None);
        while value.len() < batch.len() {
            let running = match child.take() {
                Some(running) => running,
                None => Child::start(&self.config.command).map_err(RewardError::failed)?,
            };
            let rest = batch.get(value.len()..).unwrap_or_default();
            match self.score_rest(running, rest, context, &mut value)? {
                (running, None) => *child = Some(running),
                (_dropped, Some(failure)) => {
                    let row = batch.get(value.len()).map_or(0, |sample| sample.id);
                    // A row that was not answered in time would not be the next time either; one
                    // that the program ended at is tried once more.
                    if failure == Failure::Late || ended_at.replace(row) == Some(row) {
                        value.push(None);
                        notes.push(format!("row {row} has no score: {failure}"));
                    }
                    if restarts == self.config.restarts {
                        let message = format!(
                            "{failure} at row {row}, after {restarts} restarts; run the program by hand on that row"
                        );
                        return Err(RewardError::failed(message));
                    }
                    restarts += 1;
                }
            }
        }
        Ok(Column { value, notes, ..Column::default() })
    }
}

impl Command {
    /// Sends the rows of `rest` and collects answers until all are there or the program fails.
    fn score_rest(
        &self,
        mut child: Child,
        rest: &[Sample<'_>],
        context: &Context<'_>,
        value: &mut Vec<Option<f64>>,
    ) -> Result<(Child, Option<Failure>), RewardError> {
        let own = Duration::from_millis(self.config.row_timeout_ms);
        let limit = context.row_limit().map_or(own, |limit| limit.min(own));
        let mut unsent = rest.iter();
        for sample in unsent.by_ref().take(self.config.window) {
            child.send(request(sample));
        }
        for sample in rest {
            let answer = match child.answer(limit) {
                Ok(answer) => answer,
                Err(failure) => return Ok((child, Some(failure))),
            };
            value.push(read(&answer).map_err(|message| {
                RewardError::failed(format!("{message} for row {}", sample.id))
            })?);
            if let Some(next) = unsent.next() {
                child.send(request(next));
            }
        }
        Ok((child, None))
    }
}

fn request(sample: &Sample<'_>) -> String {
    let mut row = wire::row(sample);
    row.insert("id".into(), json!(sample.id));
    Value::Object(row).to_string()
}

/// The score in an answer.
fn read(line: &str) -> Result<Option<f64>, String> {
    let answer = serde_json::from_str(line).ok();
    answer.as_ref().and_then(wire::score).ok_or_else(|| {
        let shown = crate::text::shorten(line);
        format!("the program answered {shown:?}, must answer {}", wire::ANSWER)
    })
}
