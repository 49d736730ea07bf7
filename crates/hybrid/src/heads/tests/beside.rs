//! Heads beside a language model: two kinds of learning, one trunk.

mod adapters;

use hybrid_data::encode::Encoded;
use hybrid_data::load::Located;
use hybrid_model::weights::{self, Checkpoint};
use hybrid_rewards::{BuildEnv, Registry};

use super::resume::{After, left};
use super::*;
use crate::config::RunConfig;
use crate::heads::predict::Query;
use crate::heads::trainer::HeadsStats;
use crate::run::{NamedModels, NoObserver, Observer, StepReport};
use crate::{HybridTrainer, Run, RunParts};

/// Demonstrations that say `y y` or `n n` alike, prompts of which `y y` is the right answer, and a
/// head that tells `yes` from `no` at the end of a text.
fn run_text(bench: &Bench, more: &str) -> String {
    let said = |word: &str, place: usize| json!({ "prompt": format!("{place}:"), "completion": format!(" {word} {word}") });
    let mixed: Vec<Value> = (0..40).map(|place| said(["y", "n"][place % 2], place / 2)).collect();
    let right: Vec<Value> = (0..40).map(|place| said("y", place)).collect();
    let (mixed, right) = (bench.rows("mixed.jsonl", &mixed), bench.rows("right.jsonl", &right));
    let moods = bench.rows("moods.jsonl", &moods(60));
    format!(
        "data = {{ train = {mixed:?}, prompts = {right:?} }}\nreward.type = \"bleu\"\n\
         train = {{ batch_size = 8, micro_batch = 3, max_length = 24 }}\n\
         rollout = {{ batch_size = 16, max_new_tokens = 6 }}\n\
         ppo = {{ epochs = 2, minibatch_size = 8, kl = {{ coef = 0.01 }} }}\n\
         {more}\n\
         [[head]]\ntask = \"mood\"\nkind = \"classification\"\ndata.train = {moods:?}\n\
         data.validation = 20\n"
    )
}

fn language(bench: &Bench, text: &str) -> RunConfig {
    match bench.any_config(text) {
        Ok(AnyConfig::Language(config)) => config,
        Ok(AnyConfig::Heads(_)) => panic!("no phase of a language model in {text}"),
        Err(error) => panic!("{error}"),
    }
}

fn run_parts(bench: &Bench, config: &RunConfig) -> RunParts {
    let tokenizer = bench.tokenizer();
    let located = Located::local(&config.data);
    let spec = config.reward.as_ref().unwrap();
    let reward = Registry::builtin().unwrap().build(spec, &BuildEnv::without_assets()).unwrap();
    RunParts {
        decoder: decoder(bench),
        data: hybrid_data::load::load(&config.data, &located, config.seed).unwrap(),
        reward: Some(reward),
        heads: bench
            .task_rows(&config.head, TextLimit::new(config.train.max_length), config.seed)
            .unwrap(),
        head_rewards: Vec::new(),
        judges: Default::default(),
        references: NamedModels::new(),
        environment: Environment::new("cpu", &[]),
        tokenizer,
        config: config.clone(),
    }
}

fn decoder(bench: &Bench) -> hybrid_model::Decoder {
    let checkpoint = Checkpoint::open(&bench.path().join("model")).unwrap();
    weights::load(&checkpoint, &Device::flex().autodiff()).unwrap()
}

fn trainer(bench: &Bench, config: &RunConfig) -> (HybridTrainer, Vec<TaskRows>) {
    let RunParts { decoder, tokenizer, heads, .. } = run_parts(bench, config);
    let trainer = HybridTrainer::new(config.clone(), decoder, tokenizer, config.horizon());
    (trainer.unwrap().with_heads(&heads, Vec::new()).unwrap(), heads)
}

const PHASE: &str = "phase = [{ kind = \"hybrid\", cycles = 4, heads_steps = 1 }]";

/// Weights of the trunk and of the heads.
fn apart(trainer: &HybridTrainer) -> (Vec<f32>, Vec<f32>) {
    let stored = stored(&trainer.policy().with_heads().unwrap());
    let (heads, trunk): (Vec<_>, Vec<_>) =
        stored.into_iter().partition(|(name, _)| name.starts_with("heads."));
    let flat = |tensors: Vec<(String, Vec<f32>)>| tensors.into_iter().flat_map(|it| it.1).collect();
    (flat(trunk), flat(heads))
}

