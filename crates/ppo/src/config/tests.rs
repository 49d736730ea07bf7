use super::*;

fn parse(table: &str) -> PpoConfig {
    toml::from_str(table).unwrap()
}

#[test]
fn defaults_are_valid_and_an_empty_table_is_the_default() {
    assert_eq!(parse(""), PpoConfig::default());
    PpoConfig::default().validate().unwrap();
}

#[test]
fn a_configuration_survives_being_written() {
    let table = r#"
        estimator = "reinforce"
        baseline = "value"
        reference = [{ model = "phase_start", weight = 3.0 }, { model = "hf:a/b", weight = 1.0 }]
        kl = { kind = "adaptive", target = 6.0, horizon = 100, clip = 2.0 }
        truncated = "bootstrap"
        critic = "separate"
    "#;
    let config = parse(table);
    config.validate().unwrap();
    assert_eq!(parse(&toml::to_string(&config).unwrap()), config);
    let parts = config.reference.parts();
    assert_eq!(parts[0], (ReferenceConfig::PhaseStart, 0.75));
    assert_eq!(parts[1], (ReferenceConfig::Model("hf:a/b".to_owned()), 0.25));
}

#[test]
fn values_out_of_range_are_named_with_what_is_allowed() {
    let positive = "a finite number above 0";
    let cases = [
        ("epochs = 0", "`epochs` is 0, must be at least 1".to_owned()),
        ("minibatch_size = 0", "`minibatch_size` is 0, must be at least 1".to_owned()),
        ("clip_range = 0.0", format!("`clip_range` is 0, must be {positive}")),
        ("gamma = 1.5", "`gamma` is 1.5, must be in [0, 1]".to_owned()),
        ("gae_lambda = nan", "`gae_lambda` is NaN, must be in [0, 1]".to_owned()),
        (
            "value_coef = -1.0",
            "`value_coef` is -1, must be a finite number of at least 0".to_owned(),
        ),
        (
            "dual_clip = 1.0",
            "`dual_clip` is 1, must be a finite number above 1, or absent for none".to_owned(),
        ),
        (
            "kl = { kind = \"adaptive\" }",
            format!(
                "`kl.target` is absent, must be {positive} (nats a sequence), and given where \
                 `kl.kind = \"adaptive\"`"
            ),
        ),
        (
            "scores = { clip = 0.0 }",
            format!("`scores.clip` is 0, must be {positive}, or absent for none"),
        ),
        (
            "reference = []",
            "`reference` is an empty list, must be at least one reference".to_owned(),
        ),
    ];
    for (table, expected) in cases {
        let error = parse(table).validate().unwrap_err();
        assert!(error.is_bad_input());
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn settings_that_exclude_each_other_are_explained() {
    let cases = [
        (
            "kl = { placement = \"loss\", estimator = \"k1\" }",
            "`kl.estimator = \"k1\"` and `kl.placement = \"loss\"` cannot be used together: the \
             gradient of k1 in a loss is the mean of grad log pi, which is 0 in expectation: it \
             would only add noise; set `kl.estimator` to \"k2\" (the gradient of the KL) or \
             \"k3_plus\", or `kl.placement = \"reward\"`",
        ),
        (
            "kl = { estimator = \"k3\" }",
            "`kl.placement = \"reward\"` and a `kl.estimator` other than \"k1\" cannot be used \
             together: as a reward only k1, the log-ratio itself, has the KL's gradient; remove \
             `kl.estimator` or set `kl.placement = \"loss\"`",
        ),
        (
            "baseline = \"value\"",
            "`baseline` and an `estimator` other than \"reinforce\" cannot be used together: the \
             others subtract the critic's value; remove `baseline` or set `estimator = \
             \"reinforce\"`",
        ),
        (
            "compat = \"trl\"\nwhiten_advantages = false",
            "`compat = \"trl\"` and `whiten_advantages = false` cannot be used together: TRL 1.12 \
             has no such setting; remove `compat`, or the other",
        ),
    ];
    for (table, expected) in cases {
        let error = parse(table).validate().unwrap_err();
        assert!(error.is_bad_input());
        assert_eq!(error.to_string(), expected);
    }
    let refused = [
        "estimator = \"a2c\"\ndual_clip = 3.0",
        "estimator = \"reinforce\"\ntruncated = \"bootstrap\"",
        "estimator = \"reinforce\"\ncritic_warmup_steps = 1",
        "whiten_scope = \"minibatch\"\nwhiten_advantages = false",
        "kl = { placement = \"loss\", clip = 1.0 }",
        "kl = { target = 6.0 }",
        "score_at = \"per_token\"\nscores = { normalize = \"standardize\" }",
        "reference = [{ model = \"a\", weight = 1.0 }, { model = \"b\", weight = 1.0 }]\n\
         kl = { placement = \"loss\", estimator = \"k3\" }",
        "compat = \"trl\"\nentropy_coef = 0.1",
    ];
    for table in refused {
        let error = parse(table).validate().unwrap_err();
        assert!(matches!(error, PpoError::Conflict { .. }), "{table}: {error}");
    }
    parse("compat = \"trl\"\nkl = { estimator = \"k3\" }").validate().unwrap();
}

#[test]
fn unknown_keys_and_wrong_types_are_refused() {
    let cases = [
        ("target_kll = 0.1", "unknown field `target_kll`"),
        ("kl = { coeff = 0.1 }", "unknown field `coeff`"),
        ("estimator = \"grpo\"", "unknown variant `grpo`, expected one of"),
        ("reference = 3", "expected \"phase_start\", \"run_start\", a model's name, or a list"),
        ("reference = [{ model = \"a\" }]", "missing field `weight`"),
    ];
    for (table, expected) in cases {
        let error = toml::from_str::<PpoConfig>(table).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn the_critic_trains_alone_during_its_warm_up() {
    let config = parse("critic_warmup_steps = 2");
    let trains: Vec<bool> = (0..4).map(|update| config.trains_policy(update)).collect();
    assert_eq!(trains, [false, false, true, true]);
}
