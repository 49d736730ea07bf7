//! The run files beside this program, each made small: they parse, run to their end, and do what their
//! first lines say.
//!
//! Run with `cargo run --release --example run_files`. Every `examples/*.toml` is read as it is. Then
//! model and data are replaced by a tiny model and text of the program's own, phases and batches cut
//! short, and the whole run is done, with its measurements before and after. Ends with a line a file, and
//! fails where a run file does not keep its promise: `wikitext_sft` a lower perplexity, `imdb_sentiment`, `lora`
//! and both quickstarts SFT and PPO in turns with every measurement, `hybrid_curriculum` fewer SFT steps a
//! cycle as the score rises, `composite` PPO alone on a score of six parts, `multi_task` steps of a head and
//! PPO updates in turns, after which the head knows its labels better, `reward_model` a judge beside the score
//! (in the place of its reward model, which is trained first, stands another reward).
#![expect(clippy::print_stdout, reason = "a line a run file")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Device;
use hybrid::config::{Override, TaskConfig, load};
use hybrid::cursor::Action;
use hybrid::heads::{TaskSources, example};
use hybrid::run::{NamedModels, Observer, Outcome, StepReport};
use hybrid::run_dir::Environment;
use hybrid::{Run, RunConfig, RunParts};
use hybrid_data::load::{Located, Source};
use hybrid_data::tokenizer::{TextLimit, Tokenizer};
use hybrid_model::init::{InitConfig, init};
use hybrid_rewards::{BuildEnv, Registry};
use serde_json::{Value, json};

/// What a run did: `s` for an SFT step, `h` for one of task heads, `p` for a PPO update.
#[derive(Default)]
struct Kinds(String);

impl Observer for Kinds {
    fn step(&mut self, report: &StepReport<'_>) {
        self.0.push(match report.action {
            Some(Action::Sft) => 's',
            Some(Action::Heads) => 'h',
            _ => 'p',
        });
    }
}

fn main() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            names.push(path);
        }
    }
    names.sort();
    ensure!(names.len() >= 5, "only {} run files in `{}`", names.len(), folder.display());
    for path in names {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let as_written = load(&path, &[])?;
        let (outcome, kinds) = small(&path, &as_written).with_context(|| name.clone())?;
        let found = promise(&name, &outcome, &kinds).with_context(|| name.clone())?;
        println!("{name:18} {} steps as written; {kinds}  {found}", as_written.total_steps());
    }
    Ok(())
}

/// What the run file promises, as far as a tiny model can keep it.
fn promise(name: &str, outcome: &Outcome, kinds: &str) -> Result<String> {
    let both = |key: &str| {
        let ends = outcome.before.get(key).zip(outcome.after.get(key));
        ends.with_context(|| format!("`{key}` was not measured before and after"))
    };
    if name == "composite" {
        ensure!(!kinds.contains('s'), "an SFT step in a PPO run: {kinds}");
        let (before, after) = both("eval/score_mean")?;
        ensure!(outcome.after.get("eval/ref_kl").is_some(), "the KL was not measured");
        return Ok(format!("score {before:.3} -> {after:.3}"));
    }
    if name == "reward_model" {
        ensure!(kinds.starts_with('s') && kinds.ends_with('p'), "no PPO after SFT: {kinds}");
        let (score, judge) = (both("eval/score_mean")?, both("eval/judge/lexicon")?);
        let (from, to) = judge;
        return Ok(format!("score {:.3} -> {:.3}, judge {from:.3} -> {to:.3}", score.0, score.1));
    }
    let (before, after) = both("eval/perplexity")?;
    ensure!(after < before, "perplexity went from {before} to {after}");
    let mut found = format!("perplexity {before:.1} -> {after:.1}");
    match name {
        "wikitext_sft" => ensure!(!kinds.contains('p'), "a PPO update in an SFT run"),
        "imdb_sentiment" | "lora" | "quickstart" | "quickstart-tiny" => {
            ensure!(kinds.contains("sp") && kinds.contains("ps"), "no turns: {kinds}");
            let (before, after) = both("eval/score_mean")?;
            both("eval/distinct_2")?;
            // Before an SFT phase there is no reference yet.
            ensure!(outcome.after.get("eval/ref_kl").is_some(), "the KL was not measured");
            found += &format!(", score {before:.3} -> {after:.3}");
        }
        "multi_task" => {
            ensure!(kinds.contains("hp") && kinds.contains("ph"), "no turns: {kinds}");
            let (before, after) = both("eval/score_mean")?;
            let (loss, learnt) = both("eval/loss/sarcasm")?;
            ensure!(learnt < loss, "the head's loss went from {loss} to {learnt}");
            both("eval/accuracy/sarcasm")?;
            found += &format!(", BLEU {before:.3} -> {after:.3}");
            found += &format!(", loss of the head {loss:.3} -> {learnt:.3}");
        }
        "hybrid_curriculum" => {
            let runs: Vec<usize> = kinds.split('p').map(str::len).collect();
            let (first, last) = (runs.first().copied(), runs[runs.len() - 2]);
            ensure!(first == Some(4), "the first cycle has {first:?} SFT steps, not 4");
            ensure!(last < 4, "the last cycle still has {last} SFT steps");
            found += &format!(", 4 SFT steps in the first cycle, {last} in the last");
        }
        other => bail!("say in examples/run_files.rs what `{other}.toml` promises"),
    }
    Ok(found)
}

