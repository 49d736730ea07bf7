use std::path::Path;

use super::*;

/// The example of the documentation.
const EXAMPLE: &str = r#"
seed = 42

[model]
base = "smollm2-135m-instruct"

[data]
train = "imdb-reviews"
prompts = "imdb-openings"
validation = 0.02

[train]
batch_size = 16
micro_batch = 4
max_length = 512

[rollout]
batch_size = 16
max_new_tokens = 48
temperature = 1.0
top_k = 0
top_p = 1.0

[optim]
optimizer = "adamw"
lr = 2e-5
scheduler = "linear"
warmup_steps = 20

[ppo]
epochs = 4
minibatch_size = 16
clip_range = 0.2
reference = "phase_start"
kl = { kind = "adaptive", coef = 0.05, target = 6.0 }

[reward]
type = "sentiment"

[[phase]]
kind = "sft"
steps = 200

[[phase]]
kind = "hybrid"
cycles = 100
sft_steps = 1
ppo_steps = 1

[output]
dir = "runs/imdb"
"#;

/// The smallest run that can be started.
const SMALL: &str =
    "model.base = \"m\"\ndata.train = \"d\"\nphase = [{ kind = \"sft\", steps = 3 }]\n";

fn read(text: &str) -> Result<RunConfig, ConfigError> {
    parse(text, Path::new("run.toml"), &[])
}

fn good(text: &str) -> RunConfig {
    read(text).unwrap_or_else(|error| panic!("{error}"))
}

fn error(text: &str) -> String {
    read(text).expect_err("a configuration with a mistake").to_string()
}

/// The example with one text in it replaced.
fn example_with(old: &str, new: &str) -> String {
    assert!(EXAMPLE.contains(old), "{old}");
    error(&EXAMPLE.replacen(old, new, 1))
}

fn with_overrides(text: &str, overrides: &[&str]) -> Result<RunConfig, ConfigError> {
    let overrides: Result<Vec<Override>, _> = overrides.iter().map(|text| text.parse()).collect();
    parse(text, Path::new("run.toml"), &overrides?)
}

#[test]
fn the_example_is_read() {
    let config = good(EXAMPLE);
    assert_eq!(config.model.base.as_deref(), Some("smollm2-135m-instruct"));
    assert_eq!(config.train.micro_batch, MicroBatch::Sequences(4));
    assert_eq!(config.total_steps(), 200 + 100 * 2);
    assert_eq!(config.horizon(), 400);
    assert_eq!(config.total_episodes(), 1600);
    assert!(config.has_sft() && config.has_ppo());
    assert_eq!(config.reward, Some(serde_json::json!({"type": "sentiment"})));
}

#[test]
fn toml_and_json_say_the_same() {
    let config = good(EXAMPLE);
    let json = serde_json::to_string(&config).expect("an object");
    let again = parse(&json, Path::new("run.json"), &[]).expect("the same run");
    assert_eq!(again, config);
    // Without an extension the first character tells.
    assert_eq!(parse(&json, Path::new("run"), &[]).expect("the same run"), config);
    assert_eq!(parse(EXAMPLE, Path::new("run"), &[]).expect("the same run"), config);
}

#[test]
fn the_effective_configuration_reads_back_to_the_same() {
    let reward = r#"{"type": "weighted_sum", "rewards": [{"type": "length", "weight": 1.0,
        "target": null, "big": 9007199254740993}, {"type": "clip", "range": [-1, 1.0]}]}"#;
    let everything = serde_json::json!({
        "model": {"init": {"layers": 2, "kv_heads": 2, "model_type": "llama"}},
        "data": {"train": ["a", "b"], "validation": 5},
        "train": {"micro_batch": "auto"},
        "reward": serde_json::from_str::<Value>(reward).expect("JSON"),
        "phase": [
            {"kind": "hybrid", "cycles": 7, "curriculum": {"from": [4, 1], "to": [0, 2]},
             "until": {"metric": "eval/score_mean", "goal": 0.1, "patience": 3}},
            {"kind": "hybrid", "cycles": 7, "mix": {"sft_coef": {"from": 1, "to": 0.1, "warmup": 2}}},
            {"kind": "ppo", "steps": 4, "reference": [{"model": "run_start", "weight": 1.0}]},
        ],
        "eval": {"every": 5, "max_new_tokens": 7, "judges": {"l": {"type": "length", "max": 3}}},
        "output": {"keep_best": {"metric": "eval/score_mean"}, "merge_every": 3, "merge_ema": 0.99},
    });
    for config in [
        good(EXAMPLE),
        good(SMALL),
        parse(&everything.to_string(), Path::new("run.json"), &[]).expect("a good run"),
    ] {
        let text = config.effective().expect("TOML");
        assert_eq!(good(&text), config, "{text}");
        assert_eq!(good(&text).effective().expect("TOML"), text);
    }
}

