//! `docs/config.md` and `docs/heads.md` are made of the doc comments of the tables' structs, and must be
//! current.

mod source;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use hybrid_model::lora::LoraConfig;
use serde_json::json;

use self::source::{Field, Kind, Type, read_types};
use super::*;

/// Set this to have the page rewritten instead of compared.
const UPDATE: &str = "HYBRID_UPDATE_DOCS";

/// Where the structs of the tables stand.
const SOURCES: &[&str] = &[
    "crates/hybrid/src/config.rs",
    "crates/hybrid/src/config",
    "crates/data/src/config.rs",
    "crates/data/src/reader.rs",
    "crates/optim/src",
    "crates/ppo/src/config.rs",
    "crates/ppo/src/config",
    "crates/model/src/lora.rs",
    "crates/ppo/src/score.rs",
    "crates/sft/src",
];

/// Where those of a run of task heads stand besides.
const HEADS_SOURCES: &[&str] = &[
    "crates/heads/src/task.rs",
    "crates/heads/src/balance.rs",
    "crates/heads/src/balance/mixing.rs",
    "crates/heads/src/balance/hierarchy.rs",
    "crates/heads/src/losses/regression.rs",
    "crates/heads/src/reinforce.rs",
    "crates/heads/src/tagging/align.rs",
    "crates/model/src/heads/freeze.rs",
    "crates/model/src/pooling.rs",
];

const HEADS_INTRODUCTION: &str = "\
# Task heads

A run file with a `[[head]]` table trains task heads on one trunk, an encoder or a causal model; with phases of SFT
or PPO in it, [a language model beside them](#beside-a-language-model).

```console
$ hybrid train examples/heads/sentiment.toml
$ hybrid predict runs/sentiment --task sentiment --text \"A delight.\"
$ hybrid export runs/sentiment ./sentiment
```

Each head has its task, its data and its loss. A step trains one task, chosen by `heads.mixing`, or all of
them where their gradients are compared (`heads.weighting`). Held-out rows are measured before, during and
after; `eval/score` is the mean of the tasks' own metrics (accuracy, macro F1, minus the squared error, entity
F1, the F1 of answers), and of the checkpoints the one with the best is kept beside the newest, which is what `predict` and
`export` take unless a checkpoint is named. An interrupted run goes on bit for bit with `--resume`. A head without `pooling` and `layer` is exported as `AutoModelForSequenceClassification`,
`AutoModelForTokenClassification` or `AutoModelForQuestionAnswering` of `transformers` loads it, with equal
logits.

A head of kind `pairwise` is a reward model: `chosen` and `rejected` answers in, or labelled texts of which
`head.data.pairs` makes pairs, and a number out, which `hybrid predict` gives in deviations from the mean of the
held-out answers. PPO takes it by the path of its run, in the same deviations (the reward `classifier`), and
`eval.judges` names who else is asked about the same answers:

```console
$ hybrid train examples/heads/preference.toml
$ hybrid train examples/reward_model.toml
```

`model.lora` trains a trunk through low-rank adapters: every projection `W` that `targets` names computes
`x·W + alpha/rank · (x·a)·b`, and of the trunk only `a` and `b` change. A checkpoint keeps them beside the
weights, `predict` and a reward by path read both, and `export` merges them. Names of targets are the same
for every family; where a family stores query, key and value as one matrix, each still has adapters of its
own, as peft gives them where they are three. `heads/trained_parameters` in `metrics.jsonl` says how much is
trained; a step saves the gradients of all other weights and what the optimizer remembers of them.

A head of kind `span` or `span_or_none` answers questions by a part of a text. Its rows are SQuAD's, one
question each:

```json
{\"question\": \"Who wrote it?\", \"context\": \"Ada wrote it.\", \"answers\": {\"text\": [\"Ada\"], \"answer_start\": [0]}}
```

