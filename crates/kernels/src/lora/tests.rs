use burn::tensor::Device;
use proptest::prelude::*;

use super::*;
use crate::fixtures::{assert_close, cases, floats, numbers, tensor};

type By = fn(Tensor<2>, Tensor<2>, Option<Tensor<1>>, Tensor<2>, Tensor<2>) -> Tensor<2>;

/// The dense formula in burn's own operations.
fn dense(
    input: Tensor<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    down: Tensor<2>,
    up: Tensor<2>,
) -> Tensor<2> {
    let product = input.matmul(weight + down.matmul(up));
    match bias {
        Some(bias) => product + bias.unsqueeze(),
        None => product,
    }
}

/// The output, and the gradients of what is learnt, for a fixed upstream one.
fn run(by: By, sizes: [usize; 4], has_bias: bool, is_frozen: bool, seed: u64) -> Vec<Vec<f32>> {
    let [n, inputs, rank, outputs] = sizes;
    let device = Device::flex().autodiff();
    let operand = |which: u64, shape: [usize; 2]| {
        tensor(&numbers(seed + which, shape.iter().product()), shape, &device)
    };
    let input = operand(0, [n, inputs]).require_grad();
    let weight = operand(1, [inputs, outputs]).set_require_grad(!is_frozen);
    let down = operand(2, [inputs, rank]).require_grad();
    let up = operand(3, [rank, outputs]).require_grad();
    let bias = tensor(&numbers(seed + 4, outputs), [outputs], &device).require_grad();
    let bias = has_bias.then_some(bias);
    let output = by(input.clone(), weight.clone(), bias.clone(), down.clone(), up.clone());
    let upstream = operand(5, [n, outputs]);
    let gradients = (output.clone() * upstream).sum().backward();
    let mut found = vec![floats(output)];
    for learnt in [&input, &down, &up] {
        found.push(floats(learnt.grad(&gradients).unwrap()));
    }
    assert_eq!(weight.grad(&gradients).is_none(), is_frozen);
    found.extend(weight.grad(&gradients).map(floats));
    found.extend(bias.map(|bias| floats(bias.grad(&gradients).unwrap())));
    found
}

proptest! {
    #![proptest_config(cases(40))]
    #[test]
    fn the_products_and_their_gradients_are_the_dense_ones(
        sizes in [1_usize..90, 1_usize..40, 1_usize..6, 1_usize..40],
        has_bias in any::<bool>(),
        is_frozen in any::<bool>(),
        seed in 0_u64..1000,
    ) {
        let expected = run(dense, sizes, has_bias, is_frozen, seed);
        for by in [linear as By, composed] {
            let ours = run(by, sizes, has_bias, is_frozen, seed);
            prop_assert_eq!(ours.len(), expected.len());
            for (ours, expected) in ours.iter().zip(&expected) {
                assert_close("value or gradient", ours, expected, 2e-5);
            }
        }
    }
}

#[test]
fn the_kernel_serves_plain_tensors_and_leaves_odd_ones() {
    let device = Device::flex();
    let of = |shape: [usize; 2]| tensor(&numbers(1, shape[0] * shape[1]), shape, &device);
    assert!(fused::linear(of([2, 3]), of([3, 4]), None, of([3, 1]), of([1, 4])).is_some());
    let across = || of([4, 3]).transpose();
    assert!(fused::linear(of([2, 3]), across(), None, of([3, 1]), of([1, 4])).is_none());
    let output = linear(of([2, 3]), across(), None, of([3, 1]), of([1, 4]));
    let expected = dense(of([2, 3]), across(), None, of([3, 1]), of([1, 4]));
    assert_close("across", &floats(output), &floats(expected), 1e-5);
    assert_eq!(linear(of([0, 3]), of([3, 4]), None, of([3, 1]), of([1, 4])).dims(), [0, 4]);
}
