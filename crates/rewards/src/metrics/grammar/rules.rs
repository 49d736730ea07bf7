//! The rules, each a list of what must not stand beside what.

use serde::{Deserialize, Serialize};

use crate::language::matches;

/// A rule by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rule {
    /// `a` before a vowel sound, `an` before none.
    Article,
    /// A word twice in a row.
    Repetition,
    /// A pronoun or `these` with a verb of the other number.
    Agreement,
    /// A verb after a modal, `not` or `to` that is not in its base form; `could of`.
    VerbForm,
    /// Plurals and past forms that do not exist.
    Plural,
    /// One word for another that sounds alike.
    Confusion,
    /// `more better`, `most easiest`.
    Comparison,
    /// The pronoun `i`.
    Pronoun,
}

/// Words that may stand twice.
const TWICE: &[&str] = &[
    "blah", "bye", "had", "ha", "haha", "her", "knock", "long", "many", "much", "never", "no",
    "now", "really", "so", "that", "there", "very", "yeah", "yes",
];
/// Beginnings with a vowel letter and no vowel sound.
const CONSONANT_SOUNDS: &[&str] = &[
    "eu", "ew", "once", "one", "ouija", "ubiq", "uga", "ukr", "uni", "ura", "usa", "use", "usi",
    "usu", "ute", "uto",
];
/// Beginnings of these again have a vowel sound.
const VOWEL_SOUNDS: &[&str] =
    &["oner", "unim", "unin", "unid", "honest", "honor", "honour", "hour", "heir"];

const MODALS: &[&str] = &[
    "can't",
    "cannot",
    "could",
    "couldn't",
    "must",
    "mustn't",
    "should",
    "shouldn't",
    "won't",
    "would",
    "wouldn't",
    "didn't",
    "doesn't",
    "don't",
];
const NOT_BASE: &[&str] = &[
    "is", "was", "were", "has", "had", "does", "did", "goes", "went", "gone", "came", "said",
    "says", "saw", "took", "gave", "made", "knew", "thought", "wanted", "needed", "tried",
    "looked", "wants", "needs",
];
const COMPARATIVES: &[&str] = &[
    "better", "bigger", "cheaper", "easier", "faster", "happier", "harder", "higher", "larger",
    "longer", "lower", "older", "safer", "simpler", "slower", "smaller", "stronger", "taller",
    "weaker", "worse", "younger",
];
const SUPERLATIVES: &[&str] = &[
    "best",
    "biggest",
    "cheapest",
    "easiest",
    "fastest",
    "happiest",
    "hardest",
    "highest",
    "largest",
    "longest",
    "lowest",
    "oldest",
    "safest",
    "simplest",
    "slowest",
    "smallest",
    "strongest",
    "tallest",
    "weakest",
    "worst",
    "youngest",
];
const NO_WORDS: &[&str] = &[
    "advices",
    "alot",
    "bringed",
    "buyed",
    "catched",
    "childs",
    "choosed",
    "drinked",
    "eated",
    "equipments",
    "falled",
    "feeled",
    "finded",
    "flied",
    "furnitures",
    "getted",
    "gived",
    "goed",
    "growed",
    "homeworks",
    "informations",
    "keeped",
    "knowed",
    "losed",
    "luggages",
    "maked",
    "meeted",
    "mens",
    "mouses",
    "payed",
    "runned",
    "seeked",
    "sheeps",
    "sleeped",
    "speaked",
    "spended",
    "standed",
    "swimmed",
    "taked",
    "teached",
    "telled",
    "theirselves",
    "themself",
    "thinked",
    "winned",
    "womans",
    "womens",
    "writed",
];
/// Pairs that are wrong whatever stands around them.
const CONFUSED: &[(&str, &[&str])] = &[
    ("your", &["a", "an", "the", "welcome", "not", "going", "very", "so", "too"]),
    ("its", &["a", "an", "the", "been", "not", "going", "because", "too", "very"]),
    ("there", &["own", "selves"]),
    ("their", &["is", "are", "was", "were"]),
    ("rather", &["then"]),
    ("whose", &["is", "are", "been", "going"]),
];

