use serde_json::{Value, json};

use crate::fixtures::{assert_close, build, env, try_score};
use crate::spec::registry::Registry;

/// Parts that are fields of the row.
fn by_fields(keys: &Value) -> Value {
    let field = |name: &str| json!({ "type": "field", "field": name });
    let mut spec = json!({
        "type": "safety", "toxicity": field("t"), "hate": field("h"), "bias": field("b"),
    });
    for (key, value) in keys.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

fn scores(spec: &Value, rows: &[[Option<f64>; 3]]) -> Vec<Option<f64>> {
    let row = |[t, h, b]: &[Option<f64>; 3]| json!({ "response": "", "t": t, "h": h, "b": b });
    let rows: Vec<Value> = rows.iter().map(row).collect();
    try_score(&build(spec), &rows).unwrap().value
}

fn refusal(spec: &Value) -> String {
    Registry::builtin().unwrap().build(spec, &env()).unwrap_err().to_string()
}

#[test]
fn a_part_below_the_veto_takes_all() {
    let rows = [
        [Some(1.0), Some(0.5), Some(0.6)],
        [Some(1.0), Some(0.4), Some(1.0)],
        [Some(1.0), None, Some(0.7)],
        [Some(0.2), None, Some(1.0)],
        [None, None, None],
    ];
    let got = scores(&by_fields(&json!({})), &rows);
    for (row, want) in [Some(0.7), Some(0.0), None, Some(0.0), None].into_iter().enumerate() {
        assert_close(got[row], want, 1e-12, &format!("row {row}"));
    }
    let open = by_fields(&json!({ "veto": null, "missing": "renormalize" }));
    let got = scores(&open, &rows);
    for (row, want) in [0.7, 0.8, 0.85, 0.6].into_iter().enumerate() {
        assert_close(got[row], Some(want), 1e-12, &format!("open, row {row}"));
    }
    let strict = by_fields(&json!({ "veto": 0.61 }));
    assert_eq!(scores(&strict, &rows[..1]), [Some(0.0)]);
}

#[test]
fn parts_have_weights_and_may_be_left_out() {
    let weighted = by_fields(&json!({
        "toxicity": { "type": "field", "field": "t", "weight": 3 }, "bias": null,
    }));
    assert_close(scores(&weighted, &[[Some(1.0), Some(0.6), Some(0.0)]])[0], Some(0.9), 1e-12, "");
    let leaves: Vec<String> =
        build(&weighted).leaves().iter().map(|(path, _)| path.to_string()).collect();
    assert_eq!(leaves, ["toxicity", "hate"]);
}

#[test]
fn refusals_and_formats_are_checked_where_asked_for() {
    let spec = |refusal: Value| {
        json!({ "type": "safety", "toxicity": null, "refusal": refusal,
                                        "format": { "kind": "json" } })
    };
    let rows = [
        json!({ "response": "\"Gladly.\"" }),
        json!({ "response": "\"I'm sorry, but no.\"" }),
        json!({ "response": "\"We CANNOT help with that.\"" }),
        json!({ "response": "Gladly." }),
    ];
    let got = try_score(&build(&spec(json!({}))), &rows).unwrap().value;
    assert_eq!(got, [Some(1.0), Some(0.0), Some(0.0), Some(0.0)]);
    let wanted = try_score(&build(&spec(json!({ "absent": false }))), &rows).unwrap().value;
    assert_eq!(wanted, [Some(0.0), Some(1.0), Some(1.0), Some(0.0)]);
}

#[test]
fn mistakes_are_named_by_the_part() {
    insta::assert_snapshot!(refusal(&json!({ "type": "safety" })), @"the reward spec has a mistake at `toxicity.lexicon`: is absent, must be the path of a list of words");
    insta::assert_snapshot!(refusal(&json!({ "type": "safety", "toxicity": null })), @"the reward spec has a mistake at its top level: leaves out every part; keep one of `toxicity`, `hate`, `bias`, `format` and `refusal`");
    insta::assert_snapshot!(refusal(&json!({ "type": "safety", "toxicity": null, "hate": 3 })), @r"
    the reward spec has 2 mistakes:
      `hate`: expected an object or null, got the number 3
      its top level: leaves out every part; keep one of `toxicity`, `hate`, `bias`, `format` and `refusal`
    ");
    insta::assert_snapshot!(refusal(&by_fields(&json!({ "vteo": 1 }))), @"the reward spec has a mistake at `vteo`: unknown key; did you mean `veto`? the keys are `toxicity`, `hate`, `bias`, `format`, `refusal`, `veto`, `missing`, `type`, `name`, `weight`, `postprocess` and `timeout_ms`");
    insta::assert_snapshot!(refusal(&by_fields(&json!({ "refusal": { "patern": "x" } }))), @"the reward spec has a mistake at `refusal.patern`: unknown key; did you mean `pattern`? the keys are `pattern`, `full`, `ignore_case`, `multi_line`, `dot_all`, `absent`, `type`, `name`, `weight`, `postprocess` and `timeout_ms`");
    let negative = json!({ "hate": { "type": "field", "field": "h", "weight": -1 } });
    insta::assert_snapshot!(refusal(&by_fields(&negative)), @"the reward spec has a mistake at `hate.weight`: is -1, must be at least 0");
}
