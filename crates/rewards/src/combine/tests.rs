use serde_json::{Value, json};

use crate::fixtures::{assert_close, build, score, try_score, try_score_in};
use crate::sample::Context;

const TIGHT: f64 = 1e-12;

/// A combinator of the row's numbers `x` and `y`, with `keys` beside its type.
fn spec(kind: &str, keys: Value) -> Value {
    let number = |name| json!({ "type": "field", "name": name, "field": name });
    let mut spec = keys;
    let weights = spec.as_object_mut().unwrap().remove("weights");
    spec["type"] = json!(kind);
    spec["components"] = json!([number("x"), number("y")]);
    for (index, weight) in weights.iter().flat_map(|list| list.as_array().unwrap()).enumerate() {
        spec["components"][index]["weight"] = weight.clone();
    }
    spec
}

fn check(kind: &str, keys: Value, rows: &[(Value, Value)], wants: &[Option<f64>]) {
    let json_rows: Vec<Value> =
        rows.iter().map(|(x, y)| json!({ "response": "", "x": x, "y": y })).collect();
    let got = score(&spec(kind, keys.clone()), &json_rows);
    assert_eq!(got.len(), wants.len());
    for ((got, want), row) in got.iter().zip(wants).zip(rows) {
        assert_close(*got, *want, TIGHT, &format!("{kind} {keys} of {row:?}"));
    }
}

fn check_one(kind: &str, keys: Value, x: Value, y: Value, want: Option<f64>) {
    check(kind, keys, &[(x, y)], &[want]);
}

#[test]
fn a_weighted_sum_divides_by_the_sizes_of_its_weights() {
    let sum = |keys, want| check_one("weighted_sum", keys, json!(2), json!(6), Some(want));
    sum(json!({}), 4.0);
    sum(json!({ "weights": [3, 1] }), 3.0);
    sum(json!({ "weights": [3, 1], "normalize": false }), 12.0);
    sum(json!({ "weights": [1, -1] }), -2.0);
    sum(json!({ "weights": [0, 5] }), 6.0);
}

#[test]
fn a_missing_score_follows_the_policy() {
    let (weights, null) = (json!([1, 3]), Value::Null);
    let keys = |missing: &str| json!({ "weights": weights, "missing": missing });
    check_one("weighted_sum", json!({}), json!(2), null.clone(), None);
    check_one("weighted_sum", keys("none"), json!(2), null.clone(), None);
    // Skipped: (1·2 + 0) / 4. Renormalised: (1·2) / 1.
    check_one("weighted_sum", keys("skip"), json!(2), null.clone(), Some(0.5));
    check_one("weighted_sum", keys("renormalize"), json!(2), null.clone(), Some(2.0));
    let unnormalized = json!({ "weights": weights, "missing": "renormalize", "normalize": false });
    check_one("weighted_sum", unnormalized, json!(2), null.clone(), Some(8.0));
    for missing in ["none", "skip", "renormalize"] {
        check_one("weighted_sum", keys(missing), null.clone(), null.clone(), None);
    }
    let zero = json!({ "weights": [0, 3], "missing": "renormalize" });
    check_one("weighted_sum", zero, json!(2), null.clone(), None);
    for kind in ["product", "min", "max"] {
        check_one(kind, json!({}), json!(2), null.clone(), None);
        check_one(kind, json!({ "missing": "skip" }), json!(2), null.clone(), Some(2.0));
    }
}

#[test]
fn product_extremes_and_geometric_mean() {
    check_one("product", json!({}), json!(-2), json!(3.5), Some(-7.0));
    check_one("min", json!({}), json!(-2), json!(3.5), Some(-2.0));
    check_one("max", json!({}), json!(-2), json!(3.5), Some(3.5));
    let geometric = |keys, x: f64, y: f64, want| {
        check_one("geometric_mean", keys, json!(x), json!(y), want);
    };
    geometric(json!({}), 2.0, 8.0, Some(4.0));
    geometric(json!({ "weights": [2, 1] }), 8.0, 1.0, Some(4.0));
    geometric(json!({}), 0.0, 8.0, Some(0.0));
    geometric(json!({ "weights": [0, 1] }), 0.0, 8.0, Some(8.0));
    geometric(json!({}), -1.0, 8.0, None);
}

#[test]
fn a_gate_lets_the_second_through_where_the_first_reaches_the_threshold() {
    let gate = |keys, x, y, want| check_one("gate", keys, x, y, want);
    gate(json!({}), json!(0.5), json!(7), Some(7.0));
    gate(json!({}), json!(0.499), json!(7), Some(0.0));
    gate(json!({ "threshold": 0.4 }), json!(0.499), json!(7), Some(7.0));
    gate(json!({ "otherwise": -1 }), json!(0), json!(7), Some(-1.0));
    gate(json!({ "otherwise": null }), json!(0), json!(7), None);
    gate(json!({}), json!(0), Value::Null, Some(0.0));
    gate(json!({}), json!(1), Value::Null, None);
    gate(json!({}), Value::Null, json!(7), None);
}