or SQuAD's own files, `{\"data\": [{\"title\", \"paragraphs\": [{\"context\", \"qas\": [{\"question\", \"answers\"}]}]}]}`, of which
every question is a row. Starts count characters; the first answer is learnt, and by SQuAD's comparison any of them is right. Question and
context are read as a pair of `train.max_length` tokens at most, the question in half of it; of a longer context as
many windows are read as it takes, two of which share `overlap` tokens, whatever `train.truncation_side` says. A
window without the whole answer teaches a head of kind `span_or_none` that it holds none (position 0, as BERT's
baseline for SQuAD 2), and a head of kind `span` nothing. The answer is that of the window whose start and end
logits have the largest sum, unless the sum of *no answer* is larger than that in every window: at all while a head
learns, and once its run has ended by more than the threshold of the best F1 of the held-out rows, as SQuAD 2's
evaluation chooses it (`eval/none_above`; by it these rows have the F1 `eval/answer_f1_best`, the best case).
`hybrid predict RUN --question Q --text CONTEXT`, or rows `{\"question\": …, \"context\": …}`, give `answer`,
`start`, `end`, `score` (the probability of the start times that of the end) and `answerable`.

## Beside a language model

A file with `[[head]]` tables and phases of SFT or PPO trains a causal model and heads on it, one set of weights, in
turns: `heads` phases, or `heads_steps` in the cycles of a `hybrid` phase. Its other keys are those of
[config.md](config.md): a step takes `train.batch_size` rows of a task, cut at `train.max_length`, with as many
tokens at once as a micro-batch has; all held-out rows are measured wherever the run measures.
`examples/multi_task.toml` is such a file: a head by supervision, and a generator rewarded by BLEU.

```console
$ hybrid train examples/multi_task.toml
$ hybrid predict runs/multi-task --task sarcasm --text \"area man wins award for staying in bed\"
$ hybrid chat runs/multi-task
$ hybrid export runs/multi-task ./model
```

KL is measured against the frozen language model, as without heads, and `kl/sft_drift` says how far the supervised
steps of a cycle, the heads' among them, moved it. `export` writes the language model, or with `--task` a head.
With `model.lora`, heads and adapters are trained, and none of the language model's own weights. `model.freeze`,
`eval.patience`, `eval.rows` and `reward-model` phases are for runs of heads alone.

## Keys

The keys of a run of heads alone are made from the doc comments of the structs that hold them; `[optim]` is that of
[config.md](config.md), where `value_head_lr` is the heads' rate.
";

const INTRODUCTION: &str = "\
# Configuration

Every key of a run, made from the doc comments of the structs that hold them. A file is TOML or JSON
with the same keys; `hybrid check CONFIG` prints it with all defaults filled in, and `--set
ppo.clip_range=0.1` changes one value. What is not listed here is refused, with the nearest name.
Parameters of each optimizer and scheduler are in `docs/algorithms/optim.md`, rewards in
`docs/rewards.md`, metrics in `docs/metrics.md`.

With `[model.lora]`, SFT and PPO train low-rank adapters and none of the model's own weights: every projection `W`
that `targets` names computes `x·W + alpha/rank · (x·a)·b` (names are the same for every family, and query, key and
value each have adapters of their own), and only `a` and `b`, the value head and task heads change. Optimizer and
gradients then hold next to nothing, and references cost no memory: `ppo.reference = \"run_start\"` is the model
without its adapters. A checkpoint keeps adapters beside the weights and is resumed bit for bit; rollouts,
`merged/`, `hybrid export` and whatever names the run as a model have them in the weights.

