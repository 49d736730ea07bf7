//! `http`: a service that scores rows, a batch a POST.
//!
//! A request is `{"rows": [...], "params": {...}}`; a row is what `command` sends. The answer is a list
//! of one entry a row, in order, or an object that holds it under `scores`; an entry is a number,
//! null, or an object with a `score`. Rows that were scored before are not sent again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use self::client::{Client, Failure, Limits};
use super::wire::{self, OnError};
use crate::cache::{Cache, Pending};
use crate::column::Column;
use crate::error::{ParamError, RewardError, require};
use crate::reward::Reward;
use crate::sample::{Context, Sample};
use crate::spec::info::{Direction, Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

pub(crate) mod client;
pub(crate) mod parallel;
#[cfg(test)]
mod tests;

/// Parameters of `http`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    url: String,
    params: Map<String, Value>,
    headers: BTreeMap<String, String>,
    token_env: Option<String>,
    batch_size: usize,
    concurrency: usize,
    request_timeout_ms: u64,
    retries: u32,
    backoff_ms: u64,
    requests_per_second: Option<f64>,
    cache: usize,
    on_error: OnError,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: String::new(),
            params: Map::new(),
            headers: BTreeMap::new(),
            token_env: None,
            batch_size: 32,
            concurrency: 4,
            request_timeout_ms: 30_000,
            retries: 4,
            backoff_ms: 250,
            requests_per_second: None,
            cache: 100_000,
            on_error: OnError::None,
        }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        let with_scheme = self.url.strip_prefix("http://").or(self.url.strip_prefix("https://"));
        if with_scheme.is_none_or(str::is_empty) {
            let reason = format!(
                "is {:?}, must be a whole address such as \"http://localhost:8000/score\"",
                self.url
            );
            return Err(ParamError::new("url", reason));
        }
        let sizes = [("batch_size", self.batch_size, 4096), ("concurrency", self.concurrency, 64)];
        for (key, size, most) in sizes {
            require((1..=most).contains(&size), key, size, &format!("between 1 and {most}"))?;
        }
        require(self.request_timeout_ms > 0, "request_timeout_ms", 0, "at least 1")?;
        require(self.retries <= 100, "retries", self.retries, "at most 100")?;
        require(self.cache <= 10_000_000, "cache", self.cache, "at most 10000000")?;
        let Some(rate) = self.requests_per_second else { return Ok(()) };
        let fits = rate.is_finite() && rate >= 0.001;
        require(fits, "requests_per_second", rate, "finite and at least 0.001")
    }
}

const INFO: Info = Info {
    name: "http",
    about: "The score that a service gives: rows are POSTed in batches as JSON (`rows`, each as for \
            `command` without the id, and `params`), the answer is a list of one number, null or object with a \
            `score` a row, or an object that holds it under `scores`.",
    range: (f64::NEG_INFINITY, f64::INFINITY),
    direction: Direction::Depends,
    params: &[
        Param::new("url", "a string", "the address, `http://` or `https://`; required"),
        Param::new("params", "an object", "what is sent along as `params` with every request"),
        Param::new("headers", "an object of strings", "more headers of every request"),
        Param::new(
            "token_env",
            "a string or null",
            "the environment variable with a bearer token, which then stands in no file",
        ),
        Param::new("batch_size", "a whole number from 1 to 4096", "how many rows a request holds"),
        Param::new(
            "concurrency",
            "a whole number from 1 to 64",
            "how many requests are under way at once",
        ),
        Param::new("request_timeout_ms", "a whole number ≥ 1", "how long a request may take"),
        Param::new(
            "retries",
            "a whole number from 0 to 100",
            "how often a request is sent again after a broken connection, a time-out or a status of 408, 425, 429 or 5xx",
        ),
        Param::new(
            "backoff_ms",
            "a whole number ≥ 0",
            "the wait before the first retry; it doubles up to 30 s, and a `Retry-After` in seconds counts if longer",
        ),
        Param::new(
            "requests_per_second",
            "a number ≥ 0.001 or null",
            "the most requests a second, retries included; null is no limit",
        ),
        Param::new(
            "cache",
            "a whole number from 0 to 10000000",
            "how many scores are remembered by the row's content and the parameters; 0 is none",
        ),
        Param::new(
            "on_error",
            "one of `none` or `fail`",
            "whether rows of a request that fails for good have no score, or the batch fails, as it always does where every row is lost",
        ),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| {
        let limits = Limits::new(config.retries, config.backoff_ms, config.requests_per_second);
        let headers = client::headers(&config.headers, config.token_env.as_deref())?;
        let client = Client::new(&config.url, headers, limits)?;
        let cache = Mutex::new(Cache::new(config.cache));
        Ok(Http { config, client, cache })
    })
}

