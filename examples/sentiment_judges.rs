//! A sentiment head beside a linear model, on the same held-out reviews and on sentences.
//!
//! ```text
//! hybrid train examples/heads/sentiment.toml
//! cargo run --release --example sentiment_judges -- runs/sentiment REVIEWS.csv rotten_tomatoes
//! ```
//!
//! `REVIEWS.csv` is the file that the run learnt from. Trains the TF-IDF model of the reward `linear` on the
//! run's own training rows; then asks both about the rows that the run held out, and about the rows whose
//! column `source` has the third argument, which neither has seen. Prints a JSON line for each: accuracy with
//! its 95 % interval, and milliseconds a text.
//!
//! Without arguments a tiny head learns from made-up reviews. Fails where a judge is no better than chance.
#![expect(clippy::print_stdout, reason = "a line a judge")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Device;
use hybrid::checkpoint::newest_complete;
use hybrid::config::{AnyConfig, HeadsConfig, parse_any};
use hybrid::heads::predict::{Prediction, Predictor, Query};
use hybrid::heads::{Example, HeadsParts, HeadsRun, Target, TaskRows, TaskSources, example};
use hybrid::run::NoObserver;
use hybrid::run_dir::{Environment, RunDir};
use hybrid_data::load::Source;
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::Trunk;
use hybrid_rewards::linear::{self, Labelled, Options};
use hybrid_rewards::validation::proportion;
use serde_json::json;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = tempfile::tempdir()?;
    let (run, data, source) = match arguments.as_slice() {
        [] => {
            let (run, data) = small(folder.path())?;
            (run, data, "sentences".to_owned())
        }
        [run, data, source] => (PathBuf::from(run), PathBuf::from(data), source.clone()),
        _ => bail!("expected RUN REVIEWS.csv SOURCE, or nothing"),
    };
    let config = match RunDir::resume(&run)?.read_any_config()? {
        AnyConfig::Heads(config) => config,
        AnyConfig::Language(_) => bail!("`{}` is no run of task heads", run.display()),
    };
    let predictor = Predictor::load(&newest_complete(&run)?.path, &Device::flex())?;
    let TaskRows { train, held_out, .. } = read(&config, &data, predictor.tokenizer())?;
    let mut of_source = config.clone();
    for head in &mut of_source.head {
        head.data.rows = [("source".to_owned(), source.clone())].into();
        head.data.validation = None;
    }
    let sentences = read(&of_source, &data, predictor.tokenizer())?.train;

    let start = Instant::now();
    let model = linear::train(&labelled(&train), &Options::default())?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{}", json!({ "judge": "linear", "rows": train.len(), "training_s": seconds }));

    for (name, rows) in [("held out", &held_out), (source.as_str(), &sentences)] {
        let rows = labelled(rows);
        let by_linear = |texts: &[Labelled]| -> Result<Vec<bool>> {
            Ok(texts.iter().map(|row| model.probability(&row.text) >= 0.5).collect())
        };
        tell("linear", name, &rows, &by_linear)?;
        tell("head", name, &rows, &|texts| by_head(&predictor, &config, texts))?;
    }
    Ok(())
}

/// Asks a judge about rows and prints how often it is right.
fn tell(
    judge: &str,
    name: &str,
    rows: &[Labelled],
    ask: &dyn Fn(&[Labelled]) -> Result<Vec<bool>>,
) -> Result<()> {
    let start = Instant::now();
    let answers = ask(rows)?;
    let seconds = start.elapsed().as_secs_f64();
    let right = answers.iter().zip(rows).filter(|(answer, row)| **answer == row.label).count();
    let accuracy = proportion(right, rows.len()).with_context(|| format!("no rows: {name}"))?;
    let line = json!({
        "judge": judge, "texts": name, "rows": rows.len(), "accuracy": accuracy,
        "ms_a_text": 1000.0 * seconds / rows.len() as f64,
    });
    println!("{line}");
    ensure!(accuracy.low > 0.5, "{judge} is no better than chance on {name}");
    Ok(())
}

fn by_head(predictor: &Predictor, config: &HeadsConfig, rows: &[Labelled]) -> Result<Vec<bool>> {
    let query = |row: &Labelled| Query { text: row.text.clone(), ..Query::default() };
    let queries: Vec<Query> = rows.iter().map(query).collect();
    let answers = predictor.predict(0, &queries, config.train.micro_tokens)?;
    let is_positive = |answer: Prediction| match answer {
        Prediction::Class { label, .. } => Ok(label == "1"),
        _ => bail!("the run's first head is no classification"),
    };
    answers.into_iter().map(is_positive).collect()
}

/// Texts with what the head's second label says of them.
fn labelled(examples: &[Example]) -> Vec<Labelled> {
    let label = |example: &Example| example.target == Target::Class(1);
    examples.iter().map(|row| Labelled { text: row.text.clone(), label: label(row) }).collect()
}

/// The rows of the first head, out of one file.
fn read(config: &HeadsConfig, data: &Path, tokenizer: &Tokenizer) -> Result<TaskRows> {
    let head = config.head.first().context("the run has no head")?;
    let sources = TaskSources { train: vec![Source::local(data)], ..TaskSources::default() };
    Ok(example::read(head, &sources, tokenizer, config.train.limit(), config.seed)?)
}

/// A run on a tiny trunk, and the rows that it learnt from.
fn small(folder: &Path) -> Result<(PathBuf, PathBuf)> {
    let device = Device::flex();
    let (model, data, run) = (folder.join("model"), folder.join("rows.jsonl"), folder.join("run"));
    hybrid_testing::models::write(&model, "gpt2", 3, &device);
    let row = |number: usize| {
        let is_good = number.is_multiple_of(2);
        let word = if is_good { "lovely" } else { "awful" };
        let source = if number < 300 { "reviews" } else { "sentences" };
        let text = format!("Film {number} was {word}");
        format!("{}\n", json!({ "text": text, "label": u8::from(is_good), "source": source }))
    };
    std::fs::write(&data, (0..400).map(row).collect::<String>())?;
    let text = format!(
        "model.base = {model:?}\noutput.dir = {run:?}\noutput.tensorboard = false\n\
         optim = {{ lr = 5e-3, scheduler = \"constant\" }}\ntrain.max_length = 40\n\
         [[head]]\ntask = \"sentiment\"\nkind = \"classification\"\nlabels = [\"0\", \"1\"]\n\
         data = {{ train = {data:?}, rows = {{ source = \"reviews\" }}, validation = 100 }}\n\
         [[phase]]\nkind = \"heads\"\nsteps = 60\n"
    );
    let AnyConfig::Heads(config) = parse_any(&text, Path::new("small.toml"), &[])? else {
        bail!("the file has a head");
    };
    let tokenizer = Tokenizer::from_dir(&model)?;
    let parts = HeadsParts {
        trunk: Trunk::load(&model, &device.autodiff())?,
        rows: vec![read(&config, &data, &tokenizer)?],
        rewards: vec![None],
        environment: Environment::new("cpu", &[]),
        tokenizer,
        config,
    };
    let outcome = HeadsRun::open(parts, false)?.finish(&mut NoObserver)?;
    Ok((outcome.run_dir, data))
}
