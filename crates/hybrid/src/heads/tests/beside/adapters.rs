//! A language model that learns through adapters, alone and with heads on it.

use std::collections::BTreeMap;

use hybrid_model::Decoder;
use hybrid_model::input::TokenInput;
use hybrid_ppo::config::{Critic, ReferenceConfig};

use super::*;
use crate::checkpoint::{SavedTensor, newest_complete, read_tensors};
use crate::merge::{MergeError, merge_folders};

const LORA: &str = "model.lora = { rank = 4, targets = [\"query\", \"key\", \"value\", \"out\", \"up\", \"down\"] }\n";

/// A run of adapters in the folder `run`; `phases` is TOML after `model.lora`.
fn adapters(bench: &Bench, phases: &str, run: &str, with_heads: bool) -> RunConfig {
    let text = run_text(bench, &format!("{LORA}{phases}"));
    let text = if with_heads { &text[..] } else { &text[..text.find("[[head]]").unwrap()] };
    let mut config = language(bench, text);
    (config.train.batch_size, config.train.drift_every) = (3, 1);
    config.output.dir = bench.path().join(run);
    config
}

fn stored(folder: &Path) -> BTreeMap<String, SavedTensor> {
    read_tensors(&folder.join("model.safetensors")).unwrap()
}

fn newest(config: &RunConfig) -> std::path::PathBuf {
    newest_complete(&config.output.dir).unwrap().path
}

fn logits(decoder: &Decoder) -> Vec<f32> {
    let ids: Vec<u32> = "3: y n".bytes().map(u32::from).collect();
    let input = TokenInput::single(&ids, &decoder.device());
    decoder.logits(decoder.hidden(&input, None)).into_data().iter::<f32>().collect()
}

/// The supervised losses of a run's steps.
#[derive(Default)]
struct Losses(Vec<f64>);

impl Observer for Losses {
    fn step(&mut self, report: &StepReport<'_>) {
        self.0.extend(report.metrics.get("sft/loss"));
    }
}

#[test]
fn they_learn_and_the_model_keeps_its_weights() {
    let bench = Bench::new();
    let phases = "optim.lr = 1e-2\noutput.merge_every = 100\n\
                  phase = [{ kind = \"sft\", steps = 40 }, { kind = \"hybrid\", cycles = 2 }]";
    let mut config = adapters(&bench, phases, "run", false);
    config.ppo.reference = ReferenceConfig::RunStart;
    let run = Run::open(run_parts(&bench, &config), false).unwrap();
    let counts = run.trainer().policy().decoder.counts();
    // Rank 4 of two layers 16 wide: queries, keys, values and outputs 16 + 16, twice 16 + 64.
    let mlp = decoder(&bench).config().mlp.intermediate_size;
    assert_eq!(counts.trained, 2 * 4 * (4 * 32 + 2 * (16 + mlp)));
    let mut losses = Losses::default();
    run.finish(&mut losses).unwrap();
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let (first, last) = (mean(&losses.0[..4]), mean(&losses.0[36..40]));
    assert!(last < first - 0.02, "the loss went from {first} to {last}");

    // To the bit what it was, beside what was learnt.
    let checkpoint = newest(&config);
    let (after, before) = (stored(&checkpoint), stored(&bench.path().join("model")));
    let (own, below): (BTreeMap<_, _>, BTreeMap<_, _>) =
        after.into_iter().partition(|(name, _)| name.starts_with("lora."));
    assert!(below == before, "the weights of the model changed");
    assert_eq!(own.len(), 2 * 6 * 2);
    // A reference of the run's start is the model itself: nothing was written of it.
    assert!(!config.output.dir.join("references").exists());

    // What others read has them in its weights.
    let device = Device::flex();
    let open = |folder: &Path| Checkpoint::open(folder).unwrap();
    let kept = weights::load_adapted(&open(&checkpoint), &device).unwrap();
    let expected = logits(&kept);
    let merged = config.output.dir.join("merged");
    assert!(!weights::holds_adapters(&merged) && weights::holds_adapters(&checkpoint));
    for folder in [&merged, &checkpoint] {
        let said = logits(&weights::load(&open(folder), &device).unwrap());
        hybrid_testing::assert_close(&said, &expected, 1e-5);
    }
    let base = logits(&weights::load(&open(&bench.path().join("model")), &device).unwrap());
    assert_eq!(logits(&kept.without_adapters()), base);
    assert!(base.iter().zip(&expected).any(|(a, b)| (a - b).abs() > 1e-2));

    // A mean of checkpoints would lose what products of matrices say.
    let mean = bench.path().join("mean");
    let refused = merge_folders(&[merged.clone(), checkpoint], None, &mean);
    assert!(matches!(refused, Err(MergeError::Adapters { .. })), "{refused:?}");
    assert!(!mean.exists());
    merge_folders(&[merged.clone(), merged], None, &mean).unwrap();
}