#[test]
fn both_kinds_of_step_move_one_trunk() {
    let bench = Bench::new();
    let config = language(&bench, &run_text(&bench, PHASE));
    let (mut trainer, rows) = trainer(&bench, &config);
    let (trunk, heads) = apart(&trainer);
    let examples: Vec<&Example> = rows[0].train.iter().take(8).collect();
    trainer.heads_step(&[(0, examples)]).unwrap();
    let (taught_trunk, taught_heads) = apart(&trainer);
    assert!(taught_trunk != trunk && taught_heads != heads);
    assert_eq!(trainer.counters().heads_steps, 1);

    let demonstration = Encoded { ids: vec![65, 66, 67], loss_mask: vec![false, true, true] };
    trainer.sft_step(&[&demonstration]).unwrap();
    let (told_trunk, told_heads) = apart(&trainer);
    assert!(told_trunk != taught_trunk && told_heads == taught_heads);

    let reference = crate::Reference::frozen(&trainer.policy().decoder);
    let frozen: Vec<f32> = reference.parts()[0].0.values().into_values().flatten().collect();
    trainer.begin_phase(0, Some(reference), true);
    let prompt = crate::Prompt {
        id: 0,
        text: "1:".to_owned(),
        ids: "1:".bytes().map(u32::from).collect(),
        targets: Vec::new(),
        fields: serde_json::Map::new(),
    };
    let responses = trainer.respond(&vec![prompt.clone(); 4]).unwrap();
    let scores = [Some(1.0), Some(0.0), Some(0.5), Some(-1.0)];
    trainer.ppo_step(&[&prompt; 4], &responses, &scores).unwrap();
    let (ppo_trunk, ppo_heads) = apart(&trainer);
    assert!(ppo_trunk != told_trunk && ppo_heads == told_heads);
    // What KL is measured against stays where it was.
    let parts = trainer.reference().unwrap().parts();
    let after: Vec<f32> = parts[0].0.values().into_values().flatten().collect();
    assert!(after == frozen);
}

/// The same step as in a run of heads alone, to the last bit of every weight.
#[test]
fn a_step_is_that_of_a_run_of_heads() {
    let bench = Bench::new();
    let optim = "optim = { lr = 1e-2, value_head_lr = 2e-2, max_grad_norm = 0.0 }\n";
    for weighting in ["fixed", "uncertainty", "mgda"] {
        let second = |file: &str| {
            format!(
                "heads.weighting = \"{weighting}\"\n[[head]]\ntask = \"length\"\n\
                 kind = \"regression\"\nweight = 0.3\ndata = {{ train = {file:?}, \
                 label = \"length\", validation = 4 }}\n"
            )
        };
        let rows: Vec<Value> = moods(24)
            .into_iter()
            .map(|mut row| {
                row["length"] = json!(0.5);
                row
            })
            .collect();
        let file = bench.rows("lengths.jsonl", &rows);
        let (first, second) = (run_text(&bench, &format!("{optim}{PHASE}")), second(&file));
        let (setting, second) = second.split_once('\n').unwrap();
        let text = format!("{setting}\n{first}{second}");
        let (mut beside, rows) = trainer(&bench, &language(&bench, &text));

        let heads = &text[text.find("[[head]]").unwrap()..];
        let alone = format!(
            "{optim}{setting}\ntrain = {{ batch_size = 8, micro_tokens = 72, max_length = 24 }}\n\
             phase = [{{ kind = \"heads\", steps = 8 }}]\n{heads}"
        );
        let (mut alone, _) = bench.trainer(&bench.config(&alone));
        for step in 0..3 {
            let tasks = beside.next_tasks().unwrap();
            assert_eq!(tasks, alone.next_tasks().unwrap());
            let batches: Vec<(usize, Vec<&Example>)> = tasks
                .into_iter()
                .map(|task| (task, rows[task].train.iter().skip(step).take(8).collect()))
                .collect();
            let (stats, expected) =
                (beside.heads_step(&batches).unwrap(), alone.step(&batches).unwrap());
            // Both schedules have 8 steps.
            beside.advance(None);
            alone.advance(None);
            let but_norm = |stats: &HeadsStats| -> Vec<(String, f64)> {
                // The norm sums parameters by their paths, which are others here.
                let metrics = stats.metrics.iter().filter(|it| it.0 != "optim/grad_norm");
                metrics.map(|(name, value)| (name.to_owned(), value)).collect()
            };
            assert_eq!(but_norm(&stats), but_norm(&expected), "{weighting}");
            assert_eq!(stats.tokens, expected.tokens);
        }
        let model = beside.policy().with_heads().unwrap();
        assert!(weights_of(&model) == weights(&alone), "{weighting}");
    }
}

