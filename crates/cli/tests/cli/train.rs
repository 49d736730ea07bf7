//! `hybrid train` and what follows it, on a model of a few thousand parameters.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Outcome, command, finish, hybrid, interrupt};

/// A folder with a run file and its data.
pub(crate) struct Task {
    folder: TempDir,
}

/// A hybrid run of six steps.
const RUN: &str = r#"
seed = 3
[model.init]
tokenizer = "byte"
hidden_size = 16
layers = 2
heads = 2
context = 64
[data]
train = "DIR/rows.jsonl"
validation = 8
[train]
batch_size = 4
max_length = 32
[rollout]
batch_size = 4
max_new_tokens = 6
[optim]
lr = 1e-3
[ppo]
epochs = 2
minibatch_size = 4
[reward]
type = "length"
max = 6
[[phase]]
kind = "sft"
steps = 2
[[phase]]
kind = "hybrid"
cycles = 2
[eval]
prompts = 4
samples = 2
[output]
dir = "DIR/run"
save_every = 1
keep_last = 9
"#;

impl Task {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rows: String = (0..24)
            .map(|row| {
                format!("{{\"prompt\": \"row {row}:\", \"completion\": \" {}\"}}\n", row * row)
            })
            .collect();
        std::fs::write(folder.path().join("rows.jsonl"), rows).unwrap();
        let text = RUN.replace("DIR", folder.path().to_str().unwrap());
        std::fs::write(folder.path().join("run.toml"), text).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn hybrid(&self, args: &[&str]) -> Outcome {
        hybrid(&self.args(args))
    }

    /// The arguments with `DIR` replaced.
    pub(crate) fn args(&self, args: &[&str]) -> Vec<String> {
        let dir = self.folder.path().to_str().unwrap();
        args.iter().map(|arg| arg.replace("DIR", dir)).collect()
    }

    /// The message of a run that is refused, with the folder's name taken out.
    #[track_caller]
    fn refused(&self, args: &[&str]) -> String {
        let message = self.hybrid(args).bad_input();
        message.replace(self.folder.path().to_str().unwrap(), "DIR")
    }

    /// The lines of the run's `metrics.jsonl` without their times.
    fn metrics(&self) -> Vec<Value> {
        self.metrics_of("run")
    }

    /// The same of a run in a folder of its own.
    pub(crate) fn metrics_of(&self, run: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path(&format!("{run}/metrics.jsonl"))).unwrap();
        text.lines().map(|line| without_times(serde_json::from_str(line).unwrap())).collect()
    }

    fn checkpoint(&self, step: u64) -> PathBuf {
        self.folder.path().join(format!("run/checkpoints/step-{step}"))
    }
}

fn without_times(mut line: Value) -> Value {
    line["time_s"] = Value::Null;
    if let Some(metrics) = line["metrics"].as_object_mut() {
        metrics.retain(|name, _| !name.starts_with("time/"));
    }
    line
}

#[test]
fn a_run_leaves_a_directory_that_every_command_takes() {
    let task = Task::new();
    let line = task.hybrid(&["train", "DIR/run.toml", "--json"]).json();
    let keys: Vec<&String> = line.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["run_dir", "steps", "before", "after"]);
    assert_eq!(
        (line["run_dir"].as_str(), line["steps"].as_u64()),
        (task.path("run").as_str().into(), Some(6))
    );
    for (when, metric) in [
        ("before", "eval/score_mean"),
        ("before", "eval/sft_loss"),
        ("after", "eval/score_mean"),
        ("after", "eval/ref_kl"),
        ("after", "eval/distinct_2"),
        ("after", "eval/sft_loss"),
    ] {
        assert!(line[when][metric].is_f64(), "{when} {metric}: {line}");
    }
    for name in ["config.toml", "env.json", "samples.jsonl", "report.html", "tensorboard"] {
        assert!(Path::new(&task.path("run")).join(name).exists(), "{name}");
    }
    let run = task.path("run");

    let page = task.hybrid(&["report", "DIR/run", "--output", "DIR/page.html"]).data();
    assert_eq!(page.trim_end(), task.path("page.html"));
    assert!(std::fs::read_to_string(page.trim_end()).unwrap().contains("eval/score_mean"));

    let model = task.hybrid(&["export", "DIR/run", "DIR/model"]).data();
    let generate = |model: &str| {
        let args = ["generate", model, "--prompt", "row 1:", "--greedy", "--ignore-eos", "--json"];
        hybrid(&[args.as_slice(), &["--max-new-tokens", "4"]].concat()).json()
    };
    assert_eq!(generate(model.trim_end()), generate(&run));
    let names: Vec<String> = std::fs::read_dir(task.path("model"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!names.iter().any(|name| name.contains("state") || name.contains("run")), "{names:?}");
    assert!(task.refused(&["export", "DIR/run", "DIR/model"]).contains("is not empty"));

    // Halfway between a model and itself is the model.
    let last = task.checkpoint(6);
    task.hybrid(&["merge", "DIR/run", last.to_str().unwrap(), "--output", "DIR/merged"]).data();
    assert_eq!(generate(&task.path("merged")), generate(&run));
    let message =
        task.refused(&["merge", "DIR/run", "DIR/run", "--output", "DIR/m", "--weights", "1"]);
    insta::assert_snapshot!(message, @"error: 1 weights for 2 models; give one for each, or none for equal ones");
}

