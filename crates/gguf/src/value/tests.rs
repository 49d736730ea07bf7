use super::{Array, FromValue, Value};

#[test]
fn integers_are_read_from_every_width_that_fits() {
    for value in [
        Value::U8(7),
        Value::I8(7),
        Value::U16(7),
        Value::I16(7),
        Value::U32(7),
        Value::I32(7),
        Value::U64(7),
        Value::I64(7),
    ] {
        assert_eq!(u32::from_value(&value), Some(7), "{value:?}");
        assert_eq!(usize::from_value(&value), Some(7), "{value:?}");
        assert_eq!(i64::from_value(&value), Some(7), "{value:?}");
    }
    assert_eq!(u32::from_value(&Value::I32(-1)), None);
    assert_eq!(u32::from_value(&Value::U64(1 << 32)), None);
    assert_eq!(i64::from_value(&Value::U64(u64::MAX)), None);
    assert_eq!(u64::from_value(&Value::U64(u64::MAX)), Some(u64::MAX));
}

#[test]
fn nothing_is_read_as_another_kind() {
    assert_eq!(u32::from_value(&Value::F32(7.0)), None);
    assert_eq!(f32::from_value(&Value::U32(7)), None);
    assert_eq!(bool::from_value(&Value::U8(1)), None);
    assert_eq!(<&str>::from_value(&Value::Array(Array::String(vec!["a".into()]))), None);
    assert_eq!(<&[String]>::from_value(&Value::String("a".into())), None);
    assert_eq!(<Vec<i64>>::from_value(&Value::Array(Array::F32(vec![1.0]))), None);
    let too_big = Value::Array(Array::U64(vec![1, u64::MAX]));
    assert_eq!(<Vec<i64>>::from_value(&too_big), None);
}

#[test]
fn long_values_are_described_shortly() {
    let long = Value::String("é".repeat(1000));
    assert_eq!(long.describe().chars().count(), "the string \"\"".len() + 61);
    let array = Value::Array(Array::F32(vec![0.0; 3]));
    assert_eq!(array.describe(), "an array of 3 f32 values");
}
