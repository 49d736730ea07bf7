//! Saving, loading, and what loading refuses.

use super::*;
use crate::state::StateData;

#[test]
fn a_loaded_stepper_continues_bit_for_bit() {
    for optimizer in ALL {
        let mut config = config(optimizer);
        config.scheduler = toml::from_str::<OptimConfig>("scheduler = 'cosine'").unwrap().scheduler;
        let mut stepper = Stepper::new(&config, 12).unwrap();
        let net = steps(&mut stepper, net(), 1..6);
        // Through text, as a checkpoint's JSON goes.
        let mut state = stepper.state();
        state.scalars = serde_json::from_str(&state.scalars.to_string()).unwrap();
        let other = net.reborn();
        let mut loaded = Stepper::new(&config, 12).unwrap();
        loaded.load_state(state.clone(), &other).unwrap();
        assert_eq!(loaded.state(), state, "{optimizer}");
        let (net, other) = (steps(&mut stepper, net, 6..11), steps(&mut loaded, other, 6..11));
        assert_eq!(net.values(), other.values(), "{optimizer}");
        assert_eq!(loaded.state(), stepper.state(), "{optimizer}");
    }
}

#[test]
fn states_are_named_by_slot_and_path() {
    let mut stepper = Stepper::new(&config("'adamw'"), 12).unwrap();
    let _ = steps(&mut stepper, net(), 1..3);
    let state = stepper.state();
    let names: Vec<&str> = state.tensors.keys().map(String::as_str).collect();
    assert_eq!(names.len(), 12);
    assert!(names.contains(&"exp_avg/cube") && names.contains(&"exp_avg_sq/value_head"));
    assert_eq!(state.tensors["exp_avg/cube"].shape, [2, 3, 4]);
    assert_eq!(state.scalars["steps"]["cube"], 2);
}

#[test]
fn a_plateau_survives_saving() {
    let config: OptimConfig = toml::from_str(
        "scheduler = { type = 'reduce_on_plateau', patience = 1, cooldown = 2, factor = 0.5 }",
    )
    .unwrap();
    let metric = |i: u64| Some(1.0 / (1.0 + (i / 3) as f64).sqrt() + (i % 3) as f64);
    let mut stepper = Stepper::new(&config, 12).unwrap();
    for i in 0..9 {
        stepper.advance(metric(i));
    }
    assert!(stepper.lr() < config.lr);
    let mut loaded = Stepper::new(&config, 12).unwrap();
    loaded.load_state(stepper.state(), &net()).unwrap();
    for i in 9..30 {
        assert_eq!(loaded.lr().to_bits(), stepper.lr().to_bits());
        stepper.advance(metric(i));
        loaded.advance(metric(i));
    }
}

/// What loading says to the state of two AdamW steps after `change`.
fn refusal(change: impl FnOnce(&mut StepperState)) -> String {
    let mut stepper = Stepper::new(&config("'adamw'"), 12).unwrap();
    let net = steps(&mut stepper, net(), 1..3);
    let mut state = stepper.state();
    let before = state.clone();
    change(&mut state);
    let error = stepper.load_state(state, &net).unwrap_err();
    assert!(error.is_bad_input());
    assert_eq!(stepper.state(), before, "a refused state must change nothing");
    error.to_string()
}

#[test]
fn refusals_name_the_tensor_and_what_was_expected() {
    insta::assert_snapshot!(refusal(|s| { s.tensors.remove("exp_avg/cube"); }), @"the saved optimizer state's tensor `exp_avg/cube` is absent, expected 24 values of f32 in the shape [2, 3, 4]; resume with the model and configuration it was saved with");
    insta::assert_snapshot!(refusal(|s| {
        s.tensors.get_mut("exp_avg/cube").unwrap().shape = vec![24];
    }), @"the saved optimizer state's tensor `exp_avg/cube` is 24 values of f32 in the shape [24], expected 24 values of f32 in the shape [2, 3, 4]; resume with the model and configuration it was saved with");
    insta::assert_snapshot!(refusal(|s| {
        s.tensors.get_mut("exp_avg_sq/bias").unwrap().data = StateData::U8(vec![0; 7]);
    }), @"the saved optimizer state's tensor `exp_avg_sq/bias` is 7 values of u8 in the shape [7], expected 7 values of f32 in the shape [7]; resume with the model and configuration it was saved with");
    insta::assert_snapshot!(refusal(|s| {
        let extra = s.tensors["exp_avg/bias"].clone();
        s.tensors.insert("exp_avg/blocks.7.weight".into(), extra);
    }), @"the saved optimizer state's tensor `exp_avg/blocks.7.weight` is there, expected absent, as neither the model nor the optimizer needs it; resume with the model and configuration it was saved with");
    insta::assert_snapshot!(refusal(|s| { s.scalars["steps"]["blocks.7.weight"] = json!(3); }), @"the saved optimizer state's tensor `steps/blocks.7.weight` is there, expected absent, as the model has no such parameter; resume with the model and configuration it was saved with");
}

#[test]
fn refusals_name_the_other_optimizer_or_scheduler() {
    insta::assert_snapshot!(refusal(|s| s.scalars["optimizer"] = json!("lion")), @"the saved optimizer state has the optimizer `lion`, this run has `adamw`; resume with the configuration it was saved with");
    insta::assert_snapshot!(refusal(|s| s.scalars["scheduler"]["type"] = json!("wsd")), @"the saved optimizer state has the scheduler `wsd`, this run has `constant`; resume with the configuration it was saved with");
    insta::assert_snapshot!(refusal(|s| s.scalars["scheduler"]["step"] = json!(-1)), @"the saved optimizer state's `scheduler.step` is -1, expected a count of steps; the checkpoint is damaged or of another version, so resume from another one");
    insta::assert_snapshot!(refusal(|s| s.scalars["steps"]["bias"] = json!("two")), @r#"the saved optimizer state's `steps.bias` is "two", expected a count of steps; the checkpoint is damaged or of another version, so resume from another one"#);
    insta::assert_snapshot!(refusal(|s| s.scalars = Value::Null), @"the saved optimizer state's `scheduler.type` is absent, expected a scheduler's name; the checkpoint is damaged or of another version, so resume from another one");
}
