//! What a head is worth on rows it has not seen.

use hybrid_heads::TaskKind;
use hybrid_heads::metrics::{
    Averages, Calibration, Confusion, RegressionScores, auc, auc_one_vs_rest, entity_counts,
    label_counts, preference_accuracy, subset_accuracy,
};
use hybrid_heads::stopping::Mode;
use hybrid_heads::tagging::Scheme;
use hybrid_model::ragged::batches;
use hybrid_model::{MultiHead, TokenRow};

use super::example::{Example, Target, TaskRows, TextRow};
use super::forward::read;
use super::spans;
use super::task::{Scale, Task};
use crate::error::HybridError;
use crate::metrics::{Metrics, mean};

/// Bins of the calibration error.
const BINS: usize = 10;

/// What a head says of each text: its logits, or those of its tokens one after the other.
///
/// # Errors
///
/// [`HybridError`] for a row that the model cannot read.
pub fn logits(
    model: &MultiHead,
    head: usize,
    task: &Task,
    rows: &[&TextRow],
    micro_tokens: usize,
) -> Result<Vec<Vec<f32>>, HybridError> {
    let lengths: Vec<usize> = rows.iter().map(|row| row.ids.len()).collect();
    let outputs = task.kind.outputs(task.outputs);
    let mut all = vec![Vec::new(); rows.len()];
    for places in batches(&lengths, micro_tokens) {
        let members: Vec<&TextRow> =
            places.iter().filter_map(|place| rows.get(*place).copied()).collect();
        let pass: Vec<TokenRow<'_>> = members.iter().map(|row| row.tokens()).collect();
        let is_token = task.kind.level() == hybrid_heads::task::Level::Token;
        let said = if is_token {
            read(model.token_logits(head, &pass)?.states())?
        } else {
            read(model.text_logits(head, &pass)?)?
        };
        let mut start = 0;
        for (place, row) in places.iter().zip(&members) {
            let count = if is_token { row.ids.len() * outputs } else { outputs };
            if let Some(slot) = all.get_mut(*place) {
                *slot = said.get(start..start + count).unwrap_or_default().to_vec();
            }
            start += count;
        }
    }
    Ok(all)
}

/// The metrics of a task on `examples`, named `eval/METRIC/TASK`; none without examples.
///
/// # Errors
///
/// [`HybridError`] for a row that the model cannot read, or a prediction that is no number.
pub fn measure(
    model: &MultiHead,
    head: usize,
    task: &Task,
    examples: &[Example],
    micro_tokens: usize,
) -> Result<Metrics, HybridError> {
    let mut metrics = Metrics::default();
    if examples.is_empty() {
        return Ok(metrics);
    }
    let rows: Vec<&TextRow> = examples.iter().flat_map(|example| &example.rows).collect();
    let said = logits(model, head, task, &rows, micro_tokens)?;
    let found = match task.kind {
        TaskKind::Classification => classes(task, &said, examples)?,
        TaskKind::MultiLabel => labels(task, &said, examples)?,
        TaskKind::Tagging => tags(task, &said, examples)?,
        TaskKind::Pairwise => preferences(&said)?,
        TaskKind::Span | TaskKind::SpanOrNone => spans::measure(task, &said, examples)?,
        _ => numbers(&said, examples)?,
    };
    for (name, value) in found {
        // What cannot be had of these rows is left out, not written as a number.
        if let Some(value) = value {
            metrics.set(format!("eval/{name}/{}", task.name), value);
        }
    }
    metrics.set(format!("eval/rows/{}", task.name), examples.len() as f64);
    Ok(metrics)
}

/// The metrics of all tasks on their held-out rows, at most `most` of each, with their `eval/score`.
///
/// # Errors
///
/// As [`measure`].
pub fn measure_all<'a>(
    model: &MultiHead,
    tasks: impl Iterator<Item = &'a Task> + Clone,
    rows: &[TaskRows],
    most: usize,
    micro_tokens: usize,
) -> Result<Metrics, HybridError> {
    let mut metrics = Metrics::default();
    for (head, (task, rows)) in tasks.clone().zip(rows).enumerate() {
        let count = rows.held_out.len().min(most);
        let examples = rows.held_out.get(..count).unwrap_or_default();
        metrics.extend(measure(model, head, task, examples, micro_tokens)?);
    }
    if let Some(score) = score(tasks, &metrics) {
        metrics.set("eval/score", score);
    }
    Ok(metrics)
}

/// The mean of the tasks' own metrics, more of which is better; `None` where none was measured.
#[must_use]
pub fn score<'a>(tasks: impl IntoIterator<Item = &'a Task>, metrics: &Metrics) -> Option<f64> {
    let own = |task: &Task| {
        let (name, mode) = task.kind.metric();
        let value = metrics.get(&format!("eval/{name}/{}", task.name))?;
        Some(if mode == Mode::Max { value } else { -value })
    };
    let values: Vec<f64> = tasks.into_iter().filter_map(own).collect();
    (!values.is_empty()).then(|| mean(values))
}

