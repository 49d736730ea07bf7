//! VADER 3.3.2: sentiment of English by a lexicon and rules (Hutto and Gilbert, ICWSM 2014).
//!
//! Follows the original Python package digit for digit as CPython 3.12 and later run it (their `sum`
//! of floats is compensated), including its quirks, each of which is marked where it is kept.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use rustc_hash::FxBuildHasher;

pub use self::lexicon::Lexicon;

use crate::text::{is_ascii_punctuation, is_upper, strip, words};

mod lexicon;
mod rules;

#[cfg(test)]
mod tests;

/// What VADER says of a text.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Polarity {
    /// Share of negative words, rounded to 3 decimals.
    pub neg: f64,
    /// Share of neutral words, rounded to 3 decimals.
    pub neu: f64,
    /// Share of positive words, rounded to 3 decimals.
    pub pos: f64,
    /// The sum of valences squeezed into [−1, 1], rounded to 4 decimals.
    pub compound: f64,
}

/// The analyser: a lexicon with the rules.
#[derive(Debug)]
pub struct Vader {
    lexicon: Lexicon,
}

/// One token as the rules see it.
struct Word<'t> {
    lower: Cow<'t, str>,
    /// The word is in capitals.
    upper: bool,
    /// What the lexicon says of it.
    listed: Option<f64>,
}

/// A text cut into tokens.
struct Words<'t> {
    all: Vec<Word<'t>>,
    /// Some tokens are in capitals and some are not, so that capitals mean emphasis.
    mixed_case: bool,
}

impl Vader {
    /// An analyser with `lexicon`.
    pub fn new(lexicon: Lexicon) -> Self {
        Self { lexicon }
    }

    /// Scores `text`. An empty text scores 0 throughout.
    pub fn polarity(&self, text: &str) -> Polarity {
        let spelled = self.spell_emoji(text);
        let text = strip(&spelled);
        let words = Words::of(text, &self.lexicon);
        let mut valences: Vec<f64> = (0..words.all.len()).map(|i| valence(&words, i)).collect();
        if let Some(but) = words.all.iter().position(|word| word.lower == "but") {
            weigh_around_but(&mut valences, but);
        }
        polarity_of(&valences, emphasis(text))
    }

    /// Replaces each emoji by its description, set off from what stands before it.
    fn spell_emoji<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.lexicon.has_emoji(text) {
            return Cow::Borrowed(text);
        }
        let mut spelled = String::with_capacity(text.len());
        let mut after_space = true;
        for c in text.chars() {
            match self.lexicon.emoji(c) {
                Some(description) => {
                    if !after_space {
                        spelled.push(' ');
                    }
                    spelled.push_str(description);
                    after_space = false;
                }
                None => {
                    spelled.push(c);
                    after_space = c == ' ';
                }
            }
        }
        Cow::Owned(spelled)
    }
}

/// The valence of the word at `i`, 0 where the lexicon lacks it.
fn valence(words: &Words<'_>, i: usize) -> f64 {
    let (Some(word), next) = (words.all.get(i), words.all.get(i + 1)) else { return 0.0 };
    // Most words are not listed, so that is asked first.
    let Some(listed) = word.listed else { return 0.0 };
    let kind_of = word.lower == "kind" && next.is_some_and(|next| next.lower == "of");
    if rules::booster(&word.lower).is_some() || kind_of {
        return 0.0;
    }
    let no_negates_next = word.lower == "no" && next.is_some_and(|next| next.listed.is_some());
    let mut valence = if no_negates_next { 0.0 } else { listed };
    if rules::follows_no(words, i) {
        valence = listed * rules::NEGATION;
    }
    if words.mixed_case && word.upper {
        valence += if valence > 0.0 { rules::CAPITALS } else { -rules::CAPITALS };
    }
    for distance in 1..=3 {
        let Some(before) = i.checked_sub(distance).and_then(|at| words.all.get(at)) else {
            break;
        };
        if before.listed.is_some() {
            continue;
        }
        valence += rules::boost(before, valence, words.mixed_case) * rules::damping(distance);
        valence = rules::negate(valence, words, i, distance);
        if distance == 3 {
            valence = rules::idioms(valence, words, i);
        }
    }
    least(valence, words, i)
}

/// `least` before a word negates it, but not in "at least" and "very least".
fn least(valence: f64, words: &Words<'_>, i: usize) -> f64 {
    let before = i.checked_sub(1).and_then(|at| words.all.get(at));
    let least = before.is_some_and(|word| word.lower == "least" && word.listed.is_none());
    match words.before(i, 2) {
        Some("at" | "very") => valence,
        _ if least => valence * rules::NEGATION,
        _ => valence,
    }
}

