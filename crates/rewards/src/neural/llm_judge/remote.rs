//! A judge behind an OpenAI-compatible address: one request a row, one label an answer.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Config, Question};
use crate::cache::{Cache, Pending};
use crate::column::Column;
use crate::error::{ParamError, RewardError};
use crate::metrics::http::client::{self, Client, Failure, Limits};
use crate::metrics::http::parallel;
use crate::metrics::wire::OnError;
use crate::neural::template::targets;
use crate::reward::{Needs, Reward};
use crate::sample::{Context, Sample};
use crate::text::shorten;

/// What is asked for below the base address.
const ENDPOINT: &str = "/chat/completions";

/// A service as judge.
pub(super) struct Remote {
    config: Config,
    model: String,
    question: Question,
    url: String,
    client: Client,
    cache: Mutex<Cache<f64>>,
}

impl Remote {
    /// A judge called `model` at the address of `config`.
    ///
    /// # Errors
    ///
    /// [`ParamError`] of `url` or `token_env`.
    pub(super) fn new(
        config: Config,
        model: String,
        question: Question,
    ) -> Result<Self, ParamError> {
        let base = config.url.as_deref().unwrap_or_default();
        let with_scheme = base.strip_prefix("http://").or(base.strip_prefix("https://"));
        if with_scheme.is_none_or(str::is_empty) {
            let reason = format!(
                "is {base:?}, must be a whole address such as \"http://localhost:8000/v1\""
            );
            return Err(ParamError::new("url", reason));
        }
        let base = base.trim_end_matches('/');
        let url = format!("{}{ENDPOINT}", base.strip_suffix(ENDPOINT).unwrap_or(base));
        let limits = Limits::new(config.retries, config.backoff_ms, config.requests_per_second);
        let headers = client::headers(&config.headers, config.token_env.as_deref())?;
        let client = Client::new(&url, headers, limits)?;
        let cache = Mutex::new(Cache::new(config.cache));
        Ok(Self { config, model, question, url, client, cache })
    }

    /// The grade of one question.
    fn ask(&self, question: &str, limit: Duration) -> Result<f64, Failure> {
        let body = json!({
            "model": self.model,
            "messages": [{ "role": "user", "content": question }],
            "temperature": 0,
            "max_tokens": self.config.max_tokens,
        });
        let answer = self.client.post(&body.to_string(), limit)?;
        let at = verdict(&answer, &self.question.labels).map_err(Failure::Malformed)?;
        Ok(self.question.grade(at))
    }

    /// The best grade over a row's targets; `None` where it has none.
    fn judge(&self, sample: &Sample<'_>, limit: Duration) -> Result<Option<f64>, Failure> {
        if sample.response.is_empty() {
            return Ok(None);
        }
        let mut best: Option<f64> = None;
        for target in targets(sample, &self.question.needs()) {
            let question = self.question.ask(sample.prompt, sample.response, target);
            let grade = self.ask(&question, limit)?;
            best = Some(best.map_or(grade, |best| best.max(grade)));
        }
        Ok(best)
    }
}

impl Reward for Remote {
    fn needs(&self) -> Needs {
        self.question.needs()
    }

    fn score(&self, batch: &[Sample<'_>], context: &Context<'_>) -> Result<Column, RewardError> {
        let needs = self.question.needs();
        let mut value = vec![None; batch.len()];
        let rows = batch.iter().map(|sample| {
            let prompt = needs.prompt.then_some(sample.prompt);
            let targets = needs.target.then_some(sample.targets);
            (json!([sample.response, prompt, targets]).to_string(), sample)
        });
        let pending: Vec<Pending<&Sample<'_>>> =
            self.cache.lock().unwrap_or_else(PoisonError::into_inner).pending(rows, &mut value);
        let own = Duration::from_millis(self.config.request_timeout_ms);
        let limit = context.row_limit().map_or(own, |limit| limit.min(own));
        let answers =
            parallel::map(&pending, self.config.concurrency, |row| self.judge(row.row, limit));
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut lost, mut failure) = (0, None);
        for (row, answer) in pending.iter().zip(answers) {
            match answer {
                Ok(grade) => {
                    row.put(&mut value, grade);
                    if let Some(grade) = grade {
                        cache.insert(row.key, grade);
                    }
                }
                Err(error) if self.config.on_error == OnError::Fail || error.is_refusal() => {
                    return Err(RewardError::failed(format!("`{}` {error}", self.url)));
                }
                Err(error) => {
                    lost += row.places.len();
                    failure = Some(error);
                }
            }
        }
        let (url, rows) = (&self.url, batch.len());
        let note = |failure| format!("{lost} of {rows} rows have no score: `{url}` {failure}");
        Ok(Column { value, notes: failure.map(note).into_iter().collect(), ..Column::default() })
    }
}

/// The place of the label that an answer consists of.
///
/// # Errors
///
/// What it is instead, to stand after "answered": a verdict that has to be guessed is none.
fn verdict(answer: &str, labels: &[String]) -> Result<usize, String> {
    let value: Value = serde_json::from_str(answer)
        .map_err(|_| format!("{:?}, which is not JSON", shorten(answer)))?;
    let choices = value.get("choices").and_then(Value::as_array).map(Vec::as_slice);
    let choice = match choices {
        Some([choice]) => choice,
        Some(choices) => return Err(format!("{} choices, must be 1", choices.len())),
        None => return Err(format!("{:?}, which has no list `choices`", shorten(answer))),
    };
    let content = choice.pointer("/message/content").and_then(Value::as_str);
    let content = content.ok_or_else(|| {
        format!("{:?}, must have a text under `message.content`", shorten(&choice.to_string()))
    })?;
    labels.iter().position(|label| label == content.trim()).ok_or_else(|| {
        format!("{:?}, must be one of {} and nothing else", shorten(content), labels.join(", "))
    })
}

#[cfg(test)]
mod tests;
