use burn::tensor::Device;
use proptest::prelude::*;

use super::*;
use crate::tests::fixtures::{assert_near, host, tracked_row};

/// `tasks` vectors of `size` numbers in [−1, 1] that look random.
fn vectors(tasks: usize, size: usize, seed: f64) -> Vec<Vec<f32>> {
    let value = |i: usize| (((i as f64 + seed) * 12.9898).sin() * 43_758.545_3).fract() as f32;
    (0..tasks).map(|t| (0..size).map(|i| value(t * size + i)).collect()).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn wide(vector: &[f32]) -> Vec<f64> {
    vector.iter().map(|x| f64::from(*x)).collect()
}

/// `Σ_t c_t · g_t`, as a vector.
fn combine(coefficients: &[f64], gradients: &[Vec<f32>]) -> Vec<f64> {
    let mut sum = vec![0.0; gradients[0].len()];
    for (c, gradient) in coefficients.iter().zip(gradients) {
        for (sum, g) in sum.iter_mut().zip(gradient) {
            *sum += c * f64::from(*g);
        }
    }
    sum
}

/// Algorithm 1 of Yu et al. 2020 on vectors, for one task.
fn projected_vector(task: usize, order: &[usize], gradients: &[Vec<f32>]) -> Vec<f64> {
    let mut own = wide(&gradients[task]);
    for other in order.iter().filter(|other| **other != task) {
        let other = wide(&gradients[*other]);
        let conflict = dot(&own, &other);
        if conflict < 0.0 {
            let size = dot(&other, &other);
            for (own, other) in own.iter_mut().zip(&other) {
                *own -= conflict / size * other;
            }
        }
    }
    own
}

#[test]
fn projections_are_those_of_the_paper_on_vectors() {
    let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]];
    let mut conflicts = 0;
    for seed in 0..20 {
        let gradients = vectors(4, 5, f64::from(seed));
        let gram = Gram::of(&gradients).unwrap();
        for (task, order) in (0..4).flat_map(|task| orders.iter().map(move |o| (task, o))) {
            let coefficients = project_in_order(&gram, task, order).unwrap();
            conflicts += coefficients.iter().filter(|c| **c > 0.0).count() - 1;
            let expected = projected_vector(task, order, &gradients);
            assert_near(&combine(&coefficients, &gradients), &expected, 1e-12, "projection");
        }
    }
    assert!(conflicts > 100);
}

#[test]
fn pcgrad_sums_projections_in_some_order_of_its_seed() {
    let gradients = vectors(3, 4, 0.5);
    let gram = Gram::of(&gradients).unwrap();
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let part = |task, order: &[usize; 3]| project_in_order(&gram, task, order).unwrap();
    let mut sums = Vec::new();
    for (a, b, c) in (0..216).map(|i| (i % 6, i / 6 % 6, i / 36)) {
        let parts = [part(0, &orders[a]), part(1, &orders[b]), part(2, &orders[c])];
        sums.push((0..3).map(|t| parts.iter().map(|part| part[t]).sum()).collect::<Vec<f64>>());
    }
    let mut seen: Vec<Vec<f64>> = Vec::new();
    for step in 0..60 {
        let found = pcgrad(&gram, 11, step);
        assert_eq!(found, pcgrad(&gram, 11, step));
        assert!(sums.iter().any(|sum| sum.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-12)));
        if !seen.contains(&found) {
            seen.push(found);
        }
    }
    assert!(seen.len() > 1, "the order does not change");
}

