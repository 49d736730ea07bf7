//! The loop of the design document, step for step: an SFT step, a response, its sentiment, a PPO step,
//! twice, printed as there.
//!
//! Rows of WikiText without the blank ones, shuffled by seed 42, 200 of them; the prompt template of the
//! document, its labels masked on the prompt; `adamw_8bit` at 2e-5 with a linear schedule of 20,000 steps
//! and 1,000 of warm-up; one row at a time. The configuration is written in the document's own keys.
//!
//! ```text
//! cargo run --release --example design_loop                      # WikiText-2 and SmolLM2-135M, fetched
//! cargo run --release --example design_loop -- --data rows.txt --model ./my-model
//! cargo run --release --example design_loop -- --small           # no download: rows and a tiny model
//! ```
//!
//! One thing is not as there: the query is the prompt alone, where the document hands the policy the
//! answer with it. Ends with the steps done, and fails unless every promise above holds: rows, masks,
//! rates, scores, and weights that have moved.
#![expect(clippy::print_stdout, reason = "the loop prints what the document's prints")]

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use burn::module::Module;
use burn::tensor::Device;
use hybrid::{HybridTrainer, Prompt, Reference, RunConfig, Scorer};
use hybrid_assets::{Kind, NoProgress, Options as AssetOptions, Store};
use hybrid_data::config::DataConfig;
use hybrid_data::encode::{EncodeError, EncodeOptions, Encoded, Encoder};
use hybrid_data::load::{Located, Source, load};
use hybrid_data::order::EpochOrder;
use hybrid_data::reader::{Format, TextUnit};
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::Decoder;
use hybrid_model::init::{InitConfig, init};
use hybrid_model::weights::{self, Checkpoint};
use hybrid_rewards::{BuildEnv, Registry};
use serde_json::{Value, json};

/// Iterations of the document's loop.
const ITERATIONS: usize = 2;
/// Rows it selects.
const ROWS: usize = 200;
/// Tokens of prompt and answer together.
const MAX_LENGTH: usize = 512;
/// Tokens that its `respond_to_batch` draws.
const NEW_TOKENS: usize = 20;
const LR: f64 = 2e-5;
const TOTAL_STEPS: usize = 20_000;
const WARMUP_STEPS: usize = 1000;

/// A row of WikiText as the loop uses it.
struct Example {
    prompt: Prompt,
    encoded: Encoded,
}

fn main() -> Result<()> {
    let arguments = parse(std::env::args().skip(1))?;
    let own = tempfile::tempdir().context("cannot make a temporary folder")?;
    let store = Store::new(AssetOptions::from_env()?);
    let lexicon = if arguments.small { write_lexicon(own.path())? } else { Value::Null };
    let config = config(&lexicon)?;

    // 1 to 3: rows, filtered, shuffled, selected.
    let texts = texts(&arguments, own.path(), &store, config.seed)?;
    // 4: tokenizer and model.
    let (decoder, tokenizer) = model(&arguments, &store, config.seed)?;
    // 5: the template, labels masked on the prompt.
    let examples = examples(&texts, &tokenizer)?;
    // 6: the reward.
    let scorer = scorer(&config, &store)?;
    // 7: the trainer.
    let mut trainer = HybridTrainer::new(config, decoder, tokenizer, TOTAL_STEPS)?;
    trainer.begin_phase(0, Some(Reference::frozen(&trainer.policy().decoder)), true);
    // 8 and 9: one row at a time, in random order.
    let order = EpochOrder::new(examples.len(), trainer.config().seed);
    let before = weights_of(&trainer);
    for (count, index) in order.take(ITERATIONS).enumerate() {
        let example = examples.get(index).context("the order is over the examples")?;
        iterate(&mut trainer, &scorer, example, count)?;
    }
    let moved = weights_of(&trainer).iter().zip(&before).filter(|(a, b)| a != b).count();
    let steps = trainer.counters();
    println!(
        "{} steps, {} optimizer steps, {moved} of {} weights moved",
        steps.steps,
        steps.optimizer_steps,
        before.len()
    );
    ensure!(steps.steps == 2 * ITERATIONS as u64, "an SFT and a PPO step each iteration");
    ensure!(moved * 2 > before.len(), "only {moved} weights moved");
    Ok(())
}