struct Http {
    config: Config,
    client: Client,
    cache: Mutex<Cache<f64>>,
}

type Answer<'p> = (&'p [Pending<Value>], Result<Vec<Option<f64>>, Failure>);

impl Reward for Http {
    fn score(&self, batch: &[Sample<'_>], context: &Context<'_>) -> Result<Column, RewardError> {
        let mut value = vec![None; batch.len()];
        let pending = self.pending(batch, &mut value);
        let own = Duration::from_millis(self.config.request_timeout_ms);
        let limit = context.row_limit().map_or(own, |limit| limit.min(own));
        let answers = self.send(&pending, limit);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut lost, mut failure) = (0, None);
        for (rows, answer) in answers {
            match answer {
                Ok(scores) => {
                    for (row, score) in rows.iter().zip(scores) {
                        row.put(&mut value, score);
                        if let Some(score) = score {
                            cache.insert(row.key, score);
                        }
                    }
                }
                Err(error) if self.config.on_error == OnError::Fail || error.is_refusal() => {
                    return Err(RewardError::failed(self.describe(&error)));
                }
                Err(error) => {
                    lost += rows.iter().map(|row| row.places.len()).sum::<usize>();
                    failure = Some(error);
                }
            }
        }
        let Some(failure) = failure else { return Ok(Column::of(value)) };
        let message = self.describe(&failure);
        if lost == batch.len() {
            return Err(RewardError::failed(message));
        }
        let notes = vec![format!("{lost} of {} rows have no score: {message}", batch.len())];
        Ok(Column { value, notes, ..Column::default() })
    }
}

impl Http {
    fn describe(&self, failure: &Failure) -> String {
        format!("`{}` {failure}", self.config.url)
    }

    /// Fills in the scores that are remembered and returns the other rows, equal ones together.
    fn pending(&self, batch: &[Sample<'_>], value: &mut [Option<f64>]) -> Vec<Pending<Value>> {
        // The address and the parameters do not change in the life of a cache.
        let rows = batch.iter().map(|sample| {
            let row = Value::Object(wire::row(sample));
            (row.to_string(), row)
        });
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).pending(rows, value)
    }

    /// Sends `pending` in batches, several at once; the answers come in the rows' order.
    fn send<'p>(&self, pending: &'p [Pending<Value>], limit: Duration) -> Vec<Answer<'p>> {
        let requests: Vec<&[Pending<Value>]> = pending.chunks(self.config.batch_size).collect();
        let answers =
            parallel::map(&requests, self.config.concurrency, |rows| self.ask(rows, limit));
        requests.into_iter().zip(answers).collect()
    }

    fn ask(&self, rows: &[Pending<Value>], limit: Duration) -> Result<Vec<Option<f64>>, Failure> {
        let sent: Vec<&Value> = rows.iter().map(|row| &row.row).collect();
        let body = json!({ "rows": sent, "params": self.config.params }).to_string();
        let answer = self.client.post(&body, limit)?;
        read(&answer, rows.len()).map_err(Failure::Malformed)
    }
}

/// The scores in an answer to `want` rows. Anything else than the documented form is refused as a
/// whole: a score in a wrong place is worse than none.
fn read(answer: &str, want: usize) -> Result<Vec<Option<f64>>, String> {
    let shown = || crate::text::shorten(answer);
    let value: Value = serde_json::from_str(answer)
        .map_err(|_| format!("{:?}, which is not JSON (JSON has no NaN)", shown()))?;
    let list = value.get("scores").unwrap_or(&value);
    let Value::Array(list) = list else {
        return Err(format!("{:?}, must be a list or an object with a list `scores`", shown()));
    };
    if list.len() != want {
        return Err(format!("{} scores for {want} rows", list.len()));
    }
    let entry = |(index, entry): (usize, &Value)| {
        let bad = || format!("{entry} in place {index}, must be {}", wire::ANSWER);
        wire::score(entry).ok_or_else(bad)
    };
    list.iter().enumerate().map(entry).collect()
}
