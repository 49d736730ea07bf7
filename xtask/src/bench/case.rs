//! The cases of `benches/cases.json`, as far as whoever starts the programs must know them.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

/// Where the table lies, from the root.
pub(super) const TABLE: &str = "benches/cases.json";

/// Keys of every case.
const KEYS: &[&str] = &[
    "name",
    "work",
    "model",
    "rows",
    "length",
    "new",
    "epochs",
    "warm_up",
    "repetitions",
    "roofline",
    "peers",
];

/// Keys of some works alone, those works, and the values that each may have.
const OWN_KEYS: &[(&str, &[&str], &[&str])] = &[
    ("memory", &["sft", "start", "ppo", "ppo-shared"], &["low"]),
    ("weights", &["decode", "generate"], &["bf16", "int8"]),
    ("reward", &["rewards"], &["bleu", "chrf", "levenshtein", "rouge_l", "sentiment"]),
];

/// Works on pairs of texts.
const OF_TEXTS: &[&str] = &["embeddings", "bertscore", "rewards"];

/// A piece of work, mostly on a model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Case {
    /// What programs know it by: `WORK/MODEL`, or `rewards/REWARD`.
    pub(super) name: String,
    /// The kind of work.
    pub(super) work: String,
    /// Its sizes, for people.
    pub(super) sizes: String,
    /// The share of the machine's ceiling that is asked for.
    pub(super) roofline: Option<f64>,
    /// Whether weights are rounded.
    pub(super) is_rounded: bool,
    /// Who does the same.
    pub(super) peers: Vec<Peer>,
}

/// Who does the same work, and what is asked for beside it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Peer {
    /// As its script calls it.
    pub(super) name: String,
    /// How many times as fast ours is to be.
    pub(super) speed: Option<f64>,
    /// The most memory of ours, as a share of its.
    pub(super) memory: Option<f64>,
}

impl Case {
    /// Every case of the table.
    pub(super) fn read_all(root: &Path) -> Result<Vec<Self>> {
        let text = std::fs::read_to_string(root.join(TABLE));
        let text = text.with_context(|| format!("cannot read `{TABLE}`"))?;
        Self::parse_all(&text).with_context(|| format!("`{TABLE}` is not usable"))
    }

    pub(super) fn parse_all(text: &str) -> Result<Vec<Self>> {
        let table: Value = serde_json::from_str(text).context("it is no JSON")?;
        let cases = table.get("cases").and_then(Value::as_array).context("it has no `cases`")?;
        cases.iter().map(Self::parse).collect()
    }

    fn parse(value: &Value) -> Result<Self> {
        let text = |key: &str| {
            let text = value.get(key).and_then(Value::as_str).map(str::to_owned);
            text.with_context(|| format!("a case has no `{key}`: {value}"))
        };
        let count = |key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
        let peers = match value.get("peers") {
            Some(Value::Object(peers)) => {
                peers.iter().map(|(name, asked)| Peer::parse(name, asked)).collect::<Result<_>>()?
            }
            Some(other) => bail!("`peers` must be a table of names: {other}"),
            None => Vec::new(),
        };
        let (name, work) = (text("name")?, text("work")?);
        check_keys(value, &work).with_context(|| format!("case `{name}`"))?;
        let mut sizes = format!("{} × {}", count("rows"), count("length"));
        if OF_TEXTS.contains(&work.as_str()) {
            sizes = format!("{} pairs", count("rows"));
        }
        if count("new") > 0 {
            sizes.push_str(&format!(" + {}", count("new")));
        }
        Ok(Self {
            name,
            work,
            sizes,
            roofline: value.get("roofline").and_then(Value::as_f64),
            is_rounded: value.get("weights").is_some(),
            peers,
        })
    }

    /// What is counted each second; `None` where one waits for an event.
    pub(super) fn counted(&self) -> Option<&'static str> {
        match self.work.as_str() {
            "start" => None,
            work if OF_TEXTS.contains(&work) => Some("pairs/s"),
            _ => Some("tokens/s"),
        }
    }

    /// The script in `reference/bench/` that does the same work.
    pub(super) fn script(&self) -> &'static str {
        match self.work.as_str() {
            "sft" | "start" => "sft.py",
            "ppo" | "ppo-shared" => "ppo.py",
            work if OF_TEXTS.contains(&work) => "texts.py",
            _ => "generate.py",
        }
    }
}

/// Refuses a misspelt key, one that says nothing of this work, and a value that nobody knows.
fn check_keys(case: &Value, work: &str) -> Result<()> {
    let empty = Map::new();
    let keys = case.as_object().unwrap_or(&empty);
    for (key, value) in keys.iter().filter(|(key, _)| !KEYS.contains(&key.as_str())) {
        let Some((_, works, values)) = OWN_KEYS.iter().find(|(own, _, _)| own == key) else {
            let own = OWN_KEYS.iter().map(|(own, _, _)| *own);
            let known: Vec<&str> = KEYS.iter().copied().chain(own).collect();
            bail!("`{key}` is no key; known are {}", known.join(", "));
        };
        ensure!(
            works.contains(&work),
            "`{key}` says nothing of the work `{work}`; it is for {}",
            works.join(", ")
        );
        ensure!(
            value.as_str().is_some_and(|value| values.contains(&value)),
            "`{key}` is {value}; expected one of {}",
            values.join(", ")
        );
    }
    let names_one = work != "rewards" || keys.contains_key("reward");
    ensure!(names_one, "the work `rewards` needs the key `reward`");
    Ok(())
}

impl Peer {
    fn parse(name: &str, asked: &Value) -> Result<Self> {
        let empty = Map::new();
        let asked = asked.as_object().unwrap_or(&empty);
        if let Some(key) = asked.keys().find(|key| !["speed", "memory"].contains(&key.as_str())) {
            bail!("peer `{name}` has the unknown key `{key}`; known are `speed` and `memory`");
        }
        let number = |key: &str| asked.get(key).and_then(Value::as_f64);
        Ok(Self { name: name.to_owned(), speed: number("speed"), memory: number("memory") })
    }
}
