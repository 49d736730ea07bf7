//! ROUGE: common n-grams and subsequences (Lin 2004), as Google's `rouge_score` 0.1.2.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use rapidfuzz::distance::lcs_seq;
use serde::{Deserialize, Serialize};

use super::ngrams::{Counts, Interner};
use super::porter::stem;
use crate::error::{ParamError, require};
use crate::reward::{Needs, PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// Longest sentence of `rouge_lsum` by default; two of them take a table of a bit a pair of tokens.
const MAX_TOKENS: usize = 8192;

/// Which of the three numbers is the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Measure {
    /// The harmonic mean of both.
    #[default]
    F1,
    /// The share of the response that the target has.
    Precision,
    /// The share of the target that the response has.
    Recall,
}

/// Parameters of `rouge_1`, `rouge_2`, `rouge_3` and `rouge_l`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    use_stemmer: bool,
    lowercase: bool,
    measure: Measure,
}

/// Parameters of `rouge_lsum`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SummaryConfig {
    use_stemmer: bool,
    lowercase: bool,
    measure: Measure,
    max_tokens: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { use_stemmer: true, lowercase: true, measure: Measure::F1 }
    }
}

impl Default for SummaryConfig {
    fn default() -> Self {
        let Config { use_stemmer, lowercase, measure } = Config::default();
        Self { use_stemmer, lowercase, measure, max_tokens: MAX_TOKENS }
    }
}

impl Params for Config {}

impl Params for SummaryConfig {
    fn validate(&self) -> Result<(), ParamError> {
        let max = self.max_tokens;
        require((1..=65_536).contains(&max), "max_tokens", max, "between 1 and 65536")
    }
}

const STEMMER: Param =
    Param::new("use_stemmer", "true or false", "compare Porter stems of words over three letters");
const LOWERCASE: Param =
    Param::new("lowercase", "true or false", "compare in lower case, as rouge_score always does");
const MEASURE: Param =
    Param::new("measure", "one of `f1`, `precision` or `recall`", "which number is the score");

const ROUGE_1: Info = Info {
    name: "rouge_1",
    aliases: &["rouge1"],
    about: "Common words, as rouge_score 0.1.2. Only the letters a to z and digits count.",
    needs: &["target"],
    params: &[STEMMER, LOWERCASE, MEASURE],
    ..Info::UNIT
};
const ROUGE_2: Info = Info {
    name: "rouge_2",
    aliases: &["rouge2"],
    about: "Common pairs of words, as rouge_score 0.1.2.",
    ..ROUGE_1
};
const ROUGE_3: Info = Info {
    name: "rouge_3",
    aliases: &["rouge3"],
    about: "Common triples of words, as rouge_score 0.1.2.",
    ..ROUGE_1
};
const ROUGE_L: Info = Info {
    name: "rouge_l",
    aliases: &["rougeL", "rouge"],
    about: "The longest common subsequence of words, as rouge_score 0.1.2.",
    ..ROUGE_1
};
const ROUGE_LSUM: Info = Info {
    name: "rouge_lsum",
    aliases: &["rougeLsum"],
    about: "Longest common subsequences of sentences, which lines are, as rouge_score 0.1.2.",
    params: &[
        STEMMER,
        LOWERCASE,
        MEASURE,
        Param::new(
            "max_tokens",
            "a whole number from 1 to 65536",
            "where a longer sentence is cut",
        ),
    ],
    ..ROUGE_1
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    for (n, info) in [(1, ROUGE_1), (2, ROUGE_2), (3, ROUGE_3)] {
        registry.reward(info, move |config: Config, _| {
            Ok(PerRow(Rouge { config, kind: Kind::Ngrams(n) }))
        })?;
    }
    registry
        .reward(ROUGE_L, |config: Config, _| Ok(PerRow(Rouge { config, kind: Kind::Longest })))?;
    registry.reward(ROUGE_LSUM, |config: SummaryConfig, _| {
        let SummaryConfig { use_stemmer, lowercase, measure, max_tokens } = config;
        let config = Config { use_stemmer, lowercase, measure };
        Ok(PerRow(Rouge { config, kind: Kind::Summary { max_tokens } }))
    })
}

#[derive(Clone, Copy)]
enum Kind {
    Ngrams(usize),
    Longest,
    Summary { max_tokens: usize },
}

struct Rouge {
    config: Config,
    kind: Kind,
}

/// Precision and recall of one target.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Overlap {
    precision: f64,
    recall: f64,
}

impl Overlap {
    fn of(common: u64, response: u64, target: u64) -> Self {
        let share = |whole: u64| common as f64 / whole.max(1) as f64;
        Self { precision: share(response), recall: share(target) }
    }

    fn f1(self) -> f64 {
        let sum = self.precision + self.recall;
        if sum > 0.0 { 2.0 * self.precision * self.recall / sum } else { 0.0 }
    }
}

impl RowMetric for Rouge {
    fn needs(&self) -> Needs {
        Needs::target()
    }

    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let overlaps = sample.targets.iter().map(|target| self.overlap(sample.response, target));
        // The target of the best F1 counts, whichever number is asked for; of equals the first.
        let best = overlaps.reduce(|best, next| if next.f1() > best.f1() { next } else { best })?;
        Some(match self.config.measure {
            Measure::F1 => best.f1(),
            Measure::Precision => best.precision,
            Measure::Recall => best.recall,
        })
    }
}

