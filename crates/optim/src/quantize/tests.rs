use hybrid_testing::fixtures::golden_json;
use proptest::prelude::*;

use super::*;

#[test]
fn the_tables_are_those_of_the_authors() {
    let golden = golden_json("optim.json");
    for (map, name) in [(&*SIGNED, "signed"), (&*UNSIGNED, "unsigned")] {
        let expected: Vec<f32> =
            serde_json::from_value(golden["dynamic_map"][name].clone()).unwrap();
        assert_eq!(map.values.len(), 256);
        for (ours, expected) in map.values.iter().zip(&expected) {
            assert!((ours - expected).abs() <= 1e-6 * expected.abs(), "{ours} {expected}");
        }
    }
}

/// The nearest value by looking at all of them.
fn by_search(map: &DynamicMap, x: f32) -> f32 {
    let distance = |value: &&f32| f64::from((**value - x).abs());
    *map.values.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap()
}

fn check(map: &DynamicMap, x: f32) {
    let ours = map.values[usize::from(map.nearest(x))];
    let best = by_search(map, x);
    // Of two equally near either will do.
    assert!((ours - x).abs() <= (best - x).abs() * (1.0 + 1e-6), "{x}: {ours}, nearest is {best}");
}

#[test]
fn every_value_is_its_own_nearest() {
    for map in [&*SIGNED, &*UNSIGNED] {
        for (code, value) in map.values.iter().enumerate() {
            assert_eq!(usize::from(map.nearest(*value)), code);
        }
        assert!(map.values[usize::from(map.zero())].abs() < f32::MIN_POSITIVE);
    }
}

proptest! {
    #[test]
    fn the_nearest_value_is_found(mantissa in -1.0_f32..1.0, exponent in -10..1) {
        let x = mantissa * 10.0_f32.powi(exponent);
        check(&SIGNED, x);
        check(&UNSIGNED, x.abs());
    }

    #[test]
    fn a_block_comes_back_within_the_width_of_its_code(
        values in prop::collection::vec(-1.0_f32..1.0, 1..BLOCK),
        exponent in -20..20,
    ) {
        let values: Vec<f32> = values.iter().map(|x| x * 10.0_f32.powi(exponent)).collect();
        let mut codes = vec![0; values.len()];
        let mut back = vec![f32::NAN; values.len()];
        let scale = SIGNED.encode(&values, &mut codes);
        SIGNED.decode(&codes, scale, &mut back);
        for (x, back) in values.iter().zip(&back) {
            // Parts of a decade: a tenth of the value at worst above the lowest decades, and never
            // more than the width of the top decade's parts.
            prop_assert!((x - back).abs() <= 0.0075 * scale, "{x} {back} {scale}");
        }
    }
}

#[test]
fn blocks_of_zeros_and_of_tiny_values_are_kept() {
    for values in
        [vec![0.0; 5], vec![1e-42, 0.0, 1e-42], vec![f32::MIN_POSITIVE; 3], vec![3e38, -1.0]]
    {
        let mut codes = vec![7; values.len()];
        let mut back = vec![f32::NAN; values.len()];
        let scale = SIGNED.encode(&values, &mut codes);
        SIGNED.decode(&codes, scale, &mut back);
        for (x, back) in values.iter().zip(&back) {
            assert!((x - back).abs() <= 0.0075 * scale, "{x} {back}");
        }
    }
}

#[test]
fn a_positive_second_moment_never_becomes_zero() {
    let mut codes = [0; 4];
    let values = [1.0, 1e-12, 0.0, 1e-30];
    let scale = UNSIGNED.encode(&values, &mut codes);
    let mut back = [f32::NAN; 4];
    UNSIGNED.decode(&codes, scale, &mut back);
    assert!((back[0] - 1.0).abs() < f32::EPSILON);
    assert!(back[1] > 0.0 && back[3] > 0.0, "{back:?}");
    assert!(back[2].abs() < f32::MIN_POSITIVE);
}