/// The map that gives the rewards of `examples` mean 0 and deviation 1; `None` where they are all
/// alike.
///
/// # Errors
///
/// [`HybridError`] for a row that the model cannot read.
pub fn scale(
    model: &MultiHead,
    head: usize,
    task: &Task,
    examples: &[Example],
    micro_tokens: usize,
) -> Result<Option<Scale>, HybridError> {
    let rows: Vec<&TextRow> = examples.iter().flat_map(|example| &example.rows).collect();
    let said = logits(model, head, task, &rows, micro_tokens)?;
    let rewards: Vec<f64> = said.iter().flatten().map(|reward| f64::from(*reward)).collect();
    let mean = mean(rewards.iter().copied());
    let squares: f64 = rewards.iter().map(|reward| (reward - mean).powi(2)).sum();
    let deviation = (squares / rewards.len().max(1) as f64).sqrt();
    Ok((deviation > 0.0 && deviation.is_finite()).then_some(Scale { mean, deviation }))
}

/// The threshold of *no answer* by which `examples` have the best F1; `None` of heads whose answers
/// are always there, and without examples.
///
/// # Errors
///
/// [`HybridError`] for a row that the model cannot read.
pub fn none_above(
    model: &MultiHead,
    head: usize,
    task: &Task,
    examples: &[Example],
    micro_tokens: usize,
) -> Result<Option<f64>, HybridError> {
    if task.kind != TaskKind::SpanOrNone {
        return Ok(None);
    }
    let rows: Vec<&TextRow> = examples.iter().flat_map(|example| &example.rows).collect();
    let said = logits(model, head, task, &rows, micro_tokens)?;
    Ok(spans::none_threshold(task, &said, examples)?.map(|found| found.none_above))
}

