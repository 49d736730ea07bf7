//! Rewards on pairs of texts, of which each has a response and its target.
//!
//! The texts are made by a rule that `reference/bench/texts.py` has, too: whole numbers alone, so that
//! both sides read the same words.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use hybrid_rewards::neural::Models;
use hybrid_rewards::rows::Row;
use hybrid_rewards::{BuildEnv, Context as Moment, Registry, RewardTree, Sample};
use serde_json::json;

use crate::case::Case;
use crate::cost::Cost;
use crate::encoder::{self, SPECIAL};
use crate::{Work, needed, timed};

/// Words that texts are made of where no encoder says how many it knows.
const VOCABULARY: usize = 8000;
/// The fewest words of a response, where it may have so many.
const FEWEST: usize = 10;
/// Words with a valence, as many as VADER has.
const LISTED: usize = 7500;
/// Of so many words of the texts, one is listed.
const LISTED_EVERY: usize = 16;

const CONSONANTS: [char; 12] = ['b', 'd', 'f', 'g', 'k', 'l', 'm', 'n', 'p', 'r', 't', 'v'];
const VOWELS: [char; 5] = ['a', 'e', 'i', 'o', 'u'];
const ENDINGS: [&str; 8] = ["", "s", "ed", "ing", "er", "ly", "ness", "al"];

/// Pairs by a reward that asks an encoder.
pub(crate) fn by_encoder(case: &Case, reward: &str, device: &Device) -> Result<Work> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let words = (0..vocabulary(case)).map(word);
    encoder::write(folder.path(), case.network()?, words)?;
    let find = |_: &str| Ok(folder.path().to_owned());
    let open = |_: Option<&str>| Ok(device.clone());
    let models = Models::new(&find, &open);
    let env = BuildEnv::without_assets().with_models(&models);
    // What is remembered would not be computed again.
    let spec = json!({ "type": reward, "model": "encoder", "cache": 0 });
    work(case, Registry::builtin()?.build(&spec, &env)?)
}

/// Pairs by a reward that needs no network.
pub(crate) fn lexical(case: &Case) -> Result<Work> {
    let reward = case.reward.as_deref().with_context(|| case.lacks("reward"))?;
    if reward == "sentiment" {
        return work(case, sentiment(|listed| word(listed * LISTED_EVERY))?);
    }
    let env = BuildEnv::without_assets();
    work(case, Registry::builtin()?.build(&json!({ "type": reward }), &env)?)
}

/// VADER on a list of words, each with the valence that its number gives it.
pub(crate) fn sentiment(word: impl Fn(usize) -> String) -> Result<RewardTree> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let path = folder.path().join("vader_lexicon.txt");
    let mut lexicon = String::new();
    for listed in 0..LISTED {
        let valence = (listed % 9) as f64 - 4.0;
        writeln!(lexicon, "{}\t{valence:.1}", word(listed))?;
    }
    std::fs::write(&path, lexicon).context("cannot write the list of words")?;
    let spec = json!({ "type": "sentiment", "lexicon": path });
    Ok(Registry::builtin()?.build(&spec, &BuildEnv::without_assets())?)
}

/// Tokens that an encoder reads: a word is one, and two stand around each text.
pub(crate) fn tokens(case: &Case) -> usize {
    pairs(case).iter().flatten().map(|text| text.len() + 2).sum()
}

fn work(case: &Case, reward: RewardTree) -> Result<Work> {
    needed(case.length, "length", case)?;
    let written = |words: &[usize]| {
        let words: Vec<String> = words.iter().copied().map(word).collect();
        words.join(" ")
    };
    let row = |[response, target]: &[Vec<usize>; 2]| {
        Row::from_json(json!({ "response": written(response), "target": written(target) }))
    };
    let rows: Vec<Row> = pairs(case).iter().map(row).collect::<Result<_, _>>()?;
    let run = move || {
        let samples: Vec<Sample<'_>> =
            (0..).zip(&rows).map(|(id, row)| row.sample(id, id)).collect();
        timed(|| {
            let scores = reward.score(&samples, &Moment::evaluation())?.value;
            let scored = scores.iter().flatten().filter(|score| score.is_finite()).count();
            ensure!(scored == samples.len(), "{scored} of {} pairs have a score", samples.len());
            Ok(())
        })
    };
    Ok(Work { amount: case.rows, cost: Cost::of(case), run: Box::new(run) })
}

/// Words of the texts of a case.
fn vocabulary(case: &Case) -> usize {
    let known = case.model.as_ref().map(|model| model.vocab_size.saturating_sub(SPECIAL.len()));
    known.unwrap_or(VOCABULARY).max(1)
}

/// A response and a target for each row, as numbers of words.
///
/// A response has from 10 words to the case's `length`, mostly about the mean of both; a target is its
/// response with an eighth of the words left out and a quarter replaced. Words with small numbers
/// are the more frequent.
fn pairs(case: &Case) -> Vec<[Vec<usize>; 2]> {
    let words = vocabulary(case);
    let fewest = FEWEST.min(case.length);
    let half = (case.length - fewest) / 2 + 1;
    let pair = |number: usize| {
        let mut draws = Draws::new(number as u64);
        let length = fewest + draws.below(half) + draws.below(half);
        let response: Vec<usize> = (0..length).map(|_| draws.rank(words)).collect();
        let mut target = Vec::with_capacity(length);
        for word in &response {
            match draws.below(8) {
                0 => {}
                1 | 2 => target.push(draws.rank(words)),
                _ => target.push(*word),
            }
        }
        [response, target]
    };
    (0..case.rows).map(pair).collect()
}

/// A word that can be spoken, another for every number: two syllables or three, and an ending.
fn word(number: usize) -> String {
    let mut word = String::new();
    let mut rest = number / ENDINGS.len();
    loop {
        let syllable = rest % (CONSONANTS.len() * VOWELS.len());
        word.push(CONSONANTS[syllable / VOWELS.len()]);
        word.push(VOWELS[syllable % VOWELS.len()]);
        rest /= CONSONANTS.len() * VOWELS.len();
        if rest == 0 {
            break;
        }
    }
    word.push_str(ENDINGS[number % ENDINGS.len()]);
    word
}

/// Numbers that look drawn: a linear congruential sequence of 64 bits (Knuth's constants), of which the
/// upper half is taken.
pub(crate) struct Draws(u64);

impl Draws {
    /// Another seed gives another sequence.
    pub(crate) fn new(seed: u64) -> Self {
        let mut draws = Self(seed);
        // Neighbouring seeds begin alike.
        draws.draw();
        draws.draw();
        draws
    }

    /// A number of 31 bits.
    pub(crate) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.draw() % limit as u64) as usize
    }

    /// A number below `count`, small ones the more often.
    fn rank(&mut self, count: usize) -> usize {
        let limit = self.below(count) + 1;
        self.below(limit)
    }
}
