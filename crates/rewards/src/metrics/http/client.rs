//! One POST with its retries, and the pace of them all.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::Uri;

use crate::error::ParamError;

/// The longest wait before a retry.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: u64 = 64 << 20;

/// How often and how fast.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How often a request is sent again.
    pub(crate) retries: u32,
    /// The wait before the first retry.
    pub(crate) backoff: Duration,
    /// The least time between the starts of two requests.
    pub(crate) interval: Option<Duration>,
}

impl Limits {
    /// From the keys of a spec: `retries`, `backoff_ms` and `requests_per_second`.
    pub(crate) fn new(retries: u32, backoff_ms: u64, requests_per_second: Option<f64>) -> Self {
        let interval = requests_per_second.map(|rate| Duration::from_secs_f64(1.0 / rate));
        Self { retries, backoff: Duration::from_millis(backoff_ms), interval }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The connection failed or was too slow, as often as was tried.
    Unreachable { cause: String, tries: u32 },
    /// The service answered with a status that says "not now", as often as was tried.
    Busy { status: u16, tries: u32 },
    /// The service will not take the request however often it is sent.
    Refused { status: u16, answer: String },
    /// The service answered something else than was agreed on.
    Malformed(String),
}

impl Failure {
    /// True where the spec is to blame and no other request would do better.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { cause, tries } => {
                write!(f, "could not be asked ({tries} tries): {cause}; is the service running?")
            }
            Self::Busy { status, tries } => {
                write!(f, "answered with status {status} ({tries} tries); give it more time")
            }
            Self::Refused { status, answer } => write!(
                f,
                "refused the request with status {status}: {answer:?}; check `url`, `params` and `headers`"
            ),
            Self::Malformed(what) => write!(f, "answered {what}"),
        }
    }
}

/// The headers that a spec names, with the bearer token that the variable `token_env` holds.
///
/// # Errors
///
/// [`ParamError`] of `token_env` where that variable is not set.
pub(crate) fn headers(
    named: &BTreeMap<String, String>,
    token_env: Option<&str>,
) -> Result<Vec<(String, String)>, ParamError> {
    let mut headers: Vec<(String, String)> =
        named.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    if let Some(variable) = token_env {
        let token = std::env::var(variable).map_err(|_| {
            let reason = format!("names `{variable}`, which is not set; export it");
            ParamError::new("token_env", reason)
        })?;
        headers.push(("authorization".to_owned(), format!("Bearer {token}")));
    }
    Ok(headers)
}

/// A connection to one address.
pub(crate) struct Client {
    agent: Agent,
    uri: Uri,
    headers: Vec<(String, String)>,
    limits: Limits,
    next: Mutex<Option<Instant>>,
}

impl Client {
    /// A client of `url` that sends `headers` with every request.
    pub(crate) fn new(
        url: &str,
        headers: Vec<(String, String)>,
        limits: Limits,
    ) -> Result<Self, ParamError> {
        let uri: Uri = url
            .parse()
            .map_err(|error| ParamError::new("url", format!("{url:?} is no address: {error}")))?;
        let mut config = Agent::config_builder().http_status_as_error(false);
        // A service on this machine is never behind the proxy that leads out of it.
        if uri.host().is_some_and(is_local) {
            config = config.proxy(None);
        }
        let agent: Agent = config.build().into();
        Ok(Self { agent, uri, headers, limits, next: Mutex::new(None) })
    }

    /// Sends `body` and returns the answer's text. `limit` holds for each try.
    pub(crate) fn post(&self, body: &str, limit: Duration) -> Result<String, Failure> {
        let mut wait = self.limits.backoff;
        let mut tries = 0;
        loop {
            self.keep_pace();
            tries += 1;
            let (failure, asked) = match self.try_once(body, limit) {
                Ok(Reply { status: 200..=299, text, .. }) => return Ok(text),
                Ok(Reply {
                    status: status @ (408 | 425 | 429 | 500..=599), retry_after, ..
                }) => (Failure::Busy { status, tries }, retry_after),
                Ok(Reply { status, text, .. }) => {
                    let answer = crate::text::shorten(&text);
                    return Err(Failure::Refused { status, answer });
                }
                Err(cause) => (Failure::Unreachable { cause, tries }, None),
            };
            if tries > self.limits.retries {
                return Err(failure);
            }
            tracing::debug!(url = %self.uri, %failure, "retrying");
            std::thread::sleep(wait.max(asked.unwrap_or_default()).min(LONGEST_WAIT));
            wait = wait.saturating_mul(2).min(LONGEST_WAIT);
        }
    }

    fn try_once(&self, body: &str, limit: Duration) -> Result<Reply, String> {
        let mut request = self
            .agent
            .post(self.uri.clone())
            .config()
            .timeout_global(Some(limit))
            .build()
            .content_type("application/json");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut response = request.send(body).map_err(|error| error.to_string())?;
        let retry_after = response.headers().get("retry-after").and_then(|v| v.to_str().ok());
        let retry_after = retry_after.and_then(|text| text.trim().parse().ok());
        let text = response.body_mut().with_config().limit(LONGEST_ANSWER).read_to_string();
        Ok(Reply {
            status: response.status().as_u16(),
            retry_after: retry_after.map(Duration::from_secs),
            text: text.map_err(|error| error.to_string())?,
        })
    }

    /// Waits for this request's turn.
    fn keep_pace(&self) {
        let Some(interval) = self.limits.interval else { return };
        let now = Instant::now();
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = next.map_or(now, |next| next.max(now));
            *next = turn.checked_add(interval);
            turn
        };
        std::thread::sleep(turn.saturating_duration_since(now));
    }
}

struct Reply {
    status: u16,
    retry_after: Option<Duration>,
    text: String,
}

fn is_local(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address: Option<std::net::IpAddr> = host.parse().ok();
    host == "localhost" || address.is_some_and(|address| address.is_loopback())
}
