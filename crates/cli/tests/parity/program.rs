//! The `hybrid` binary on the other device, beside the processor.

use std::path::Path;
use std::process::Command;

use burn::tensor::Device;
use hybrid_testing::models;
use serde_json::Value;

use crate::devices::{COMPOSED, other_name};
use crate::numbers::difference;

/// Four steps of gradient descent, each from what the one before left.
const TRAINED: f64 = 1e-3;

const RUN: &str = r#"
seed = 3
model.base = "DIR/model"
[data]
train = "DIR/rows.jsonl"
validation = 4
[[head]]
task = "parity"
kind = "classification"
data = { train = "DIR/labels.jsonl", validation = 4 }
[train]
batch_size = 4
max_length = 32
[rollout]
batch_size = 4
max_new_tokens = 6
[optim]
optimizer = "sgd"
lr = 0.05
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
cycles = 1
heads_steps = 1
[output]
dir = "DIR/DEVICE"
"#;

/// A folder with a tiny model and rows for a run.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    std::fs::create_dir(&model).unwrap();
    models::write(&model, "llama", 7, &Device::flex());
    let rows = |row: fn(usize) -> Value| -> String {
        (0..16).map(|place| format!("{}\n", row(place))).collect()
    };
    let demonstration = |place| serde_json::json!({ "prompt": format!("row {place}:"), "completion": format!(" {}", place * place) });
    let label = |place: usize| {
        let label = if place.is_multiple_of(2) { "even" } else { "odd" };
        serde_json::json!({ "text": format!("the number {place}"), "label": label })
    };
    std::fs::write(folder.path().join("rows.jsonl"), rows(demonstration)).unwrap();
    std::fs::write(folder.path().join("labels.jsonl"), rows(label)).unwrap();
    folder
}

/// Standard output of `hybrid`, which must succeed.
fn hybrid(args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hybrid"));
    command.args(args).env("HYBRID_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-assets"));
    let output = command.env("HF_HUB_OFFLINE", "1").output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The processor, and the other device as `--device` takes it.
fn devices() -> [String; 2] {
    let other = other_name();
    ["cpu".to_owned(), if other == COMPOSED { "cpu".to_owned() } else { other }]
}

#[test]
fn the_device_is_listed_as_present() {
    let rows: Vec<Value> = serde_json::from_str(&hybrid(&["devices", "--json"])).unwrap();
    let [_, name] = devices();
    let listed = rows.iter().any(|row| {
        let device = row["device"].as_str().unwrap_or_default();
        row["present"] == true && (device == name || device == format!("{name}:0"))
    });
    assert!(listed, "{name} is not among {rows:?}");
}

#[test]
fn a_generation_has_the_same_tokens() {
    let folder = folder();
    let model = folder.path().join("model").display().to_string();
    let [theirs, ours] = devices().map(|device| -> Value {
        let args =
            ["generate", &model, "--prompt", "The sky", "--seed", "3", "--max-new-tokens", "12"];
        let line = hybrid(&[&args[..], &["--ignore-eos", "--json", "--device", &device]].concat());
        serde_json::from_str::<Value>(line.trim()).unwrap()["token_ids"].clone()
    });
    assert_eq!(ours.as_array().map(Vec::len), Some(12));
    assert_eq!(ours, theirs);
}

#[test]
fn a_run_reports_the_same_numbers() {
    let folder = folder();
    let [theirs, ours] = devices().map(|device| {
        let text = RUN.replace("DIR", &folder.path().display().to_string());
        let text = text.replace("DEVICE", &device.replace(':', "-"));
        let file = folder.path().join("run.toml");
        std::fs::write(&file, text).unwrap();
        hybrid(&["train", file.to_str().unwrap(), "--device", &device, "--json"]);
        let run = folder.path().join(device.replace(':', "-"));
        let lines = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    });
    assert_eq!(ours.len(), theirs.len());
    let mut compared = 0;
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let (ours, theirs) = (&ours["metrics"], theirs["metrics"].as_object().unwrap());
        for (name, theirs) in theirs.iter().filter(|(name, _)| !name.starts_with("time/")) {
            let number = |value: &Value| value.as_f64().map_or(f32::NAN, |number| number as f32);
            let apart = difference(&[number(&ours[name])], &[number(theirs)]);
            assert!(apart <= TRAINED, "{name}: {theirs}, on the processor {}", ours[name]);
            compared += 1;
        }
    }
    assert!(compared > 50, "only {compared} numbers");
}
