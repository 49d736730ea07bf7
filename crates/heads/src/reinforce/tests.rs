use super::*;
use crate::tests::fixtures::{assert_near, gradient, host, tracked};

const LOGITS: [f64; 6] = [0.3, -0.8, 1.1, -0.2, 0.9, 0.4];
const REWARDS: [[f64; 3]; 2] = [[1.0, 0.2, -0.5], [0.0, 2.0, 0.7]];

fn softmax(row: &[f64]) -> Vec<f64> {
    let sum: f64 = row.iter().map(|x| x.exp()).sum();
    row.iter().map(|x| x.exp() / sum).collect()
}

/// `Σ_rows E[r] + β · H` of two rows of three classes.
fn objective(logits: &[f64], entropy_coef: f64) -> f64 {
    let row = |(logits, rewards): (&[f64], &[f64; 3])| -> f64 {
        let p = softmax(logits);
        let reward: f64 = p.iter().zip(rewards).map(|(p, r)| p * r).sum();
        reward - entropy_coef * p.iter().map(|p| p * p.ln()).sum::<f64>()
    };
    logits.chunks(3).zip(&REWARDS).map(row).sum()
}

/// Central differences of the objective.
fn true_gradient(entropy_coef: f64) -> Vec<f64> {
    let moved = |place: usize, by: f64| {
        let mut logits = LOGITS;
        logits[place] += by;
        objective(&logits, entropy_coef)
    };
    (0..6).map(|place| (moved(place, 1e-5) - moved(place, -1e-5)) / 2e-5).collect()
}

/// The expected gradient of the loss over all nine pairs of predictions.
fn expected_gradient(options: &ReinforceOptions, average: EmaBaseline) -> Vec<f64> {
    let (p, q) = (softmax(&LOGITS[..3]), softmax(&LOGITS[3..]));
    let mut total = vec![0.0; 6];
    for (a, b) in (0..9).map(|pair| (pair / 3, pair % 3)) {
        let logits = tracked(&LOGITS, 2);
        let rewards = [Some(REWARDS[0][a]), Some(REWARDS[1][b])];
        let mut average = average;
        let loss = reinforce(logits.clone(), &[a, b], &rewards, options, &mut average);
        let Ok(loss) = loss else { return Vec::new() };
        for (total, gradient) in total.iter_mut().zip(gradient(&loss.sum, &logits)) {
            *total += p[a] * q[b] * gradient;
        }
    }
    total
}

#[test]
fn the_expected_gradient_is_that_of_the_expected_reward() {
    let average = EmaBaseline { mean: 0.35, weight: 0.5 };
    for baseline in [Baseline::None, Baseline::LeaveOneOut, Baseline::Ema { decay: 0.9 }] {
        for entropy_coef in [0.0, 0.3] {
            let options = ReinforceOptions { baseline, entropy_coef };
            let found = expected_gradient(&options, average);
            let ascent: Vec<f64> = true_gradient(entropy_coef).iter().map(|g| -g).collect();
            assert_near(&found, &ascent, 1e-5, &format!("{options:?}"));
        }
    }
}

#[test]
fn others_rewards_are_the_baseline() {
    let mut unused = EmaBaseline::default();
    let found = advantages(&[1.0, 2.0, 6.0], Baseline::LeaveOneOut, &mut unused);
    assert_near(&found, &[-3.0, -1.5, 4.5], 1e-12, "leave one out");
    assert_near(&advantages(&[2.0], Baseline::LeaveOneOut, &mut unused), &[2.0], 0.0, "alone");
    assert_eq!(unused, EmaBaseline::default());
}

#[test]
fn the_moving_average_is_that_of_earlier_batches() {
    let (mut average, ema) = (EmaBaseline::default(), Baseline::Ema { decay: 0.5 });
    assert_near(&advantages(&[1.0, 3.0], ema, &mut average), &[1.0, 3.0], 0.0, "first");
    assert!((average.value() - 2.0).abs() < 1e-12, "its start at 0 does not count");
    assert_near(&advantages(&[5.0], ema, &mut average), &[3.0], 1e-12, "second");
    // Weights 1/3 and 2/3.
    assert!((average.value() - 4.0).abs() < 1e-12);
}