/// Runs a run file on a tiny model and little text, in short phases.
fn small(path: &Path, as_written: &RunConfig) -> Result<(Outcome, String)> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let rows = write_rows(folder.path(), as_written)?;
    let changes = changes(as_written, &rows, folder.path());
    let lexicon = folder.path().join("lexicon.txt");
    std::fs::write(&lexicon, "good\t1.9\nbad\t-2.5\n")?;
    let mut spec = as_written.reward.clone();
    let mut judges = as_written.eval.judges.clone();
    for spec in spec.iter_mut().chain(judges.values_mut()) {
        name_lexicon(spec, &lexicon);
        replace_networks(spec);
    }
    let changes =
        changes.iter().map(|change| change.parse()).collect::<Result<Vec<Override>, _>>()?;
    let config = load(path, &changes)?;
    let tokenizer = Tokenizer::bytes()?;
    let sizes = InitConfig {
        model_type: "llama".to_owned(),
        vocab_size: tokenizer.vocab_size(),
        hidden_size: 32,
        layers: 2,
        heads: 2,
        kv_heads: None,
        intermediate_size: None,
        context: 128,
        tie_embeddings: true,
    };
    let registry = Registry::builtin()?;
    let build = |spec: &Value| registry.build(spec, &BuildEnv::without_assets());
    let reward = spec.as_ref().map(build).transpose()?;
    let judges = judges.iter().map(|(name, spec)| Ok((name.clone(), build(spec)?)));
    let judges: BTreeMap<_, _> = judges.collect::<Result<_>>()?;
    let data = hybrid_data::load::load(&config.data, &Located::local(&config.data), config.seed)?;
    let of_task = |head: &TaskConfig| {
        let train = head.data.train.0.iter().map(Source::local).collect();
        let sources = TaskSources { train, ..TaskSources::default() };
        let limit = TextLimit::new(config.train.max_length);
        anyhow::Ok(example::read(head, &sources, &tokenizer, limit, config.seed)?)
    };
    let heads = config.head.iter().map(of_task).collect::<Result<_, _>>()?;
    let parts = RunParts {
        decoder: init(&sizes.to_config()?, config.seed, &Device::flex()),
        heads,
        head_rewards: Vec::new(),
        references: NamedModels::new(),
        environment: Environment::new("cpu", &["flex"]),
        tokenizer,
        data,
        reward,
        judges,
        config,
    };
    let mut kinds = Kinds::default();
    let outcome = Run::open(parts, false)?.finish(&mut kinds)?;
    Ok((outcome, kinds.0))
}

