//! Short answers compared as the evaluation of SQuAD does (Rajpurkar et al. 2016,
//! <https://arxiv.org/abs/1606.05250>; version 2 of the script, 2018).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use crate::text::words;

/// The text as it is compared: in lower case, without ASCII punctuation and articles, single spaces.
#[must_use]
pub fn normalize(text: &str) -> String {
    static ARTICLES: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b(a|an|the)\b").ok());
    let plain = text.to_lowercase().replace(|c: char| c.is_ascii_punctuation(), "");
    let plain = match ARTICLES.as_ref() {
        Some(articles) => articles.replace_all(&plain, " "),
        None => Cow::Borrowed(plain.as_str()),
    };
    words(&plain).collect::<Vec<_>>().join(" ")
}

/// F1 of the words that both texts have after [`normalize`], each as often as both have it, in
/// [0, 1]. Where a text has no word then: 1 if the other has none either, else 0.
#[must_use]
pub fn token_f1(one: &str, other: &str) -> f64 {
    let (one, other) = (normalize(one), normalize(other));
    let (a, b): (Vec<&str>, Vec<&str>) = (words(&one).collect(), words(&other).collect());
    if a.is_empty() || b.is_empty() {
        return if a == b { 1.0 } else { 0.0 };
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
        return 0.0;
    }
    let precision = f64::from(common) / a.len() as f64;
    let recall = f64::from(common) / b.len() as f64;
    2.0 * precision * recall / (precision + recall)
}

#[cfg(test)]
mod tests;