The design document's keys also work, at the top of the file: `LRATE` is `optim.lr`, `OPTIMIZER`
`optim.optimizer`, `SCHEDULER` `optim.scheduler`, `NUM_TRAINING_STEPS` `optim.total_steps`,
`NUM_WARMUP_STEPS` `optim.warmup_steps`, `REWARD` `reward`. An old and a new key together is an error.
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The smallest value of each table that has no place in the default configuration, and which of its
/// keys must be given.
fn smallest_tables() -> BTreeMap<&'static str, (Value, Vec<&'static str>)> {
    fn filled<T: Serialize + serde::de::DeserializeOwned>(value: Value) -> Value {
        let table: T = serde_json::from_value(value).expect("a table");
        serde_json::to_value(table).expect("JSON")
    }
    let metric = json!({"metric": "a/b"});
    BTreeMap::from([
        ("model.init", (filled::<InitSection>(json!({})), vec![])),
        ("model.lora", (filled::<LoraConfig>(json!({})), vec![])),
        ("phase", (filled::<PhaseConfig>(json!({"kind": "sft"})), vec!["kind"])),
        ("phase.mix", (filled::<MixConfig>(json!({"sft_coef": 1})), vec!["sft_coef"])),
        ("phase.mix.sft_coef", (json!({"kind": "linear", "warmup": 0}), vec!["from", "to"])),
        (
            "phase.curriculum",
            (filled::<Curriculum>(json!({"from": [1, 1], "to": [1, 1]})), vec!["from", "to"]),
        ),
        ("phase.curriculum.by", (json!({}), vec!["metric", "from", "to"])),
        ("phase.until", (filled::<UntilConfig>(metric.clone()), vec!["metric"])),
        ("output.keep_best", (filled::<KeepBest>(metric), vec!["metric"])),
    ])
}

/// The same for a run of task heads.
fn smallest_of_heads() -> BTreeMap<&'static str, (Value, Vec<&'static str>)> {
    let head = json!({"task": "t", "kind": "classification", "data": {}});
    let filled = |table: TaskConfig| serde_json::to_value(table).expect("JSON");
    let head = filled(serde_json::from_value(head).expect("a table"));
    let data = serde_json::to_value(TaskData::default()).expect("JSON");
    let feedback = serde_json::to_value(FeedbackConfig::default()).expect("JSON");
    BTreeMap::from([
        ("head", (head, vec!["task", "kind", "data"])),
        ("head.data", (data, vec!["train"])),
        ("head.data.neutral", (json!({"text": "text"}), vec!["train", "select"])),
        ("head.data.pairs", (json!({}), vec!["chosen", "rejected"])),
        ("head.feedback", (feedback, vec![])),
        ("model", (serde_json::to_value(HeadsModel::default()).expect("JSON"), vec!["base"])),
        ("model.lora", (serde_json::to_value(LoraConfig::default()).expect("JSON"), vec![])),
        ("phase", (json!({}), vec!["kind", "steps"])),
    ])
}

/// Writes the tables, one after the other, and remembers every key.
struct Page {
    types: BTreeMap<String, Type>,
    smallest: BTreeMap<&'static str, (Value, Vec<&'static str>)>,
    text: String,
    keys: Vec<String>,
}

impl Page {
    fn make() -> Self {
        let mut types = BTreeMap::new();
        for source in SOURCES {
            read_types(&root().join(source), &mut types);
        }
        // Heads have a page of their own.
        for heads in ["TaskConfig", "MixingConfig"] {
            types.remove(heads);
        }
        let mut page = Self {
            types,
            smallest: smallest_tables(),
            text: INTRODUCTION.to_owned(),
            keys: Vec::new(),
        };
        let defaults = serde_json::to_value(RunConfig::default()).expect("JSON");
        page.table("", "RunConfig", &defaults);
        page
    }

    fn of_heads() -> Self {
        let mut types = BTreeMap::new();
        for source in SOURCES.iter().chain(HEADS_SOURCES) {
            read_types(&root().join(source), &mut types);
        }
        // It has a page of its own.
        types.remove("OptimConfig");
        let (smallest, text) = (smallest_of_heads(), HEADS_INTRODUCTION.to_owned());
        let mut page = Self { types, smallest, text, keys: Vec::new() };
        let defaults = serde_json::to_value(HeadsConfig::default()).expect("JSON");
        page.table("", "HeadsConfig", &defaults);
        page
    }