#[test]
fn gradients_that_agree_are_left_alone() {
    let gram = Gram::of(&[[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]).unwrap();
    assert_near(&pcgrad(&gram, 0, 0), &[1.0, 1.0, 1.0], 0.0, "coefficients");
    assert!(project_in_order(&gram, 3, &[]).is_err());
    assert!(project_in_order(&gram, 0, &[3]).is_err());
}

#[test]
fn two_gradients_in_closed_form() {
    // The foot of the perpendicular from 0 on the segment from (2, 0) to (0, 1): (0.4, 0.8).
    let gradients = [vec![2.0, 0.0], vec![0.0, 1.0]];
    let found = mgda(&Gram::of(&gradients).unwrap(), 1e-9).unwrap();
    assert_near(&combine(&found.coefficients, &gradients), &[0.4, 0.8], 1e-12, "point");
    assert_near(&[found.norm_squared, found.gap], &[0.8, 0.0], 1e-12, "norm and gap");
    // The nearest point is an end: the second is shorter and lies along the first.
    let along = mgda(&Gram::of(&[[3.0, 1.0], [1.0, 0.5]]).unwrap(), 1e-9).unwrap();
    assert_near(&along.coefficients, &[0.0, 1.0], 0.0, "an end");
    let equal = mgda(&Gram::of(&[[1.0, 1.0], [1.0, 1.0]]).unwrap(), 1e-9).unwrap();
    assert_near(&equal.coefficients, &[0.5, 0.5], 0.0, "equal gradients");
    let opposed = mgda(&Gram::of(&[[3.0], [-1.0]]).unwrap(), 1e-9).unwrap();
    assert_near(&opposed.coefficients, &[0.25, 0.75], 1e-12, "opposed gradients");
    assert!(opposed.is_pareto_stationary(1e-9));
}

/// Solves `a · x = b` by elimination with pivots; `None` where it cannot.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for column in 0..n {
        let pivot =
            (column..n).max_by(|x, y| a[*x][column].abs().total_cmp(&a[*y][column].abs()))?;
        if a[pivot][column].abs() < 1e-12 {
            return None;
        }
        a.swap(column, pivot);
        b.swap(column, pivot);
        for row in (0..n).filter(|row| *row != column) {
            let factor = a[row][column] / a[column][column];
            let pivot_row = a[column].clone();
            for (entry, pivot) in a[row].iter_mut().zip(&pivot_row) {
                *entry -= factor * pivot;
            }
            b[row] -= factor * b[column];
        }
    }
    Some((0..n).map(|i| b[i] / a[i][i]).collect())
}

/// The least squared norm by trying every support: on a support the coefficients solve `G · x = 1`,
/// scaled to sum 1, and count where none is negative.
fn least_norm_by_enumeration(gram: &Gram) -> f64 {
    let tasks = gram.tasks();
    let mut least = f64::INFINITY;
    for support in 1_usize..1 << tasks {
        let members: Vec<usize> = (0..tasks).filter(|t| support >> t & 1 == 1).collect();
        let row = |i: &usize| members.iter().map(|j| gram.dot(*i, *j)).collect();
        let matrix = members.iter().map(row).collect();
        let Some(x) = solve(matrix, vec![1.0; members.len()]) else { continue };
        let total: f64 = x.iter().sum();
        if x.iter().all(|x| x / total >= 0.0) {
            // xᵀ G x / total² = total / total².
            least = least.min(1.0 / total);
        }
    }
    least
}

#[test]
fn more_gradients_reach_the_least_norm_of_all_supports() {
    for tasks in 3..7 {
        for seed in 0..25 {
            // More numbers than tasks: no combination is 0.
            let gradients = vectors(tasks, 12, f64::from(seed));
            let gram = Gram::of(&gradients).unwrap();
            let found = mgda(&gram, 1e-10).unwrap();
            let expected = least_norm_by_enumeration(&gram);
            let relative = (found.norm_squared - expected).abs() / expected;
            assert!(relative < 1e-6, "{tasks} {seed}: {found:?} {expected}");
            let total: f64 = found.coefficients.iter().sum();
            assert!((total - 1.0).abs() < 1e-12 && found.coefficients.iter().all(|c| *c >= 0.0));
        }
    }
}