#[test]
fn a_micro_batch_fits_the_tokens_and_the_rows() {
    assert_eq!(MicroBatch::Auto.sequences(512, 100), 8);
    assert_eq!(MicroBatch::Auto.sequences(512, 3), 3);
    assert_eq!(MicroBatch::Auto.sequences(10_000, 100), 1);
    assert_eq!(MicroBatch::Auto.sequences(0, 0), 1);
    assert_eq!(MicroBatch::Sequences(4).sequences(10_000, 100), 4);
    assert_eq!(MicroBatch::Sequences(4).sequences(512, 2), 2);
}

#[test]
fn unknown_keys_are_refused_at_every_depth() {
    insta::assert_snapshot!(example_with("seed = 42", "sead = 42"), @"run.toml:2:1: `sead` is not known: did you mean `seed`? the configuration takes `seed`, `model`, `data`, `train`, `sft`, `rollout`, `optim`, `ppo`, `reward`, `head`, `heads`, `phase`, `eval` and `output`");
    insta::assert_snapshot!(example_with("clip_range", "clip_rnage"), @"run.toml:33:1: `ppo.clip_rnage` is not known: did you mean `ppo.clip_range`? `ppo` takes `estimator`, `baseline`, `epochs`, `minibatch_size`, `clip_range`, `value_clip_range`, `value_coef`, `entropy_coef`, `gamma`, `gae_lambda`, `dual_clip`, `target_kl`, `max_ratio`, `whiten_rewards`, `whiten_advantages`, `whiten_scope`, `kl`, `scores`, `missing_eos_penalty`, `truncated`, `score_at`, `critic`, `critic_warmup_steps`, `reference` and `compat`");
    insta::assert_snapshot!(example_with("target = 6.0", "tagret = 6.0"), @"run.toml:35:40: `ppo.kl.tagret` is not known: did you mean `ppo.kl.target`? `ppo.kl` takes `placement`, `estimator`, `kind`, `coef`, `target`, `horizon`, `error_clip` and `clip`");
    insta::assert_snapshot!(example_with("steps = 200", "stebs = 200"), @"run.toml:42:1: `phase[0].stebs` is not known: did you mean `phase[0].steps`? `phase[0]` takes `kind`, `steps`, `cycles`, `sft_steps`, `heads_steps`, `ppo_steps`, `mix`, `curriculum`, `until` and `reference`");
    insta::assert_snapshot!(example_with("[output]", "[output]\ncolour = 1"), @"run.toml:51:1: `output.colour` is not known: `output` takes `dir`, `save_every`, `keep_last`, `keep_best`, `merge_every`, `merge_ema`, `tensorboard`, `samples_every` and `log_every`");
    insta::assert_snapshot!(example_with("top_k = 0", "repetition_penalty = 1.1"), @"run.toml:21:1: `rollout.repetition_penalty` cannot be used: it makes the distribution of a token depend on the tokens before it in a way that the policy's own probabilities do not hold, so that ratio and KL would be those of another policy; use `temperature`, `top_k`, `top_p`, `min_p` or `typical_p`");
}

