//! No key of a run file is read in vain: each, changed alone, changes what the run does or leaves.
//!
//! The keys are those of `docs/config.md`, which a test of its own holds equal to the code. Parameters of
//! optimizers and schedulers, rewards and their parameters are tested where they live.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use hybrid_testing::flips::{Flip, alone, flip};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{hybrid, model_name};

/// A run of four steps that has every kind of thing in it.
fn base() -> Value {
    json!({
        "seed": 3,
        "model": {"init": {"tokenizer": "byte", "hidden_size": 16, "layers": 2, "heads": 2, "context": 64}},
        "data": {"train": "DIR/rows.jsonl", "validation": 8},
        "train": {"batch_size": 4, "max_length": 32},
        "rollout": {"batch_size": 4, "max_new_tokens": 6},
        "optim": {"lr": 1e-2},
        "ppo": {"epochs": 2, "minibatch_size": 4},
        "reward": {"type": "length", "unit": "chars", "target": 2, "soft": 6},
        "phase": [
            {"kind": "sft", "steps": 1},
            {"kind": "hybrid", "cycles": 2, "sft_steps": 1, "ppo_steps": 1},
        ],
        "eval": {"prompts": 2, "samples": 2},
        "output": {"dir": "DIR/run", "keep_last": 9, "tensorboard": true},
    })
}

fn model_flips() -> Vec<Flip> {
    let qwen = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/gguf/qwen3.gguf");
    vec![
        alone("seed", json!(4)),
        flip("model.base", json!({}), json!(model_name())),
        alone("model.init.tokenizer", json!(qwen)),
        alone("model.init.model_type", json!("llama")),
        alone("model.init.vocab_size", json!(300)),
        alone("model.init.hidden_size", json!(32)),
        alone("model.init.layers", json!(1)),
        alone("model.init.heads", json!(4)),
        flip("model.init.kv_heads", json!({"model.init.model_type": "llama"}), json!(1)),
        alone("model.init.intermediate_size", json!(48)),
        alone("model.init.context", json!(48)),
        alone("model.init.tie_embeddings", json!(false)),
        alone("model.lora", json!({})),
        flip("model.lora.rank", json!({"model.lora": {}}), json!(4)),
        flip("model.lora.alpha", json!({"model.lora": {}}), json!(4.0)),
        flip("model.lora.targets", json!({"model.lora": {}}), json!(["query"])),
        flip("model.lora.rslora", json!({"model.lora": {}}), json!(true)),
    ]
}