/// The mean of a metric at each step that has it.
#[derive(Default)]
struct Scores(Vec<f64>, String);

impl Observer for Scores {
    fn step(&mut self, report: &StepReport<'_>) {
        self.0.extend(report.metrics.get("rollout/score_mean"));
        self.1.push(match report.action {
            Some(crate::cursor::Action::Heads) => 'h',
            Some(crate::cursor::Action::Sft) => 's',
            _ => 'p',
        });
    }
}

#[test]
fn a_head_learns_its_labels_while_bleu_rises() {
    let bench = Bench::new();
    let phases = "optim = { lr = 1e-2, scheduler = \"linear\" }\n\
                  phase = [{ kind = \"sft\", steps = 80 }, \
                  { kind = \"hybrid\", cycles = 40, heads_steps = 1 }, \
                  { kind = \"heads\", steps = 2 }]";
    let mut config = language(&bench, &run_text(&bench, phases));
    // With fewer rows in a step, or at one rate to the end, some seeds fall back to where they began.
    (config.rollout.batch_size, config.ppo.minibatch_size) = (32, 32);
    assert_eq!(config.total_steps(), 162);
    let mut scores = Scores::default();
    let run = Run::open(run_parts(&bench, &config), false).unwrap();
    let outcome = run.finish(&mut scores).unwrap();
    assert_eq!(scores.1, format!("{}{}hh", "s".repeat(80), "hp".repeat(40)));
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
    let (first, last) = (mean(&scores.0[..2]), mean(&scores.0[35..]));
    assert!(first < 0.75 && last > 0.9, "BLEU went from {first} to {last}");
    let accuracy = outcome.after.get("eval/accuracy/mood").unwrap();
    assert!(accuracy >= 0.9, "{accuracy}, where chance is 0.5");
    assert_eq!(outcome.after.get("eval/score"), Some(accuracy));
    assert!(outcome.before.get("eval/accuracy/mood").is_some());

    // The checkpoint answers as the head, and is the language model.
    let checkpoint = crate::checkpoint::newest_complete(&outcome.run_dir).unwrap().path;
    let predictor = Predictor::load(&checkpoint, &Device::flex()).unwrap();
    let query = |text: &str| Query { text: text.to_owned(), ..Query::default() };
    let said = predictor.predict(0, &[query("3 yes"), query("3 no")], 64).unwrap();
    let labels: Vec<&str> = said
        .iter()
        .map(|said| match said {
            Prediction::Class { label, .. } => label.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(labels, ["good", "bad"]);
    let model = weights::load(&Checkpoint::open(&checkpoint).unwrap(), &Device::flex()).unwrap();
    assert!(model.values() == predictor.model().trunk().values());
    let bare = bench.path().join("bare");
    weights::save(&model, &bare).unwrap();
    assert!(hybrid_model::heads::lists_heads(&checkpoint));
    assert!(!hybrid_model::heads::lists_heads(&bare));
    weights::load(&Checkpoint::open(&bare).unwrap(), &Device::flex()).unwrap();
}

#[test]
fn an_interrupted_run_of_both_goes_on_bit_for_bit() {
    let bench = Bench::new();
    let phases = "optim = { lr = 1e-3, warmup_steps = 2 }\neval.every = 3\n\
                  heads = { weighting = \"uncertainty\" }\n\
                  phase = [{ kind = \"heads\", steps = 2 }, \
                  { kind = \"hybrid\", cycles = 2, sft_steps = 1, heads_steps = 2 }]";
    let text = run_text(&bench, phases);
    let moods = bench.rows("more.jsonl", &moods(40));
    let text = format!(
        "{text}[[head]]\ntask = \"two\"\nkind = \"classification\"\ndata.train = {moods:?}\n\
         feedback.options.baseline = {{ ema = {{ decay = 0.9 }} }}\n"
    );
    let config = |run: &str| {
        let mut config = language(&bench, &text);
        (config.train.batch_size, config.train.drift_every) = (3, 1);
        config.output.dir = bench.path().join(run);
        config
    };
    let whole = config("whole");
    let run = Run::open(run_parts(&bench, &whole), false).unwrap();
    assert_eq!(run.finish(&mut NoObserver).unwrap().steps, 10);

    let parts = config("parts");
    // Within the first phase, between the steps of SFT, heads and PPO of a cycle, and between cycles.
    for end in [1, 3, 4, 5, 6, u64::MAX] {
        let run = Run::open(run_parts(&bench, &parts), end != 1).unwrap();
        assert_eq!(run.finish(&mut After(end, 0)).unwrap().steps, end.min(10));
    }
    let ((metrics, weights), (expected, bytes)) =
        (left(&parts.output.dir), left(&whole.output.dir));
    assert_eq!(metrics, expected);
    assert!(weights == bytes, "the weights or the optimizer's state differ");
    let read = |run: &RunConfig, file: &str| {
        let checkpoint = crate::checkpoint::newest_complete(&run.output.dir).unwrap().path;
        std::fs::read_to_string(checkpoint.join(file)).unwrap()
    };
    assert_eq!(read(&parts, "trainer.json"), read(&whole, "trainer.json"));
    assert_eq!(read(&parts, "tasks.json"), read(&whole, "tasks.json"));
    let samples = |run: &RunConfig| std::fs::read(run.output.dir.join("samples.jsonl")).unwrap();
    assert!(samples(&parts) == samples(&whole));
    assert!(metrics.iter().any(|line| line["metrics"].get("kl/sft_drift").is_some()));
}

#[test]
fn heads_and_what_trains_them_need_one_another() {
    let bench = Bench::new();
    let wrong = |from: &str, to: &str| {
        let text = run_text(&bench, PHASE).replace(from, to);
        let error = bench.any_config(&text).unwrap_err();
        assert!(error.is_bad_input());
        error.to_string()
    };
    let idle = wrong(", heads_steps = 1", "");
    assert!(idle.contains("no phase trains the `[[head]]`"), "{idle}");
    let twice = wrong("heads_steps = 1 }", "heads_steps = 1, heads_stesp = 2 }");
    assert!(twice.contains("did you mean `phase[0].heads_steps`"), "{twice}");
    let kind = wrong("\"hybrid\", cycles", "\"ppo\", steps");
    assert!(kind.contains("`phase[0].heads_steps` belongs to phases of kind `hybrid`"), "{kind}");
    let memory = wrong("max_length = 24", "max_length = 24, memory = \"low\"");
    assert!(memory.contains("`train.memory` is `low`, which task heads cannot take"), "{memory}");
    let task = wrong("task = \"mood\"", "task = \"a mood\"");
    assert!(task.contains("`head[0].task`"), "{task}");

    let text = run_text(&bench, PHASE);
    let headless = bench.any_config(&text[..text.find("[[head]]").unwrap()]).unwrap_err();
    let headless = headless.to_string();
    assert!(headless.contains("`phase[0]` trains task heads, but there is no"), "{headless}");
    // Phases of heads alone are the other kind of run, which has no rollouts.
    let alone = text.replace(PHASE, "phase = [{ kind = \"heads\", steps = 4 }]");
    let alone = bench.any_config(&alone).unwrap_err().to_string();
    assert!(alone.contains("is not known"), "{alone}");

    let mut config = language(&bench, &text);
    config.head[0].layer = Some(1);
    let error = Run::open(run_parts(&bench, &config), false).unwrap_err();
    assert!(error.is_bad_input() && !config.output.dir.exists(), "{error}");
}

#[test]
fn what_heads_alone_leave_is_no_language_model() {
    let bench = Bench::new();
    let text = run_text(&bench, "");
    let heads = &text[text.find("[[head]]").unwrap()..];
    let phase = "phase = [{ kind = \"heads\", steps = 1 }]";
    let (trainer, _) = bench.trainer(&bench.config(&format!("{phase}\n{heads}")));
    let folder = bench.path().join("alone");
    trainer.save(&folder).unwrap();
    let read = weights::load(&Checkpoint::open(&folder).unwrap(), &Device::flex());
    assert!(read.unwrap_err().to_string().contains("heads.mood.output"));
}