#[test]
fn values_of_the_wrong_type_are_named() {
    insta::assert_snapshot!(example_with("batch_size = 16", "batch_size = \"16\""), @r#"run.toml:13:1: `train.batch_size`: invalid type: string "16", expected a whole number of at least 0"#);
    insta::assert_snapshot!(example_with("batch_size = 16", "batch_size = -1"), @"run.toml:13:1: `train.batch_size`: invalid value: integer `-1`, expected a whole number of at least 0");
    insta::assert_snapshot!(example_with("micro_batch = 4", "micro_batch = \"all\""), @r#"run.toml:14:1: `train.micro_batch`: invalid value: string "all", expected a number of sequences, or "auto""#);
    insta::assert_snapshot!(example_with("lr = 2e-5", "lr = nan"), @"run.toml:26:1: `optim.lr` is NaN, must be a finite number");
    insta::assert_snapshot!(example_with("lr = 2e-5", "lr = 2020-01-01"), @"run.toml:26:1: `optim.lr` is a date, which no key takes; put it in quotes to make it a text");
    insta::assert_snapshot!(example_with("kind = \"hybrid\"", "kind = \"hybird\""), @"run.toml:45:1: `phase[1].kind` is `hybird`: did you mean `hybrid`? it takes `sft`, `ppo`, `hybrid` or `heads`");
    insta::assert_snapshot!(example_with("kind = \"hybrid\"", ""), @"run.toml:44:1: `phase[1]` lacks `kind`");
    insta::assert_snapshot!(error("phase = 5"), @"run.toml:1:1: `phase`: invalid type: integer `5`, expected an array");
    insta::assert_snapshot!(error("train = 5"), @"run.toml:1:1: `train`: invalid type: integer `5`, expected a table");
    insta::assert_snapshot!(example_with("seed = 42", "seed = "), @"run.toml:2:8: this is not valid TOML: string values must be quoted, expected literal string");
    insta::assert_snapshot!(example_with("seed = 42", "seed = 1\nseed = 2"), @"run.toml:3:1: this is not valid TOML: duplicate key");
}

#[test]
fn what_does_not_fit_together_is_refused() {
    insta::assert_snapshot!(example_with("base = \"smollm2-135m-instruct\"", ""), @r#"run.toml:4:2: `model.base` is missing: name the model to train, as `base = "smollm2-135m-instruct"`, or give the sizes of a new one in `[model.init]`"#);
    insta::assert_snapshot!(
        example_with("[model]", "[model]\ninit = { layers = 2 }"), @"run.toml:5:1: `model.base` and `model.init` cannot be used together: a run starts from a model or from scratch; remove one");
    insta::assert_snapshot!(
        example_with("base = \"smollm2-135m-instruct\"", "init = { heads = 3 }"), @"run.toml:5:1: `model.init`: a hidden size of 128 cannot be shared by 3 attention heads");
    insta::assert_snapshot!(example_with("[reward]\ntype = \"sentiment\"", ""), @r#"run.toml: `reward` is missing, and PPO has nothing to maximise: add one, as `[reward]`, `type = "sentiment"`"#);
    insta::assert_snapshot!(example_with("train = \"imdb-reviews\"", ""), @"run.toml:7:2: `data.train` is missing; it names demonstrations for SFT: a path, or a name of `hybrid assets list`");
    insta::assert_snapshot!(example_with("validation = 0.02", "validation = 2.0"), @"run.toml:10:1: `data.validation` is 2, must be a share between 0 and 1, a whole number of records, or a path");
    insta::assert_snapshot!(example_with("temperature = 1.0", "temperature = 0"), @"run.toml:20:1: `rollout.temperature` is 0, must be at least 0.001: at 0 every prompt has one answer, its log-probability is 0, and PPO has nothing to choose between");
    insta::assert_snapshot!(example_with("top_p = 1.0", "top_p = 0"), @"run.toml:22:1: `rollout.top_p` is 0, must be in (0, 1]");
    insta::assert_snapshot!(example_with("minibatch_size = 16", "minibatch_size = 17"), @"run.toml:32:1: `ppo.minibatch_size` is 17, must be at most the 16 completions of a rollout (`rollout.batch_size` 16 × `rollout.samples` 1)");
    insta::assert_snapshot!(example_with("max_new_tokens = 48", "max_new_tokens = 512"), @"run.toml:19:1: `rollout.max_new_tokens` is 512, must be below `train.max_length` (512), which holds prompt and completion together");
    insta::assert_snapshot!(example_with("warmup_steps = 20", "warmup_steps = 401"), @"run.toml:28:1: `optim.warmup_steps` is 401, must be at most the 400 steps of the schedule; lower it, or set `optim.total_steps` if the schedule should be longer than the run");
    insta::assert_snapshot!(example_with("lr = 2e-5", "lr = 0"), @"run.toml:26:1: `optim.lr` is 0, must be above 0, and finite");
    insta::assert_snapshot!(
        example_with("kl = {", "kl = { placement = \"loss\", estimator = \"k1\","), @r#"run.toml:35:1: `ppo.kl.estimator = "k1"` and `kl.placement = "loss"` cannot be used together: the gradient of k1 in a loss is the mean of grad log pi, which is 0 in expectation: it would only add noise; set `kl.estimator` to "k2" (the gradient of the KL) or "k3_plus", or `kl.placement = "reward"`"#);
    insta::assert_snapshot!(
        example_with("[output]", "[output]\nkeep_best.metric = \"score_mean\""), @"run.toml:51:11: `output.keep_best.metric` is `score_mean`, must be the name of a metric, one of rollout/…, reward/…, ppo/…, kl/…, sft/…, heads/…, optim/…, eval/…, time/… (see `docs/metrics.md`)");
    insta::assert_snapshot!(example_with("[output]", "[output]\nmerge_ema = 0.9"), @"run.toml:51:1: `output.merge_ema` has no effect without `output.merge_every`: say how often the averaged weights are written");
    insta::assert_snapshot!(
        example_with("cycles = 100", "cycles = 100\nuntil = { metric = \"eval/sft_loss\", patience = 2 }"),
        @"run.toml:47:11: `phase[1].until.metric` is `eval/sft_loss`, which is never written: `eval.every` is 0, so nothing is measured during a phase; set it");
    insta::assert_snapshot!(
        example_with("steps = 200", "steps = 200\nuntil = { metric = \"ppo/approx_kl\", goal = 2 }"),
        @"run.toml:43:11: `phase[0].until.metric` is `ppo/approx_kl`, which is never written: the phase has no PPO updates");
    insta::assert_snapshot!(
        error("model.base = \"m\"\ndata.train = \"d\""), @r#"run.toml: there is no `[[phase]]`: say what to do, as `[[phase]]`, `kind = "sft"`, `steps = 200`"#);
}

#[test]
fn sft_alone_needs_no_reward_and_ppo_alone_no_demonstrations() {
    good(SMALL);
    let ppo = "model.base = \"m\"\ndata.prompts = \"p\"\nreward.type = \"length\"\n\
               phase = [{ kind = \"ppo\", steps = 3 }]\n";
    assert!(!good(ppo).has_sft());
    let hybrid = ppo.replace("\"ppo\", steps", "\"hybrid\", cycles");
    assert!(error(&hybrid).contains("`data.train` is missing"));
}

#[test]
fn a_reward_is_kept_as_it_is_written() {
    let config = good(&format!("{SMALL}[reward]\ntype = \"x\"\nanything = [1, 2.5, \"a\"]"));
    let expected = serde_json::json!({"type": "x", "anything": [1, 2.5, "a"]});
    assert_eq!(config.reward, Some(expected));
}

#[test]
fn judges_have_plain_names_and_metrics_of_their_own() {
    let judged =
        |more: &str| EXAMPLE.replace("[output]", &format!("[eval]\nevery = 5\n{more}\n[output]"));
    let config = good(&judged("judges.lexicon = { type = \"sentiment\" }"));
    assert_eq!(config.eval.judges["lexicon"], serde_json::json!({"type": "sentiment"}));
    insta::assert_snapshot!(error(&judged("judges.\"a/b\" = { type = \"sentiment\" }")), @"run.toml:52:1: a judge of `eval.judges` is called `a/b`, must be called by letters, digits, `_` and `-`");
    insta::assert_snapshot!(error(&judged("judges.\"\" = { type = \"sentiment\" }")), @"run.toml:52:1: a judge of `eval.judges` is called ``, must be called by letters, digits, `_` and `-`");
    // A run may end when a judge is no longer content, if there is such a judge.
    let until = |name: &str| {
        let until = format!("until = {{ metric = \"eval/judge/{name}\", patience = 2 }}");
        judged("judges.lexicon = { type = \"sentiment\" }")
            .replace("cycles = 100", &format!("cycles = 100\n{until}"))
    };
    good(&until("lexicon"));
    insta::assert_snapshot!(error(&until("lexicn")), @"run.toml:47:11: `phase[1].until.metric` is `eval/judge/lexicn`, which is never written: `eval.judges` has no judge of this name; add it");
}

#[test]
fn the_design_documents_keys_still_work() {
    let old = r#"{"model": {"base": "gpt2"}, "data": {"train": "wikitext-2"},
        "phase": [{"kind": "sft", "steps": 5}], "LRATE": 0.5, "OPTIMIZER": "adamw",
        "SCHEDULER": "linear", "NUM_TRAINING_STEPS": 20000, "NUM_WARMUP_STEPS": 1000,
        "REWARD": {"type": "sentiment"}}"#;
    let config = parse(old, Path::new("run.json"), &[]).expect("a good run");
    assert!((config.optim.lr - 0.5).abs() < 1e-12);
    assert_eq!(config.optim.warmup_steps, 1000);
    assert_eq!(config.horizon(), 20_000);
    assert_eq!(config.total_steps(), 5);
    assert_eq!(config.reward, Some(serde_json::json!({"type": "sentiment"})));

    let both = old.replace("\"LRATE\"", "\"optim\": {\"lr\": 1}, \"LRATE\"");
    insta::assert_snapshot!(
        parse(&both, Path::new("run.json"), &[]).expect_err("both keys"), @"run.json: `LRATE` and `optim.lr` cannot be used together, they mean the same; remove one");
    insta::assert_snapshot!(error(&format!("LRATE = \"fast\"\n{SMALL}")), @r#"run.toml:1:1: `optim.lr`: invalid type: string "fast", expected a number (written here as `LRATE`)"#);
    insta::assert_snapshot!(error(&format!("LRATE = 1.0\noptim = 3\n{SMALL}")), @"run.toml:1:1: `LRATE` means `optim.lr`, but `optim` is not a table here");
    insta::assert_snapshot!(error(&format!("LRAET = 1.0\n{SMALL}")), @"run.toml:1:1: `LRAET` is not known: did you mean `LRATE`? the configuration takes `seed`, `model`, `data`, `train`, `sft`, `rollout`, `optim`, `ppo`, `reward`, `head`, `heads`, `phase`, `eval` and `output`");
}

#[test]
fn json_is_as_strict_as_toml() {
    let wrong =
        |text: &str| parse(text, Path::new("run.json"), &[]).expect_err("a mistake").to_string();
    insta::assert_snapshot!(wrong("{\"seed\": 1, \"seed\": 2}"), @"run.json:1:22: this is not valid JSON: the key `seed` stands twice; remove one");
    insta::assert_snapshot!(wrong("{\"seed\": 1"), @"run.json:1:10: this is not valid JSON: EOF while parsing an object");
    insta::assert_snapshot!(wrong("[1]"), @r#"run.json: a configuration is an object, as `{"model": {"base": …}, …}`"#);
    insta::assert_snapshot!(wrong("{\"seed\": 9223372036854775808}"), @"run.json: `seed` is 9223372036854775808, must be at most 9223372036854775807");
    insta::assert_snapshot!(wrong("{\"reward\": {\"a\": [null]}}"), @"run.json: `reward.a[0]` is null in an array; remove it");
    insta::assert_snapshot!(wrong("{\"ppo\": {\"clip_rnage\": 1}}"), @"run.json: `ppo.clip_rnage` is not known: did you mean `ppo.clip_range`? `ppo` takes `estimator`, `baseline`, `epochs`, `minibatch_size`, `clip_range`, `value_clip_range`, `value_coef`, `entropy_coef`, `gamma`, `gae_lambda`, `dual_clip`, `target_kl`, `max_ratio`, `whiten_rewards`, `whiten_advantages`, `whiten_scope`, `kl`, `scores`, `missing_eos_penalty`, `truncated`, `score_at`, `critic`, `critic_warmup_steps`, `reference` and `compat`");
}

#[test]
fn overrides_replace_in_order() {
    let config = with_overrides(
        SMALL,
        &[
            "seed=1",
            "seed=2",
            "phase[0].steps=7",
            "optim.optimizer=adamw",
            "LRATE=0.25",
            "output.dir=runs/2026-11-22",
            "rollout.stop=[\"a\", \"b\"]",
            "train.micro_batch = \"auto\"",
        ],
    )
    .expect("good overrides");
    assert_eq!(config.seed, 2);
    assert_eq!(config.total_steps(), 7);
    assert!((config.optim.lr - 0.25).abs() < 1e-12);
    assert_eq!(config.output.dir, Path::new("runs/2026-11-22"));
    assert_eq!(config.rollout.stop, ["a", "b"]);
    assert_eq!(config.train.micro_batch, MicroBatch::Auto);
}

#[test]
fn wrong_overrides_are_named() {
    let wrong = |text: &str| with_overrides(SMALL, &[text]).expect_err("a mistake").to_string();
    insta::assert_snapshot!(wrong("seed"), @"--set seed: this has no `=`; write `key=value`, as `ppo.clip_range=0.1`");
    insta::assert_snapshot!(wrong("a..b=1"), @"--set a..b=1: `a..b` is no key; write it as `ppo.clip_range` or `phase[0].steps`");
    insta::assert_snapshot!(wrong("sead=1"), @"--set sead=1: `sead` is not known: did you mean `seed`? the configuration takes `seed`, `model`, `data`, `train`, `sft`, `rollout`, `optim`, `ppo`, `reward`, `head`, `heads`, `phase`, `eval` and `output`");
    insta::assert_snapshot!(wrong("seed=many"), @r#"--set seed=many: `seed`: invalid type: string "many", expected a whole number of at least 0"#);
    insta::assert_snapshot!(wrong("seed.x=1"), @"--set seed.x=1: `seed`: invalid type: a table, expected a whole number of at least 0");
    insta::assert_snapshot!(wrong("model.base.x=1"), @"--set model.base.x=1: `model.base` is a text, so there is no `x` in it; replace it as a whole, as `model.base={ x = … }`");
    insta::assert_snapshot!(wrong("phase[1].steps=1"), @"--set phase[1].steps=1: there is no `phase[1]`: the array has length 1, and the first entry is `phase[0]`");
    insta::assert_snapshot!(wrong("rollout.stop=[1"), @"--set rollout.stop=[1: `[1` is not a valid TOML value: unclosed array, expected `]`");
    insta::assert_snapshot!(wrong("ppo.clip_range=nan"), @"--set ppo.clip_range=nan: `ppo.clip_range` is NaN, must be a finite number");
    insta::assert_snapshot!(wrong("optim.lr=-1"), @"--set optim.lr=-1: `optim.lr` is -1, must be above 0, and finite");
    insta::assert_snapshot!(wrong("phase=[]"), @r#"--set phase=[]: there is no `[[phase]]`: say what to do, as `[[phase]]`, `kind = "sft"`, `steps = 200`"#);
}

#[test]
fn adapters_of_a_language_model_are_checked() {
    let with = |lora: &str| {
        SMALL.replacen(
            "model.base = \"m\"",
            &format!("model = {{ base = \"m\", lora = {lora} }}"),
            1,
        )
    };
    assert!(good(SMALL).model.lora.is_none());
    let given = good(&with("{ rank = 2, targets = [\"out\"] }")).model.lora.unwrap();
    assert_eq!((given.rank, given.alpha, given.rslora), (2, 16.0, false));
    for (lora, expected) in [
        ("{ rank = 0 }", "`model.lora.rank` is 0"),
        ("{ alpha = -1.0 }", "`model.lora.alpha` is -1"),
        ("{ targets = [] }", "`model.lora.targets` is empty"),
        ("{ targets = [\"quary\"] }", "did you mean `query`"),
        ("{ r = 8 }", "`model.lora.r` is not known"),
    ] {
        let said = error(&with(lora));
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_file_that_is_not_there_is_bad_input() {
    let error = load(Path::new("no/such/run.toml"), &[]).expect_err("no file");
    assert!(error.is_bad_input());
    assert_eq!(error.to_string(), "cannot read the configuration `no/such/run.toml`");
    let here = load(Path::new("."), &[]).expect_err("a folder");
    assert!(here.is_bad_input());
}

mod fuzz;
mod reference;