pub(super) type Found = Vec<(&'static str, Option<f64>)>;

fn classes(task: &Task, said: &[Vec<f32>], examples: &[Example]) -> Result<Found, HybridError> {
    let actual: Vec<usize> = examples
        .iter()
        .map(|example| if let Target::Class(class) = example.target { class } else { 0 })
        .collect();
    let probabilities: Vec<Vec<f64>> = said.iter().map(|logits| softmax(logits)).collect();
    let predicted: Vec<usize> = probabilities.iter().map(|row| largest(row)).collect();
    let confusion = Confusion::new(&predicted, &actual, task.outputs)?;
    let accuracy = confusion.accuracy();
    let right: Vec<bool> = predicted.iter().zip(&actual).map(|(own, it)| own == it).collect();
    let of = |row: &Vec<f64>, class: usize| row.get(class).copied().unwrap_or(0.0);
    let pairs = || probabilities.iter().zip(&actual);
    let confidence: Vec<f64> = probabilities.iter().map(|row| of(row, largest(row))).collect();
    let area = if task.outputs == 2 {
        let scores: Vec<f64> = probabilities.iter().map(|row| of(row, 1)).collect();
        let positive: Vec<bool> = actual.iter().map(|class| *class == 1).collect();
        auc(&scores, &positive).map(|area| area.value)
    } else {
        let scores: Vec<f64> = probabilities.iter().flatten().copied().collect();
        auc_one_vs_rest(&scores, &actual, task.outputs)
    };
    Ok(vec![
        ("accuracy", accuracy.map(|it| it.value)),
        ("accuracy_low", accuracy.map(|it| it.low)),
        ("accuracy_high", accuracy.map(|it| it.high)),
        ("f1_macro", Some(confusion.averages().by_class.f1)),
        ("mcc", Some(confusion.mcc())),
        ("auc", area),
        ("loss", Some(mean(pairs().map(|(row, class)| -of(row, *class).ln())))),
        ("calibration_error", Calibration::new(&confidence, &right, BINS)?.expected_error()),
    ])
}

fn labels(task: &Task, said: &[Vec<f32>], examples: &[Example]) -> Result<Found, HybridError> {
    let width = task.outputs;
    let shares: Vec<f64> = said.iter().flatten().map(|logit| sigmoid(f64::from(*logit))).collect();
    let actual: Vec<Option<f32>> = targets(examples);
    let predicted: Vec<bool> = shares.iter().map(|share| *share >= 0.5).collect();
    let holds: Vec<Option<bool>> = actual.iter().map(|it| it.map(|share| share >= 0.5)).collect();
    let averages = Averages::of(&label_counts(&predicted, &holds, width)?);
    let subset = subset_accuracy(&predicted, &holds, width)?;
    // Of each label the rows of which it is known; then the mean over labels.
    let of_label = |label: usize| -> (Vec<f64>, Vec<f64>) {
        let rows = shares.iter().zip(&actual).skip(label).step_by(width);
        rows.filter_map(|(own, actual)| Some((*own, f64::from((*actual)?)))).unzip()
    };
    let area = |label: usize| {
        let (own, actual) = of_label(label);
        let holds: Vec<bool> = actual.iter().map(|share| *share >= 0.5).collect();
        auc(&own, &holds).map(|area| area.value)
    };
    let scores = |label: usize| {
        let (own, actual) = of_label(label);
        RegressionScores::new(&own, &actual).ok()
    };
    let areas: Vec<f64> = (0..width).filter_map(area).collect();
    let scores: Vec<RegressionScores> = (0..width).filter_map(scores).collect();
    let known = |values: Vec<f64>| (!values.is_empty()).then(|| mean(values));
    Ok(vec![
        ("f1_macro", Some(averages.by_class.f1)),
        ("f1_micro", Some(averages.pooled.f1)),
        ("subset_accuracy", subset.map(|it| it.value)),
        ("auc", known(areas)),
        ("mae", known(scores.iter().map(|scores| scores.mae).collect())),
        ("pearson", known(scores.iter().filter_map(|scores| scores.pearson).collect())),
    ])
}

fn numbers(said: &[Vec<f32>], examples: &[Example]) -> Result<Found, HybridError> {
    let rows = said.iter().flatten().zip(targets(examples));
    let known = rows.filter_map(|(own, actual)| Some((f64::from(*own), f64::from(actual?))));
    let (predicted, actual): (Vec<f64>, Vec<f64>) = known.unzip();
    let scores = RegressionScores::new(&predicted, &actual)?;
    Ok(vec![
        ("mse", Some(scores.mse)),
        ("mae", Some(scores.mae)),
        ("r2", scores.r2),
        ("pearson", scores.pearson),
        ("spearman", scores.spearman),
    ])
}

fn tags(task: &Task, said: &[Vec<f32>], examples: &[Example]) -> Result<Found, HybridError> {
    let set = task.tags()?;
    let (mut found, mut known, mut right, mut words) = (Vec::new(), Vec::new(), 0, 0);
    for (example, logits) in examples.iter().zip(said) {
        let (Target::Tags(actual), Some(row)) = (&example.target, example.rows.first()) else {
            continue;
        };
        let predicted = tags_of(task, logits, row, actual.len())?;
        right += predicted.iter().zip(actual).filter(|(own, it)| own == it).count();
        words += actual.len();
        found.push(set.entities(&predicted, Scheme::default())?);
        known.push(set.entities(actual, Scheme::default())?);
    }
    let counts = entity_counts(&found, &known)?;
    let pooled = Averages::of(counts.values()).pooled;
    Ok(vec![
        ("entity_f1", Some(pooled.f1)),
        ("entity_precision", Some(pooled.precision)),
        ("entity_recall", Some(pooled.recall)),
        ("word_accuracy", (words > 0).then(|| right as f64 / words as f64)),
    ])
}

/// The tag of every word, by the logits of its text's tokens.
pub(super) fn tags_of(
    task: &Task,
    logits: &[f32],
    row: &TextRow,
    words: usize,
) -> Result<Vec<usize>, HybridError> {
    let tokens = logits.chunks(task.outputs.max(1));
    let predicted: Vec<usize> = tokens
        .map(|logits| largest(&logits.iter().map(|logit| f64::from(*logit)).collect::<Vec<_>>()))
        .collect();
    Ok(task.tags()?.word_tags(&predicted, &row.words, words)?)
}

/// Texts come in pairs, the better first.
fn preferences(said: &[Vec<f32>]) -> Result<Found, HybridError> {
    let rewards: Vec<f64> = said.iter().flatten().map(|reward| f64::from(*reward)).collect();
    let side = |place: usize| rewards.iter().skip(place).step_by(2).copied().collect();
    let (chosen, rejected): (Vec<f64>, Vec<f64>) = (side(0), side(1));
    let leads: Vec<f64> = chosen.iter().zip(&rejected).map(|(a, b)| a - b).collect();
    let accuracy = preference_accuracy(&chosen, &rejected);
    let confidence: Vec<f64> = leads.iter().map(|lead| sigmoid(lead.abs())).collect();
    let right: Vec<bool> = leads.iter().map(|lead| *lead > 0.0).collect();
    Ok(vec![
        ("accuracy", accuracy.map(|it| it.value)),
        ("accuracy_low", accuracy.map(|it| it.low)),
        ("accuracy_high", accuracy.map(|it| it.high)),
        ("loss", Some(mean(leads.iter().map(|lead| softplus(-lead))))),
        ("lead", Some(mean(leads.iter().copied()))),
        ("reward_mean", Some(mean(rewards))),
        ("calibration_error", Calibration::new(&confidence, &right, BINS)?.expected_error()),
    ])
}

fn targets(examples: &[Example]) -> Vec<Option<f32>> {
    let of = |example: &Example| match &example.target {
        Target::Numbers(numbers) => numbers.clone(),
        _ => Vec::new(),
    };
    examples.iter().flat_map(of).collect()
}

/// Probabilities of logits, in f64.
pub(super) fn softmax(logits: &[f32]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|logit| f64::from(logit - most).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / total).collect()
}

pub(super) fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// `log(1 + exp(x))` without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// The place of the largest value, the first of equals.
pub(super) fn largest(values: &[f64]) -> usize {
    let best = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.iter().position(|value| *value >= best).unwrap_or(0)
}