#[test]
fn a_resumed_run_is_the_run_that_was_never_stopped() {
    let task = Task::new();
    let whole = task.hybrid(&["train", "DIR/run.toml", "--json"]).json();
    assert_goes_on_as(&task, &whole);
}

/// Goes back to the third of six steps, resumes, and compares with the run that was not stopped.
fn assert_goes_on_as(task: &Task, whole: &Value) {
    let (metrics, weights) = (task.metrics(), task.checkpoint(6).join("model.safetensors"));
    let expected = std::fs::read(&weights).unwrap();
    for step in 4..=6 {
        std::fs::remove_dir_all(task.checkpoint(step)).unwrap();
    }
    let resumed = task.hybrid(&["train", "DIR/run/config.toml", "--resume", "--json"]).json();
    assert_eq!(resumed, *whole);
    assert_eq!(task.metrics(), metrics);
    assert!(std::fs::read(&weights).unwrap() == expected, "other weights");
}

#[test]
fn a_run_that_samples_with_rounded_weights_is_measured_and_resumed() {
    let task = Task::new();
    let rounded = ["--set", "rollout.weights=int8", "--set", "rollout.importance_cap=1.5"];
    let whole = task.hybrid(&[&["train", "DIR/run.toml", "--json"][..], &rounded].concat()).json();
    let metrics = task.metrics();
    let rollouts: Vec<&Value> = metrics
        .iter()
        .map(|line| &line["metrics"])
        .filter(|it| !it["ppo/policy_loss"].is_null())
        .collect();
    assert_eq!(rollouts.len(), 2);
    for rollout in rollouts {
        let number = |name: &str| rollout[name].as_f64().unwrap_or_else(|| panic!("no {name}"));
        assert!(number("rollout/mismatch_kl") > 0.0 && number("rollout/mismatch_max") > 0.0);
        assert!((0.5..1.5).contains(&number("rollout/importance_mean")));
        assert!((0.0..=1.0).contains(&number("rollout/importance_capped_fraction")));
    }
    assert_goes_on_as(&task, &whole);
}

#[test]
fn a_run_is_never_overwritten_nor_changed_halfway() {
    let task = Task::new();
    task.hybrid(&["train", "DIR/run.toml", "--quiet"]).data();
    insta::assert_snapshot!(task.refused(&["train", "DIR/run.toml"]), @"error: `DIR/run` holds a run already: go on with it by `--resume`, or give this run another `output.dir`");
    insta::assert_snapshot!(task.refused(&["train", "DIR/run.toml", "--resume", "--set", "optim.lr=0.5"]), @"error: the checkpoint `DIR/run` cannot be resumed here: `optim.lr` is `0.5` now, and was `0.001` when the run began; only `output` and `eval` may change, so set it back, or start a new run with another `output.dir`");
    insta::assert_snapshot!(task.refused(&["train", "DIR/run.toml", "--resume", "--set", "output.dir=DIR/other"]), @"error: `DIR/other` is not a run directory: there is no such folder; to start a run there, leave out `--resume`");
    std::fs::create_dir(task.path("full")).unwrap();
    std::fs::write(task.path("full/x"), "").unwrap();
    insta::assert_snapshot!(task.refused(&["train", "DIR/run.toml", "--set", "output.dir=DIR/full"]), @"error: `DIR/full` is not empty: give the run another `output.dir`");
}

