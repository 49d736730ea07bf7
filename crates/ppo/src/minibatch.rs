//! Which rows meet in one optimizer step.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// The rows of one epoch in a random order, cut into minibatches of `size` rows. Every row occurs
/// exactly once; the last minibatch may be smaller. A `size` of 0 counts as 1.
#[must_use]
pub fn minibatches(rows: &[usize], size: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
    let mut order = rows.to_vec();
    order.shuffle(rng);
    order.chunks(size.max(1)).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests;
