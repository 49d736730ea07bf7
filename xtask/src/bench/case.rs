//! The cases of `benches/cases.json`, as far as whoever starts the programs must know them.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

/// Where the table lies, from the root.
pub(super) const TABLE: &str = "benches/cases.json";

/// A piece of work on a model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Case {
    /// What programs know it by: `WORK/MODEL`.
    pub(super) name: String,
    /// The kind of work.
    pub(super) work: String,
    /// Its sizes, for people.
    pub(super) sizes: String,
    /// The share of the machine's ceiling that is asked for.
    pub(super) roofline: Option<f64>,
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
        let mut sizes = format!("{} × {}", count("rows"), count("length"));
        if count("new") > 0 {
            sizes.push_str(&format!(" + {}", count("new")));
        }
        Ok(Self {
            name: text("name")?,
            work: text("work")?,
            sizes,
            roofline: value.get("roofline").and_then(Value::as_f64),
            peers,
        })
    }

    /// The script in `reference/bench/` that does the same work.
    pub(super) fn script(&self) -> &'static str {
        match self.work.as_str() {
            "sft" | "start" => "sft.py",
            "ppo" | "ppo-shared" => "ppo.py",
            _ => "generate.py",
        }
    }
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
