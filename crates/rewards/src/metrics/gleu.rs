//! `gleu`: the smaller of n-gram precision and recall (Wu et al. 2016), as NLTK 3.10.

use serde::{Deserialize, Serialize};

use super::ngrams::{Counts, Interner, MAX_ORDER};
use super::tokenize::{Tokenizer, tokens};
use super::{BestTarget, PairMetric};
use crate::error::{ParamError, require};
use crate::reward::PerRow;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// Parameters of `gleu`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    min_len: usize,
    max_len: usize,
    tokenize: Tokenizer,
    lowercase: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { min_len: 1, max_len: MAX_ORDER, tokenize: Tokenizer::Mteval13a, lowercase: false }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        let Self { min_len, max_len, .. } = *self;
        require((1..=MAX_ORDER).contains(&max_len), "max_len", max_len, "between 1 and 4")?;
        let allowed = format!("between 1 and `max_len`, which is {max_len}");
        require((1..=max_len).contains(&min_len), "min_len", min_len, &allowed)
    }
}

const INFO: Info = Info {
    name: "gleu",
    aliases: &["google_bleu"],
    about: "Common n-grams / n-grams of the text that has more of them, as NLTK 3.10's \
            `sentence_gleu`: the smaller of precision and recall; 0 where both texts are empty.",
    needs: &["target"],
    params: &[
        Param::new("min_len", "a whole number from 1 to 4", "the shortest n-grams"),
        Param::new("max_len", "a whole number from 1 to 4", "the longest n-grams"),
        Param::new("tokenize", "one of `13a`, `intl`, `zh`, `char` or `none`", "how text is cut"),
        Param::new("lowercase", "true or false", "compare in lower case"),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| Ok(PerRow(BestTarget(config))))
}

impl PairMetric for Config {
    fn score_pair(&self, response: &str, target: &str) -> Option<f64> {
        let (response, target) = (self.prepare(response), self.prepare(target));
        let mut interner = Interner::default();
        let response = interner.numbers(tokens(&response));
        let target = interner.numbers(tokens(&target));
        let (mut common, mut ours, mut theirs) = (0, 0, 0);
        let orders = |tokens: &[u32]| Counts::orders(tokens, self.max_len, u32::BITS).into_iter();
        let counts = orders(&response).zip(orders(&target));
        for (response, target) in counts.skip(self.min_len.saturating_sub(1)) {
            common += response.common(&target);
            ours += response.total();
            theirs += target.total();
        }
        let most = ours.max(theirs);
        Some(if most == 0 { 0.0 } else { common as f64 / most as f64 })
    }
}

impl Config {
    fn prepare(&self, text: &str) -> String {
        let text = if self.lowercase { text.to_lowercase() } else { text.to_owned() };
        self.tokenize.apply(&text).into_owned()
    }
}

#[cfg(test)]
mod tests;