/// SFT step, response, reward, PPO step.
fn iterate(
    trainer: &mut HybridTrainer,
    scorer: &Scorer,
    example: &Example,
    count: usize,
) -> Result<()> {
    let rate = |steps: u64| LR * steps as f64 / WARMUP_STEPS as f64;
    ensure!((trainer.lr() - rate(trainer.counters().steps)).abs() < 1e-12, "the rate is off");
    let sft = trainer.sft_step(&[&example.encoded])?;
    trainer.advance(None);
    println!("[{count}] SFT loss: {:.4}", sft.loss);
    ensure!(sft.loss.is_finite(), "the SFT loss is {}", sft.loss);

    let responses = trainer.respond(std::slice::from_ref(&example.prompt))?;
    let response = responses.first().context("no response")?;
    let target = example.prompt.targets.first().map_or("", String::as_str);
    println!("---------------------\nRESPONSE: {}\nTARGET: {target}", response.text);
    println!("-------------------------");
    ensure!(response.completion_ids.len() <= NEW_TOKENS, "the response is too long");

    let rows = [&example.prompt];
    let scored = scorer.score(&rows, &responses, trainer.counters().steps, true)?;
    let scores: Vec<Option<f64>> = scored.iter().map(|scored| scored.score).collect();
    let score = scores.first().copied().flatten().context("the response has no score")?;
    println!("reward={score:.4}");
    ensure!((0.0..=1.0).contains(&score), "a sentiment of {score}");
    // The first update of a phase checks that the policy is its own reference, and the ratio 1.
    trainer.ppo_step(&rows, &responses, &scores)?;
    trainer.advance(None);
    Ok(())
}

/// The document's settings under its own names; what it leaves to TRL is written out.
fn config(lexicon: &Value) -> Result<RunConfig> {
    let text = json!({
        "seed": 42,
        "model": { "base": "given" },
        "data": { "train": "given" },
        "train": { "batch_size": 1, "micro_batch": 1, "max_length": MAX_LENGTH },
        "rollout": { "batch_size": 1, "max_new_tokens": NEW_TOKENS },
        "ppo": { "minibatch_size": 1 },
        "OPTIMIZER": "adamw_8bit", "LRATE": LR,
        "SCHEDULER": "linear",
        "NUM_TRAINING_STEPS": TOTAL_STEPS, "NUM_WARMUP_STEPS": WARMUP_STEPS,
        "REWARD": { "type": "sentiment", "target": "positive", "lexicon": lexicon },
        "phase": [{ "kind": "hybrid", "cycles": ITERATIONS }],
    });
    Ok(hybrid::config::parse(&text.to_string(), Path::new("design_loop.json"), &[])?)
}

/// 200 rows of text.
fn texts(arguments: &Arguments, own: &Path, store: &Store, seed: u64) -> Result<Vec<String>> {
    let path = match arguments.small {
        true => write_rows(own)?,
        false => {
            let asset = store.resolve(&arguments.data, Kind::Data, &NoProgress)?;
            asset.split("train").unwrap_or(&asset.path).to_owned()
        }
    };
    let mut data = DataConfig {
        train: hybrid_data::config::Sources(vec![path.to_string_lossy().into_owned()]),
        format: Some(Format::Text),
        text_unit: TextUnit::Line,
        shuffle: true,
        select: Some(ROWS),
        ..DataConfig::default()
    };
    data.filter.non_empty = true;
    let located =
        Located { train: vec![Source::local(path)], ..Located::local(&DataConfig::default()) };
    let records = load(&data, &located, seed)?.train;
    let texts = records.iter().flat_map(|record| record.texts()).map(|text| text.trim().to_owned());
    let texts: Vec<String> = texts.collect();
    ensure!(texts.len() == ROWS, "{} rows, expected {ROWS}", texts.len());
    ensure!(texts.iter().all(|text| !text.is_empty()), "a blank row was not filtered");
    Ok(texts)
}

