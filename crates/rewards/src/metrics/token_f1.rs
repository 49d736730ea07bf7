//! `token_f1`: common words, as SQuAD's evaluation scores answers.

use hybrid_measure::answer::token_f1;

use super::{BestTarget, PairMetric};
use crate::reward::PerRow;
use crate::spec::info::Info;
use crate::spec::params::NoParams;
use crate::spec::registry::{RegisterError, Registry};

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
        Some(token_f1(response, target))
    }
}
