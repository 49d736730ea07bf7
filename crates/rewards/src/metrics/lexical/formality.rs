//! `formality`: six plain features of formal English, and no more than that.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::{fewer_is_better, share};
use crate::language::{sentences, spans, tokens};
use crate::reward::{PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Evidence, Info};
use crate::spec::params::NoParams;
use crate::spec::registry::{RegisterError, Registry};

/// Words of casual speech and writing.
static CASUAL: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "ain't awesome aye brb bro btw bucks cause cool coz cuz dude dunno etc folks gimme gonna \
    gotta guess guy guys haha hey hi hmm huh idk imo jeez kid kids kinda lemme lol lots meh \
    mom nah nope ok okay omg ouch oops pls plz r rofl sorta stuff sucks super thing things \
    thx u ugh uh um ur wanna wow wtf y'all ya yay yeah yep yo yup"
        .split(' ')
        .collect()
});

/// First and second persons.
static PERSONAL: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "i me mine my myself our ours ourselves us we you your yours yourself".split(' ').collect()
});

const INFO: Info = Info {
    name: "formality",
    about: "The mean of six features of formal English, each from 0 to 1: few contractions, few \
            casual words, few first and second persons, plain punctuation, capitals where they \
            belong, long words. It sees no grammar and no politeness. 0 without a word.",
    evidence: Evidence::Unvalidated,
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |_: NoParams, _| Ok(PerRow(Formality)))
}

struct Formality;

impl RowMetric for Formality {
    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let features = features(sample.response);
        let mean = |features: [f64; 6]| features.iter().sum::<f64>() / features.len() as f64;
        Some(features.map_or(0.0, mean))
    }
}

/// The six features, in the order of the entry's text; `None` without a word.
pub(super) fn features(text: &str) -> Option<[f64; 6]> {
    let words = tokens(text);
    let sentences = sentences(text);
    if words.is_empty() {
        return None;
    }
    let rate = |of: &dyn Fn(&str) -> bool| {
        share(words.iter().filter(|word| of(word)).count(), words.len())
    };
    // A possessive is no contraction, but cannot be told from one that ends in 's.
    let contracted =
        |word: &str| ["n't", "'re", "'ve", "'ll", "'m", "'d"].iter().any(|end| word.ends_with(end));
    let base = |word: &str| word.split('\'').next().unwrap_or_default().to_owned();
    let personal = |word: &str| PERSONAL.contains(base(word).as_str());
    let loud = text.matches(['!', '…', '~']).count()
        + text.matches("..").count()
        + text.matches("??").count()
        + text.chars().filter(|c| is_emoji(*c)).count();
    let capitals = sentences.iter().filter(|s| starts_large(s)).count();
    let small_i = spans(text).filter(|word| *word == "i").count();
    let letters: usize = words.iter().map(|word| word.chars().count()).sum();
    let length = letters as f64 / words.len() as f64;
    Some([
        fewer_is_better(rate(&contracted), 10.0),
        fewer_is_better(rate(&|word| CASUAL.contains(word)), 10.0),
        fewer_is_better(rate(&personal), 5.0),
        fewer_is_better(share(loud, sentences.len()), 1.0),
        share(capitals.saturating_sub(small_i), sentences.len()),
        ((length - 3.5) / 2.0).clamp(0.0, 1.0),
    ])
}

/// True where no lower-case letter begins the sentence.
pub(super) fn starts_large(sentence: &str) -> bool {
    let first = sentence.chars().find(|c| c.is_alphanumeric());
    first.is_some_and(|first| !first.is_lowercase())
}

fn is_emoji(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27bf}' | '\u{1f300}'..='\u{1faff}')
}
