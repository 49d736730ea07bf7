use burn::tensor::Device;
use proptest::prelude::*;

use super::*;
use crate::fixtures::{assert_close, cases, floats, numbers, tensor};

/// The product, and the gradients of both operands for a fixed upstream one.
fn run(
    by: &dyn Fn(Tensor<2>, Tensor<2>) -> Tensor<2>,
    [n, inputs, outputs]: [usize; 3],
    seed: u64,
) -> [Vec<f32>; 3] {
    let device = Device::flex().autodiff();
    let operand = |seed, shape: [usize; 2]| {
        tensor(&numbers(seed, shape.iter().product()), shape, &device).require_grad()
    };
    let (input, weight) = (operand(seed, [n, inputs]), operand(seed + 1, [inputs, outputs]));
    let output = by(input.clone(), weight.clone());
    let upstream = tensor(&numbers(77, n * outputs), [n, outputs], &device);
    let gradients = (output.clone() * upstream).sum().backward();
    [output, input.grad(&gradients).unwrap(), weight.grad(&gradients).unwrap()].map(floats)
}

proptest! {
    #![proptest_config(cases(40))]
    #[test]
    fn the_product_and_its_gradients_are_the_composed_ones(
        sizes in [1_usize..40, 1_usize..50, 1_usize..50],
        seed in 0_u64..1000,
    ) {
        let ours = run(&linear, sizes, seed);
        let theirs = run(&|input, weight| input.matmul(weight), sizes, seed);
        for (what, (ours, theirs)) in ["output", "input", "weight"].iter().zip(ours.iter().zip(&theirs)) {
            assert_close(what, ours, theirs, 1e-5);
        }
    }
}

#[test]
fn sizes_of_nothing_and_a_weight_that_lies_across() {
    let device = Device::flex();
    for [n, inputs, outputs] in [[0, 3, 2], [2, 0, 3], [2, 3, 0]] {
        let product =
            linear(Tensor::zeros([n, inputs], &device), Tensor::zeros([inputs, outputs], &device));
        assert_eq!(product.dims(), [n, outputs]);
        assert_close("nothing", &floats(product), &vec![0.0; n * outputs], 0.0);
    }
    let (x, w) = (numbers(1, 6), numbers(2, 12));
    let (input, weight) = (tensor(&x, [2, 3], &device), tensor(&w, [4, 3], &device).transpose());
    let expected = input.clone().matmul(weight.clone());
    assert_close("across", &floats(linear(input, weight)), &floats(expected), 1e-6);
    let infinite = tensor(&[f32::INFINITY, f32::NAN], [2, 1], &device);
    let product = floats(linear(infinite, tensor(&[2.0, 0.0], [1, 2], &device)));
    assert_close("infinite", &product, &[f32::INFINITY, f32::NAN, f32::NAN, f32::NAN], 0.0);
}
