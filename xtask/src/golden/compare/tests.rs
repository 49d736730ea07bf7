use super::*;

#[track_caller]
fn check(extension: &str, expected: &str, found: &str, says: Option<&str>) {
    let got = difference(extension, expected.as_bytes(), found.as_bytes());
    match says {
        None => assert_eq!(got, None),
        Some(part) => assert!(
            got.as_deref().is_some_and(|got| got.contains(part)),
            "{got:?} should say {part:?}"
        ),
    }
}

#[test]
fn json_is_compared_by_value() {
    check("json", "{\"a\": [1.0, 2]}", "{ \"a\":[1.0000005,2] }", None);
    check("json", "{\"a\": [1.0]}", "{\"a\": [1.00001]}", Some("/a/0 is 1.00001, committed is 1"));
    check("json", "[1e9]", "[1000000500.0]", None);
    check("json", "[0.0]", "[1e-5]", Some("/0"));
    check("json", "{\"a\": 1, \"b\": 2}", "{\"b\": 2, \"a\": 1}", None);
}

#[test]
fn whole_numbers_are_equal_or_not() {
    check("json", "[10000000]", "[10000001]", Some("/0 is 10000001"));
    check("json", "[3]", "[3.0]", None);
}

#[test]
fn keys_lengths_and_kinds_count() {
    check("json", "{\"a\": 1}", "{}", Some("/a is gone"));
    check("json", "{}", "{\"a\": 1}", Some("/a is new"));
    check("json", "[1]", "[1, 2]", Some("committed is [1]"));
    check("json", "[null]", "[0]", Some("/0 is 0, committed is null"));
    check("json", "[\"a\"]", "[\"b\"]", Some("/0 is \"b\""));
    check("json", "[1]", "[NaN]", Some("the new file is not JSON"));
}

#[test]
fn versions_do_not_count() {
    check("json", "{\"torch\": \"2.1\"}", "{\"torch\": \"2.2\"}", None);
    check("json", "{\"torch\": \"2.1\"}", "{}", Some("/torch is gone"));
}

#[test]
fn json_lines_are_compared_row_by_row() {
    check("jsonl", "[1]\n[2.0]\n", "[1]\n[2.0000001]\n", None);
    check("jsonl", "[1]\n[2]\n", "[1]\n[3]\n", Some("row 2: /0 is 3"));
    check("jsonl", "[1]\n", "[1]\n[2]\n", Some("has 2 rows, committed are 1"));
}

#[test]
fn other_files_are_compared_by_byte() {
    check("txt", "a", "a", None);
    check("txt", "a", "b", Some("bytes"));
}

/// A safetensors file with one tensor `w`.
fn one_tensor(dtype: &str, shape: usize, data: &[u8]) -> Vec<u8> {
    let header = format!(
        "{{\"w\":{{\"dtype\":\"{dtype}\",\"shape\":[{shape}],\"data_offsets\":[0,{}]}}}}",
        data.len()
    );
    let mut file = u64::try_from(header.len()).unwrap().to_le_bytes().to_vec();
    file.extend(header.bytes());
    file.extend(data);
    file
}

fn floats(values: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    one_tensor("F32", values.len(), &bytes)
}

#[test]
fn float_tensors_are_compared_by_value() {
    let compare = |a: &[f32], b: &[f32]| difference("safetensors", &floats(a), &floats(b));
    assert_eq!(compare(&[1.0, 2.0], &[1.0, 2.00001]), None);
    assert_eq!(compare(&[f32::NAN, f32::INFINITY], &[-f32::NAN, f32::INFINITY]), None);
    assert!(compare(&[1.0, 2.0], &[1.0, 2.01]).unwrap().contains("as element 1"));
    assert!(compare(&[1.0], &[f32::NAN]).unwrap().contains("NaN"));
    assert!(compare(&[f32::INFINITY], &[1.0]).unwrap().contains("as element 0"));
    assert!(compare(&[f32::INFINITY], &[f32::NEG_INFINITY]).is_some());
    assert!(compare(&[1.0], &[1.0, 2.0]).unwrap().contains("shape"));
}

#[test]
fn a_broken_tensor_file_is_a_difference() {
    let good = one_tensor("I32", 1, &[1, 0, 0, 0]);
    let other = one_tensor("I32", 1, &[2, 0, 0, 0]);
    assert!(difference("safetensors", &good, &other).unwrap().contains("differs in its bytes"));
    let cut = good.get(..good.len() - 2).unwrap();
    assert!(difference("safetensors", &good, cut).unwrap().contains("outside"));
    assert!(difference("safetensors", &good, b"short").unwrap().contains("not a safetensors"));
}
