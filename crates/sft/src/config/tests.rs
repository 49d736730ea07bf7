use super::*;

fn parse(json: &str) -> Result<SftConfig, serde_json::Error> {
    serde_json::from_str(json)
}

#[test]
fn the_default_is_the_plain_loss_and_unknown_keys_are_refused() {
    let config = parse("{}").unwrap();
    assert_eq!(config, SftConfig { label_smoothing: 0.0, z_loss_coef: 0.0 });
    config.validate().unwrap();
    let error = parse(r#"{"label_smoothin": 0.1}"#).unwrap_err().to_string();
    assert!(error.contains("expected `label_smoothing` or `z_loss_coef`"), "{error}");
}

#[test]
fn settings_out_of_range_are_named() {
    let message = |label_smoothing, z_loss_coef| {
        let error = SftConfig { label_smoothing, z_loss_coef }.validate().unwrap_err();
        assert!(error.is_bad_input());
        error.to_string()
    };
    assert_eq!(message(1.0, 0.0), "`label_smoothing` is 1, must be in [0, 1)");
    assert_eq!(message(f64::NAN, 0.0), "`label_smoothing` is NaN, must be in [0, 1)");
    assert!(message(-0.1, 0.0).contains("label_smoothing"));
    assert_eq!(message(0.1, -1.0), "`z_loss_coef` is -1, must be a finite number of at least 0");
    for coefficient in [f64::NAN, f64::INFINITY, 1e300] {
        assert!(message(0.0, coefficient).contains("z_loss_coef"));
    }
    SftConfig { label_smoothing: 0.999, z_loss_coef: 1e4 }.validate().unwrap();
}
