//! The formulas themselves, in textstat's own form, so that they agree to the last digit.

use super::Formula;
use super::tables::Tables;
use super::words::{Counts, count, is_word_char};
use crate::text::{is_space, strip};

/// Syllables from which a word is long to Gunning, McLaughlin and O'Hayre.
const LONG: usize = 3;
/// Words of which Linsear Write is a sample.
const SAMPLE: usize = 100;

impl Formula {
    /// The formula's value; 0 where the text has nothing to count.
    pub(super) fn value(self, text: &str) -> f64 {
        match self {
            Self::FleschReadingEase => flesch(text, |w, s| 206.835 - 1.015 * w - 84.6 * s),
            Self::FleschKincaid => flesch(text, |w, s| 0.39 * w + 11.8 * s - 15.59),
            Self::GunningFog => gunning_fog(text),
            Self::Smog => smog(text),
            Self::AutomatedReadability => automated_readability(text),
            Self::ColemanLiau => coleman_liau(text),
            Self::DaleChall => dale_chall(text),
            Self::LinsearWrite => linsear_write(text),
        }
    }
}

/// `a / b`, or 0 where `b` is 0.
fn ratio(a: usize, b: usize) -> f64 {
    if b == 0 { 0.0 } else { a as f64 / b as f64 }
}

/// A formula of words per sentence and syllables per word; 0 where either is 0.
fn flesch(text: &str, formula: impl Fn(f64, f64) -> f64) -> f64 {
    let (tables, mut syllables) = (Tables::get(), 0);
    let counts = count(text, |word| syllables += tables.syllables(word));
    if counts.words == 0 || syllables == 0 {
        return 0.0;
    }
    formula(ratio(counts.words, counts.sentences), ratio(syllables, counts.words))
}

/// The percentage of words off the list of easy words with at least so many syllables, where there
/// are words; and words per sentence.
fn difficulty(text: &str, syllables: usize) -> Option<(f64, f64)> {
    let (tables, mut hard) = (Tables::get(), 0_usize);
    let long = |word: &str| {
        // The lower case of İ has a mark, which the original removes before it counts syllables.
        if word.contains('\u{307}') {
            return tables.syllables(&word.replace('\u{307}', "")) >= syllables;
        }
        syllables == 0 || tables.syllables(word) >= syllables
    };
    let counts = count(text, |word| hard += usize::from(!tables.is_easy(word) && long(word)));
    let percent = 100.0 * hard as f64 / counts.words as f64;
    (counts.words > 0).then(|| (percent, ratio(counts.words, counts.sentences)))
}

fn gunning_fog(text: &str) -> f64 {
    difficulty(text, LONG).map_or(0.0, |(percent, words)| 0.4 * (words + percent))
}

fn dale_chall(text: &str) -> f64 {
    let Some((percent, words)) = difficulty(text, 0) else { return 0.0 };
    let score = 0.1579 * percent + 0.0496 * words;
    if percent > 5.0 { score + 3.6365 } else { score }
}

fn smog(text: &str) -> f64 {
    let (tables, mut long) = (Tables::get(), 0_usize);
    let counts = count(text, |word| long += usize::from(tables.syllables(word) >= LONG));
    match counts.sentences {
        0 => 0.0,
        sentences => 1.043 * (30.0 * (long as f64 / sentences as f64)).sqrt() + 3.1291,
    }
}

fn automated_readability(text: &str) -> f64 {
    let Counts { sentences, pieces, words, characters, .. } = count(text, |_| {});
    if characters == 0 || words == 0 {
        return 0.0;
    }
    4.71 * ratio(characters, pieces) + 0.5 * ratio(words, sentences) - 21.43
}

fn coleman_liau(text: &str) -> f64 {
    let Counts { sentences, words, letters, .. } = count(text, |_| {});
    if words == 0 {
        return 0.0;
    }
    let (letters, sentences) = (ratio(letters, words) * 100.0, ratio(sentences, words) * 100.0);
    0.058 * letters - 0.296 * sentences - 15.8
}

fn linsear_write(text: &str) -> f64 {
    let sample = sample(text);
    // White space alone is no sentence here.
    if strip(sample).is_empty() {
        return 0.0;
    }
    let (tables, mut points) = (Tables::get(), 0);
    let counts = count(sample, |word| {
        points += match tables.syllables(word) {
            0 => 0,
            syllables if syllables >= LONG => 3,
            _ => 1,
        }
    });
    let number = ratio(points, counts.sentences);
    if number <= 20.0 { (number - 2.0) / 2.0 } else { number / 2.0 }
}

/// `text` up to its hundredth word.
fn sample(text: &str) -> &str {
    let (mut end, mut found) = (0, 0);
    for piece in text.split_inclusive(is_space) {
        end += piece.len();
        found += usize::from(piece.contains(is_word_char));
        if found == SAMPLE {
            break;
        }
    }
    text.get(..end).unwrap_or(text)
}
