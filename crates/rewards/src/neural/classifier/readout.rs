//! From the logits of a row to its score: which labels count, and on which scale.

use std::collections::BTreeMap;

use hybrid_model::labels::{Labels, Problem};
use serde::{Deserialize, Serialize};

use crate::error::ParamError;
use crate::spec::params::{quoted, suggestion};

/// The scale of a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scale {
    /// In [0, 1].
    #[default]
    Probability,
    /// The network's own output.
    Logit,
    /// The natural logarithm of the probability.
    LogProbability,
}

/// A label as a spec names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Pick {
    /// By its name, in either case.
    Name(String),
    /// By its place, from 0.
    Index(usize),
}

impl Pick {
    /// The label's place.
    fn index(&self, labels: &Labels) -> Result<usize, String> {
        let names: Vec<&str> = labels.names.iter().map(String::as_str).collect();
        match self {
            Self::Name(name) => labels.index(name).ok_or_else(|| {
                let known = suggestion(name, &names, "its labels are");
                format!("the model has no label `{name}`; {known}")
            }),
            Self::Index(index) if *index < labels.count() => Ok(*index),
            Self::Index(index) => Err(format!(
                "is {index}, but the model's {} labels count from 0: {}",
                labels.count(),
                quoted(&names)
            )),
        }
    }
}

/// What is known of the models that a reward is made for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Naming {
    /// Names of the label that counts; the first that a model has.
    pub(crate) names: &'static [&'static str],
    /// Whether more than two labels do not exclude each other, whatever the model says.
    pub(crate) independent: bool,
    /// The names, in their order, of models that give their labels numbers only, by how many they
    /// are.
    pub(crate) layouts: &'static [&'static [&'static str]],
}

impl Naming {
    /// The labels of a model; `problem` wins over what the model and this say.
    pub(crate) fn labels(&self, own: &Labels, problem: Option<Problem>) -> Labels {
        let numbered = (0..own.count()).zip(&own.names);
        let nameless = numbered.clone().all(|(at, name)| *name == format!("LABEL_{at}"));
        let layout = self.layouts.iter().find(|names| nameless && names.len() == own.count());
        let names = layout.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let independent = self.independent && own.count() > 2;
        let stated = if independent { Problem::MultiLabel } else { own.problem };
        Labels {
            names: names.unwrap_or_else(|| own.names.clone()),
            problem: problem.unwrap_or(stated),
        }
    }

    /// The label that counts where a spec names none.
    pub(crate) fn own(&self, labels: &Labels) -> Result<Pick, ParamError> {
        let known = self.names.iter().find_map(|name| labels.index(name));
        if let Some(index) = known.or((labels.count() == 1).then_some(0)) {
            return Ok(Pick::Index(index));
        }
        let names: Vec<&str> = labels.names.iter().map(String::as_str).collect();
        let names = quoted(&names);
        let reason = match self.names {
            [] => format!("is absent, must be one of the model's labels: {names}"),
            [only] => {
                format!("is absent, and the model has no `{only}`; set it to one of {names}")
            }
            wanted => format!(
                "is absent, and the model has none of {}; set it to one of {names}",
                quoted(wanted)
            ),
        };
        Err(ParamError::new("label", reason))
    }
}

/// Which outputs make a score, and how.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Readout {
    wanted: Wanted,
    problem: Problem,
    scale: Scale,
    /// Whether the opposite is scored.
    pub(crate) invert: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Wanted {
    /// Any of these labels, by their places.
    AnyOf(Vec<usize>),
    /// The sum of the outputs times their weights.
    Expected(Vec<(usize, f64)>),
}

impl Readout {
    /// The probability of any of `picks`, which the spec holds under `key`.
    ///
    /// # Errors
    ///
    /// [`ParamError`] of `key` where the model has no such label, with those it has; or where several
    /// outputs of a regression are asked for.
    pub(crate) fn of(labels: &Labels, picks: &[Pick], key: &str) -> Result<Self, ParamError> {
        let index = |pick: &Pick| pick.index(labels).map_err(|reason| ParamError::new(key, reason));
        let mut places: Vec<usize> = picks.iter().map(index).collect::<Result<_, _>>()?;
        places.sort_unstable();
        places.dedup();
        if labels.problem == Problem::Regression && places.len() > 1 {
            let reason =
                "names several outputs of a regression; name one, or give `labels` weights";
            return Err(ParamError::new(key, reason));
        }
        Ok(Self::new(Wanted::AnyOf(places), labels.problem))
    }

