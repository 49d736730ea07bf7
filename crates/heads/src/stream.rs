//! Random streams, each a function of a seed, a purpose and a step.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream is for: two purposes never share numbers, whatever the seed. The numbers lie apart
/// from those of other crates, which key their streams in the same way.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// Which task a step trains.
    Task = 0x4845_0001,
    /// The order in which gradients are projected.
    Surgery = 0x4845_0002,
    /// Predictions that are drawn.
    Prediction = 0x4845_0003,
    /// Seeds of the tasks.
    Seed = 0x4845_0004,
}

/// ChaCha with 8 rounds, keyed by the three numbers.
pub(crate) fn stream(seed: u64, purpose: Purpose, step: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip([seed, purpose as u64, step]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// A number in [0, 1), a multiple of 2⁻⁵³.
pub(crate) fn unit(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// The numbers below `len` in random order.
pub(crate) fn permutation(rng: &mut ChaCha8Rng, len: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    for last in (1..len).rev() {
        // The product is below `last + 1`, its rounding aside.
        let drawn = (unit(rng) * (last as f64 + 1.0)) as usize;
        order.swap(last, drawn.min(last));
    }
    order
}

/// A place drawn with probability proportional to its weight; weights are at least 0 and some is
/// above. The last such place where rounding leaves none.
pub(crate) fn draw(rng: &mut ChaCha8Rng, weights: &[f64]) -> usize {
    let mut left = unit(rng) * weights.iter().sum::<f64>();
    for (place, weight) in weights.iter().enumerate() {
        if left < *weight {
            return place;
        }
        left -= weight;
    }
    weights.iter().rposition(|weight| *weight > 0.0).unwrap_or(0)
}