#[test]
fn a_combination_that_is_zero_is_found() {
    // Three vectors around 0: 3 · (2, 0) + 4 · (−1, 1) + 2 · (−1, −2) = 0.
    let gradients = [[2.0, 0.0], [-1.0, 1.0], [-1.0, -2.0]];
    let found = mgda(&Gram::of(&gradients).unwrap(), 1e-12).unwrap();
    assert!(found.is_pareto_stationary(1e-5), "{found:?}");
    assert_near(&found.coefficients, &[3.0 / 9.0, 4.0 / 9.0, 2.0 / 9.0], 1e-5, "coefficients");
    let zero = mgda(&Gram::of(&[[0.0], [0.0], [0.0]]).unwrap(), 1e-9).unwrap();
    assert_near(&zero.coefficients, &[1.0 / 3.0; 3], 1e-12, "all zero");
    let one = mgda(&Gram::of(&[[2.0]]).unwrap(), 1e-9).unwrap();
    assert_near(&[one.coefficients[0], one.norm_squared], &[1.0, 4.0], 0.0, "one task");
}

proptest! {
    #[test]
    fn no_task_gets_worse_along_the_least_norm(seed in 0.0..1e4, tasks in 2..6_usize) {
        let gram = Gram::of(&vectors(tasks, 8, seed)).unwrap();
        let found = mgda(&gram, 1e-9).unwrap();
        for task in 0..tasks {
            prop_assert!(gram.along(task, &found.coefficients) >= found.norm_squared - 1e-6);
        }
        // Two conflicting gradients lose nothing to each other under PCGrad either.
        let pair = Gram::of(&vectors(2, 8, seed)).unwrap();
        let coefficients = pcgrad(&pair, 1, 0);
        prop_assert!((0..2).all(|task| pair.along(task, &coefficients) >= -1e-9));
    }
}

#[test]
fn gradients_are_checked_and_scaled() {
    let gram = Gram::of(&[[3.0, 4.0], [0.0, -2.0], [0.0, 0.0]]).unwrap();
    assert_eq!((gram.dot(0, 0), gram.dot(1, 0), gram.dot(0, 3)), (25.0, -8.0, 0.0));
    assert_eq!((gram.cosine(0, 1), gram.cosine(0, 2)), (Some(-0.8), None));
    let unit = gram.scaled(&gram.unit_weights()).unwrap();
    assert_near(
        &[unit.dot(0, 0), unit.dot(1, 0), unit.dot(2, 2)],
        &[1.0, -0.8, 0.0],
        1e-12,
        "unit",
    );
    assert!(gram.scaled(&[1.0]).is_err());
    assert!(Gram::of(&[vec![1.0], vec![1.0, 2.0]]).is_err());
    assert!(Gram::of(&[[f32::NAN]]).is_err());
    assert!(Gram::of(&Vec::<Vec<f32>>::new()).is_err());
    assert!(mgda(&gram, 0.0).is_err());
}

#[test]
fn a_learnt_weight_rests_where_the_likelihood_does() {
    // d/ds of f · exp(−s) · L + s / 2 is 0 at s = log(2 f L).
    let (losses, factors) = ([0.7, 3.0], [1.0, 0.5]);
    let rest: Vec<f32> =
        losses.iter().zip(factors).map(|(l, f): (&f64, f64)| (2.0 * f * l).ln() as f32).collect();
    let device = Device::flex().autodiff();
    let weights = Uncertainty::from_log_variances(&[rest[0], rest[1], 0.3], &device).unwrap();
    let task =
        |task: usize| TaskLoss { task, loss: tracked_row(&[losses[task]]), factor: factors[task] };
    let parts = [task(0), task(1)];
    let total = weights.total(&parts).unwrap();
    let expected: f64 = (0..2).map(|t| 0.5 + 0.5 * f64::from(rest[t])).sum();
    assert_near(&host(total.clone()), &[expected], 1e-6, "total");
    let gradients = total.backward();
    let of_weights = weights.log_variances().grad(&gradients).map(host).unwrap();
    assert_near(&of_weights, &[0.0; 3], 1e-6, "at rest, and the third is not asked");
    for (t, part) in parts.iter().enumerate() {
        let found = part.loss.grad(&gradients).map(host).unwrap();
        assert_near(&found, &[0.5 / losses[t]], 1e-6, "f · exp(−s)");
    }
    assert!(weights.total(&[]).is_err());
    let unknown = TaskLoss { task: 3, ..task(0) };
    assert!(weights.total(&[unknown]).is_err());
    assert!(Uncertainty::new(0, &device).is_err());
}