    /// The sum of the outputs times `weights`.
    ///
    /// # Errors
    ///
    /// [`ParamError`] of `labels` where the model has no such label, with those it has.
    pub(crate) fn expected(
        labels: &Labels,
        weights: &BTreeMap<String, f64>,
    ) -> Result<Self, ParamError> {
        let place = |(name, weight): (&String, &f64)| match Pick::Name(name.clone()).index(labels) {
            Ok(index) => Ok((index, *weight)),
            Err(reason) => Err(ParamError::new(format!("labels.{name}"), reason)),
        };
        let places = weights.iter().map(place).collect::<Result<_, _>>()?;
        Ok(Self::new(Wanted::Expected(places), labels.problem))
    }

    fn new(wanted: Wanted, problem: Problem) -> Self {
        Self { wanted, problem, scale: Scale::Probability, invert: false }
    }

    /// Sets the scale.
    ///
    /// # Errors
    ///
    /// [`ParamError`] of `score` where what is wanted has none such.
    pub(crate) fn scale(&mut self, scale: Scale) -> Result<(), ParamError> {
        let reason = match (&self.wanted, scale) {
            (_, Scale::Probability) => None,
            (Wanted::Expected(_), _) => Some("must be `probability` where `labels` are given"),
            (_, Scale::LogProbability) if self.problem == Problem::Regression => {
                Some("is `log_probability`, but the model is a regression, which has none")
            }
            (Wanted::AnyOf(places), Scale::Logit) if places.len() > 1 => {
                Some("is `logit`, which several labels do not have; name one")
            }
            _ => None,
        };
        if let Some(reason) = reason {
            return Err(ParamError::new("score", reason));
        }
        self.scale = scale;
        Ok(())
    }

    /// The score of a row by its logits, one a label.
    pub(crate) fn score(&self, logits: &[f64]) -> f64 {
        let output = |place: usize| logits.get(place).copied().unwrap_or(f64::NAN);
        let places = match &self.wanted {
            Wanted::Expected(weights) => {
                let probability = |place| self.logs(&[place], logits).0.exp();
                let regression = self.problem == Problem::Regression;
                let of = |place| if regression { output(place) } else { probability(place) };
                let sum: f64 = weights.iter().map(|(place, weight)| weight * of(*place)).sum();
                return match (self.invert, regression) {
                    (false, _) => sum,
                    (true, true) => -sum,
                    (true, false) => 1.0 - sum,
                };
            }
            Wanted::AnyOf(places) => places,
        };
        if self.scale == Scale::Logit || self.problem == Problem::Regression {
            let value = places.first().map_or(f64::NAN, |place| output(*place));
            return if self.invert { -value } else { value };
        }
        let (right, wrong) = self.logs(places, logits);
        let log = if self.invert { wrong } else { right };
        if self.scale == Scale::LogProbability { log } else { log.exp() }
    }

    /// ln p and ln(1 − p), p being the probability of any of the labels at `places`; of independent
    /// ones, that of the likeliest.
    fn logs(&self, places: &[usize], logits: &[f64]) -> (f64, f64) {
        let among = |inside: bool| {
            let chosen = logits.iter().enumerate();
            chosen.filter(move |(at, _)| places.contains(at) == inside).map(|(_, logit)| *logit)
        };
        if self.problem == Problem::SingleLabel {
            let all = log_sum_exp(logits.iter().copied());
            return (log_sum_exp(among(true)) - all, log_sum_exp(among(false)) - all);
        }
        let highest = highest(among(true));
        // ln σ(x) = −ln(1 + e⁻ˣ)
        (-log_sum_exp([0.0, -highest].into_iter()), -log_sum_exp([0.0, highest].into_iter()))
    }
}

/// ln Σ eˣ; −∞ of nothing.
fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let highest = highest(values.clone());
    if !highest.is_finite() {
        return highest;
    }
    highest + values.map(|value| (value - highest).exp()).sum::<f64>().ln()
}

/// The highest value, NaN where one is; −∞ of nothing.
fn highest(values: impl Iterator<Item = f64>) -> f64 {
    let higher = |best: f64, value| if best.is_nan() || best > value { best } else { value };
    values.fold(f64::NEG_INFINITY, higher)
}