#[test]
fn rows_without_a_reward_take_no_part() {
    let options = ReinforceOptions { entropy_coef: 0.1, ..ReinforceOptions::default() };
    let mut average = EmaBaseline::default();
    let mut run = |logits: &[f64], predictions: &[usize], rewards: &[Option<f64>]| {
        let logits = tracked(logits, predictions.len());
        reinforce(logits, predictions, rewards, &options, &mut average)
    };
    let two = run(&LOGITS, &[2, 0], &[Some(1.0), Some(0.5)]).unwrap();
    let nan = [&LOGITS[..3], &[f64::NAN; 3], &LOGITS[3..]].concat();
    let three = run(&nan, &[2, 1, 0], &[Some(1.0), None, Some(0.5)]).unwrap();
    assert_eq!((three.count, host(three.sum)), (2, host(two.sum)));
    assert_eq!(run(&LOGITS, &[0, 0], &[None, None]).unwrap_err(), HeadsError::NothingCounts);
    assert!(run(&LOGITS, &[0, 3], &[Some(1.0), Some(0.0)]).is_err());
    assert!(run(&LOGITS, &[0, 0], &[Some(f64::NAN), Some(0.0)]).is_err());
}

#[test]
fn predictions_follow_the_distribution_and_the_seed() {
    let row: Vec<f32> = LOGITS[..3].iter().map(|x| *x as f32).collect();
    let rows = row.repeat(30_000);
    let drawn = predict(&rows, 3, Pick::Sample, 7, 1).unwrap();
    assert_eq!(drawn, predict(&rows, 3, Pick::Sample, 7, 1).unwrap());
    assert_ne!(drawn, predict(&rows, 3, Pick::Sample, 7, 2).unwrap());
    let p = softmax(&LOGITS[..3]);
    for (class, p) in p.iter().enumerate() {
        let share = drawn.iter().filter(|drawn| **drawn == class).count() as f64 / 30_000.0;
        // Four standard deviations.
        assert!((share - p).abs() < 4.0 * (p * (1.0 - p) / 30_000.0).sqrt(), "{class}: {share}");
    }
    assert_eq!(predict(&[1.0, 3.0, 3.0, 0.0], 2, Pick::Greedy, 0, 0).unwrap(), [1, 0]);
    assert!(predict(&[1.0, f32::NAN], 2, Pick::Sample, 0, 0).is_err());
    assert!(predict(&[1.0, 0.0, 0.0], 2, Pick::Sample, 0, 0).is_err());
}

#[test]
fn feedback_alone_teaches_the_rewarded_classes() {
    // Plain gradient descent of the logits; class 1 is right in row 0, class 2 in row 1.
    let (mut logits, right) = (vec![0.0; 6], [1, 2]);
    let (options, mut average) = (ReinforceOptions::default(), EmaBaseline::default());
    for step in 0..400 {
        let values: Vec<f32> = logits.iter().map(|x| *x as f32).collect();
        let predictions = predict(&values, 3, Pick::Sample, 3, step).unwrap();
        let reward = |(own, right): (&usize, usize)| Some(if *own == right { 1.0 } else { 0.0 });
        let rewards: Vec<_> = predictions.iter().zip(right).map(reward).collect();
        let tensor = tracked(&logits, 2);
        let loss = reinforce(tensor.clone(), &predictions, &rewards, &options, &mut average);
        for (logit, gradient) in logits.iter_mut().zip(gradient(&loss.unwrap().sum, &tensor)) {
            *logit -= 0.2 * gradient;
        }
    }
    for (row, right) in logits.chunks(3).zip(right) {
        assert!(softmax(row)[right] > 0.9, "{logits:?}");
    }
}

#[test]
fn rows_without_a_reward_are_no_part_of_the_baseline() {
    let mut unused = EmaBaseline::default();
    let rewards = [Some(1.0), None, Some(2.0), Some(6.0)];
    let found = centred(&rewards, Baseline::LeaveOneOut, &mut unused);
    assert_eq!(found, [Some(-3.0), None, Some(-1.5), Some(4.5)]);
    let mut average = EmaBaseline::default();
    assert_eq!(centred(&[None, None], Baseline::Ema { decay: 0.5 }, &mut average), [None, None]);
    assert_eq!(average, EmaBaseline::default());
}
