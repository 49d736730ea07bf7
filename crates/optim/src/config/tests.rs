use super::*;
use crate::optimizer::{AdamParameters, SgdParameters};
use crate::scheduler::{StepParameters, Unparameterised};

/// What a `[optim]` table in TOML says when it is refused.
fn refusal(toml: &str) -> String {
    match toml::from_str::<OptimConfig>(toml) {
        Err(error) => error.to_string(),
        Ok(config) => config.validate().unwrap_err().to_string(),
    }
}

#[test]
fn names_and_tables_say_the_same() {
    let read = |toml| toml::from_str::<OptimConfig>(toml).unwrap();
    assert_eq!(read("optimizer = 'adamw'"), OptimConfig::default());
    assert_eq!(read("optimizer = { type = 'adamw' }"), OptimConfig::default());
    assert_eq!(read("[optimizer]\ntype = 'adamw'"), OptimConfig::default());
    let config = read(
        "optimizer = { type = 'sgd', momentum = 0.9 }\nscheduler = { type = 'step', step_size = 3 }",
    );
    let sgd = SgdParameters { momentum: 0.9, ..SgdParameters::default() };
    assert_eq!(config.optimizer, OptimizerSpec::Sgd(sgd));
    let step = StepParameters { step_size: 3, ..StepParameters::default() };
    assert_eq!(config.scheduler, SchedulerSpec::Step(step));
    let adam = read("optimizer = { type = 'adam', epsilon_hat = true, eps = 1 }").optimizer;
    let expected = AdamParameters { epsilon_hat: true, eps: 1.0, ..AdamParameters::default() };
    assert_eq!(adam, OptimizerSpec::Adam(expected));
    assert_eq!(
        read("scheduler = 'constant'").scheduler,
        SchedulerSpec::Constant(Unparameterised {})
    );
}

#[test]
fn every_name_is_valid_alone_and_survives_writing() {
    use crate::spec::Choice;
    for name in OptimizerSpec::NAMES {
        for scheduler in SchedulerSpec::NAMES {
            let toml = format!("optimizer = '{name}'\nscheduler = '{scheduler}'");
            let config: OptimConfig = toml::from_str(&toml).unwrap();
            config.validate().unwrap();
            assert_eq!((config.optimizer.name(), config.scheduler.name()), (*name, *scheduler));
            let written = toml::to_string(&config).unwrap();
            assert_eq!(toml::from_str::<OptimConfig>(&written).unwrap(), config, "{written}");
            let json = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<OptimConfig>(&json).unwrap(), config, "{json}");
        }
    }
}