impl<'t> Words<'t> {
    fn of(text: &'t str, lexicon: &Lexicon) -> Self {
        let word = |text: &'t str| {
            // Most words are what their lower case would be.
            let is_lower = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
            let lower =
                if is_lower { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) };
            let listed = lexicon.valence(&lower);
            Word { lower, upper: !is_lower && is_upper(text), listed }
        };
        let all: Vec<Word<'t>> = words(text).map(strip_punctuation).map(word).collect();
        let capitals = all.iter().filter(|word| word.upper).count();
        let mixed_case = 0 < capitals && capitals < all.len();
        Self { all, mixed_case }
    }

    /// The word at `i` in lower case.
    fn lower(&self, i: usize) -> Option<&str> {
        self.all.get(i).map(|word| word.lower.as_ref())
    }

    /// The word `distance` before `i` in lower case.
    fn before(&self, i: usize, distance: usize) -> Option<&str> {
        self.lower(i.checked_sub(distance)?)
    }
}

/// A token without punctuation around it, unless at most two characters are left: then it is likely
/// an emoticon.
fn strip_punctuation(token: &str) -> &str {
    let stripped = token.trim_matches(is_ascii_punctuation);
    if stripped.chars().nth(2).is_none() { token } else { stripped }
}

/// Halves what comes before the first `but` and raises what comes after it.
///
/// The original walks the list while it changes it and looks each value up *by value*, so of equal
/// values the first is changed, perhaps twice. The places of each value are kept sorted here, which
/// gives the same result without a search through the list. A value of 0 stays 0 either way.
fn weigh_around_but(valences: &mut [f64], but: usize) {
    let key = |value: f64| (value + 0.0).to_bits();
    let mut places: HashMap<u64, BTreeSet<usize>, FxBuildHasher> = HashMap::default();
    for (place, value) in valences.iter().enumerate().filter(|(_, value)| **value != 0.0) {
        places.entry(key(*value)).or_default().insert(place);
    }
    for step in 0..valences.len() {
        let Some(&value) = valences.get(step) else { continue };
        let Some(&first) = places.get(&key(value)).and_then(BTreeSet::first) else { continue };
        let weighed = match first.cmp(&but) {
            std::cmp::Ordering::Less => value * 0.5,
            std::cmp::Ordering::Equal => continue,
            std::cmp::Ordering::Greater => value * 1.5,
        };
        if let Some(same) = places.get_mut(&key(value)) {
            same.remove(&first);
        }
        places.entry(key(weighed)).or_default().insert(first);
        if let Some(place) = valences.get_mut(first) {
            *place = weighed;
        }
    }
}

/// What exclamation and question marks add to the sum of valences.
fn emphasis(text: &str) -> f64 {
    let count = |mark: u8| text.bytes().filter(|byte| *byte == mark).count();
    let exclamation = count(b'!').min(4) as f64 * 0.292;
    let question = match count(b'?') {
        0 | 1 => 0.0,
        few @ 2..=3 => few as f64 * 0.18,
        _ => 0.96,
    };
    exclamation + question
}

fn polarity_of(valences: &[f64], emphasis: f64) -> Polarity {
    if valences.is_empty() {
        return Polarity::default();
    }
    let mut sum = compensated_sum(valences);
    if sum > 0.0 {
        sum += emphasis;
    } else if sum < 0.0 {
        sum -= emphasis;
    }
    // Each word counts 1 beside its valence, as a neutral one does.
    let (mut pos, mut neg, mut neutral) = (0.0, 0.0, 0.0);
    for valence in valences {
        if *valence > 0.0 {
            pos += valence + 1.0;
        } else if *valence < 0.0 {
            neg += valence - 1.0;
        } else {
            neutral += 1.0;
        }
    }
    if pos > f64::abs(neg) {
        pos += emphasis;
    } else if pos < f64::abs(neg) {
        neg -= emphasis;
    }
    let total = pos + neg.abs() + neutral;
    let compound = (sum / (sum * sum + 15.0).sqrt()).clamp(-1.0, 1.0);
    Polarity {
        neg: round(neg.abs() / total, 3),
        neu: round(neutral / total, 3),
        pos: round(pos / total, 3),
        compound: round(compound, 4),
    }
}

/// The sum as CPython's `sum` forms it since 3.12 (Neumaier's).
fn compensated_sum(values: &[f64]) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() { (sum - next) + value } else { (value - next) + sum };
        sum = next;
    }
    if lost != 0.0 && lost.is_finite() { sum + lost } else { sum }
}

/// `value` rounded to `decimals` by its exact binary value, ties to even, as Python's `round`.
fn round(value: f64, decimals: usize) -> f64 {
    format!("{value:.decimals$}").parse().unwrap_or(value)
}
