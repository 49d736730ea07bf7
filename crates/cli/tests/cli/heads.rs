//! Task heads from a run file to answers, on a model of a few thousand parameters.

use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::support::{copy_of_model, hybrid, hybrid_fed};

/// A folder with a run file, its model and its data.
struct Bench {
    folder: TempDir,
}

const RUN: &str = r#"
seed = 3
model.base = "DIR"
[[head]]
task = "mood"
kind = "classification"
data = { train = "DIR/rows.jsonl", validation = 8 }
[[head]]
task = "length"
kind = "regression"
pooling = "mean"
data = { train = "DIR/rows.jsonl", validation = 8, label = "length" }
[train]
batch_size = 8
max_length = 32
[optim]
lr = 5e-3
[[phase]]
kind = "heads"
steps = 60
[output]
dir = "DIR/run"
save_every = 20
"#;

impl Bench {
    fn new() -> Self {
        let folder = copy_of_model();
        let row = |place: usize| {
            let (text, label) =
                if place.is_multiple_of(2) { ("yes", "good") } else { ("no", "bad") };
            json!({ "text": format!("{} {text}", place / 2), "label": label, "length": text.len() })
        };
        let rows: String = (0..48).map(|place| format!("{}\n", row(place))).collect();
        std::fs::write(folder.path().join("rows.jsonl"), rows).unwrap();
        let bench = Self { folder };
        let run = RUN.replace("DIR", bench.path().to_str().unwrap());
        std::fs::write(bench.path().join("run.toml"), run).unwrap();
        bench
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn place(&self, name: &str) -> String {
        self.path().join(name).to_str().unwrap().to_owned()
    }
}

#[test]
fn heads_are_trained_asked_and_exported() {
    let bench = Bench::new();
    let (file, run) = (bench.place("run.toml"), bench.place("run"));
    let trained = hybrid(&["train", &file, "--json"]).json();
    assert_eq!(trained["steps"], 60);
    assert!(trained["after"]["eval/accuracy/mood"].as_f64().unwrap() >= 0.9, "{trained}");
    assert!(
        trained["before"]["eval/mse/length"].as_f64()
            > trained["after"]["eval/mse/length"].as_f64()
    );
    assert!(Path::new(&run).join("report.html").is_file());

    let said = hybrid(&["predict", &run, "--task", "mood", "--text", "99 yes"]).data();
    assert!(said.starts_with("good 0.") || said.starts_with("good 1."), "{said}");
    assert!(said.ends_with("\t99 yes\n"), "{said}");
    let rows = "{\"id\": 7, \"text\": \"98 no\"}\n{\"text\": \"97 yes\"}\n";
    let answers = hybrid_fed(&["predict", &run, "--task", "mood"], rows).json_lines();
    assert_eq!((&answers[0]["id"], &answers[0]["label"]), (&json!(7), &json!("bad")));
    assert_eq!((answers[1].get("id"), &answers[1]["label"]), (None, &json!("good")));
    let length = hybrid_fed(&["predict", &run, "--task", "length"], rows).json_lines();
    assert_eq!(length[0]["values"].as_array().unwrap().len(), 1);

    // A trained head is a reward, by the path of its run.
    let spec = json!({ "type": "classifier", "model": run, "task": "mood", "label": "good" });
    let rows = "{\"response\": \"97 yes\"}\n{\"response\": \"98 no\"}\n";
    let scored = hybrid_fed(&["reward", "--spec", &spec.to_string()], rows);
    assert_eq!(scored.code, 0, "{}", scored.stderr);
    let scores: Vec<f64> = scored
        .stdout
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["score"].as_f64().unwrap()
        })
        .collect();
    let said = answers[1]["probabilities"]["good"].as_f64().unwrap();
    assert!((scores[0] - said).abs() < 1e-5 && scores[1] < 0.5, "{scores:?}, predicted {said}");

    let out = bench.place("mood");
    assert_eq!(hybrid(&["export", &run, &out, "--task", "mood"]).data(), format!("{out}\n"));
    let config = std::fs::read_to_string(Path::new(&out).join("config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["architectures"], json!(["LlamaForSequenceClassification"]));
    assert_eq!(config["id2label"], json!({ "0": "bad", "1": "good" }));
    assert!(config.get("hybrid_heads").is_none());
    // What it already wrote stays as it is.
    let again = hybrid(&["export", &run, &out, "--task", "mood"]).bad_input();
    assert!(again.contains("is not empty"), "{again}");
    // Means are no layout of theirs, and nothing is left of the attempt.
    let other = bench.place("length");
    let refused = hybrid(&["export", &run, &other, "--task", "length"]).bad_input();
    assert!(refused.contains("pools in its own way"), "{refused}");
    assert!(!Path::new(&other).exists());
}

#[test]
fn a_head_as_a_reward_reads_what_predict_reads() {
    let bench = Bench::new();
    let (file, run) = (bench.place("run.toml"), bench.place("run"));
    let set = ["--set", "train.truncation_side=left", "--set", "phase[0].steps=20"];
    let trained = hybrid(&[&["train", &file][..], &set].concat());
    assert_eq!(trained.code, 0, "{}", trained.stderr);
    // More than the 32 tokens that the run reads, the last 32 and the last four of them, and none.
    let long = format!("{}{}yes", "yes ".repeat(8), "no ".repeat(11));
    let texts = [long.as_str(), &long[long.len() - 32..], &long[long.len() - 4..], ""];
    let asked: String = texts.iter().map(|text| format!("{}\n", json!({ "text": text }))).collect();
    let said: Vec<f64> = hybrid_fed(&["predict", &run, "--task", "mood"], &asked)
        .json_lines()
        .iter()
        .map(|line| line["probabilities"]["good"].as_f64().unwrap())
        .collect();
    let rows: String =
        texts.iter().map(|text| format!("{}\n", json!({ "response": text }))).collect();
    let scores = |more: serde_json::Value| -> Vec<f64> {
        let mut spec =
            json!({ "type": "classifier", "model": run, "task": "mood", "label": "good" });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let scored = hybrid_fed(&["reward", "--spec", &spec.to_string()], &rows);
        assert_eq!(scored.code, 0, "{}", scored.stderr);
        let score = |line: &str| -> f64 {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["score"].as_f64().unwrap()
        };
        scored.stdout.lines().map(score).collect()
    };
    let near = |a: f64, b: f64| (a - b).abs() < 1e-5;
    let own = scores(json!({}));
    assert_eq!(own.len(), 4);
    assert!(own.iter().zip(&said).all(|(score, said)| near(*score, *said)), "{own:?} {said:?}");
    assert!(near(own[0], own[1]), "its beginning is cut: {own:?}");
    assert!(!near(own[0], own[2]), "but not more than that: {own:?}");
    // What the spec says comes first: all of the text, or the last four tokens.
    let (all, few) = (scores(json!({ "max_length": 80 })), scores(json!({ "max_length": 4 })));
    assert!(!near(all[0], own[0]) && near(all[1], own[1]), "{all:?} {own:?}");
    assert!(few[..3].iter().all(|score| near(*score, own[2])), "{few:?} {own:?}");
}

/// What makes [`RUN`] one of a language model, too.
const BESIDE: [&str; 7] = [
    "data={train = \"DIR/said.jsonl\", validation = 4}",
    "reward.type=bleu",
    "rollout={batch_size = 4, max_new_tokens = 4}",
    "ppo.minibatch_size=4",
    "eval.prompts=2",
    "phase=[{kind = \"sft\", steps = 2}, {kind = \"hybrid\", cycles = 30, heads_steps = 2}]",
    "output.merge_every=40",
];

#[test]
fn a_language_model_with_heads_is_trained_asked_and_exported() {
    let bench = Bench::new();
    let (file, run) = (bench.place("run.toml"), bench.place("run"));
    let row = |n: usize| json!({ "prompt": format!("{n}:"), "completion": " y y" });
    let rows: String = (0..16).map(|n| format!("{}\n", row(n))).collect();
    std::fs::write(bench.path().join("said.jsonl"), rows).unwrap();
    let folder = bench.path().to_str().unwrap();
    let mut args = vec!["train".to_owned(), file, "--json".to_owned()];
    for change in BESIDE {
        args.extend(["--set".to_owned(), change.replace("DIR", folder)]);
    }
    let checked = [&["check".to_owned()], &args[1..]].concat();
    assert_eq!(hybrid(&checked).json()["steps"], 92);
    let trained = hybrid(&args).json();
    assert_eq!(trained["steps"], 92);
    let after = &trained["after"];
    assert!(after["eval/accuracy/mood"].as_f64().unwrap() >= 0.9, "{trained}");
    assert!(after["eval/score_mean"].is_number() && after["eval/mse/length"].is_number());
    let report = std::fs::read_to_string(Path::new(&run).join("report.html")).unwrap();
    assert!(report.contains("eval/accuracy/mood") && report.contains("eval/score_mean"));

    let said = hybrid(&["predict", &run, "--task", "mood", "--text", "99 yes"]).data();
    assert!(said.starts_with("good "), "{said}");
    let written = ["--prompt", "3:", "--max-new-tokens", "4", "--greedy", "--json"];
    let generate = |model: &str| hybrid(&[&["generate", model][..], &written].concat()).data();
    let text = generate(&run);

    // Without `--task` it is the language model, and nothing says that there were heads.
    let (model, head) = (bench.place("model"), bench.place("mood"));
    assert_eq!(hybrid(&["export", &run, &model]).data(), format!("{model}\n"));
    assert_eq!(generate(&model), text);
    assert_eq!(generate(&bench.place("run/merged")), text);
    for folder in [&model, &bench.place("run/merged")] {
        let config = std::fs::read_to_string(Path::new(folder).join("config.json")).unwrap();
        assert!(config.contains("LlamaForCausalLM") && !config.contains("hybrid_"), "{config}");
        let headless = hybrid(&["predict", folder, "--text", "a"]).bad_input();
        assert!(headless.contains("has no task heads"), "{headless}");
    }
    assert_eq!(hybrid(&["export", &run, &head, "--task", "mood"]).data(), format!("{head}\n"));
    let config = std::fs::read_to_string(Path::new(&head).join("config.json")).unwrap();
    assert!(config.contains("LlamaForSequenceClassification") && !config.contains("hybrid_"));
}

#[test]
fn adapters_are_trained_kept_and_merged() {
    let bench = Bench::new();
    let (file, run) = (bench.place("run.toml"), bench.place("run"));
    let lora = "model.lora={ rank = 4, targets = [\"query\", \"value\", \"gate\", \"down\"] }";
    let set = ["train", &file, "--set", lora, "--set", "optim.lr=2e-2"];
    let both = [&set[..], &["--set", "model.freeze=trunk"]].concat();
    let refused = hybrid(&both).bad_input();
    assert!(refused.contains("`model.lora` trains matrices within the trunk"), "{refused}");
    let unknown = hybrid(&["train", &file, "--set", "model.lora.targets=[\"quarry\"]"]).bad_input();
    assert!(unknown.contains("`model.lora.targets") && unknown.contains("`query`"), "{unknown}");
    assert!(!Path::new(&run).exists());

    let trained = hybrid(&set);
    assert_eq!(trained.code, 0, "{}", trained.stderr);
    assert!(trained.stderr.starts_with("training "), "{}", trained.stderr);
    assert!(trained.stderr.contains(" parameters ("), "{}", trained.stderr);
    let said = hybrid(&["predict", &run, "--task", "mood", "--text", "99 yes"]).data();
    assert!(said.starts_with("good "), "{said}");
    let out = bench.place("mood");
    hybrid(&["export", &run, &out, "--task", "mood"]).data();
    let config = std::fs::read_to_string(Path::new(&out).join("config.json")).unwrap();
    assert!(!config.contains("hybrid_"), "{config}");

    // What was exported is a plain classifier, which says the same.
    let reward = |spec: serde_json::Value| {
        let scored = hybrid_fed(
            &["reward", "--spec", &spec.to_string()],
            "{\"response\": \"97 yes\"}\n{\"response\": \"98 no\"}\n",
        );
        assert_eq!(scored.code, 0, "{}", scored.stderr);
        let score = |line: &str| -> f64 {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["score"].as_f64().unwrap()
        };
        scored.stdout.lines().map(score).collect::<Vec<f64>>()
    };
    let kept = json!({ "type": "classifier", "model": run, "task": "mood", "label": "good" });
    let merged = json!({ "type": "classifier", "model": out, "label": "good" });
    let (kept, merged) = (reward(kept), reward(merged));
    assert!(kept[0] > 0.5 && kept[1] < 0.5, "{kept:?}");
    for (kept, merged) in kept.iter().zip(&merged) {
        assert!((kept - merged).abs() < 1e-5, "{kept} beside adapters, {merged} merged");
    }
}

#[test]
fn what_cannot_be_asked_is_said() {
    let bench = Bench::new();
    let (file, run) = (bench.place("run.toml"), bench.place("run"));
    hybrid(&["train", &file, "--set", "phase[0].steps=1"]);
    let several = hybrid(&["predict", &run, "--text", "a"]).bad_input();
    assert!(several.contains("choose one by `--task`, `mood`, `length`"), "{several}");
    let unknown = hybrid(&["predict", &run, "--task", "mod", "--text", "a"]).bad_input();
    assert!(unknown.contains("there is no task `mod`; the run has `mood`, `length`"), "{unknown}");
    let model = bench.path().to_str().unwrap();
    let headless = hybrid(&["predict", model, "--text", "a"]).bad_input();
    assert!(headless.contains("has no task heads"), "{headless}");
    let row = hybrid_fed(&["predict", &run, "--task", "mood"], "{\"txt\": \"a\"}\n").bad_input();
    assert!(row.contains("line 1 of") && row.contains("has no `text`"), "{row}");
    let key = hybrid(&["train", &file, "--set", "head[0].kin=1"]).bad_input();
    assert!(key.contains("did you mean `head[0].kind`"), "{key}");
    let column = hybrid(&[
        "train",
        &file,
        "--set",
        "output.dir=other",
        "--set",
        "head[0].data.label=\"mod\"",
    ])
    .bad_input();
    assert!(
        column.contains("`head[0].data`") && column.contains("has no column `mod`"),
        "{column}"
    );
    assert!(!Path::new("other").exists());
}

#[test]
fn a_run_of_heads_is_checked_and_resumed() {
    let bench = Bench::new();
    let file = bench.place("run.toml");
    let checked = hybrid(&["check", &file]).data();
    assert!(checked.contains("[[head]]") && checked.contains("# 60 steps"), "{checked}");
    hybrid(&["train", &file]);
    let again = hybrid(&["train", &file]).bad_input();
    assert!(again.contains("--resume"), "{again}");
    let resumed = hybrid(&["train", &file, "--resume", "--json"]).json();
    assert_eq!(resumed["steps"], 60);
}

#[test]
fn questions_are_answered() {
    let bench = Bench::new();
    let row = |place: usize| {
        let (name, year) = (["Ada", "Bob"][place % 2], ["1815", "1999"][place / 2 % 2]);
        let context = format!("{name} in {year}");
        let (question, answer) =
            if place.is_multiple_of(3) { ("who", name) } else { ("when", year) };
        let start = context.find(answer).unwrap();
        json!({ "question": question, "context": context,
                "answers": { "text": [answer], "answer_start": [start] } })
    };
    let rows: String = (0..48).map(|place| format!("{}\n", row(place))).collect();
    std::fs::write(bench.path().join("squad.jsonl"), rows).unwrap();
    let text = format!(
        "model.base = {:?}\n[[head]]\ntask = \"qa\"\nkind = \"span\"\n\
         data = {{ train = {:?}, validation = 8 }}\n\
         [train]\nbatch_size = 8\nmax_length = 48\n[[phase]]\nkind = \"heads\"\nsteps = 2\n\
         [output]\ndir = {:?}\n",
        bench.place(""),
        bench.place("squad.jsonl"),
        bench.place("qa")
    );
    let (file, run) = (bench.place("qa.toml"), bench.place("qa"));
    std::fs::write(&file, text).unwrap();
    let trained = hybrid(&["train", &file, "--json"]).json();
    assert!(trained["after"]["eval/answer_f1/qa"].as_f64().is_some(), "{trained}");

    let context = "Ada in 1815";
    let rows = json!({ "id": 4, "question": "who", "context": context }).to_string();
    let said = &hybrid_fed(&["predict", &run], &rows).json_lines()[0];
    assert_eq!((&said["id"], &said["answerable"]), (&json!(4), &json!(true)));
    let at = |key: &str| said[key].as_u64().unwrap() as usize;
    assert_eq!(said["answer"], context[at("start")..at("end")]);
    assert!((0.0..=1.0).contains(&said["score"].as_f64().unwrap()), "{said}");
    let line = hybrid(&["predict", &run, "--question", "who", "--text", context]).data();
    assert!(line.starts_with(said["answer"].as_str().unwrap()), "{line}");
    assert!(line.ends_with("\tAda in 1815\n"), "{line}");

    let bare = hybrid_fed(&["predict", &run], "{\"context\": \"a\"}\n").bad_input();
    assert!(bare.contains("line 1 of") && bare.contains("has no `question`"), "{bare}");
    let bare = hybrid_fed(&["predict", &run], "{\"question\": \"a\"}\n").bad_input();
    assert!(bare.contains("has no `context`"), "{bare}");
    let bare = hybrid(&["predict", &run, "--text", "a"]).bad_input();
    assert!(bare.contains("a `question` is missing"), "{bare}");
    let causal = hybrid(&["export", &run, &bench.place("out")]).bad_input();
    assert!(causal.contains("head of tokens on a causal model"), "{causal}");
}
