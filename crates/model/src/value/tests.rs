use super::*;

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn stored(weight: &[f32], bias: &[f32]) -> BTreeMap<String, Vec<f32>> {
    BTreeMap::from([(WEIGHT.to_owned(), weight.to_vec()), (BIAS.to_owned(), bias.to_vec())])
}

#[test]
fn a_fresh_head_says_zero() {
    let device = Device::flex();
    let head = ValueHead::zeros(3, &device);
    let hidden = Tensor::from_data([[1.0, -2.0, 3.5], [9.0, 0.0, 1e30]], &device);
    assert_eq!(floats(head.values(hidden)), [0.0, 0.0]);
    assert_eq!(head.width(), 3);
    assert_eq!(head.to_values(), stored(&[0.0; 3], &[0.0]));
}

#[test]
fn values_are_the_dot_product_and_the_bias() {
    let device = Device::flex();
    let head = ValueHead::from_values(2, stored(&[2.0, -1.0], &[0.5]), &device).unwrap();
    let hidden = Tensor::from_data([[1.0, 4.0], [0.0, 0.0], [3.0, 1.0]], &device);
    assert_eq!(floats(head.values(hidden)), [-1.5, 0.5, 5.5]);
    assert_eq!(floats(head.values(Tensor::empty([0, 2], &device))), [0.0_f32; 0]);
    assert_eq!(head.to_values(), stored(&[2.0, -1.0], &[0.5]));
}

#[test]
fn both_parameters_learn_and_the_hidden_states_too() {
    let device = Device::flex().autodiff();
    let head = ValueHead::from_values(2, stored(&[2.0, -1.0], &[0.5]), &device).unwrap();
    let hidden = Tensor::<2>::from_data([[1.0, 4.0], [3.0, 1.0]], &device).require_grad();
    let gradients = head.values(hidden.clone()).sum().backward();
    assert_eq!(floats(head.weight.val().grad(&gradients).unwrap()), [4.0, 5.0]);
    assert_eq!(floats(head.bias.val().grad(&gradients).unwrap()), [2.0]);
    assert_eq!(floats(hidden.grad(&gradients).unwrap()), [2.0, -1.0, 2.0, -1.0]);
    // Off the training device it says the same.
    let plain = Tensor::from_data([[1.0, 4.0]], &Device::flex());
    assert_eq!(floats(head.valid().values(plain)), [-1.5]);
}

#[test]
fn what_is_no_head_of_this_model_is_refused() {
    let message = |values: BTreeMap<String, Vec<f32>>| {
        ValueHead::from_values(2, values, &Device::flex()).unwrap_err().to_string()
    };
    assert_eq!(
        message(stored(&[1.0], &[0.0])),
        "the value head's `weight` has 1 values, this model needs 2: it belongs to another model"
    );
    assert!(message(stored(&[1.0; 2], &[])).contains("`bias` has 0 values"));
    assert_eq!(
        message(BTreeMap::new()),
        "a value head has the tensors `weight` and `bias`, the stored one has none"
    );
    let mut extra = stored(&[1.0; 2], &[0.0]);
    extra.insert("scale".to_owned(), vec![1.0]);
    assert!(message(extra).contains("`bias`, `scale`, `weight`"));
}