#[test]
fn unknown_names_get_the_nearest_and_the_list() {
    insta::assert_snapshot!(refusal("optimizer = 'adamv'"), @r#"
    TOML parse error at line 1, column 13
      |
    1 | optimizer = 'adamv'
      |             ^^^^^^^
    unknown optimizer `adamv`; did you mean `adam`? known are `adamw`, `adam`, `sgd`, `rmsprop`, `adagrad`, `adafactor`, `lion`, `lamb`, `adan`, `muon`, `adamw_8bit`
    "#);
    insta::assert_snapshot!(refusal("optimizer = { type = 'sofia' }"), @r#"
    TOML parse error at line 1, column 13
      |
    1 | optimizer = { type = 'sofia' }
      |             ^^^^^^^^^^^^^^^^^^
    unknown optimizer `sofia`; known are `adamw`, `adam`, `sgd`, `rmsprop`, `adagrad`, `adafactor`, `lion`, `lamb`, `adan`, `muon`, `adamw_8bit`
    "#);
    insta::assert_snapshot!(refusal("scheduler = 'cosin'"), @r#"
    TOML parse error at line 1, column 13
      |
    1 | scheduler = 'cosin'
      |             ^^^^^^^
    unknown scheduler `cosin`; did you mean `cosine`? known are `constant`, `linear`, `cosine`, `cosine_with_restarts`, `polynomial`, `inverse_sqrt`, `exponential`, `step`, `wsd`, `reduce_on_plateau`
    "#);
    insta::assert_snapshot!(refusal("optimiser = 'adamw'"), @r#"
    TOML parse error at line 1, column 1
      |
    1 | optimiser = 'adamw'
      | ^^^^^^^^^
    unknown field `optimiser`, expected one of `optimizer`, `lr`, `weight_decay`, `decay_all`, `scheduler`, `warmup_steps`, `total_steps`, `max_grad_norm`, `value_head_lr`
    "#);
}

#[test]
fn misspelt_parameters_get_the_nearest_and_the_list() {
    insta::assert_snapshot!(refusal("optimizer = { type = 'adamw', beta = [0.9, 0.99] }"), @r#"
    TOML parse error at line 1, column 13
      |
    1 | optimizer = { type = 'adamw', beta = [0.9, 0.99] }
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    unknown parameter `beta` of the optimizer `adamw`; did you mean `betas`? its parameters are `betas`, `eps`, `epsilon_hat`
    "#);
    insta::assert_snapshot!(refusal("optimizer = { type = 'sgd', eps = 1e-8 }"), @r#"
    TOML parse error at line 1, column 13
      |
    1 | optimizer = { type = 'sgd', eps = 1e-8 }
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    unknown parameter `eps` of the optimizer `sgd`; its parameters are `momentum`, `dampening`, `nesterov`
    "#);
    insta::assert_snapshot!(refusal("scheduler = { type = 'linear', power = 2 }"), @r#"
    TOML parse error at line 1, column 13
      |
    1 | scheduler = { type = 'linear', power = 2 }
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    unknown parameter `power` of the scheduler `linear`; it has none, so leave it out
    "#);
    insta::assert_snapshot!(refusal("[scheduler]\ntype = 'wsd'\ndecay_step = 10"), @r#"
    TOML parse error at line 1, column 1
      |
    1 | [scheduler]
      | ^^^^^^^^^^^
    unknown parameter `decay_step` of the scheduler `wsd`; did you mean `decay_steps`? its parameters are `decay_steps`, `warmup_type`, `decay_type`, `min_lr_ratio`
    "#);
}

#[test]
fn wrong_types_are_blamed_on_their_key() {
    insta::assert_snapshot!(refusal("optimizer = { type = 'adamw', betas = 0.9 }"), @r#"
    TOML parse error at line 1, column 13
      |
    1 | optimizer = { type = 'adamw', betas = 0.9 }
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    `optimizer.betas` of `adamw`: invalid type: floating point `0.9`, expected an array of length 2
    "#);
    insta::assert_snapshot!(refusal("optimizer = { type = 'adamw', eps = nan }"), @r#"
    TOML parse error at line 1, column 13
      |
    1 | optimizer = { type = 'adamw', eps = nan }
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    `optimizer.eps` of `adamw`: invalid type: null, expected f64
    "#);
    insta::assert_snapshot!(refusal("optimizer = { eps = 1e-8 }"), @r#"
    TOML parse error at line 1, column 13
      |
    1 | optimizer = { eps = 1e-8 }
      |             ^^^^^^^^^^^^^^
    the optimizer table has no `type`; write `optimizer = { type = "…" }` with one of `adamw`, `adam`, `sgd`, `rmsprop`, `adagrad`, `adafactor`, `lion`, `lamb`, `adan`, `muon`, `adamw_8bit`
    "#);
    insta::assert_snapshot!(refusal("optimizer = { type = 3 }"), @r#"
    TOML parse error at line 1, column 13
      |
    1 | optimizer = { type = 3 }
      |             ^^^^^^^^^^^^
    `optimizer.type` is 3, expected a name in quotes: one of `adamw`, `adam`, `sgd`, `rmsprop`, `adagrad`, `adafactor`, `lion`, `lamb`, `adan`, `muon`, `adamw_8bit`
    "#);
    insta::assert_snapshot!(refusal("optimizer = 3"), @r#"
    TOML parse error at line 1, column 13
      |
    1 | optimizer = 3
      |             ^
    invalid type: integer `3`, expected the name of the optimizer, or a table with its `type` and its parameters
    "#);
    insta::assert_snapshot!(refusal("scheduler = { type = 'wsd', decay_type = 'cos' }"), @r#"
    TOML parse error at line 1, column 13
      |
    1 | scheduler = { type = 'wsd', decay_type = 'cos' }
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    `scheduler.decay_type` of `wsd`: unknown variant `cos`, expected one of `linear`, `cosine`, `1-sqrt`
    "#);
}

fn check_refusals(cases: &[(&str, &str)]) {
    for (toml, expected) in cases {
        assert_eq!(refusal(toml), *expected);
    }
}

#[test]
fn values_out_of_range_say_what_is_allowed() {
    check_refusals(&[
        ("lr = 0", "`optim.lr` is 0, must be above 0, and finite"),
        ("lr = nan", "`optim.lr` is NaN, must be above 0, and finite"),
        ("weight_decay = -0.1", "`optim.weight_decay` is -0.1, must be 0 or more, and finite"),
        ("total_steps = 0", "`optim.total_steps` is 0, must be at least 1"),
        (
            "total_steps = 5\nwarmup_steps = 6",
            "`optim.total_steps` is 5, must be at least `optim.warmup_steps` (6)",
        ),
        (
            "max_grad_norm = -1",
            "`optim.max_grad_norm` is -1, must be 0 or more, and finite; 0 never clips",
        ),
        ("value_head_lr = inf", "`optim.value_head_lr` is inf, must be 0 or more, and finite"),
    ]);
}

#[test]
fn parameters_out_of_range_say_what_is_allowed() {
    check_refusals(&[
        (
            "optimizer = { type = 'adam', betas = [0.9, 1.0] }",
            "`optim.optimizer.betas` is [0.9, 1.0], must be in [0, 1) each",
        ),
        (
            "optimizer = { type = 'sgd', nesterov = true }",
            "`optim.optimizer.nesterov` is true, must be used with `momentum` above 0 and \
             `dampening` 0",
        ),
        (
            "optimizer = { type = 'rmsprop', alpha = 1 }",
            "`optim.optimizer.alpha` is 1, must be in [0, 1)",
        ),
        (
            "optimizer = { type = 'adagrad', lr_decay = -1 }",
            "`optim.optimizer.lr_decay` is -1, must be 0 or more, and finite",
        ),
        (
            "optimizer = { type = 'adafactor', decay_rate = 0.8 }",
            "`optim.optimizer.decay_rate` is 0.8, must be in [-1, 0)",
        ),
        (
            "optimizer = { type = 'muon', ns_steps = 0 }",
            "`optim.optimizer.ns_steps` is 0, must be 1 to 99",
        ),
        (
            "optimizer = { type = 'adamw_8bit', min_8bit_size = 0 }",
            "`optim.optimizer.min_8bit_size` is 0, must be at least 1",
        ),
        (
            "lr = 1e-3\nscheduler = { type = 'polynomial', lr_end = 1e-3 }",
            "`optim.scheduler.lr_end` is 0.001, must be 0 or more, and below `optim.lr` (0.001)",
        ),
        (
            "scheduler = { type = 'step', step_size = 0 }",
            "`optim.scheduler.step_size` is 0, must be at least 1",
        ),
        (
            "scheduler = { type = 'exponential', gamma = 1.5 }",
            "`optim.scheduler.gamma` is 1.5, must be in (0, 1]",
        ),
        (
            "scheduler = { type = 'reduce_on_plateau', factor = 1 }",
            "`optim.scheduler.factor` is 1, must be in (0, 1)",
        ),
    ]);
}