impl Rouge {
    fn overlap(&self, response: &str, target: &str) -> Overlap {
        if let Kind::Summary { max_tokens } = self.kind {
            return self.summary(response, target, max_tokens);
        }
        let (response, target) = (self.tokens(response), self.tokens(target));
        let mut interner = Interner::default();
        let response = interner.numbers(response.iter().map(String::as_str));
        let target = interner.numbers(target.iter().map(String::as_str));
        match self.kind {
            Kind::Ngrams(n) => {
                let (a, b) =
                    (Counts::of(&response, n, u32::BITS), Counts::of(&target, n, u32::BITS));
                Overlap::of(a.common(&b), a.total(), b.total())
            }
            Kind::Longest | Kind::Summary { .. } => {
                let (a, b) = (response.iter().copied(), target.iter().copied());
                let common = lcs_seq::similarity(a, b) as u64;
                Overlap::of(common, response.len() as u64, target.len() as u64)
            }
        }
    }

    /// Runs of ASCII letters and digits, stemmed where the configuration says so.
    fn tokens(&self, text: &str) -> Vec<String> {
        let cased: Cow<'_, str> = match self.config.lowercase {
            true => text.to_lowercase().into(),
            false => text.into(),
        };
        let words = cased.split(|c: char| !c.is_ascii_alphanumeric());
        let words = words.filter(|word| !word.is_empty());
        let stemmed = |word: &str| match self.config.use_stemmer && word.len() > 3 {
            true if self.config.lowercase => stem(word),
            true => stem_cased(word),
            false => word.to_owned(),
        };
        words.map(stemmed).collect()
    }

    fn summary(&self, response: &str, target: &str, max_tokens: usize) -> Overlap {
        let sentences = |text: &str| -> Vec<Vec<String>> {
            let lines = text.split('\n').filter(|line| !line.is_empty());
            lines.map(|line| self.tokens(line)).collect()
        };
        let (response, target) = (sentences(response), sentences(target));
        let mut interner = Interner::default();
        let mut numbers = |sentences| number_sentences(sentences, &mut interner, max_tokens);
        union_overlap(&numbers(&response), &numbers(&target))
    }
}

/// The stem of an ASCII word, its letters as they stand in the word.
fn stem_cased(word: &str) -> String {
    let stem = stem(&word.to_ascii_lowercase());
    let keep = |(at, c): (usize, char)| match word.as_bytes().get(at) {
        Some(letter) if letter.is_ascii_uppercase() => c.to_ascii_uppercase(),
        _ => c,
    };
    stem.chars().enumerate().map(keep).collect()
}

fn number_sentences<'t>(
    sentences: &'t [Vec<String>],
    interner: &mut Interner<'t>,
    max_tokens: usize,
) -> Vec<Vec<u32>> {
    let cut = |sentence: &'t Vec<String>| {
        interner.numbers(sentence.iter().take(max_tokens).map(String::as_str))
    };
    sentences.iter().map(cut).collect()
}

/// For each sentence of the target the tokens in a longest common subsequence with any sentence of
/// the response; a token counts at most as often as both texts have it.
fn union_overlap(response: &[Vec<u32>], target: &[Vec<u32>]) -> Overlap {
    let count = |sentences: &[Vec<u32>]| {
        let mut counts: HashMap<u32, u64> = HashMap::new();
        for token in sentences.iter().flatten() {
            *counts.entry(*token).or_default() += 1;
        }
        counts
    };
    let (mut ours, mut theirs) = (count(response), count(target));
    let (response_len, target_len): (u64, u64) = (ours.values().sum(), theirs.values().sum());
    let mut common = 0;
    for sentence in target {
        let union: BTreeSet<usize> =
            response.iter().flat_map(|other| common_places(sentence, other)).collect();
        for token in union.into_iter().filter_map(|place| sentence.get(place)) {
            if let (Some(a @ 1..), Some(b @ 1..)) = (ours.get_mut(token), theirs.get_mut(token)) {
                *a -= 1;
                *b -= 1;
                common += 1;
            }
        }
    }
    Overlap::of(common, response_len, target_len)
}

/// The places in `target` of one longest common subsequence: the one that a walk back from both ends
/// finds which leaves `response` first only where that keeps more.
fn common_places(target: &[u32], response: &[u32]) -> Vec<usize> {
    let width = response.len();
    // A bit a pair: true where leaving the response's token keeps more than leaving the target's.
    let mut leave_response = vec![0_u64; (target.len() * width).div_ceil(64)];
    let mut row = vec![0_u32; width + 1];
    for (i, ours) in target.iter().enumerate() {
        let (mut left, mut diagonal) = (0, 0);
        for (j, (theirs, cell)) in response.iter().zip(row.iter_mut().skip(1)).enumerate() {
            let up = *cell;
            let at = i * width + j;
            if left > up
                && let Some(word) = leave_response.get_mut(at / 64)
            {
                *word |= 1 << (at % 64);
            }
            *cell = if ours == theirs { diagonal + 1 } else { left.max(up) };
            (left, diagonal) = (*cell, up);
        }
    }
    let mut places = Vec::new();
    let (mut i, mut j) = (target.len(), width);
    while let (Some(above), Some(before)) = (i.checked_sub(1), j.checked_sub(1)) {
        let at = above * width + before;
        if target.get(above) == response.get(before) {
            places.push(above);
            (i, j) = (above, before);
        } else if leave_response.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1) {
            j = before;
        } else {
            i = above;
        }
    }
    places
}

#[cfg(test)]
mod tests;
