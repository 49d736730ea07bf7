//! Training: parts, regression, calibration, and what the model is worth on rows it has not seen.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::features::{FeatureOptions, Features, Sparse};
use super::fit::{Problem, calibrate, dot, sigmoid};
use super::{FORMAT, Labelled, LinearError, Model};
use crate::column::mean_variance;
use crate::hash::hash;
use crate::validation::{Interval, Z, auc, proportion};

/// How a model is trained.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Which n-grams are features.
    pub features: FeatureOptions,
    /// The weight of ½·|w|² against the sum of the rows' losses, more than 0. Default 0.5.
    pub l2: f64,
    /// The share of rows that calibrate and do not train, more than 0. Default 0.1.
    pub calibration: f64,
    /// The share of rows that are held out to measure, more than 0; with `calibration` at most 0.9.
    /// Default 0.1.
    pub held_out: f64,
    /// Another seed gives another split. Default 0.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        let features = FeatureOptions::default();
        Self { features, l2: 0.5, calibration: 0.1, held_out: 0.1, seed: 0 }
    }
}

impl Options {
    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// [`LinearError::Option`] for the first option outside its range. NaN is out of every range.
    pub fn validate(&self) -> Result<(), LinearError> {
        self.features.validate()?;
        let wrong = |key, value: f64, allowed: &str| {
            Err(LinearError::Option { key, reason: format!("is {value}, must be {allowed}") })
        };
        if !(self.l2 > 0.0 && self.l2.is_finite()) {
            return wrong("l2", self.l2, "finite and more than 0");
        }
        if self.calibration <= 0.0 || self.calibration.is_nan() {
            return wrong("calibration", self.calibration, "more than 0");
        }
        if self.held_out <= 0.0 || self.held_out.is_nan() {
            return wrong("held_out", self.held_out, "more than 0");
        }
        let both = self.calibration + self.held_out;
        if both > 0.9 {
            return wrong("held_out", self.held_out, "at most 0.9 with `calibration` added");
        }
        Ok(())
    }
}

/// How a model was trained, and how it does on the held-out rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The options.
    pub options: Options,
    /// Rows that trained.
    pub training: usize,
    /// Rows that calibrated.
    pub calibration: usize,
    /// Rows that were held out.
    pub held_out: usize,
    /// Positive rows among those held out.
    pub held_out_positive: usize,
    /// The share of held-out rows on the right side of 0.5.
    pub accuracy: Interval,
    /// The area under the ROC curve over the held-out rows.
    pub auc: Interval,
    /// The mean of (p − label)² over the held-out rows (Brier 1950), which calibration and sharpness
    /// make small together; 0 is best, 0.25 is a coin. The interval is the normal one of a mean.
    pub brier: Interval,
    /// The expected calibration error over the held-out rows: |mean p − share of positives| in ten
    /// equal bands of p, weighted by their rows.
    pub calibration_error: f64,
}

/// A row's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Training,
    Calibration,
    HeldOut,
}

/// Rows of one part, as references.
struct Rows<'a> {
    texts: Vec<&'a str>,
    labels: Vec<bool>,
}

/// The least rows of each class in a part.
const LEAST: usize = 2;

/// Trains a model on `rows`.
///
/// A row's part follows from its text, so that equal texts stay together and the order of the rows
/// changes nothing but the last digits.
///
/// # Errors
///
/// [`LinearError`] where an option is out of range, or a part has too few rows of a class.
pub fn train(rows: &[Labelled], options: &Options) -> Result<Model, LinearError> {
    options.validate()?;
    let training = part(rows, options, Part::Training, "training")?;
    let calibration = part(rows, options, Part::Calibration, "calibration")?;
    let held_out = part(rows, options, Part::HeldOut, "held-out")?;
    let features = Features::of(&training.texts, options.features)?;
    let vectors = |rows: &Rows<'_>| -> Vec<Sparse> {
        rows.texts.par_iter().map(|text| features.vector(text)).collect()
    };
    let inputs = vectors(&training);
    let problem = Problem {
        vectors: &inputs,
        labels: &training.labels,
        features: features.len(),
        l2: options.l2,
    };
    let (weights, bias) = problem.solve();
    let logits = |rows: &Rows<'_>| -> Vec<f64> {
        vectors(rows).iter().map(|vector| dot(vector, &weights) + bias).collect()
    };
    let (slope, offset) = calibrate(&logits(&calibration), &calibration.labels);
    let scores: Vec<f64> = logits(&held_out).iter().map(|z| sigmoid(slope * z + offset)).collect();
    let report = Report {
        training: training.labels.len(),
        calibration: calibration.labels.len(),
        ..measure(&scores, &held_out.labels, options)?
    };
    Ok(Model { format: FORMAT, report, features, weights, bias, slope, offset })
}

fn part<'a>(
    rows: &'a [Labelled],
    options: &Options,
    wanted: Part,
    name: &'static str,
) -> Result<Rows<'a>, LinearError> {
    let mut part = Rows { texts: Vec::new(), labels: Vec::new() };
    for row in rows.iter().filter(|row| place(&row.text, options) == wanted) {
        part.texts.push(&row.text);
        part.labels.push(row.label);
    }
    let positive = part.labels.iter().filter(|label| **label).count();
    let negative = part.labels.len() - positive;
    if positive.min(negative) < LEAST {
        return Err(LinearError::TooFewRows { part: name, positive, negative, least: LEAST });
    }
    Ok(part)
}

/// The part of a text: its hash as a number in [0, 1) falls into one of three ranges.
fn place(text: &str, options: &Options) -> Part {
    let seeded = crate::hash::extend(options.seed, hash(text.as_bytes()));
    let at = (seeded >> 11) as f64 / (1_u64 << 53) as f64;
    if at < options.held_out {
        Part::HeldOut
    } else if at < options.held_out + options.calibration {
        Part::Calibration
    } else {
        Part::Training
    }
}

fn measure(scores: &[f64], labels: &[bool], options: &Options) -> Result<Report, LinearError> {
    let positive = labels.iter().filter(|label| **label).count();
    let rows =
        || scores.iter().copied().zip(labels.iter().map(|label| f64::from(u8::from(*label))));
    let right = rows().filter(|(p, label)| (*p >= 0.5) == (*label > 0.5)).count();
    let count = labels.len() as f64;
    let brier = mean(&rows().map(|(p, label)| (p - label).powi(2)).collect::<Vec<f64>>());
    let mut bands = [(0.0_f64, 0.0_f64); 10];
    for (p, label) in rows() {
        if let Some((said, was)) = bands.get_mut(((p * 10.0) as usize).min(9)) {
            (*said, *was) = (*said + p, *was + label);
        }
    }
    let off: f64 = bands.iter().map(|(said, was)| (said - was).abs()).sum();
    let intervals = proportion(right, labels.len()).zip(auc(scores, labels));
    let (accuracy, auc) = intervals.ok_or(LinearError::TooFewRows {
        part: "held-out",
        positive,
        negative: labels.len() - positive,
        least: LEAST,
    })?;
    Ok(Report {
        options: *options,
        training: 0,
        calibration: 0,
        held_out: labels.len(),
        held_out_positive: positive,
        accuracy,
        auc,
        brier,
        calibration_error: off / count,
    })
}

/// The mean of numbers in [0, 1] with the interval that the central limit theorem gives it.
fn mean(values: &[f64]) -> Interval {
    let (value, variance) = mean_variance(values, 1.0);
    let half = Z * (variance / values.len().max(1) as f64).sqrt();
    Interval { value, low: (value - half).max(0.0), high: (value + half).min(1.0) }
}