/// How many words `text` has, and the mistakes in it, each with the byte at which its second word, or
/// its only one, begins.
pub(super) fn mistakes(text: &str) -> (usize, Vec<(Rule, usize)>) {
    let mut found = Vec::new();
    let mut words = 0;
    // The words before, nearest first; a stop or a line break between two empties them.
    let mut before: [String; 2] = [String::new(), String::new()];
    let mut end = 0;
    for (at, word) in matches(text) {
        words += 1;
        let gap = text.get(end..at).unwrap_or_default();
        if gap.chars().any(|c| c != ' ') {
            before = [String::new(), String::new()];
        }
        end = at + word.len();
        let lower = word.to_lowercase().replace('’', "'");
        let alone = !text.get(end..).unwrap_or_default().starts_with(['.', ')', '-'])
            && !gap.ends_with(['-', '(']);
        if word == "i" && alone && text.is_ascii() {
            found.push((Rule::Pronoun, at));
        }
        if NO_WORDS.contains(&lower.as_str()) {
            found.push((Rule::Plural, at));
        }
        if let Some(rule) = pair(&before, word, &lower) {
            found.push((rule, at));
        }
        let [last, _] = before;
        before = [lower, last];
    }
    (words, found)
}

/// The rule that `word`, `lower` in lower case, breaks after the words `before` it, the nearest first.
fn pair(before: &[String; 2], word: &str, lower: &str) -> Option<Rule> {
    let [last, second] = before.each_ref().map(String::as_str);
    if last.is_empty() {
        return None;
    }
    if last == lower && word.chars().all(char::is_alphabetic) && !TWICE.contains(&lower) {
        return Some(Rule::Repetition);
    }
    if wrong_article(last, word, lower) {
        return Some(Rule::Article);
    }
    if disagree(second, last, lower) {
        return Some(Rule::Agreement);
    }
    if MODALS.contains(&last) && (NOT_BASE.contains(&lower) || (lower == "of" && last != "can't")) {
        return Some(Rule::VerbForm);
    }
    if last == "to" && matches!(lower, "went" | "goes") {
        return Some(Rule::VerbForm);
    }
    let doubled = |first: &str, list: &[&str]| last == first && list.contains(&lower);
    if doubled("more", COMPARATIVES) || doubled("most", SUPERLATIVES) {
        return Some(Rule::Comparison);
    }
    let confused = CONFUSED.iter().any(|(first, list)| *first == last && list.contains(&lower));
    confused.then_some(Rule::Confusion)
}

fn wrong_article(article: &str, word: &str, lower: &str) -> bool {
    // Letters, numbers and abbreviations are read in ways that their letters do not tell.
    let spelled = word.chars().all(char::is_alphabetic)
        && lower.chars().count() > 2
        && word.chars().filter(|c| c.is_uppercase()).count() < 2
        && lower.is_ascii();
    if !spelled {
        return false;
    }
    let begins = |list: &[&str]| list.iter().any(|start| lower.starts_with(start));
    let vowel = begins(VOWEL_SOUNDS)
        || (lower.starts_with(['a', 'e', 'i', 'o', 'u']) && !begins(CONSONANT_SOUNDS));
    match article {
        "a" => vowel,
        // "an historic" is an old habit, and no mistake.
        "an" => !vowel && !lower.starts_with('h'),
        _ => false,
    }
}

/// True where `subject` and `verb` are of different numbers. After a preposition, an auxiliary or a verb
/// that takes a bare infinitive the pronoun is no subject, or the verb has no number.
fn disagree(before: &str, subject: &str, verb: &str) -> bool {
    const SHIELDS: &[&str] = &[
        "of", "and", "or", "to", "with", "for", "from", "than", "like", "let", "make", "makes",
        "made", "help", "helps", "see", "sees", "saw", "watch", "hear", "heard", "do", "does",
        "did", "can", "could", "will", "would", "shall", "should", "may", "might", "must", "that",
        "if", "lest", "whether", "what", "who", "is", "was", "were", "are", "has", "have", "had",
        "didn't", "doesn't", "don't", "about", "between",
    ];
    if SHIELDS.contains(&before) {
        return false;
    }
    let singular = matches!(
        verb,
        "is" | "was" | "has" | "does" | "isn't" | "wasn't" | "hasn't" | "doesn't" | "goes"
    );
    let plural = matches!(verb, "are" | "have" | "aren't" | "haven't" | "don't");
    match subject {
        "he" | "she" | "it" => plural,
        "we" | "they" | "these" | "those" => singular,
        "i" => singular && verb != "was" && verb != "wasn't" || matches!(verb, "are" | "aren't"),
        _ => false,
    }
}
