use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// What `reference/data_order.py` computed from the definition.
fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/data/order.json");
    let text = std::fs::read_to_string(path).expect("the reference");
    serde_json::from_str(&text).expect("the reference")
}

fn numbers(values: &Value) -> Vec<usize> {
    let number = |value: &Value| value.as_u64().expect("a number") as usize;
    values.as_array().expect("numbers").iter().map(number).collect()
}

#[test]
fn permutations_are_those_of_the_definition() {
    let purposes = [Purpose::Epoch, Purpose::Batches, Purpose::Shuffle, Purpose::Holdout];
    let golden = golden();
    let cases = golden["permutations"].as_array().expect("cases");
    assert_eq!(cases.len(), 8);
    for case in cases {
        let field = |name: &str| case[name].as_u64().expect("a number");
        let purpose = purposes[field("purpose") as usize - 1];
        let order = permutation(field("length") as usize, field("seed"), purpose, field("epoch"));
        assert_eq!(order, numbers(&case["permutation"]), "{case}");
    }
}

#[test]
fn draws_skip_what_would_favour_small_numbers() {
    for case in golden()["draws"].as_array().expect("cases") {
        let mut rng = stream(7, Purpose::Epoch, 0);
        let count = case["count"].as_u64().expect("a number") as usize;
        let drawn: Vec<usize> = (0..8).map(|_| below(&mut rng, count)).collect();
        assert_eq!(drawn, numbers(&case["numbers"]), "below {count}");
    }
}

#[test]
fn every_place_is_equally_likely() {
    // 4! orders over 24,000 seeds: each is expected 1,000 times, with a deviation of 31.
    let mut counts = std::collections::BTreeMap::new();
    for seed in 0..24_000 {
        *counts.entry(permutation(4, seed, Purpose::Shuffle, 0)).or_insert(0_u32) += 1;
    }
    assert_eq!(counts.len(), 24);
    assert!(counts.values().all(|count| (850..1150).contains(count)), "{counts:?}");
}

#[test]
fn an_order_over_nothing_is_empty() {
    assert_eq!(EpochOrder::new(0, 1).next(), None);
}

#[test]
fn a_saved_order_of_other_data_is_refused() {
    let state = EpochOrder::new(10, 1).state();
    let check = |examples, state| EpochOrder::resume(examples, state).expect_err("bad").to_string();
    insta::assert_snapshot!(check(9, state), @"the saved order has `examples` 10, this run has 9; resume with the data and settings it was saved with");
    insta::assert_snapshot!(check(10, OrderState { position: 11, ..state }), @"the saved order has `position` 11, this run has 10; resume with the data and settings it was saved with");
}

#[test]
fn a_state_is_saved_by_name() {
    let mut order = EpochOrder::new(3, u64::MAX);
    order.by_ref().take(4).for_each(drop);
    let json = serde_json::to_string(&order.state()).expect("plain numbers");
    insta::assert_snapshot!(json, @r#"{"examples":3,"seed":18446744073709551615,"epoch":1,"position":1}"#);
    let state: OrderState = serde_json::from_str(&json).expect("what was written");
    assert_eq!(state, order.state());
}

proptest! {
    #[test]
    fn each_epoch_has_every_example_once_in_its_own_order(len in 8_usize..40, seed in any::<u64>()) {
        let all: Vec<usize> = EpochOrder::new(len, seed).take(3 * len).collect();
        let epochs: Vec<&[usize]> = all.chunks(len).collect();
        for epoch in &epochs {
            let mut sorted = epoch.to_vec();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..len).collect::<Vec<_>>());
        }
        prop_assert!(epochs[0] != epochs[1] || epochs[1] != epochs[2]);
    }

    #[test]
    fn resuming_anywhere_goes_on_the_same(len in 1_usize..20, seed in any::<u64>(), done in 0_usize..70) {
        let mut order = EpochOrder::new(len, seed);
        order.by_ref().take(done).for_each(drop);
        let resumed = EpochOrder::resume(len, order.state()).expect("its own state");
        let expected: Vec<usize> = order.take(50).collect();
        prop_assert_eq!(resumed.take(50).collect::<Vec<_>>(), expected);
    }
}
