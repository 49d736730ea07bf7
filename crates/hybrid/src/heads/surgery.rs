//! What each task adds to the trunk where their gradients are compared.

use hybrid_heads::balance::{Gram, Weighting, mgda, pcgrad};
use hybrid_model::Trunk;

use super::lessons::Part;
use crate::error::HybridError;
use crate::metrics::Metrics;

/// How near to the least norm MGDA's point is, as a share of the largest squared gradient norm.
const TOLERANCE: f64 = 1e-8;

/// The factor of each part's gradient in the trunk's update, at `step` of a run whose `weighting`
/// compares gradients. `weights` scale them before they are compared.
pub(super) fn shares(
    trunk: &Trunk,
    parts: &[Part],
    weights: &[f64],
    (weighting, seed, step): (Weighting, u64, u64),
    metrics: &mut Metrics,
) -> Result<Vec<f64>, HybridError> {
    let flat: Vec<Vec<f32>> = parts.iter().map(|part| trunk_gradient(trunk, part)).collect();
    // A pass that reads a lower layer has no gradient above it, and a frozen trunk has none at all.
    let length = flat.iter().map(Vec::len).max().unwrap_or(0);
    if length == 0 {
        return Ok(weights.to_vec());
    }
    let gram = Gram::of(&flat)?.scaled(weights)?;
    let coefficients = match weighting {
        Weighting::Mgda => {
            let least = mgda(&gram, TOLERANCE)?;
            metrics.set("heads/min_norm", least.norm_squared.sqrt());
            least.coefficients
        }
        _ => pcgrad(&gram, seed, step),
    };
    let pairs = (0..parts.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    let cosines = pairs.filter_map(|(i, j)| gram.cosine(i, j));
    if let Some(least) = cosines.reduce(f64::min) {
        metrics.set("heads/gradient_cosine_min", least);
    }
    Ok(coefficients.iter().zip(weights).map(|(c, weight)| c * weight).collect())
}

/// The gradient of every parameter of the trunk that is trained, one after the other; 0 where there is
/// none.
fn trunk_gradient(trunk: &Trunk, part: &Part) -> Vec<f32> {
    let sizes = trunk.trained_sizes();
    let mut flat: Vec<f32> = Vec::new();
    for gradients in &part.gradients {
        let of_pass = trunk.gradients(gradients);
        let mut start = 0;
        for (path, count) in &sizes {
            if flat.len() < start + count {
                flat.resize(start + count, 0.0);
            }
            if let (Some(own), Some(sums)) = (of_pass.get(path), flat.get_mut(start..start + count))
            {
                for (sum, own) in sums.iter_mut().zip(own) {
                    *sum += own;
                }
            }
            start += count;
        }
    }
    flat
}