#[test]
fn tasks_come_as_often_as_they_should() {
    let examples = [900, 90, 10];
    let shares = |mixing| TaskSampler::new(&examples, mixing, 5).unwrap().shares();
    assert_near(&shares(Mixing::Proportional), &[0.9, 0.09, 0.01], 1e-12, "proportional");
    let mild = shares(Mixing::Temperature { temperature: 2.0 });
    let roots = [30.0, 90_f64.sqrt(), 10_f64.sqrt()];
    let total: f64 = roots.iter().sum();
    assert_near(&mild, &roots.map(|root| root / total), 1e-12, "square roots");
    let sampler = TaskSampler::new(&examples, Mixing::Temperature { temperature: 2.0 }, 5).unwrap();
    let steps = 20_000;
    for (task, share) in mild.iter().enumerate() {
        let found = (0..steps).filter(|step| sampler.task(*step) == task).count() as f64;
        let deviation = (share * (1.0 - share) / steps as f64).sqrt();
        assert!((found / steps as f64 - share).abs() < 4.0 * deviation, "{task}: {found}");
    }
    let turns = TaskSampler::new(&examples, Mixing::RoundRobin, 5).unwrap();
    assert_eq!((0..7).map(|step| turns.task(step)).collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2, 0]);
}

#[test]
fn a_step_has_its_task_whatever_came_before() {
    let sampler = TaskSampler::new(&[5, 5, 5], Mixing::Proportional, 1).unwrap();
    let forwards: Vec<usize> = (0..100).map(|step| sampler.task(step)).collect();
    let backwards: Vec<usize> = (0..100).rev().map(|step| sampler.task(step)).collect();
    assert!(forwards.iter().eq(backwards.iter().rev()));
    let other = TaskSampler::new(&[5, 5, 5], Mixing::Proportional, 2).unwrap();
    assert!((0..100).any(|step| other.task(step) != sampler.task(step)));
    assert!((0..100).all(|step| [0, 2].contains(&sampler.task_among(&[0, 2], step).unwrap())));
    assert!(sampler.task_among(&[], 0).is_err() && sampler.task_among(&[3], 0).is_err());
    assert_ne!(task_seed(1, 0), task_seed(1, 1));
    assert_ne!(task_seed(1, 0), task_seed(2, 0));
    let refused = |examples: &[usize], temperature| {
        TaskSampler::new(examples, Mixing::Temperature { temperature }, 0).is_err()
    };
    assert!(refused(&[], 1.0) && refused(&[1, 0], 1.0) && refused(&[1], 0.5));
    assert!(refused(&[1], f64::NAN));
}

#[test]
fn lower_layers_come_first() {
    let layers = [12, 2, 6, 2];
    let active = |order, step| Hierarchy::new(&layers, order).unwrap().active(step);
    let join = LevelOrder::Join { steps: 10 };
    assert_eq!(active(join, 9), [1, 3]);
    assert_eq!(active(join, 10), [1, 3, 2]);
    assert_eq!(active(join, 20), [1, 3, 2, 0]);
    assert_eq!(active(join, u64::MAX), [1, 3, 2, 0]);
    let cycle = LevelOrder::Cycle { steps: 2 };
    let turns: Vec<Vec<usize>> = (0..8).step_by(2).map(|step| active(cycle, step)).collect();
    assert_eq!(turns, [vec![1, 3], vec![2], vec![0], vec![1, 3]]);
    assert!(Hierarchy::new(&[], join).is_err());
    assert!(Hierarchy::new(&layers, LevelOrder::Join { steps: 0 }).is_err());
}

#[test]
fn weights_out_of_range_are_refused() {
    assert_eq!(check_weights(&[0.0, 2.0], 2), Ok(()));
    for weights in [&[1.0][..], &[0.0, 0.0], &[1.0, -1.0], &[1.0, f64::NAN]] {
        assert!(check_weights(weights, 2).is_err(), "{weights:?}");
    }
    assert!(Weighting::Mgda.needs_gradients() && !Weighting::Uncertainty.needs_gradients());
}
