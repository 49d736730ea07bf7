//! The design document's three rewards, as it writes them, in a PPO run.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use hybrid::config::{AnyConfig, parse_any};
use hybrid::run::{NamedModels, NoObserver};
use hybrid::run_dir::Environment;
use hybrid::{Run, RunParts};
use hybrid_data::load::{Located, load};
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::init::init;
use hybrid_rewards::neural::Models;
use hybrid_rewards::{BuildEnv, Registry};
use serde_json::{Value, json};

/// Byte for byte what the document has.
const DESIGN: &str = r#"    {
    "REWARD": {
        "type": "weighted_sum",
        "components": [
        {"type": "sentiment", "weight": 0.3},
        {"type": "perplexity", "weight": 0.3},
        {"type": "cosine_sts", "weight": 0.4}
        ]
    }
    }
"#;

/// What the document leaves out: a model, data and phases.
fn rest(folder: &Path) -> String {
    let rest = json!({
        "seed": 3,
        "model": { "init": {
            "tokenizer": "byte", "hidden_size": 16, "layers": 2, "heads": 2, "context": 64,
        } },
        "data": { "train": folder.join("rows.jsonl"), "validation": 4 },
        "train": { "batch_size": 4, "max_length": 32 },
        "rollout": { "batch_size": 4, "max_new_tokens": 6 },
        "ppo": { "minibatch_size": 4 },
        "optim": { "lr": 1e-3 },
        "phase": [{ "kind": "ppo", "steps": 3 }],
        "eval": { "prompts": 2, "samples": 2 },
        "output": { "dir": folder.join("run"), "tensorboard": false, "samples_every": 1 },
    });
    rest.to_string().strip_prefix('{').unwrap().to_owned()
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/rewards").join(name)
}

#[test]
fn the_design_documents_reward_drives_a_ppo_run() {
    let folder = tempfile::tempdir().unwrap();
    let row =
        |n: usize| json!({ "prompt": format!("row {n}:"), "completion": format!(" {}", n * n) });
    let rows: String = (0..24).map(|n| format!("{}\n", row(n))).collect();
    std::fs::write(folder.path().join("rows.jsonl"), rows).unwrap();
    // The document's object stays as it is; what it leaves out stands behind it.
    let text = format!("{},{}", DESIGN.trim_end().strip_suffix('}').unwrap(), rest(folder.path()));
    let AnyConfig::Language(config) = parse_any(&text, Path::new("run.json"), &[]).unwrap() else {
        panic!("a run of heads")
    };

    let find = |name: &str| match name {
        "smollm2-135m-instruct" => Ok(golden("lm/gpt2")),
        "all-minilm-l6-v2" => Ok(golden("embedding/bert")),
        _ => Err(format!("no model is called `{name}`")),
    };
    let open = |_: Option<&str>| Ok(Device::flex());
    let lexicon = |name: &str| match name {
        "vader-lexicon" => Ok(golden("vader")),
        _ => Err(format!("no asset is called `{name}`")),
    };
    let models = Models::new(&find, &open);
    let env = BuildEnv::new(&lexicon).with_models(&models);
    let reward = Registry::builtin().unwrap().build(config.reward.as_ref().unwrap(), &env).unwrap();
    let tokenizer = Tokenizer::bytes().unwrap();
    let sizes = config.model.init.as_ref().unwrap().to_init(tokenizer.vocab_size());
    let data = load(&config.data, &Located::local(&config.data), config.seed).unwrap();
    let parts = RunParts {
        decoder: init(&sizes.to_config().unwrap(), config.seed, &Device::flex().autodiff()),
        tokenizer,
        data,
        reward: Some(reward),
        heads: Vec::new(),
        head_rewards: Vec::new(),
        judges: Default::default(),
        references: NamedModels::new(),
        environment: Environment::new("cpu", &["flex"]),
        config,
    };
    let outcome = Run::open(parts, false).unwrap().finish(&mut NoObserver).unwrap();
    assert_eq!(outcome.steps, 3);
    assert!(outcome.after.get("eval/score_mean").is_some_and(f64::is_finite), "{outcome:?}");

    let read = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(folder.path().join("run").join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let parts = [("sentiment", 0.3), ("perplexity", 0.3), ("cosine_sts", 0.4)];
    let steps: Vec<Value> = read("metrics.jsonl");
    let steps: Vec<&Value> =
        steps.iter().filter(|line| line["metrics"].get("rollout/score_mean").is_some()).collect();
    assert_eq!(steps.len(), 3);
    for line in steps {
        let number = |name: &str| line["metrics"][name].as_f64().unwrap();
        let sum: f64 = parts.iter().map(|(name, by)| by * number(&format!("reward/{name}"))).sum();
        assert!((sum - number("rollout/score_mean")).abs() < 1e-6, "{line}");
        assert!(number("optim/grad_norm") > 0.0, "{line}");
    }
    for sample in read("samples.jsonl") {
        let part = |name: &str| sample["components"][name].as_f64().unwrap();
        let sum: f64 = parts.iter().map(|(name, by)| by * part(name)).sum();
        assert!((sum - sample["score"].as_f64().unwrap()).abs() < 1e-9, "{sample}");
    }
}