/// Rows as prompt and answer. A row whose prompt alone fills the length has nothing to learn and is
/// left out.
fn examples(texts: &[String], tokenizer: &Tokenizer) -> Result<Vec<Example>> {
    let options = EncodeOptions { max_length: Some(MAX_LENGTH), ..EncodeOptions::default() };
    let encoder = Encoder::new(tokenizer, options)?;
    let mut examples = Vec::new();
    for (id, text) in texts.iter().enumerate() {
        let prompt = format!("### Prompt:\n\n```{text}```\n\n### Response:\n\n");
        let ids = tokenizer.encode(&prompt, true)?;
        let encoded = match encoder.prompt_completion(&prompt, text) {
            Ok(encoded) => encoded,
            Err(EncodeError::TruncatedAway { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        let (masked, counted) = encoded.loss_mask.split_at(ids.len());
        ensure!(encoded.ids.starts_with(&ids), "the example does not start with its prompt");
        ensure!(!masked.contains(&true), "a token of the prompt counts");
        ensure!(
            !counted.is_empty() && !counted.contains(&false),
            "a token of the answer is masked"
        );
        ensure!(encoded.ids.len() <= MAX_LENGTH, "a row has {} tokens", encoded.ids.len());
        let targets = vec![text.clone()];
        let fields = serde_json::Map::new();
        let prompt = Prompt { id: id as u64, text: prompt, ids, targets, fields };
        examples.push(Example { prompt, encoded });
    }
    println!("{} rows, {} of them short enough", texts.len(), examples.len());
    ensure!(!examples.is_empty(), "every row is too long");
    Ok(examples)
}

fn model(arguments: &Arguments, store: &Store, seed: u64) -> Result<(Decoder, Tokenizer)> {
    if !arguments.small {
        let path = store.resolve(&arguments.model, Kind::Model, &NoProgress)?.path;
        let decoder = weights::load(&Checkpoint::open(&path)?, &Device::flex())?;
        return Ok((decoder, Tokenizer::from_path(&path)?));
    }
    let tokenizer = Tokenizer::bytes()?;
    let sizes = InitConfig {
        model_type: "gpt2".to_owned(),
        vocab_size: tokenizer.vocab_size(),
        hidden_size: 32,
        layers: 2,
        heads: 2,
        kv_heads: None,
        intermediate_size: None,
        context: MAX_LENGTH + NEW_TOKENS,
        tie_embeddings: true,
    };
    Ok((init(&sizes.to_config()?, seed, &Device::flex()), tokenizer))
}

fn scorer(config: &RunConfig, store: &Store) -> Result<Scorer> {
    let spec = config.reward.as_ref().context("the configuration has a reward")?;
    let assets = |name: &str| -> Result<PathBuf, String> {
        let asset = store.resolve(name, Kind::Lexicon, &NoProgress);
        asset.map(|asset| asset.path).map_err(|error| error.to_string())
    };
    Ok(Scorer::new(Registry::builtin()?.build(spec, &BuildEnv::new(&assets))?))
}

/// All weights, in the order of their names.
fn weights_of(trainer: &HybridTrainer) -> Vec<u32> {
    let values = trainer.policy().decoder.valid().values();
    values.into_values().flatten().map(f32::to_bits).collect()
}

/// 300 lines, a third of them blank, as WikiText has them.
fn write_rows(folder: &Path) -> Result<PathBuf> {
    let line = |number: usize| match number % 3 {
        0 => " \n".to_owned(),
        1 => format!(" = Chapter {number} = \n"),
        _ => format!(" The good ship number {number} left a bad harbour in the rain . \n"),
    };
    let path = folder.join("rows.txt");
    std::fs::write(&path, (0..330).map(line).collect::<String>())?;
    Ok(path)
}

/// A lexicon of two words, so that nothing is fetched.
fn write_lexicon(folder: &Path) -> Result<Value> {
    let path = folder.join("vader_lexicon.txt");
    std::fs::write(&path, "good\t1.9\nbad\t-2.5\n")?;
    Ok(json!(path))
}

/// What the command line asks for.
struct Arguments {
    data: String,
    model: String,
    small: bool,
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut arguments = Arguments {
        data: "wikitext-2".to_owned(),
        model: "smollm2-135m-instruct".to_owned(),
        small: false,
    };
    while let Some(arg) = args.next() {
        let mut value = || args.next().with_context(|| format!("`{arg}` needs a value"));
        match arg.as_str() {
            "--data" => arguments.data = value()?,
            "--model" => arguments.model = value()?,
            "--small" => arguments.small = true,
            other => bail!("unknown argument `{other}`; see the first lines of the example"),
        }
    }
    Ok(arguments)
}
