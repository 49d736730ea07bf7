//! `self_bleu`: how unlike the other responses to its prompt a response is (Zhu et al. 2018).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::column::Column;
use crate::combine::group_rows;
use crate::error::{ParamError, RewardError, require};
use crate::metrics::bleu::sentence_bleu;
use crate::reward::{Needs, Reward};
use crate::sample::{Context, Sample};
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// Parameters of `self_bleu`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    max_ngram_order: usize,
    invert: bool,
    max_others: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_ngram_order: 4, invert: true, max_others: 64 }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        let (order, others) = (self.max_ngram_order, self.max_others);
        require((1..=4).contains(&order), "max_ngram_order", order, "between 1 and 4")?;
        require((1..=4096).contains(&others), "max_others", others, "between 1 and 4096")
    }
}

const INFO: Info = Info {
    name: "self_bleu",
    about: "1 − sentence BLEU of the response with the other responses to its prompt as targets \
            (Zhu et al. 2018): 1 for a response unlike them all. Alone it has no score.",
    needs: &["group"],
    params: &[
        Param::new("max_ngram_order", "a whole number from 1 to 4", "the longest n-grams"),
        Param::new("invert", "true or false", "score 1 − BLEU; false gives minus BLEU"),
        Param::new(
            "max_others",
            "a whole number from 1 to 4096",
            "how many of the others, those that follow it first, as the cost grows with the square",
        ),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| Ok(config))
}

impl Config {
    fn one(&self, texts: &[String], place: usize) -> Option<f64> {
        let others = texts.len().saturating_sub(1).min(self.max_others);
        if others == 0 {
            return None;
        }
        let following = texts.iter().cycle().skip(place + 1).take(others);
        let following: Vec<String> = following.cloned().collect();
        let bleu = sentence_bleu(texts.get(place)?, &following, self.max_ngram_order);
        Some(if self.invert { 1.0 - bleu } else { -bleu })
    }
}

impl Reward for Config {
    fn needs(&self) -> Needs {
        Needs { group: true, ..Needs::default() }
    }

    fn score(&self, batch: &[Sample<'_>], _context: &Context<'_>) -> Result<Column, RewardError> {
        let mut value = vec![None; batch.len()];
        for rows in group_rows(batch) {
            let texts: Vec<String> =
                rows.iter().filter_map(|row| Some(batch.get(*row)?.response.to_owned())).collect();
            let scores: Vec<Option<f64>> =
                (0..texts.len()).into_par_iter().map(|place| self.one(&texts, place)).collect();
            for (row, score) in rows.iter().zip(scores) {
                if let Some(slot) = value.get_mut(*row) {
                    *slot = score;
                }
            }
        }
        Ok(Column::of(value))
    }
}