#[test]
fn group_normalize_standardises_each_component_within_its_prompt() {
    let row =
        |group: &str, x: Value, y: f64| json!({ "response": "", "group": group, "x": x, "y": y });
    let rows = [
        row("a", json!(1), 10.0),
        row("b", json!(5), 0.0),
        row("a", json!(3), 10.0),
        row("c", Value::Null, 1.0),
        row("c", json!(4), 3.0),
        row("c", json!(8), 2.0),
    ];
    let keys = json!({ "weights": [1, 2], "eps": 0.001 });
    let got = score(&spec("group_normalize", keys), &rows);
    // By the definition: std divided by n − 1; a's y is constant, b is alone, c's first has no x.
    let z = |value: f64, mean: f64, std: f64| (value - mean) / (std + 0.001);
    let (root2, root8) = (2.0_f64.sqrt(), 8.0_f64.sqrt());
    let wants = [
        Some(z(1.0, 2.0, root2)),
        Some(0.0),
        Some(z(3.0, 2.0, root2)),
        None,
        Some(z(4.0, 6.0, root8) + 2.0 * z(3.0, 2.0, 1.0)),
        Some(z(8.0, 6.0, root8) + 2.0 * z(2.0, 2.0, 1.0)),
    ];
    for (row, (got, want)) in got.iter().zip(wants).enumerate() {
        assert_close(*got, want, TIGHT, &format!("row {row}"));
    }
}

#[test]
fn a_group_is_the_field_or_equal_prompts_in_a_row() {
    let rows: Vec<Value> = [("p", 1), ("p", 3), ("q", 5), ("p", 7)]
        .map(|(prompt, x)| json!({ "response": "", "prompt": prompt, "x": x, "y": 0 }))
        .into();
    let got = score(&spec("group_normalize", json!({ "weights": [1, 0] })), &rows);
    let alone: Vec<bool> = got.iter().map(|value| value.unwrap().abs() < TIGHT).collect();
    assert_eq!(alone, [false, false, true, true]);
}

#[test]
fn the_multiplier_grows_while_the_kept_reward_is_below_its_bound() {
    let keys = json!({ "bound": 1.0, "lr": 0.5, "initial": 1.0, "max": 2.0 });
    let tree = build(&spec("lagrangian", keys));
    let row = |y: f64| [json!({ "response": "", "x": 4.0, "y": y })];
    let value = |y: f64| try_score(&tree, &row(y)).unwrap().value[0];
    assert_close(value(0.0), Some((4.0 + 1.0 * 0.0) / 2.0), TIGHT, "λ = 1");
    assert_close(value(2.0), Some((4.0 + 1.5 * 2.0) / 2.5), TIGHT, "λ = 1 + 0.5·(1 − 0)");
    assert_close(value(-9.0), Some((4.0 - 1.0 * 9.0) / 2.0), TIGHT, "λ = 1.5 + 0.5·(1 − 2)");
    assert_close(value(50.0), Some((4.0 + 2.0 * 50.0) / 3.0), TIGHT, "λ stops at 2");
    let look = try_score_in(&tree, &row(0.0), &Context::evaluation()).unwrap().value[0];
    assert_close(look, Some(4.0), TIGHT, "λ stops at 0");
    assert_close(value(0.0), Some(4.0), TIGHT, "a look changes nothing");
}

#[test]
fn a_component_that_drives_the_total_is_named_once() {
    let rows: Vec<Value> = (0..32)
        .map(|row| json!({ "response": "", "x": row % 2, "y": 10 * (row / 2 % 2) }))
        .collect();
    let notes = |keys| {
        let tree = build(&spec("weighted_sum", keys));
        let first = try_score(&tree, &rows).unwrap().notes;
        assert!(try_score(&tree, &rows).unwrap().notes.is_empty());
        first
    };
    // Independent and of equal shape: y has 10² of the variance's 1² + 10².
    assert_eq!(
        notes(json!({})),
        [
            "`y` makes up 99 % of the variance of its `weighted_sum`, so the others hardly count; lower \
         its weight or normalise the components"
        ]
    );
    assert!(notes(json!({ "weights": [10, 1] })).is_empty());
    assert!(notes(json!({ "warn_share": 1 })).is_empty());
}

proptest::proptest! {
    #[test]
    fn a_row_scores_the_same_wherever_it_stands(
        numbers in proptest::collection::vec((-9.0..9.0f64, -9.0..9.0f64), 2..20),
        turn in 0..20usize,
    ) {
        let nested = json!({ "type": "max", "components": [
            spec("weighted_sum", json!({ "weights": [2, -1] })),
            spec("gate", json!({})),
            spec("product", json!({})),
        ]});
        let mut rows: Vec<Value> =
            numbers.iter().map(|(x, y)| json!({ "response": "", "x": x, "y": y })).collect();
        let mut first = score(&nested, &rows);
        let turn = turn % rows.len();
        rows.rotate_left(turn);
        first.rotate_left(turn);
        proptest::prop_assert_eq!(score(&nested, &rows), first);
    }
}