    fn table(&mut self, path: &str, name: &str, defaults: &Value) {
        let table = self.types.get(name).unwrap_or_else(|| panic!("no struct `{name}`")).clone();
        let (defaults, required) = match self.smallest.get(path) {
            Some((smallest, required)) => (smallest.clone(), required.clone()),
            None => (defaults.clone(), Vec::new()),
        };
        if !path.is_empty() {
            let is_list = path == "phase" || path == "head";
            let title = if is_list { format!("[[{path}]]") } else { format!("[{path}]") };
            let _ = write!(self.text, "\n## `{title}`\n\n{}\n", table.doc);
        }
        self.text.push_str("\n| key | default | meaning |\n|---|---|---|\n");
        let mut inner = Vec::new();
        for field in &table.fields {
            let key =
                if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
            let nested = self.types.get(field.inner()).filter(|inner| inner.kind == Kind::Table);
            let default = match defaults.get(&field.name) {
                _ if required.contains(&field.name.as_str()) => "required".to_owned(),
                None | Some(Value::Null) => String::new(),
                Some(_) if nested.is_some() => String::new(),
                Some(value) => format!("`{value}`"),
            };
            let meaning = self.meaning(field);
            let _ = writeln!(self.text, "| `{}` | {default} | {meaning} |", field.name);
            if nested.is_some() {
                let value = defaults.get(&field.name).cloned().unwrap_or_default();
                inner.push((key.clone(), field.inner().to_owned(), value));
            }
            self.keys.push(key);
        }
        for (key, name, value) in inner {
            self.table(&key, &name, &value);
        }
    }

    /// A field's own words and, where it is one of several words, theirs.
    fn meaning(&self, field: &Field) -> String {
        let mut text = field.doc.clone();
        if let Some(choice) = self.types.get(field.inner()).filter(|t| t.kind == Kind::Choice) {
            for word in &choice.fields {
                let _ = write!(text, "<br>`\"{}\"`: {}", word.name, word.doc);
            }
        }
        text.replace('|', "\\|")
    }
}

#[test]
fn the_pages_are_current() {
    is_current("config.md", &Page::make());
    is_current("heads.md", &Page::of_heads());
}

fn is_current(name: &str, page: &Page) {
    let path = root().join("docs").join(name);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &page.text).expect("a writable page");
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(page.text.lines()).position(|(a, b)| a != b);
    assert!(
        written == page.text,
        "docs/{name} is not current from line {} on: run `{UPDATE}=1 cargo test --workspace --lib \
         the_pages_are_current` and commit it",
        differs.unwrap_or_else(|| written.lines().count().min(page.text.lines().count())) + 1
    );
}

#[test]
fn every_key_is_on_the_page_and_says_what_it_means() {
    let page = Page::make();
    let mut defaults = serde_json::to_value(RunConfig::default()).expect("JSON");
    // What has no entry by default, once.
    for (path, (smallest, _)) in smallest_tables() {
        let pointer = format!("/{}", path.replace('.', "/"));
        let (parent, key) = pointer.rsplit_once('/').expect("a path");
        if let Some(parent) = defaults.pointer_mut(parent).and_then(Value::as_object_mut) {
            parent.insert(key.to_owned(), smallest);
        }
    }
    let mut missing = Vec::new();
    collect(&defaults, "", &page.keys, &mut missing);
    assert!(missing.is_empty(), "not documented: {missing:?}");
    let empty: Vec<&str> = page.text.lines().filter(|line| line.ends_with("|  |")).collect();
    assert!(empty.is_empty(), "without a meaning: {empty:?}");
    assert!(page.keys.len() > 80, "{} keys", page.keys.len());
}

/// Every key of `value` that is not among `known`; a key inside a documented text stays unseen.
fn collect(value: &Value, path: &str, known: &[String], missing: &mut Vec<String>) {
    let Some(fields) = value.as_object() else { return };
    for (name, inner) in fields {
        let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if !known.contains(&key) {
            missing.push(key.clone());
        }
        let has_table = known.iter().any(|other| other.starts_with(&format!("{key}.")));
        if has_table || !known.contains(&key) {
            collect(inner, &key, known, missing);
        }
    }
}
