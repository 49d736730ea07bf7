//! Two tasks that conflict, trained by the plain sum of their losses and by gradient surgery.
//!
//! Of the two shared parameters the first is pulled to 1 by one task and to −1 by the other, with a
//! fifth of the force; the second has much to gain for both. The plain sum sells the weaker task.

use burn::tensor::{Device, Tensor, TensorData};

use super::fixtures::{assert_near, host};
use crate::balance::{Gram, mgda, pcgrad};

const START: [f32; 2] = [0.0, 3.0];

/// From the gradients' products and the step to coefficients.
type Method<'a> = &'a dyn Fn(&Gram, u64) -> Vec<f64>;

/// `10 (x − 1)² + ½ y²` and `2 (x + 1)² + ½ (y − 1)²`.
fn losses(parameters: Tensor<1>) -> [Tensor<1>; 2] {
    let x = parameters.clone().narrow(0, 0, 1);
    let y = parameters.narrow(0, 1, 1);
    let first = (x.clone() - 1.0).square() * 10.0 + y.clone().square() * 0.5;
    let second = (x + 1.0).square() * 2.0 + (y - 1.0).square() * 0.5;
    [first, second]
}

fn at(point: [f32; 2]) -> Tensor<1> {
    let device = Device::flex().autodiff();
    Tensor::from_data(TensorData::new(point.to_vec(), [2]), &device).require_grad()
}

fn values(point: [f32; 2]) -> Vec<f64> {
    losses(at(point)).into_iter().flat_map(host).collect()
}

/// Each task's gradient, from a backward pass of its own.
fn gradients(point: [f32; 2]) -> [Vec<f32>; 2] {
    [0, 1].map(|task| {
        let parameters = at(point);
        let gradients = losses(parameters.clone())[task].backward();
        let gradient = parameters.grad(&gradients).map(host).unwrap_or_default();
        gradient.into_iter().map(|g| g as f32).collect()
    })
}

/// Descends along `Σ c · g`, and returns the losses after every step, and the last point.
fn descend(
    steps: u64,
    rate: f64,
    coefficients: impl Fn(&Gram, u64) -> Vec<f64>,
) -> (Vec<Vec<f64>>, [f32; 2]) {
    let (mut point, mut trace) = (START, Vec::new());
    for step in 0..steps {
        let gradients = gradients(point);
        let gram = Gram::of(&gradients).unwrap();
        for (c, gradient) in coefficients(&gram, step).iter().zip(&gradients) {
            for (parameter, g) in point.iter_mut().zip(gradient) {
                *parameter -= (rate * c) as f32 * g;
            }
        }
        trace.push(values(point));
    }
    (trace, point)
}

fn least_norm(gram: &Gram, _step: u64) -> Vec<f64> {
    mgda(gram, 1e-9).unwrap().coefficients
}

#[test]
fn the_least_norm_is_the_point_nearest_to_zero_between_the_gradients() {
    let [a, b] = gradients([0.2, 1.5]);
    // By hand: (20 · −0.8, 1.5) and (4 · 1.2, 0.5).
    let ((ax, ay), (bx, by)) = ((-16.0, 1.5), (4.8, 0.5));
    let found = [&a, &b].map(|gradient| gradient.iter().map(|g| f64::from(*g)).collect::<Vec<_>>());
    assert_near(&found.concat(), &[ax, ay, bx, by], 1e-5, "gradients");
    // The foot of the perpendicular from 0 on the line through both, by its area.
    let (dx, dy): (f64, f64) = (bx - ax, by - ay);
    let area: f64 = ax * by - ay * bx;
    let distance_squared = area * area / (dx * dx + dy * dy);
    let least = mgda(&Gram::of(&[a, b]).unwrap(), 1e-9).unwrap();
    assert!((least.norm_squared - distance_squared).abs() < 1e-6, "{least:?} {distance_squared}");
}

#[test]
fn surgery_lets_both_tasks_gain_where_the_sum_sells_one() {
    let start = values(START);
    let (sum, _) = descend(300, 0.01, |_, _| vec![1.0, 1.0]);
    let last = sum.last().unwrap();
    assert!(last[0] < start[0] && last[1] > start[1] + 1.0, "{start:?} to {last:?}");
    let methods: [(&str, Method<'_>); 2] =
        [("mgda", &least_norm), ("pcgrad", &|gram, step| pcgrad(gram, 3, step))];
    for (name, method) in methods {
        let (trace, _) = descend(300, 0.01, method);
        let mut before = start.clone();
        for now in trace {
            for (now, before) in now.iter().zip(&before) {
                assert!(*now <= before + 1e-4, "{name} makes a task worse: {before} to {now}");
            }
            before = now;
        }
        let gain = |task: usize| 1.0 - before[task] / start[task];
        assert!(gain(0) > 0.05 && gain(1) > 0.05, "{name}: {start:?} to {before:?}");
    }
}

#[test]
fn the_least_norm_ends_pareto_stationary() {
    let (_, point) = descend(3000, 0.05, least_norm);
    let gradients = gradients(point);
    let gram = Gram::of(&gradients).unwrap();
    let least = mgda(&gram, 1e-9).unwrap();
    let combined: Vec<f64> = (0..2)
        .map(|k| (0..2).map(|t| least.coefficients[t] * f64::from(gradients[t][k])).sum())
        .collect();
    let norm = combined.iter().map(|x| x * x).sum::<f64>().sqrt();
    assert!(norm <= 1e-3 && least.is_pareto_stationary(1e-3), "{combined:?}");
    // Not where one task has all: both still pull.
    assert!(gram.dot(0, 0) > 1.0 && gram.dot(1, 1) > 1.0);
}
