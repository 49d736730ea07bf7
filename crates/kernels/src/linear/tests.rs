use burn::tensor::Device;
use proptest::prelude::*;

use super::*;
use crate::fixtures::{assert_close, cases, floats, numbers, tensor};

/// Input, weight, bias to an output.
type By = fn(Tensor<2>, Tensor<2>, Option<Tensor<1>>) -> Tensor<2>;

/// The output, and the gradients of all operands for a fixed upstream one.
fn run(by: By, [n, inputs, outputs]: [usize; 3], has_bias: bool, seed: u64) -> Vec<Vec<f32>> {
    let device = Device::flex().autodiff();
    let operand = |seed, shape: [usize; 2]| {
        tensor(&numbers(seed, shape.iter().product()), shape, &device).require_grad()
    };
    let (input, weight) = (operand(seed, [n, inputs]), operand(seed + 1, [inputs, outputs]));
    let bias = tensor(&numbers(seed + 2, outputs), [outputs], &device).require_grad();
    let bias = has_bias.then_some(bias);
    let output = by(input.clone(), weight.clone(), bias.clone());
    let upstream = tensor(&numbers(77, n * outputs), [n, outputs], &device);
    let gradients = (output.clone() * upstream).sum().backward();
    let found = [output, input.grad(&gradients).unwrap(), weight.grad(&gradients).unwrap()];
    let bias = bias.map(|bias| floats(bias.grad(&gradients).unwrap()));
    found.map(floats).into_iter().chain(bias).collect()
}

proptest! {
    #![proptest_config(cases(40))]
    #[test]
    fn the_product_and_its_gradients_are_the_composed_ones(
        sizes in [1_usize..200, 1_usize..50, 1_usize..50],
        has_bias in any::<bool>(),
        seed in 0_u64..1000,
    ) {
        let ours = run(linear, sizes, has_bias, seed);
        let theirs = run(composed, sizes, has_bias, seed);
        prop_assert_eq!(ours.len(), 3 + usize::from(has_bias));
        let names = ["output", "input", "weight", "bias"].iter();
        for (what, (ours, theirs)) in names.zip(ours.iter().zip(&theirs)) {
            assert_close(what, ours, theirs, 1e-5);
        }
    }
}

#[test]
fn sizes_of_nothing_and_a_weight_that_lies_across() {
    let device = Device::flex();
    for [n, inputs, outputs] in [[0, 3, 2], [2, 0, 3], [2, 3, 0]] {
        let input = Tensor::zeros([n, inputs], &device);
        let product = linear(input, Tensor::zeros([inputs, outputs], &device), None);
        assert_eq!(product.dims(), [n, outputs]);
        assert_close("nothing", &floats(product), &vec![0.0; n * outputs], 0.0);
    }
    let (x, w) = (numbers(1, 6), numbers(2, 12));
    let (input, weight) = (tensor(&x, [2, 3], &device), tensor(&w, [4, 3], &device).transpose());
    let expected = input.clone().matmul(weight.clone());
    assert_close("across", &floats(linear(input, weight, None)), &floats(expected), 1e-6);
    let infinite = tensor(&[f32::INFINITY, f32::NAN], [2, 1], &device);
    let product = floats(linear(infinite, tensor(&[2.0, 0.0], [1, 2], &device), None));
    assert_close("infinite", &product, &[f32::INFINITY, f32::NAN, f32::NAN, f32::NAN], 0.0);
}