#[test]
fn what_is_wrong_is_named_before_anything_is_written() {
    let task = Task::new();
    let refused = |changes: &[&str]| {
        let sets = changes.iter().flat_map(|change| ["--set", change]);
        let args: Vec<&str> = ["train", "DIR/run.toml"].into_iter().chain(sets).collect();
        let message = task.refused(&args);
        assert!(!Path::new(&task.path("run")).exists());
        message
    };
    insta::assert_snapshot!(refused(&["ppo.clip_rnge=0.1"]), @"error: --set ppo.clip_rnge=0.1: `ppo.clip_rnge` is not known: did you mean `ppo.clip_range`? `ppo` takes `estimator`, `baseline`, `epochs`, `minibatch_size`, `clip_range`, `value_clip_range`, `value_coef`, `entropy_coef`, `gamma`, `gae_lambda`, `dual_clip`, `target_kl`, `max_ratio`, `whiten_rewards`, `whiten_advantages`, `whiten_scope`, `kl`, `scores`, `missing_eos_penalty`, `truncated`, `score_at`, `critic`, `critic_warmup_steps`, `reference` and `compat`");
    // The list that follows grows with every reward.
    let unknown = refused(&["reward.type=lenght"]);
    let unknown = unknown.split(" the known rewards").next().unwrap_or_default();
    insta::assert_snapshot!(unknown, @"error: the reward spec has a mistake at `type`: unknown reward `lenght`; did you mean `length`?");
    insta::assert_snapshot!(refused(&["data.train=DIR/none.jsonl"]), @"error: there is no file or directory `DIR/none.jsonl`");
    insta::assert_snapshot!(refused(&["model.init.vocab_size=20"]), @"error: `model.init.vocab_size` is 20, must be at least the 258 tokens of the tokenizer `byte`; leave it out to have as many");
    insta::assert_snapshot!(refused(&["ppo.reference=DIR/none"]), @"error: `reference`: there is no file or directory `DIR/none`");
    insta::assert_snapshot!(refused(&["optim.lr"]), @"error: --set optim.lr: this has no `=`; write `key=value`, as `ppo.clip_range=0.1`");

    let text = std::fs::read_to_string(task.path("run.toml")).unwrap();
    let text = text.replace("[reward]\ntype = \"length\"\nmax = 6\n", "");
    std::fs::write(task.path("bare.toml"), text).unwrap();
    insta::assert_snapshot!(task.refused(&["train", "DIR/bare.toml"]), @r#"error: DIR/bare.toml: `reward` is missing, and PPO has nothing to maximise: add one, as `[reward]`, `type = "sentiment"`"#);
    insta::assert_snapshot!(task.refused(&["train", "DIR/none.toml"]), @"error: cannot read the configuration `DIR/none.toml`: No such file or directory (os error 2)");
}

#[test]
fn a_check_prints_the_run_file_it_would_follow() {
    let task = Task::new();
    let shown = task.hybrid(&["check", "DIR/run.toml", "--set", "ppo.epochs=3"]).data();
    for line in ["seed = 3", "epochs = 3", "hidden_size = 16", "clip_range = 0.2", "max = 6"] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
    let comments: Vec<&str> = shown.lines().filter(|line| line.starts_with('#')).collect();
    insta::assert_snapshot!(comments.join("\n"), @"
    # 6 steps
    # memory, about, for 11744 parameters:
    #   weights       45.9 KiB
    #   gradients     45.9 KiB
    #   optimizer     91.9 KiB
    #   reference     45.9 KiB
    #   activations  433.0 KiB
    #   kv_cache      32.0 KiB
    #   total        662.6 KiB
    ");
    std::fs::write(task.path("shown.toml"), &shown).unwrap();
    assert_eq!(task.hybrid(&["check", "DIR/shown.toml"]).data(), shown);
    assert_eq!(task.hybrid(&["train", "DIR/shown.toml", "--dry-run"]).data(), shown);
    assert!(!Path::new(&task.path("run")).exists());

    let line = task.hybrid(&["check", "DIR/run.toml", "--json"]).json();
    assert_eq!(line["config"]["ppo"]["epochs"], 2);
    assert_eq!(line["steps"], 6);
    // Embeddings of 258 tokens and 64 places, two blocks of 12·16² + 13·16, a last norm.
    assert_eq!(line["parameters"], (258 + 64) * 16 + 2 * (12 * 256 + 13 * 16) + 32);
    let parts = ["weights", "gradients", "optimizer", "reference"];
    assert!(parts.iter().all(|part| line["memory"][part].as_u64().unwrap() > 0), "{line}");
}

#[test]
fn adapters_of_a_language_model_are_trained_and_merged_on_export() {
    let task = Task::new();
    let lora = ["--set", "model.lora={ rank = 4 }", "--set", "optim.lr=2e-2"];
    let trained = task.hybrid(&[&["train", "DIR/run.toml"][..], &lora].concat());
    assert_eq!(trained.code, 0, "{}", trained.stderr);
    // Queries and values of two layers, 16 to 16, of rank 4.
    let expected = format!("training 512 of {} parameters (", 11_744 + 512);
    assert!(trained.stderr.contains(&expected), "{}", trained.stderr);

    let (run, out) = (task.path("run"), task.path("out"));
    assert_eq!(hybrid(&["export", &run, &out]).data(), format!("{out}\n"));
    let config = std::fs::read_to_string(Path::new(&out).join("config.json")).unwrap();
    assert!(config.contains("GPT2LMHeadModel") && !config.contains("hybrid_"), "{config}");
    // Whatever reads the run reads the adapters.
    let written = ["--prompt", "row 3:", "--max-new-tokens", "6", "--greedy", "--json"];
    let said = |model: &str| hybrid(&[&["generate", model][..], &written].concat()).data();
    assert_eq!(said(&run), said(&out));
    let mean = hybrid(&["merge", &run, &run, "--output", &task.path("mean")]).bad_input();
    assert!(mean.contains("holds adapters beside its weights"), "{mean}");

    let gate = ["--set", "model.lora={ targets = [\"gate\"] }", "--set", "output.dir=DIR/gate"];
    let refused = task.refused(&[&["train", "DIR/run.toml"][..], &gate].concat());
    assert!(refused.contains("`model.lora`") && refused.contains("`gate`"), "{refused}");
    assert!(!Path::new(&task.path("gate")).exists());
}

#[test]
fn ctrl_c_finishes_the_step_and_saves() {
    let task = Task::new();
    let steps = ["--set", "phase[0].steps=100000", "--set", "output.save_every=0"];
    let args = task.args(&[&["train", "DIR/run.toml", "--json"], &steps[..]].concat());
    let child = command(&args).spawn().unwrap();
    let metrics = task.path("run/metrics.jsonl");
    let lines =
        || std::fs::File::open(&metrics).map_or(0, |file| BufReader::new(file).lines().count());
    let mut waits = 0;
    while lines() < 3 {
        waits += 1;
        assert!(waits < 1200, "no step was done");
        std::thread::sleep(Duration::from_millis(100));
    }
    interrupt(&child);
    let outcome = finish(child);
    assert_eq!(outcome.code, 130, "{outcome:?}");
    let line: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let step = line["steps"].as_u64().unwrap();
    assert!(task.checkpoint(step).join("manifest.json").exists(), "{outcome:?}");
    assert!(outcome.stderr.contains("--resume"), "{outcome:?}");
    assert_eq!(line["after"], serde_json::json!({}));
}

#[test]
fn the_quickstart_knows_what_it_cannot_do() {
    let message = hybrid(&["quickstart", "--heads", "runs/mood"]).bad_input();
    insta::assert_snapshot!(message, @"error: `--heads` names a run to score by, but the word list scores; add `--reward head`");
    assert!(hybrid(&["quickstart", "--minutes", "0"]).bad_input().contains("above 0"));
}

#[test]
fn the_committed_run_files_are_right() {
    for name in ["quickstart", "quickstart-tiny"] {
        let file = format!("{}/../../examples/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let shown = hybrid(&["check", &file]).data();
        // Nothing was fetched.
        assert!(shown.contains("# memory: not known before the model is fetched"), "{shown}");
    }
}
