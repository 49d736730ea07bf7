//! Beside PyTorch's own layers: see `reference/recurrent.py`.

use serde_json::Value;

use super::*;

fn list(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as usize).collect()
}

#[test]
fn states_and_gradients_are_those_of_pytorch() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/recurrent.json");
    let golden: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let golden_cases = golden.as_array().unwrap();
    assert_eq!(golden_cases.len(), 6);
    for golden in golden_cases {
        let pair = match golden["layer"].as_str().unwrap() {
            "lstm" => PAIRS[0],
            _ => PAIRS[1],
        };
        let case = Case {
            sizes: sizes(&golden["sizes"]).try_into().unwrap(),
            lengths: sizes(&golden["lengths"]),
            input: list(&golden["input"]),
            weights: ["input_weight", "hidden_weight", "input_bias", "hidden_bias"]
                .map(|name| list(&golden[name])),
            start: ["start", "start_cell"].map(|name| list(&golden[name])),
            upstream: ["upstream", "upstream_last", "upstream_last_cell"]
                .map(|name| list(&golden[name])),
        };
        for by in pair {
            let found = case.run(by);
            assert_eq!(found.len(), golden["expected"].as_object().unwrap().len());
            for (name, ours) in found {
                assert_close(name, &ours, &list(&golden["expected"][name]), 1e-5);
            }
        }
    }
}