fn data_flips() -> Vec<Flip> {
    let lines =
        || json!({"data.train": "DIR/lines.txt", "data.text_unit": "line", "data.prompt_words": 1});
    let with = |more: Value| {
        let mut all = lines();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let table = |columns: Value| json!({"data.train": "DIR/table.csv", "data.columns": columns});
    vec![
        alone("data.train", json!("DIR/other.jsonl")),
        alone("data.prompts", json!("DIR/other.jsonl")),
        alone("data.validation", json!(4)),
        flip(
            "data.format",
            json!({"data.train": "DIR/lines.txt", "data.text_unit": "line", "data.prompt_words": 1}),
            json!("jsonl"),
        ),
        flip("data.text_unit", with(json!({"data.validation": null})), json!("file")),
        flip(
            "data.template",
            json!({"data.train": "DIR/table.csv", "data.template": "{a} {b}", "data.prompt_words": 1}),
            json!("{b} {a}"),
        ),
        flip(
            "data.prompt_template",
            json!({"data.train": "DIR/table.csv", "data.prompt_template": "{a}", "data.completion_template": "{b}"}),
            json!("say {a}"),
        ),
        flip(
            "data.completion_template",
            json!({"data.train": "DIR/table.csv", "data.prompt_template": "{a}", "data.completion_template": "{b}"}),
            json!("{c}"),
        ),
        flip("data.prompt_words", lines(), json!(2)),
        flip("data.clean_html", lines(), json!(true)),
        alone("data.shuffle", json!(true)),
        alone("data.select", json!(12)),
        flip(
            "data.columns.text",
            json!({"data.train": "DIR/table.csv", "data.columns.text": "a", "data.prompt_words": 1}),
            json!("b"),
        ),
        flip("data.columns.prompt", table(json!({"prompt": "a", "completion": "b"})), json!("c")),
        flip(
            "data.columns.completion",
            table(json!({"prompt": "a", "completion": "b"})),
            json!("c"),
        ),
        flip("data.columns.messages", json!({"data.train": "DIR/rows.jsonl"}), json!("chat")),
        flip("data.filter.non_empty", json!({"data.train": "DIR/gaps.jsonl"}), json!(true)),
        flip("data.filter.min_chars", lines(), json!(42)),
        flip("data.filter.max_chars", lines(), json!(42)),
        flip("data.filter.matching", lines(), json!("[02468]")),
        flip("data.filter.excluding", lines(), json!("7")),
    ]
}

fn step_flips() -> Vec<Flip> {
    let letters: Vec<String> = (33..127_u8).map(|byte| char::from(byte).to_string()).collect();
    vec![
        alone("train.batch_size", json!(2)),
        alone("train.micro_batch", json!(1)),
        alone("train.max_length", json!(9)),
        flip("train.truncation_side", json!({"train.max_length": 9}), json!("left")),
        alone("train.packing", json!(true)),
        // The same gradients, but for the order in which an embedding's rows are added up.
        alone("train.memory", json!("low")),
        flip(
            "train.on_non_finite",
            json!({"optim.lr": 1e30, "optim.max_grad_norm": 0}),
            json!("skip"),
        ),
        alone("train.shared_optimizer", json!(false)),
        alone("train.check_tolerance", json!(1e-12)),
        flip("train.drift_every", json!({"train.drift_every": 1}), json!(0)),
        alone("sft.label_smoothing", json!(0.1)),
        alone("sft.z_loss_coef", json!(1e-2)),
        alone("rollout.batch_size", json!(2)),
        alone("rollout.samples", json!(2)),
        alone("rollout.max_new_tokens", json!(4)),
        alone("rollout.temperature", json!(0.7)),
        alone("rollout.top_k", json!(5)),
        alone("rollout.top_p", json!(0.5)),
        alone("rollout.min_p", json!(0.9)),
        alone("rollout.typical_p", json!(0.5)),
        alone("rollout.stop", json!(letters)),
        flip("rollout.ignore_eos", json!({"rollout.samples": 64}), json!(true)),
        alone("rollout.weights", json!("bf16")),
        flip("rollout.importance_cap", json!({"rollout.weights": "int8"}), json!(1.0)),
        alone("optim.optimizer", json!("sgd")),
        alone("optim.lr", json!(1e-3)),
        alone("optim.weight_decay", json!(0.5)),
        flip("optim.decay_all", json!({"optim.weight_decay": 0.5}), json!(true)),
        alone("optim.scheduler", json!("constant")),
        alone("optim.warmup_steps", json!(2)),
        alone("optim.total_steps", json!(50)),
        alone("optim.max_grad_norm", json!(0.01)),
        alone("optim.value_head_lr", json!(0.1)),
    ]
}

fn ppo_flips() -> Vec<Flip> {
    let adaptive = || json!({"ppo.kl": {"kind": "adaptive", "target": 6.0}, "phase.1.cycles": 3});
    let in_loss = || json!({"ppo.kl.placement": "loss"});
    vec![
        alone("ppo.estimator", json!("a2c")),
        flip("ppo.baseline", json!({"ppo.estimator": "reinforce"}), json!("none")),
        alone("ppo.epochs", json!(1)),
        alone("ppo.minibatch_size", json!(2)),
        alone("ppo.clip_range", json!(1e-4)),
        alone("ppo.value_clip_range", json!(1e-4)),
        alone("ppo.value_coef", json!(1.0)),
        alone("ppo.entropy_coef", json!(0.1)),
        alone("ppo.gamma", json!(0.9)),
        alone("ppo.gae_lambda", json!(0.5)),
        flip("ppo.dual_clip", json!({"ppo.minibatch_size": 1, "optim.lr": 0.1}), json!(1.000_1)),
        alone("ppo.target_kl", json!(1e-9)),
        flip("ppo.max_ratio", json!({"ppo.minibatch_size": 1, "optim.lr": 0.1}), json!(1.000_1)),
        alone("ppo.whiten_rewards", json!(true)),
        alone("ppo.whiten_advantages", json!(false)),
        flip("ppo.whiten_scope", json!({"ppo.minibatch_size": 2}), json!("minibatch")),
        flip("ppo.missing_eos_penalty", json!({}), json!(1.0)),
        alone("ppo.truncated", json!("bootstrap")),
        // No reward of a run gives a score for each token: it is refused. What it does in a program
        // is tested with the trainer.
        alone("ppo.score_at", json!("per_token")),
        alone("ppo.critic", json!("separate")),
        alone("ppo.critic_warmup_steps", json!(1)),
        alone("ppo.reference", json!("run_start")),
        alone("ppo.compat", json!("trl")),
        alone("ppo.kl.placement", json!("loss")),
        flip("ppo.kl.estimator", in_loss(), json!("k3")),
        flip(
            "ppo.kl.kind",
            json!({"ppo.kl.target": null}),
            json!({"kind": "adaptive", "target": 6.0}),
        ),
        alone("ppo.kl.coef", json!(0.5)),
        flip("ppo.kl.target", adaptive(), json!(1e-4)),
        flip("ppo.kl.horizon", adaptive(), json!(10)),
        flip("ppo.kl.error_clip", adaptive(), json!(0.1)),
        alone("ppo.kl.clip", json!(1e-6)),
        alone("ppo.scores.normalize", json!("scale")),
        alone("ppo.scores.clip", json!(0.1)),
    ]
}

fn phase_flips() -> Vec<Flip> {
    let mixed = |coef: Value| {
        let phase = json!({"kind": "hybrid", "cycles": 4, "mix": {"sft_coef": coef}});
        json!({"phase.1": phase})
    };
    let curriculum = || {
        let plan = json!({"from": [3, 1], "to": [1, 3]});
        json!({"phase.1": {"kind": "hybrid", "cycles": 4, "curriculum": plan}})
    };
    let measured = || {
        let by = json!({"metric": "sft/loss", "from": 5.6, "to": 3.0});
        let plan = json!({"from": [3, 1], "to": [1, 3], "by": by});
        json!({"phase.1": {"kind": "hybrid", "cycles": 4, "curriculum": plan}})
    };
    let patient = |min_delta: f64| {
        let until =
            json!({"metric": "sft/loss", "mode": "min", "patience": 2, "min_delta": min_delta});
        json!({"phase.0": {"kind": "sft", "steps": 12, "until": until}})
    };
    // A loss that falls, but never by a whole nat.
    let until = || patient(1.0);
    let linear = || mixed(json!({"from": 1.0, "to": 0.1}));
    vec![
        alone("phase.kind", json!("ppo")),
        alone("phase.steps", json!(2)),
        flip("phase.cycles", json!({}), json!(1)),
        alone("phase.sft_steps", json!(2)),
        alone("phase.ppo_steps", json!(2)),
        alone("phase.mix", json!({"sft_coef": 0.5})),
        alone("phase.curriculum", json!({"from": [2, 1], "to": [1, 1]})),
        flip(
            "phase.until",
            json!({"phase.0.steps": 3}),
            json!({"metric": "sft/loss", "mode": "min", "goal": 99}),
        ),
        alone("phase.reference", json!("run_start")),
        flip("phase.mix.sft_coef", mixed(json!(0.5)), json!(0.25)),
        flip("phase.mix.sft_batch", mixed(json!(0.5)), json!(1)),
        flip("phase.mix.sft_coef.kind", linear(), json!("exponential")),
        flip("phase.mix.sft_coef.from", linear(), json!(0.9)),
        flip("phase.mix.sft_coef.to", linear(), json!(0.2)),
        flip("phase.mix.sft_coef.warmup", linear(), json!(1)),
        flip("phase.curriculum.from", curriculum(), json!([2, 1])),
        flip("phase.curriculum.to", curriculum(), json!([1, 2])),
        flip("phase.curriculum.kind", curriculum(), json!("constant")),
        flip(
            "phase.curriculum.by",
            curriculum(),
            json!({"metric": "sft/loss", "from": 9.0, "to": 8.0}),
        ),
        flip("phase.curriculum.by.metric", measured(), json!("optim/lr")),
        flip("phase.curriculum.by.from", measured(), json!(4.0)),
        flip("phase.curriculum.by.to", measured(), json!(5.2)),
        flip("phase.until.metric", patient(0.0), json!("optim/grad_norm")),
        flip("phase.until.mode", patient(0.0), json!("max")),
        flip("phase.until.patience", until(), json!(9)),
        flip("phase.until.min_delta", until(), json!(0.0)),
        flip("phase.until.window", until(), json!(3)),
        flip("phase.until.goal", until(), json!(99.0)),
    ]
}

fn heads_flips() -> Vec<Flip> {
    let head = |more: Value| {
        let mut head = json!({"task": "row", "kind": "classification", "data": {
            "train": "DIR/rows.jsonl", "text": "prompt", "label": "completion"}});
        head.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([head])
    };
    let taught = || json!({"head": head(json!({})), "phase.1.heads_steps": 1});
    vec![
        flip("phase.heads_steps", taught(), json!(2)),
        flip("head", taught(), head(json!({"label_smoothing": 0.1}))),
        flip("heads", taught(), json!({"weighting": "uncertainty"})),
    ]
}

fn record_flips() -> Vec<Flip> {
    let best = || {
        let best = json!({"metric": "eval/sft_loss", "mode": "min"});
        json!({"output.save_every": 1, "output.keep_last": 1, "output.keep_best": best, "eval.every": 1})
    };
    let (saved, merged) = (json!({"output.save_every": 1}), json!({"output.merge_every": 1}));
    vec![
        alone("reward", json!({"type": "length", "unit": "chars", "target": 3, "soft": 6})),
        alone("eval.every", json!(1)),
        alone("eval.prompts", json!(1)),
        alone("eval.samples", json!(1)),
        alone("eval.max_new_tokens", json!(2)),
        alone("eval.temperature", json!(0.0)),
        flip("eval.batch_size", json!({"eval.sft_batches": 1}), json!(2)),
        alone(
            "eval.judges",
            json!({"again": {"type": "length", "unit": "chars", "target": 3, "soft": 6}}),
        ),
        flip("eval.sft_batches", json!({"eval.batch_size": 2}), json!(1)),
        alone("output.dir", json!("DIR/elsewhere")),
        alone("output.save_every", json!(1)),
        flip("output.keep_last", saved, json!(1)),
        flip(
            "output.keep_best",
            json!({"output.save_every": 1, "output.keep_last": 1, "eval.every": 1}),
            json!({"metric": "eval/sft_loss"}),
        ),
        flip("output.keep_best.metric", best(), json!("eval/ref_kl")),
        flip("output.keep_best.mode", best(), json!("max")),
        alone("output.merge_every", json!(1)),
        flip("output.merge_ema", merged, json!(0.5)),
        alone("output.tensorboard", json!(false)),
        flip("output.samples_every", json!({"output.samples_every": 1}), json!(0)),
        alone("output.log_every", json!(2)),
    ]
}

/// Puts `value` at a dotted path, where tables are made and numbers are places in a list. `null` takes a
/// key out.
fn set(config: &mut Value, path: &str, value: &Value) {
    let (first, rest) =
        path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let slot = match first.parse::<usize>() {
        Ok(index) => &mut config[index],
        Err(_) => &mut config[first],
    };
    match rest {
        Some(rest) => set(slot, rest, value),
        None if value.is_null() => {
            config.as_object_mut().unwrap().remove(first);
        }
        None => *slot = value.clone(),
    }
}

fn before(flip: &Flip) -> Value {
    flip.before(base(), set)
}

fn after(flip: &Flip) -> Value {
    let (mut config, Flip { key, to, .. }) = (before(flip), flip);
    match *key {
        // One of the two is given, never both.
        "model.base" => set(&mut config, "model", &json!({"base": to})),
        "ppo.kl.kind" => set(&mut config, "ppo.kl", to),
        "phase.kind" => set(&mut config, "phase.0.kind", to),
        "phase.steps" => set(&mut config, "phase.0.steps", to),
        "phase.mix" | "phase.curriculum" => {
            set(&mut config, "phase.1.sft_steps", &Value::Null);
            set(&mut config, "phase.1.ppo_steps", &Value::Null);
            set(&mut config, &key.replace("phase", "phase.1"), to);
        }
        key if key.starts_with("phase.until") => {
            set(&mut config, &key.replace("phase", "phase.0"), to);
        }
        key if key.starts_with("phase.") => {
            set(&mut config, &key.replace("phase", "phase.1"), to);
        }
        key => set(&mut config, key, to),
    }
    config
}

/// What a run said and left behind, times taken out: what it printed, its records, the names of its
/// files, and a sum over each file of weights.
#[derive(Debug, PartialEq, Clone)]
struct Trace {
    said: (i32, String, String),
    records: Vec<String>,
    files: BTreeMap<String, u64>,
}

fn write_data(dir: &Path) {
    let row = |row: usize, word: &str| {
        let chat =
            json!([{"role": "user", "content": row}, {"role": "assistant", "content": word}]);
        let line = json!({"prompt": format!("{word} {row}:"), "completion": format!(" {}", row * row), "chat": chat});
        format!("{line}\n")
    };
    let rows = |word: &str| (0..24).map(|number| row(number, word)).collect::<String>();
    std::fs::write(dir.join("rows.jsonl"), rows("row")).unwrap();
    std::fs::write(dir.join("other.jsonl"), rows("line")).unwrap();
    let gaps: String = (0..24).map(|n| format!("{}\n", json!({"prompt": format!("row {n}:"), "completion": if n % 5 == 0 { "  " } else { "x" }}))).collect();
    std::fs::write(dir.join("gaps.jsonl"), gaps).unwrap();
    // Lines that are JSON, too; one has nothing but blanks after its prompt, one has HTML.
    let line = |n: usize| json!({"prompt": format!("p{n}<br />q"), "completion": " ".repeat(n % 3) + &"x".repeat(n / 4)});
    let lines: String = (0..30)
        .map(|n| format!("{}\n{}", line(n), if n % 5 == 0 { "   \n" } else { "" }))
        .collect();
    std::fs::write(dir.join("lines.txt"), lines).unwrap();
    let table: String = (0..24).map(|n| format!("a{n} b,c{n} d,e{n} f\n")).collect();
    std::fs::write(dir.join("table.csv"), format!("a,b,c\n{table}")).unwrap();
}

fn trace(config: &Value) -> Trace {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().to_str().unwrap();
    write_data(folder.path());
    let file = folder.path().join("run.json");
    std::fs::write(&file, config.to_string().replace("DIR", dir)).unwrap();
    let outcome = hybrid(&["train", file.to_str().unwrap(), "--json"]);
    let plain = |text: &str| text.replace(dir, "DIR");
    let said = (outcome.code, plain(&outcome.stdout), plain(&outcome.stderr));
    let mut files = BTreeMap::new();
    let mut records = Vec::new();
    visit(folder.path(), folder.path(), &mut |name, bytes| {
        let sum =
            bytes.iter().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
        files.insert(plain_name(name), if name.ends_with(".safetensors") { sum } else { 0 });
        if name.ends_with("metrics.jsonl") || name.ends_with("samples.jsonl") {
            records.extend(String::from_utf8(bytes).unwrap().lines().map(without_times));
        }
    });
    Trace { said, records, files }
}

/// TensorBoard puts the time into a file's name.
fn plain_name(name: &str) -> String {
    name.chars()
        .map(|c| if name.contains("tfevents") && c.is_ascii_digit() { '0' } else { c })
        .collect()
}

fn without_times(line: &str) -> String {
    let mut line: Value = serde_json::from_str(line).unwrap();
    line["time_s"] = Value::Null;
    if let Some(metrics) = line["metrics"].as_object_mut() {
        metrics.retain(|name, _| !name.starts_with("time/"));
    }
    line.to_string()
}

fn visit(root: &Path, folder: &Path, see: &mut dyn FnMut(&str, Vec<u8>)) {
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            visit(root, &path, see);
        } else {
            see(path.strip_prefix(root).unwrap().to_str().unwrap(), std::fs::read(&path).unwrap());
        }
    }
}

