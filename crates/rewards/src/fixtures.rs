//! What the tests of several modules share: building specs, scoring pairs, reading golden rows.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::rows::{Grouper, Row};
use crate::{BuildEnv, Column, Context, Registry, RewardError, RewardTree};

#[cfg(feature = "http")]
pub(crate) mod server;

/// The folder `golden/rewards`.
pub(crate) fn golden_folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/rewards"))
}

/// The rows of a golden file; of the same name in the folder that `HYBRID_GOLDEN_REWARDS` names, where it
/// has one, so that a larger set of the same form can be tried.
pub(crate) fn golden<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let other =
        std::env::var_os("HYBRID_GOLDEN_REWARDS").map(|folder| PathBuf::from(folder).join(name));
    let path = other.filter(|path| path.is_file()).unwrap_or(golden_folder().join(name));
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    // Such a set holds a few rows about all its pairs at once; ours stand in `ter_corpus.jsonl`.
    let rows = rows.filter(|row| row.get("corpus").is_none());
    rows.map(|row| serde_json::from_value(row).unwrap()).collect()
}

/// The tree that `spec` describes; lexicon and WordNet are the golden ones.
pub(crate) fn build(spec: &Value) -> RewardTree {
    Registry::builtin().unwrap().build(spec, &env()).unwrap()
}

/// An environment that knows the golden lexicon, WordNet and dictionary, and the golden networks.
pub(crate) fn env() -> BuildEnv<'static> {
    let env = BuildEnv::new(&|name| match name {
        "vader-lexicon" => Ok(golden_folder().join("vader")),
        "wordnet" => Ok(golden_folder().join("wordnet")),
        "hunspell-en-us" => Ok(golden_folder().join("hunspell")),
        _ => Err(format!("there is no asset `{name}`")),
    });
    #[cfg(feature = "neural")]
    let env = env.with_models(crate::neural::tests::models());
    env
}

/// Scores JSON rows with `tree` as a training batch.
pub(crate) fn try_score(tree: &RewardTree, rows: &[Value]) -> Result<Column, RewardError> {
    try_score_in(tree, rows, &Context::training(0))
}

/// Scores JSON rows with `tree` in `context`.
pub(crate) fn try_score_in(
    tree: &RewardTree,
    rows: &[Value],
    context: &Context<'_>,
) -> Result<Column, RewardError> {
    let rows: Vec<Row> = rows.iter().map(|row| Row::from_json(row.clone()).unwrap()).collect();
    let mut grouper = Grouper::default();
    let samples: Vec<_> =
        (0..).zip(&rows).map(|(id, row)| row.sample(id, grouper.group(row))).collect();
    tree.score(&samples, context)
}

/// Scores JSON rows with a fresh tree of `spec`.
pub(crate) fn score(spec: &Value, rows: &[Value]) -> Vec<Option<f64>> {
    try_score(&build(spec), rows).unwrap().value
}

/// Both have a score within `tolerance`, or neither has one.
pub(crate) fn assert_close(got: Option<f64>, want: Option<f64>, tolerance: f64, what: &str) {
    let close = match (got, want) {
        (Some(got), Some(want)) => (got - want).abs() <= tolerance,
        (None, None) => true,
        _ => false,
    };
    assert!(close, "{what}: got {got:?}, want {want:?}");
}

/// What `reference/rewards_breadth.py` computed.
pub(crate) fn breadth() -> Value {
    let text = std::fs::read_to_string(golden_folder().join("breadth.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}
