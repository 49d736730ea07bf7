use super::*;

/* Reference (any Python):
for x in (0.0, -0.0, 1.0, 0.1, 1e15, 1e16, 123456789012345680.0, 0.0001, 0.00001, 1.5e-7, 5e-324,
          1.7976931348623157e308, float("nan"), float("inf"), float("-inf"), 2.0**53):
    print(repr(x))
*/
#[test]
fn floats_are_written_as_python_writes_them() {
    for (float, text) in [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (0.1, "0.1"),
        (1e15, "1000000000000000.0"),
        (1e16, "1e+16"),
        (123456789012345680.0, "1.2345678901234568e+17"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1.5e-7, "1.5e-07"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::NAN, "nan"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (9007199254740992.0, "9007199254740992.0"),
    ] {
        assert_eq!(float_text(float), text);
    }
}

#[test]
fn what_is_written_reads_back_the_same() {
    let text =
        r#"{"b":[{},[],"\u0000\u001f\u007fé😀\"\\/",-1.5e-9,18446744073709551615],"a":null}"#;
    let value: Value = serde_json::from_str(text).unwrap();
    for indent in [None, Some(0), Some(3)] {
        for ensure_ascii in [false, true] {
            let style = Style {
                indent,
                item_separator: ",".to_owned(),
                key_separator: ":".to_owned(),
                ensure_ascii,
                sort_keys: false,
            };
            let text = dumps(&value, &style);
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value, "{text}");
            assert_eq!(text.is_ascii(), ensure_ascii);
        }
    }
}
