use std::path::Path;

use super::*;

#[test]
fn buckets_equal_those_of_transformers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/encoders/buckets.json");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let first = json["first"].as_i64().unwrap();
    let theirs = json["buckets"].as_array().unwrap();
    assert_eq!(theirs.len(), 401);
    for (distance, theirs) in (first..).zip(theirs) {
        assert_eq!(bucket(distance, 32) as u64, theirs.as_u64().unwrap(), "distance {distance}");
    }
}

#[test]
fn the_bias_of_a_query_and_a_key_is_that_of_their_distance() {
    let device = Device::flex();
    let table: Vec<f32> = (0..64).map(|value| value as f32).collect();
    let table = Tensor::<1>::from_data(table.as_slice(), &device).reshape([32, 2]);
    let bias = bias(table, 3, &device);
    assert_eq!(bias.dims(), [1, 2, 3, 3]);
    let values: Vec<f32> = bias.into_data().iter::<f32>().collect();
    // Bucket 0 for the query itself, 1 and 2 before it, 17 and 18 after; head 1 lies one further.
    let first = [0.0, 34.0, 36.0, 2.0, 0.0, 34.0, 4.0, 2.0, 0.0];
    assert_eq!(values[..9], first);
    assert_eq!(values[9..], first.map(|value| value + 1.0));
}
