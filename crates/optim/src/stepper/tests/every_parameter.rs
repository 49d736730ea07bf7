//! No parameter of an optimizer or a scheduler is read in vain: each, changed alone, changes the steps.

use serde_json::{Map, Value, json};

use super::*;
use crate::optimizer::OptimizerSpec;
use crate::scheduler::SchedulerSpec;
use crate::spec::Choice as _;

/// What must be set beside some parameters for them to have a meaning, and to what they change,
/// where no general rule would do: `(type, parameter, beside, other)`.
fn special_cases() -> Vec<(&'static str, &'static str, Value, Value)> {
    vec![
        ("sgd", "dampening", json!({"momentum": 0.9}), json!(0.5)),
        ("sgd", "nesterov", json!({"momentum": 0.9}), json!(true)),
        ("adafactor", "decay_rate", json!({}), json!(-0.4)),
        ("adafactor", "eps", json!({}), json!([1e-2, 1.0])),
        ("muon", "adjust_lr", json!({}), json!("match_rms_adamw")),
        ("muon", "ns_steps", json!({}), json!(2)),
        ("muon", "eps", json!({}), json!(10.0)),
        ("muon", "adamw_eps", json!({}), json!(0.1)),
        ("adamw_8bit", "min_8bit_size", json!({"min_8bit_size": 20}), json!(1000)),
        ("cosine_with_restarts", "num_cycles", json!({}), json!(3)),
        ("step", "step_size", json!({}), json!(5)),
        ("step", "gamma", json!({"step_size": 5}), json!(0.5)),
        ("inverse_sqrt", "timescale", json!({}), json!(7)),
        ("wsd", "decay_steps", json!({}), json!(9)),
        ("wsd", "warmup_type", json!({}), json!("cosine")),
        ("wsd", "decay_type", json!({}), json!("1-sqrt")),
        ("polynomial", "lr_end", json!({}), json!(5e-3)),
        ("reduce_on_plateau", "mode", json!({}), json!("max")),
        ("reduce_on_plateau", "threshold_mode", json!({"threshold": 0.05}), json!("abs")),
        ("reduce_on_plateau", "patience", json!({}), json!(1)),
        ("reduce_on_plateau", "threshold", json!({}), json!(0.3)),
        ("reduce_on_plateau", "cooldown", json!({"patience": 1}), json!(6)),
        ("reduce_on_plateau", "factor", json!({"patience": 1}), json!(0.5)),
        ("reduce_on_plateau", "min_lr", json!({"patience": 1, "factor": 0.5}), json!(8e-3)),
        ("reduce_on_plateau", "eps", json!({"patience": 1}), json!(1.0)),
    ]
}

/// Another value of the same kind.
fn other(name: &str, value: &Value) -> Value {
    match value {
        Value::Bool(value) => json!(!value),
        // An epsilon is too small to be seen when it is halved.
        Value::Number(_) if name.ends_with("eps") => json!(0.1),
        Value::Number(number) if number.as_f64() == Some(0.0) => json!(0.5),
        Value::Number(number) => json!(number.as_f64().unwrap() / 2.0),
        Value::Array(values) => values.iter().map(|value| other(name, value)).collect(),
        value => panic!("`{name}` is {value}: say in the table what it may change to"),
    }
}

/// For every parameter of `spec` but its type: its name, the spec before and the spec after.
fn changes(spec: &Value) -> Vec<(String, Value, Value)> {
    let spec = spec.as_object().unwrap();
    let kind = spec["type"].as_str().unwrap();
    let special = special_cases();
    let change = |(name, value): (&String, &Value)| {
        let case = special.iter().find(|case| case.0 == kind && case.1 == name);
        let mut before: Map<String, Value> = spec.clone();
        if let Some((_, _, Value::Object(beside), _)) = case {
            before.extend(beside.clone());
        }
        let changed = case.map_or_else(|| other(name, value), |case| case.3.clone());
        let mut after = before.clone();
        after.insert(name.clone(), changed);
        (format!("{kind}.{name}"), Value::Object(before), Value::Object(after))
    };
    spec.iter().filter(|(name, _)| *name != "type").map(change).collect()
}

#[test]
fn every_parameter_of_every_optimizer_changes_the_steps() {
    let run = |spec: &Value| {
        let optimizer: OptimizerSpec = serde_json::from_value(spec.clone()).unwrap();
        let config = OptimConfig { optimizer, ..config("'sgd'") };
        config.validate().unwrap();
        steps(&mut Stepper::new(&config, 10).unwrap(), net(), 1..7).values()
    };
    let mut seen = 0;
    for name in OptimizerSpec::NAMES {
        let spec: OptimizerSpec = serde_json::from_value(json!(name)).unwrap();
        for (parameter, before, after) in changes(&serde_json::to_value(&spec).unwrap()) {
            assert_ne!(run(&before), run(&after), "{parameter}: {before} and {after}");
            seen += 1;
        }
    }
    // Ten optimizers have parameters, and none fewer than one.
    assert!(seen > 30, "{seen}");
}

#[test]
fn every_parameter_of_every_scheduler_changes_the_learning_rate() {
    // Falls by a hundredth of itself each step, then stands still.
    let metric = |step: i32| 10.0 - 0.1 * f64::from(step.min(20));
    let run = |spec: &Value| -> Vec<f64> {
        let scheduler: SchedulerSpec = serde_json::from_value(spec.clone()).unwrap();
        let config = OptimConfig { scheduler, warmup_steps: 4, ..config("'sgd'") };
        config.validate().unwrap();
        let mut stepper = Stepper::new(&config, 40).unwrap();
        let mut rate = |step| {
            let lr = stepper.lr();
            stepper.advance(Some(metric(step)));
            lr
        };
        (0..40).map(&mut rate).collect()
    };
    for name in SchedulerSpec::NAMES {
        let spec: SchedulerSpec = serde_json::from_value(json!(name)).unwrap();
        for (parameter, before, after) in changes(&serde_json::to_value(&spec).unwrap()) {
            assert_ne!(run(&before), run(&after), "{parameter}: {before} and {after}");
        }
    }
}