/// Ends a run after each of `ends` steps, goes on, and compares it with one that did not end.
fn goes_on(
    phases: &str,
    with_heads: bool,
    (reference, critic): (ReferenceConfig, Critic),
    steps: u64,
    ends: &[u64],
) -> RunConfig {
    let bench = Bench::new();
    let config = |run: &str| {
        let mut config = adapters(&bench, phases, run, with_heads);
        (config.ppo.reference, config.ppo.critic) = (reference.clone(), critic);
        config
    };
    let whole = config("whole");
    let run = Run::open(run_parts(&bench, &whole), false).unwrap();
    assert_eq!(run.finish(&mut NoObserver).unwrap().steps, steps);
    let parts = config("parts");
    for (place, end) in ends.iter().chain(&[u64::MAX]).enumerate() {
        let run = Run::open(run_parts(&bench, &parts), place > 0).unwrap();
        assert_eq!(run.finish(&mut After(*end, 0)).unwrap().steps, steps.min(*end));
    }
    let ((metrics, weights), (expected, bytes)) =
        (left(&parts.output.dir), left(&whole.output.dir));
    assert_eq!(metrics, expected);
    assert!(weights == bytes, "the weights or the optimizer's state differ");
    let state = |run: &RunConfig| std::fs::read(newest(run).join("trainer.json")).unwrap();
    assert!(state(&parts) == state(&whole));
    let samples = |run: &RunConfig| std::fs::read(run.output.dir.join("samples.jsonl")).unwrap();
    assert!(samples(&parts) == samples(&whole));
    assert!(metrics.iter().any(|line| line["metrics"].get("kl/sft_drift").is_some()));
    let moved =
        |line: &Value| line["metrics"]["rollout/ref_kl"].as_f64().is_some_and(|kl| kl != 0.0);
    assert!(metrics.iter().any(moved), "nothing was measured against a reference");

    // Kept of the model's states is what was trained, and nothing of the model.
    let before = stored(&bench.path().join("model"));
    let after = stored(&newest(&parts));
    assert!(before.iter().all(|(name, tensor)| after.get(name) == Some(tensor)));
    if reference == ReferenceConfig::PhaseStart {
        let kept = parts.output.dir.join("references/phase-1");
        let files: Vec<_> =
            std::fs::read_dir(kept).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(files, ["adapters.safetensors"]);
    }
    parts
}

#[test]
fn an_interrupted_run_of_them_goes_on_bit_for_bit() {
    let phases = "optim = { lr = 1e-2, warmup_steps = 2 }\neval.every = 3\n\
                  phase = [{ kind = \"sft\", steps = 2 }, \
                  { kind = \"hybrid\", cycles = 2, sft_steps = 2 }]";
    // Within the supervised phase, between the supervised steps of a cycle, and after its update.
    let ppo = (ReferenceConfig::PhaseStart, Critic::Shared);
    goes_on(phases, false, ppo, 8, &[1, 2, 3, 5, 7]);
}

#[test]
fn an_interrupted_run_of_them_with_heads_and_a_critic_goes_on_bit_for_bit() {
    let phases = "optim = { lr = 1e-2, warmup_steps = 2 }\n\
                  phase = [{ kind = \"heads\", steps = 1 }, \
                  { kind = \"hybrid\", cycles = 2, sft_steps = 1, heads_steps = 1 }]";
    let ppo = (ReferenceConfig::RunStart, Critic::Separate);
    let config = goes_on(phases, true, ppo, 7, &[1, 3, 4, 6]);
    assert!(config.ppo.needs_values());
}

#[test]
fn those_of_another_run_are_not_taken() {
    let bench = Bench::new();
    let phases = "phase = [{ kind = \"sft\", steps = 1 }]\n";
    let config = adapters(&bench, phases, "run", false);
    let run = Run::open(run_parts(&bench, &config), false).unwrap();
    run.finish(&mut NoObserver).unwrap();
    let mut other = config.clone();
    other.model.lora.as_mut().unwrap().rank = 3;
    let error = Run::open(run_parts(&bench, &other), true).unwrap_err().to_string();
    assert!(error.contains("`model.lora.rank` is `3` now, and was `4`"), "{error}");
    let RunParts { decoder, tokenizer, .. } = run_parts(&bench, &other);
    let mut trainer = HybridTrainer::new(other, decoder, tokenizer, 1).unwrap();
    let error = trainer.load(&newest(&config)).unwrap_err();
    assert!(error.is_bad_input() && error.to_string().contains("`model.lora`"), "{error}");

    // Those that the model has no place for leave no directory.
    let mut gate = adapters(&bench, phases, "gate", false);
    gate.model.lora.as_mut().unwrap().targets = vec![hybrid_model::lora::LoraTarget::Gate];
    let error = Run::open(run_parts(&bench, &gate), false).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("`gate`, which the layers of a `gpt2` do not have"), "{source}");
    assert!(error.is_bad_input() && !gate.output.dir.exists());
}
