//! Copies and merges of a projection with adapters.

use super::*;
use crate::golden::{TOLERANCE, assert_close, floats};

/// Values between -½ and ½ that differ from one another.
fn matrix<const D: usize>(shape: [usize; D], by: usize, device: &Device) -> Tensor<D> {
    let size: usize = shape.iter().product();
    let values: Vec<f32> = (0..size).map(|place| (place * by % 31) as f32 / 31.0 - 0.5).collect();
    Tensor::from_data(burn::tensor::TensorData::new(values, shape), device)
}

fn param<const D: usize>(shape: [usize; D], by: usize, device: &Device) -> Param<Tensor<D>> {
    Param::initialized(ParamId::new(), own(matrix(shape, by, device)))
}

/// Six inputs, five outputs, of which an adapter of rank 2 adds to the last three.
fn adapted(device: &Device) -> Projection {
    let adapter =
        Adapter { a: param([6, 2], 5, device), b: param([2, 3], 7, device), first: 2, scale: 1.5 };
    Projection {
        weight: param([6, 5], 11, device),
        bias: Some(param([5], 13, device)),
        adapters: vec![adapter],
        packed: None,
    }
}

/// What the projection should say, by loops over the matrices of [`adapted`].
fn by_hand(input: &[f32], device: &Device) -> Vec<f32> {
    let of = |shape, by| floats(matrix::<2>(shape, by, device));
    let (weight, a, b) = (of([6, 5], 11), of([6, 2], 5), of([2, 3], 7));
    let bias = floats(matrix([5], 13, device));
    let mut said = Vec::new();
    for row in input.chunks(6) {
        for (output, bias) in bias.iter().enumerate() {
            let mut sum = *bias;
            for (i, x) in row.iter().enumerate() {
                sum += x * weight[i * 5 + output];
                if let Some(output) = output.checked_sub(2) {
                    let product = a[i * 2] * b[output] + a[i * 2 + 1] * b[3 + output];
                    sum += 1.5 * x * product;
                }
            }
            said.push(sum);
        }
    }
    said
}

#[test]
fn a_renewed_projection_has_its_adapters_as_parameters_of_its_own() {
    let device = Device::flex().autodiff();
    let projection = adapted(&device);
    let renewed = projection.renewed();
    let input = matrix([1, 4, 6], 17, &device);
    let expected = by_hand(&floats(input.clone()), &device);
    let said = renewed.forward(input);
    assert_close("renewed", &floats(said.clone()), &expected, TOLERANCE);
    // Its gradients are its own: the other projection has none of them.
    let gradients = said.sum().backward();
    assert_eq!(crate::values::read_gradients(&renewed, &gradients).len(), 4);
    assert!(crate::values::read_gradients(&projection, &gradients).is_empty());
    assert_ne!(renewed.adapters[0].a.id, projection.adapters[0].a.id);
    assert_ne!(renewed.weight.id, projection.weight.id);
}

#[test]
fn merging_drops_what_was_laid_out_without_the_adapters() {
    let device = Device::flex();
    let mut projection = adapted(&device);
    projection.pack();
    // With the kernels of the device, that is; else there is nothing to drop.
    let can = PackedWeight::new(projection.weight.val()).is_some();
    assert_eq!(projection.packed.is_some(), can);
    // One row, as in decoding, is what the laid out weight is for.
    let input = matrix([1, 1, 6], 17, &device);
    let expected = by_hand(&floats(input.clone()), &device);
    let before = floats(projection.forward(input.clone()));
    assert_close("packed, beside adapters", &before, &expected, TOLERANCE);
    projection.merge_adapters();
    assert!(projection.packed.is_none() && projection.adapters.is_empty());
    let merged = floats(projection.forward(input.clone()));
    assert_close("merged", &merged, &expected, TOLERANCE);
    projection.pack();
    let packed = floats(projection.forward(input));
    assert_close("merged and packed", &packed, &expected, TOLERANCE);
}
