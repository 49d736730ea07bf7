//! Judges: rewards that score held-out answers beside the one that is trained on, which may be a reward
//! model trained here.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{hybrid, hybrid_fed, model_name};
use crate::train::Task;

/// A reward model that prefers texts with `yes` in them, of rows with a text and a label.
const REWARD_MODEL: &str = r#"
seed = 3
model.base = "MODEL"
[[head]]
task = "taste"
kind = "pairwise"
data = { train = "DIR/tastes.jsonl", validation = 8, pairs = { chosen = "1", rejected = "0" } }
[train]
batch_size = 8
max_length = 32
[optim]
lr = 5e-3
[[phase]]
kind = "reward-model"
steps = 40
[output]
dir = "DIR/taste"
"#;

/// A task whose run has this before its phases and is measured at every step.
fn judged(own: &str) -> Task {
    let task = Task::new();
    let run = std::fs::read_to_string(task.path("run.toml")).unwrap();
    let (reward, eval) = ("[reward]\ntype = \"length\"\nmax = 6\n", "[eval]\n");
    assert!(run.contains(reward) && run.contains(eval));
    let own = own.replace("DIR", &task.path(""));
    let run = run.replace(reward, &own).replace(eval, "[eval]\nevery = 1\n");
    std::fs::write(task.path("run.toml"), run).unwrap();
    task
}

/// The values of a metric in the order of the lines.
fn curve(lines: &[Value], name: &str) -> Vec<f64> {
    lines
        .iter()
        .filter_map(|line| line["metrics"].get(name))
        .map(|it| it.as_f64().unwrap())
        .collect()
}

fn samples(task: &Task) -> Vec<Value> {
    let text = std::fs::read_to_string(task.path("run/samples.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_reward_model_trained_here_drives_ppo_and_a_judge_is_heard_beside_it() {
    let reward = "[reward]\ntype = \"classifier\"\nmodel = \"DIR/taste\"\n\
                  [eval.judges.words]\ntype = \"length\"\nunit = \"chars\"\ntarget = 2\nsoft = 6\n";
    let task = judged(reward);
    let row =
        |at: usize| json!({ "text": format!("{at} {}", ["no", "yes"][at % 2]), "label": at % 2 });
    let rows: String = (0..64).map(|at| format!("{}\n", row(at))).collect();
    std::fs::write(task.path("tastes.jsonl"), rows).unwrap();
    let model = REWARD_MODEL.replace("DIR", &task.path("")).replace("MODEL", model_name());
    std::fs::write(task.path("taste.toml"), model).unwrap();
    let trained = task.hybrid(&["train", "DIR/taste.toml", "--json"]).json();
    assert!(trained["after"]["eval/accuracy/taste"].as_f64().unwrap() >= 0.9, "{trained}");

    let line = task.hybrid(&["train", "DIR/run.toml", "--json"]).json();
    for when in ["before", "after"] {
        assert!(line[when]["eval/score_mean"].is_f64(), "{line}");
        assert!(line[when]["eval/judge/words"].is_f64(), "{line}");
    }
    // Both at once: before, after each of six steps, and so after the last.
    let lines = task.metrics_of("run");
    let (scores, judge) = (curve(&lines, "eval/score_mean"), curve(&lines, "eval/judge/words"));
    assert_eq!((scores.len(), judge.len()), (7, 7), "{lines:?}");
    assert!(scores.windows(2).any(|pair| (pair[0] - pair[1]).abs() > 1e-9), "{scores:?}");
    assert!(judge.iter().all(|value| (0.0..=1.0).contains(value)), "{judge:?}");
    assert_eq!(curve(&lines, "eval/judge_nulls/words"), [0.0; 7]);
    let of_rollouts = curve(&lines, "rollout/score_mean");
    assert_eq!(of_rollouts.len(), 2, "one for each PPO step");

    // The mean of a measurement is that of its samples, and a score is what the reward model says.
    let samples = samples(&task);
    let before: Vec<&Value> = samples.iter().filter(|it| it["split"] == "before").collect();
    assert_eq!(before.len(), 8);
    let mean = before.iter().map(|it| it["judges"]["words"].as_f64().unwrap()).sum::<f64>() / 8.0;
    assert!((mean - judge[0]).abs() < 1e-9, "{mean}, {judge:?}");
    let asked: String =
        before.iter().map(|it| format!("{}\n", json!({ "text": it["response"] }))).collect();
    let run = task.path("taste");
    let said = hybrid_fed(&["predict", &run], &asked).json_lines();
    for (said, sample) in said.iter().zip(&before) {
        // An answer without a token is read, too.
        let (said, score) = (said["reward"].as_f64().unwrap(), sample["score"].as_f64().unwrap());
        assert!((said - score).abs() < 1e-4, "{said} {sample}");
    }
    let raw = json!({ "type": "classifier", "model": run, "score": "logit" }).to_string();
    let read = before[0];
    let row = format!("{}\n", json!({ "response": read["response"] }));
    let raw = hybrid_fed(&["reward", "--spec", &raw], &row).stdout;
    let raw: Value = serde_json::from_str(raw.lines().next().unwrap()).unwrap();
    assert!((raw["score"].as_f64().unwrap() - read["score"].as_f64().unwrap()).abs() > 1e-3);

    let page = std::fs::read_to_string(task.path("run/report.html")).unwrap();
    let figure = page.split("<figure").find(|it| it.contains("<h3>Score and judges</h3>")).unwrap();
    let figure = figure.split("</figure>").next().unwrap();
    assert!(figure.contains("Score, held out") && figure.contains("Judge words"), "{figure}");
    assert!(page.contains("judge words <b>"), "the samples have what the judge said");
}

#[test]
fn a_judge_changes_nothing_that_is_learnt() {
    let alone = judged("[reward]\ntype = \"length\"\nmax = 6\n");
    let beside = judged(
        "[reward]\ntype = \"length\"\nmax = 6\n[eval.judges.n]\ntype = \"novelty\"\n\
         [eval.judges.d]\ntype = \"distinct_n\"\n",
    );
    for task in [&alone, &beside] {
        assert_eq!(task.hybrid(&["train", "DIR/run.toml", "--quiet"]).code, 0);
    }
    let heard = beside.metrics_of("run");
    assert_eq!(curve(&heard, "eval/judge/n").len(), 7);
    let without = |mut line: Value| {
        let metrics = line["metrics"].as_object_mut().unwrap();
        metrics.retain(|name, _| !name.starts_with("eval/judge"));
        line
    };
    let heard: Vec<Value> = heard.into_iter().map(without).collect();
    assert_eq!(heard, alone.metrics_of("run"));
}

#[test]
fn a_judge_that_cannot_be_made_is_named() {
    let task =
        judged("[reward]\ntype = \"length\"\nmax = 6\n[eval.judges.mood]\ntype = \"sentimnt\"\n");
    for command in ["check", "train"] {
        let said = task.hybrid(&[command, "DIR/run.toml"]).bad_input();
        assert!(said.contains("`eval.judges.mood`") && said.contains("`sentiment`"), "{said}");
        assert!(!Path::new(&task.path("run")).exists());
    }
    let nameless =
        hybrid(&["check", &task.path("run.toml"), "--set", "eval.judges.\"a b\".type=length"]);
    assert_eq!(nameless.code, 2, "{nameless:?}");
}
