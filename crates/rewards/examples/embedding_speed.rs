//! Times `cosine_sts` and `bertscore` on pairs of texts, beside `reference/bench/embeddings.py`.
//!
//! ```text
//! cargo run --release -p hybrid-rewards --features neural --example embedding_speed -- \
//!     FOLDER PAIRS.jsonl [ROWS]
//! ```
//!
//! `FOLDER` holds an encoder, such as all-MiniLM-L6-v2. Nothing is remembered from the warm-up. Prints a
//! JSON line for each reward: pairs a second and the mean score.
#![expect(clippy::print_stdout, reason = "a program that reports what it measured")]

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use hybrid_model::Device;
use hybrid_rewards::neural::Models;
use hybrid_rewards::rows::Row;
use hybrid_rewards::{BuildEnv, Context, Registry};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("expected FOLDER PAIRS.jsonl [ROWS]")?);
    let pairs = arguments.next().ok_or("expected FOLDER PAIRS.jsonl [ROWS]")?;
    let count: usize = arguments.next().map_or(Ok(1000), |count| count.parse())?;
    let text = std::fs::read_to_string(pairs)?;
    let rows: Vec<Row> = text
        .lines()
        .take(count)
        .map(|line| Ok(Row::from_json(serde_json::from_str(line)?)?))
        .collect::<Result<_, Box<dyn Error>>>()?;
    let samples: Vec<_> = (0..).zip(&rows).map(|(id, row)| row.sample(id, id)).collect();
    let find = |_: &str| Ok(folder.clone());
    let open = |_: Option<&str>| Ok(Device::flex());
    let models = Models::new(&find, &open);
    let env = BuildEnv::without_assets().with_models(&models);
    let registry = Registry::builtin()?;
    for name in ["cosine_sts", "bertscore"] {
        let tree = registry.build(&json!({ "type": name, "cache": 0 }), &env)?;
        tree.score(samples.get(..16).unwrap_or(&samples), &Context::evaluation())?;
        let start = Instant::now();
        let scores = tree.score(&samples, &Context::evaluation())?.value;
        let seconds = start.elapsed().as_secs_f64();
        let found: Vec<f64> = scores.into_iter().flatten().collect();
        let mean = found.iter().sum::<f64>() / found.len() as f64;
        let line = json!({ "metric": name, "rows": found.len(),
                           "rows_s": found.len() as f64 / seconds, "mean": mean });
        println!("{line}");
    }
    Ok(())
}
