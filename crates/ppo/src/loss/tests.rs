use burn::tensor::Device;

use super::*;

fn tensor(values: &[f32]) -> Tensor<1> {
    Tensor::from_floats(values, &Device::flex())
}

fn inputs() -> LossInputs {
    let two = || tensor(&[0.5, -0.5]);
    LossInputs {
        logprobs: two(),
        old_logprobs: two(),
        ref_logprobs: two(),
        advantages: two(),
        weights: None,
        entropy: None,
        values: Some(ValueInputs { values: two(), old_values: two(), returns: two() }),
        padded_slots: None,
    }
}

fn message(inputs: LossInputs, config: &PpoConfig) -> String {
    let update = Update { kl_coef: 0.0, normaliser: Normaliser::tokens(2), trains_policy: true };
    loss(inputs, &update, config).unwrap_err().to_string()
}

#[test]
fn what_is_missing_or_does_not_fit_is_named() {
    let config = PpoConfig::default();
    let short = LossInputs { advantages: tensor(&[1.0]), ..inputs() };
    assert_eq!(message(short, &config), "`advantages` of the loss has 1 entries, expected 2");
    let none = LossInputs { values: None, ..inputs() };
    let expected = "the loss needs `values`, because `estimator` is \"gae\"; give it";
    assert_eq!(message(none, &config), expected);
    let config = PpoConfig { entropy_coef: 0.1, ..config };
    let expected = "the loss needs `entropy`, because `entropy_coef` is above 0; give it";
    assert_eq!(message(inputs(), &config), expected);
}

#[test]
fn sums_of_another_tensor_are_refused() {
    assert!(matches!(LossSums::read(tensor(&[1.0, 2.0])), Err(PpoError::Readback { .. })));
}
