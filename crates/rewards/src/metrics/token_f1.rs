//! `token_f1`: common words, as SQuAD's evaluation scores answers.

use std::collections::HashMap;

use super::exact_match::squad;
use super::{BestTarget, PairMetric};
use crate::reward::PerRow;
use crate::spec::info::Info;
use crate::spec::params::NoParams;
use crate::spec::registry::{RegisterError, Registry};
use crate::text::words;

const INFO: Info = Info {
    name: "token_f1",
    about: "F1 of the words that both texts have, after SQuAD's normalisation; 1 where both are \
            empty then (Rajpurkar et al. 2016).",
    needs: &["target"],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |_: NoParams, _| Ok(PerRow(BestTarget(TokenF1))))
}

struct TokenF1;

impl PairMetric for TokenF1 {
    fn score_pair(&self, response: &str, target: &str) -> Option<f64> {
        let (response, target) = (squad(response), squad(target));
        let (a, b): (Vec<&str>, Vec<&str>) = (words(&response).collect(), words(&target).collect());
        if a.is_empty() || b.is_empty() {
            return Some(if a == b { 1.0 } else { 0.0 });
        }
        let mut left: HashMap<&str, usize> = HashMap::new();
        for word in &b {
            *left.entry(word).or_default() += 1;
        }
        let mut common = 0;
        for word in &a {
            if let Some(count) = left.get_mut(word).filter(|count| **count > 0) {
                *count -= 1;
                common += 1;
            }
        }
        if common == 0 {
            return Some(0.0);
        }
        let precision = f64::from(common) / a.len() as f64;
        let recall = f64::from(common) / b.len() as f64;
        Some(2.0 * precision * recall / (precision + recall))
    }
}
