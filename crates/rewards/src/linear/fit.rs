//! Logistic regression by L-BFGS (Nocedal 1980), and Platt's calibration by Newton's method.

use std::collections::VecDeque;

use rayon::prelude::*;

use super::features::Sparse;

/// Pairs of steps and gradient changes that are remembered.
const MEMORY: usize = 10;
const MAX_ITERATIONS: usize = 1_000;
/// The search ends where no entry of the gradient is larger than this, or the loss falls no more.
const TOLERANCE: f64 = 1e-7;
/// Rows that are summed together; fixed, so that sums do not depend on the number of cores.
const CHUNK: usize = 4_096;

/// 1 / (1 + e^−z), without overflow.
pub(crate) fn sigmoid(z: f64) -> f64 {
    if z >= 0.0 { 1.0 / (1.0 + (-z).exp()) } else { z.exp() / (1.0 + z.exp()) }
}

/// ln(1 + e^z), without overflow.
fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

/// The product of a sparse and a dense vector.
pub(crate) fn dot(sparse: &Sparse, dense: &[f64]) -> f64 {
    sparse.iter().map(|(at, value)| value * dense.get(*at).copied().unwrap_or(0.0)).sum()
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// The rows of a regression.
pub(super) struct Problem<'a> {
    pub(super) vectors: &'a [Sparse],
    pub(super) labels: &'a [bool],
    pub(super) features: usize,
    /// The weight of ½·|w|²; the bias is not penalised.
    pub(super) l2: f64,
}

impl Problem<'_> {
    /// The loss, Σ ln(1 + e^−yz) + l2/2·|w|², at `point`, whose last entry is the bias, and its
    /// gradient.
    fn loss(&self, point: &[f64]) -> (f64, Vec<f64>) {
        let (bias, weights) = point.split_last().map_or((0.0, point), |(b, w)| (*b, w));
        let chunks: Vec<(f64, Vec<f64>)> = self
            .vectors
            .par_chunks(CHUNK)
            .zip(self.labels.par_chunks(CHUNK))
            .map(|(vectors, labels)| {
                let (mut loss, mut gradient) = (0.0, vec![0.0; self.features + 1]);
                for (vector, label) in vectors.iter().zip(labels) {
                    let z = dot(vector, weights) + bias;
                    loss += softplus(if *label { -z } else { z });
                    let slope = sigmoid(z) - f64::from(u8::from(*label));
                    let own = vector.iter().copied().chain([(self.features, 1.0)]);
                    for (at, value) in own {
                        if let Some(entry) = gradient.get_mut(at) {
                            *entry += slope * value;
                        }
                    }
                }
                (loss, gradient)
            })
            .collect();
        let mut loss = self.l2 / 2.0 * inner(weights, weights);
        let mut gradient: Vec<f64> = weights.iter().map(|weight| self.l2 * weight).collect();
        gradient.push(0.0);
        for (part, slopes) in chunks {
            loss += part;
            gradient.iter_mut().zip(slopes).for_each(|(sum, slope)| *sum += slope);
        }
        (loss, gradient)
    }

    /// The weights and the bias where the loss is smallest.
    pub(super) fn solve(&self) -> (Vec<f64>, f64) {
        let mut point = vec![0.0; self.features + 1];
        let (mut loss, mut gradient) = self.loss(&point);
        let mut history: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::new();
        for _ in 0..MAX_ITERATIONS {
            if gradient.iter().all(|entry| entry.abs() <= TOLERANCE) {
                break;
            }
            let direction = direction(&gradient, &history);
            let slope = inner(&direction, &gradient);
            let first =
                if history.is_empty() { 1.0 / inner(&gradient, &gradient).sqrt() } else { 1.0 };
            let Some((next, value, slopes)) = self.search(&point, loss, &direction, slope, first)
            else {
                break;
            };
            let step: Vec<f64> = next.iter().zip(&point).map(|(new, old)| new - old).collect();
            let change: Vec<f64> =
                slopes.iter().zip(&gradient).map(|(new, old)| new - old).collect();
            if inner(&step, &change) > 0.0 {
                history.push_back((step, change));
                if history.len() > MEMORY {
                    history.pop_front();
                }
            }
            // Where rounding hides any gain, what is left of the gradient cannot be followed.
            let stalled = value >= loss;
            (point, loss, gradient) = (next, value, slopes);
            if stalled {
                break;
            }
        }
        let bias = point.pop().unwrap_or(0.0);
        (point, bias)
    }

    /// Halves the step until the loss falls enough (Armijo); `None` where it cannot fall any more.
    fn search(
        &self,
        point: &[f64],
        loss: f64,
        direction: &[f64],
        slope: f64,
        first: f64,
    ) -> Option<(Vec<f64>, f64, Vec<f64>)> {
        let mut length = first;
        for _ in 0..50 {
            let next: Vec<f64> = point.iter().zip(direction).map(|(x, d)| x + length * d).collect();
            let (value, gradient) = self.loss(&next);
            // At the optimum rounding hides the last gains, so that no rise is enough.
            if value <= loss + 1e-4 * length * slope || (value <= loss && slope.abs() < 1e-12) {
                return (slope < 0.0).then_some((next, value, gradient));
            }
            length /= 2.0;
        }
        None
    }
}

