//! `hybrid quickstart --reward head` on a model of a few thousand parameters.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Outcome, command, copy_of_model, finish};

/// A folder to start it in.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: copy_of_model() };
        let review = |at: usize| {
            let text = format!("{} {}", at / 2, ["bad", "good"][at % 2]);
            json!({ "text": text, "label": at % 2, "source": "rotten_tomatoes" })
        };
        place.write("reviews.jsonl", &review);
        let opening =
            |at: usize| json!({ "prompt": format!("film {at} was"), "completion": " good." });
        place.write("openings.jsonl", &opening);
        place
    }

    fn write(&self, name: &str, row: &dyn Fn(usize) -> Value) {
        let rows: String = (0..64).map(|at| format!("{}\n", row(at))).collect();
        std::fs::write(self.path(name), rows).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The quickstart made small, with more arguments.
    fn start(&self, more: &[&str]) -> Outcome {
        let lexicon = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/rewards/vader");
        let run = [
            "data.train=\"openings.jsonl\"".to_owned(),
            "data.validation=8".to_owned(),
            "data.select=40".to_owned(),
            "model.init.tokenizer=\"byte\"".to_owned(),
            "model.init.hidden_size=16".to_owned(),
            "model.init.heads=2".to_owned(),
            "rollout.batch_size=4".to_owned(),
            "rollout.max_new_tokens=6".to_owned(),
            "ppo.minibatch_size=4".to_owned(),
            "optim.warmup_steps=0".to_owned(),
            "phase[0].steps=2".to_owned(),
            "phase[1].cycles=3".to_owned(),
            "eval.prompts=4".to_owned(),
            "eval.samples=2".to_owned(),
            format!("reward.lexicon={}", json!(lexicon)),
        ];
        let heads = [
            "model.base=\".\"",
            "head[0].data.train=\"reviews.jsonl\"",
            "head[0].data.validation=16",
            "phase[0].steps=40",
            "train.batch_size=8",
            "train.max_length=32",
            "optim.lr=5e-3",
            "optim.warmup_steps=0",
        ];
        let mut args = vec!["quickstart", "--tiny"];
        args.extend(run.iter().flat_map(|change| ["--set", change.as_str()]));
        args.extend(heads.iter().flat_map(|change| ["--set-heads", change]));
        args.extend(more);
        finish(command(&args).current_dir(self.folder.path()).spawn().unwrap())
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn a_head_is_trained_once_and_scores_while_the_lexicon_judges() {
    let place = Place::new();
    let first = place.start(&["--reward", "head", "--json"]).json();
    assert_eq!(first["heads"], "runs/sentences");
    assert_eq!(first["run_dir"], "runs/quickstart-tiny-head-s1");
    assert!(first["paired"]["difference"].is_f64(), "{first}");
    let judge = &first["judges"]["lexicon"];
    assert!(judge["interval"][0].is_f64() && judge["interval"][1].is_f64(), "{first}");
    let metrics = place.path("runs/sentences/metrics.jsonl");
    let trained = bytes(&metrics);

    let config = String::from_utf8(bytes(&place.path("runs/quickstart-tiny-head-s1/config.toml")));
    let config: toml::Table = config.unwrap().parse().unwrap();
    assert_eq!(config["reward"]["model"].as_str(), Some("runs/sentences"));
    assert_eq!(config["reward"]["label"].as_str(), Some("1"));
    assert_eq!(config["eval"]["judges"]["lexicon"]["type"].as_str(), Some("sentiment"));
    assert!(config["eval"]["judges"]["lexicon"].get("model").is_none());
    let lines = bytes(&place.path("runs/quickstart-tiny-head-s1/metrics.jsonl"));
    let lines = String::from_utf8(lines).unwrap();
    let heard = lines.lines().filter(|line| line.contains("eval/judge/lexicon")).count();
    assert!(heard > 2, "before, during and after: {lines}");
    let page = bytes(&place.path("runs/quickstart-tiny-head-s1/report.html"));
    assert!(String::from_utf8(page).unwrap().contains("Score and judges"));

    // The second time the head is there, whatever the seed; and it says so.
    let again = place.start(&["--reward", "head", "--seed", "2"]);
    assert_eq!(again.code, 0, "{again:?}");
    let plain = "scores by the head `sentiment` of runs/sentences, trained before\n";
    assert!(again.stderr.contains(plain), "{}", again.stderr);
    for part in ["held-out sentiment", "judge, lexicon", "95 % interval", "of runs/sentences"] {
        assert!(again.stdout.contains(part), "{part}: {}", again.stdout);
    }
    assert_eq!(bytes(&metrics), trained, "the run of heads was touched");

    let named = place.start(&["--reward", "head", "--heads", "runs/sentences", "--json"]).json();
    assert_eq!(named["heads"], "runs/sentences");
    assert_eq!(named["run_dir"], "runs/quickstart-tiny-head-s1-2");
    assert_eq!((&named["paired"], &named["judges"]), (&first["paired"], &first["judges"]));
}

#[test]
fn what_is_no_sentiment_head_is_refused_and_left_alone() {
    let place = Place::new();
    let refused = |more: &[&str]| {
        let args = [&["--reward", "head"], more].concat();
        let said = place.start(&args);
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{said:?}");
        said.stderr
    };
    let none = refused(&["--heads", "runs/none"]);
    assert!(none.contains("`runs/none` is no run of task heads"), "{none}");
    let model = refused(&["--heads", "."]);
    assert!(model.contains("`.` is no run of task heads"), "{model}");
    std::fs::create_dir_all(place.path("runs/sentences")).unwrap();
    std::fs::write(place.path("runs/sentences/notes.txt"), "mine").unwrap();
    let notes = refused(&[]);
    assert!(notes.contains("name one by `--heads`") && notes.contains("not empty"), "{notes}");
    assert_eq!(bytes(&place.path("runs/sentences/notes.txt")), b"mine");
    // A head that was asked for other labels.
    let other = [
        "--set-heads",
        "head[0].labels=[\"0\", \"1\", \"2\"]",
        "--set-heads",
        "output.dir=\"runs/three\"",
        "--set-heads",
        "head[0].task=\"mood\"",
        "--set-heads",
        "phase[0].steps=1",
    ];
    let mood = refused(&other);
    assert!(mood.contains("`sentiment`") && mood.contains("`mood`"), "{mood}");
}
