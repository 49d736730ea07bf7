use burn::tensor::Device;

use super::*;
use crate::golden::{Expected, TOLERANCE, assert_close, floats, folder};
use crate::{Encoder, encoder};

fn sentence_trunk(device: &Device) -> (Encoder, Expected) {
    let encoder = encoder::load(&folder("sentence/0_Transformer"), device).unwrap();
    (encoder, Expected::of("sentence"))
}

#[test]
fn every_pooling_equals_that_of_sentence_transformers() {
    let (encoder, expected) = sentence_trunk(&Device::flex());
    let states = encoder.states(&expected.rows()).unwrap();
    assert_eq!(expected.below("pooled.").count(), Pooling::ALL.len());
    for pooling in Pooling::ALL {
        let theirs = expected.get(&format!("pooled.{}", pooling.name())).unwrap();
        assert_close(pooling.name(), &floats(pooling.pool(&states)), theirs, TOLERANCE);
        assert_eq!(Pooling::from_name(pooling.name()), Some(pooling));
    }
    assert_eq!(Pooling::from_name("median"), None);
}

/// The derivative of `Σ pooled` by each state, from the definitions.
#[test]
fn gradients_reach_the_tokens_that_counted() {
    let device = Device::flex().autodiff();
    let values = [[1.0, -1.0], [5.0, -2.0], [-3.0, -4.0]];
    let gradient = |pooling: Pooling| {
        let states = Tensor::<2>::from_data(values, &device).require_grad();
        let pooled = pooling.pool(&RaggedStates::new(states.clone(), &[1, 2]));
        floats(states.grad(&pooled.sum().backward()).unwrap())
    };
    let half = 0.5_f32.sqrt();
    assert_eq!(gradient(Pooling::Cls), [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
    assert_eq!(gradient(Pooling::LastToken), [1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
    // Padding repeats a state, and must not let its gradient count twice.
    assert_eq!(gradient(Pooling::Max), [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
    assert_eq!(gradient(Pooling::Mean), [1.0, 1.0, 0.5, 0.5, 0.5, 0.5]);
    assert_eq!(gradient(Pooling::MeanSqrtLen), [1.0, 1.0, half, half, half, half]);
    let third = [1.0, 1.0, 1.0 / 3.0, 1.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0];
    assert_close("weighted", &gradient(Pooling::WeightedMean), &third, 1e-6);
}

#[test]
fn a_normalised_vector_is_one_long_and_zero_stays_zero() {
    let device = Device::flex().autodiff();
    let vectors = Tensor::<2>::from_data([[3.0, -4.0], [0.0, 0.0]], &device).require_grad();
    let normal = normalise(vectors.clone());
    assert_close("normal", &floats(normal.clone()), &[0.6, -0.8, 0.0, 0.0], 1e-6);
    let gradients = normal.sum().backward();
    assert!(floats(vectors.grad(&gradients).unwrap()).iter().all(|value| value.is_finite()));
}