/// L-BFGS's two loops: minus the gradient, bent by what was learnt of the curvature.
fn direction(gradient: &[f64], history: &VecDeque<(Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|entry| -entry).collect();
    let add = |direction: &mut Vec<f64>, scale: f64, other: &[f64]| {
        direction.iter_mut().zip(other).for_each(|(entry, other)| *entry += scale * other);
    };
    let mut alphas = Vec::with_capacity(history.len());
    for (step, change) in history.iter().rev() {
        let alpha = inner(step, &direction) / inner(step, change);
        add(&mut direction, -alpha, change);
        alphas.push(alpha);
    }
    if let Some((step, change)) = history.back() {
        let scale = inner(step, change) / inner(change, change);
        direction.iter_mut().for_each(|entry| *entry *= scale);
    }
    for ((step, change), alpha) in history.iter().zip(alphas.into_iter().rev()) {
        let beta = inner(change, &direction) / inner(step, change);
        add(&mut direction, alpha - beta, step);
    }
    direction
}

/// Platt's slope and offset (1999): log-odds slope·z + offset fit the labels best, the targets drawn
/// in from 0 and 1 by one row of each class. The slope is never negative.
pub(super) fn calibrate(logits: &[f64], labels: &[bool]) -> (f64, f64) {
    let positive = labels.iter().filter(|label| **label).count() as f64;
    let negative = labels.len() as f64 - positive;
    let target = |label: bool| {
        if label { (positive + 1.0) / (positive + 2.0) } else { 1.0 / (negative + 2.0) }
    };
    let rows = || logits.iter().zip(labels).map(|(z, label)| (*z, target(*label)));
    let loss = |a: f64, b: f64| -> f64 {
        rows().map(|(z, t)| softplus(a * z + b) - t * (a * z + b)).sum()
    };
    let (mut slope, mut offset) = (1.0, 0.0);
    for _ in 0..100 {
        let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 1e-12, 0.0, 1e-12);
        for (z, t) in rows() {
            let p = sigmoid(slope * z + offset);
            let (g, h) = (p - t, p * (1.0 - p));
            (ga, gb) = (ga + g * z, gb + g);
            (haa, hab, hbb) = (haa + h * z * z, hab + h * z, hbb + h);
        }
        let det = haa * hbb - hab * hab;
        if det <= 0.0 || ga.abs().max(gb.abs()) < 1e-10 {
            break;
        }
        let (da, db) = (-(hbb * ga - hab * gb) / det, -(haa * gb - hab * ga) / det);
        let before = loss(slope, offset);
        let lengths = (0..40).map(|halvings| 0.5_f64.powi(halvings));
        let found = lengths.into_iter().find(|l| loss(slope + l * da, offset + l * db) < before);
        let Some(length) = found else { break };
        (slope, offset) = (slope + length * da, offset + length * db);
    }
    (slope.max(0.0), offset)
}