/// The keys of `docs/config.md` that hold a value, not a table of further keys alone.
fn documented() -> BTreeSet<String> {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/config.md"))
            .unwrap();
    let (mut section, mut keys, mut tables) = (String::new(), BTreeSet::new(), BTreeSet::new());
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## `") {
            section = heading.trim_matches(['[', ']', '`']).to_owned() + ".";
            tables.insert(section.trim_end_matches('.').to_owned());
        } else if let Some((key, _)) =
            line.strip_prefix("| `").and_then(|rest| rest.split_once('`'))
        {
            keys.insert(format!("{section}{key}"));
        }
    }
    let optional = [
        "model.lora",
        "phase.mix",
        "phase.mix.sft_coef",
        "phase.curriculum",
        "phase.curriculum.by",
        "phase.until",
        "output.keep_best",
    ];
    keys.retain(|key| !tables.contains(key) || optional.contains(&key.as_str()));
    keys
}

#[test]
fn every_key_changes_what_a_run_does_or_leaves() {
    let flips: Vec<Flip> = [
        model_flips(),
        data_flips(),
        step_flips(),
        ppo_flips(),
        phase_flips(),
        heads_flips(),
        record_flips(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let flipped: BTreeSet<String> = flips.iter().map(|flip| flip.key.to_owned()).collect();
    assert_eq!(flipped, documented(), "left: the table of this test, right: docs/config.md");

    // Many flips share what the run is before them.
    let known: Mutex<BTreeMap<String, Trace>> = Mutex::default();
    let cached = |config: &Value| {
        let key = config.to_string();
        let found = known.lock().unwrap().get(&key).cloned();
        found.unwrap_or_else(|| {
            let trace = trace(config);
            known.lock().unwrap().insert(key, trace.clone());
            trace
        })
    };
    let problems: Mutex<Vec<String>> = Mutex::default();
    let next = Mutex::new(flips.iter());
    let work = || {
        loop {
            let Some(flip) = next.lock().unwrap().next() else { return };
            let (was, is) = (cached(&before(flip)), trace(&after(flip)));
            let starts = was.said.0 == 0 || flip.key == "train.on_non_finite";
            // What a pass keeps changes no number; `memory.rs` shows what it takes less.
            let says_the_same = was == is && flip.key != "train.memory";
            if !starts || says_the_same {
                let what = format!("{}: before {:?}, after {:?}", flip.key, was.said, is.said);
                problems.lock().unwrap().push(what);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(work);
        }
    });
    let problems = problems.into_inner().unwrap();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