/// What is changed in a run file so that it is done in a second.
fn changes(as_written: &RunConfig, rows: &Path, folder: &Path) -> Vec<String> {
    let mut changes = vec![
        format!("data.train={}", json!(rows)),
        "data.validation=16".to_owned(),
        "data.select=80".to_owned(),
        "train={ batch_size = 4, micro_batch = 4, max_length = 96 }".to_owned(),
        format!("train.packing={}", as_written.train.packing),
        "rollout.batch_size=4".to_owned(),
        "rollout.max_new_tokens=8".to_owned(),
        "optim.lr=3e-3".to_owned(),
        "optim.warmup_steps=1".to_owned(),
        "ppo.minibatch_size=4".to_owned(),
        "eval.prompts=4".to_owned(),
        "eval.samples=2".to_owned(),
        "eval.batch_size=16".to_owned(),
        "eval.sft_batches=2".to_owned(),
        "eval.every=0".to_owned(),
        format!("output.dir={}", json!(folder.join("run"))),
    ];
    for index in 0..as_written.head.len() {
        let rows = json!(rows);
        changes.push(format!(
            "head[{index}].data={{ train = {rows}, text = \"prompt\", label = \"label\", \
             validation = 16 }}"
        ));
    }
    for (index, phase) in as_written.phase.iter().enumerate() {
        let is_hybrid = phase.cycles.is_some();
        let length = if is_hybrid { "cycles=6" } else { "steps=12" };
        changes.push(format!("phase[{index}].{length}"));
        if phase.curriculum.as_ref().is_some_and(|curriculum| curriculum.by.is_some()) {
            // A metric that a tiny model has from the start: eight tokens of twelve.
            let by = "{ metric = \"rollout/completion_tokens_mean\", from = 0.0, to = 12.0 }";
            changes.push(format!("phase[{index}].curriculum.by={by}"));
        }
    }
    changes
}

/// Gives every sentiment reward of a spec a lexicon, so that nothing is fetched.
fn name_lexicon(spec: &mut Value, path: &Path) {
    match spec {
        Value::Object(fields) => {
            if fields.get("type").is_some_and(|name| name == "sentiment") {
                fields.insert("lexicon".to_owned(), json!(path));
            }
            fields.values_mut().for_each(|value| name_lexicon(value, path));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| name_lexicon(item, path)),
        _ => {}
    }
}

/// Puts a reward without a network in the place of classifiers, whose models are not there.
fn replace_networks(spec: &mut Value) {
    match spec {
        Value::Object(fields) if fields.get("type").is_some_and(|name| name == "classifier") => {
            *spec = json!({ "type": "distinct_n" });
        }
        Value::Object(fields) => fields.values_mut().for_each(replace_networks),
        Value::Array(items) => items.iter_mut().for_each(replace_networks),
        _ => {}
    }
}

/// A hundred rows in the form that the run file's own data has: lines of text, or openings with what
/// follows them.
fn write_rows(folder: &Path, config: &RunConfig) -> Result<PathBuf> {
    let things = ["film", "plot", "cast", "score", "scene"];
    let words = ["good", "bad", "long", "loud", "slow", "short", "clever"];
    let of = |number: usize| (things[number % things.len()], words[number % words.len()]);
    let has_prompts = config.has_ppo();
    let row = |number: usize| {
        let (thing, word) = of(number);
        match has_prompts {
            true => {
                let (prompt, completion) = (
                    format!("The {thing} of number {number} was"),
                    format!(" {word}, and I say so."),
                );
                let row = json!({
                    "prompt": prompt, "completion": completion,
                    "document": prompt, "summary": completion,
                    "label": if number.is_multiple_of(5) { "1" } else { "0" },
                });
                format!("{row}\n")
            }
            false => {
                let text = format!("The {thing} was {word} . ").repeat(12);
                format!("{text}\n\n")
            }
        }
    };
    let path = folder.join(if has_prompts { "rows.jsonl" } else { "rows.txt" });
    std::fs::write(&path, (0..120).map(row).collect::<String>())?;
    Ok(path)
}
