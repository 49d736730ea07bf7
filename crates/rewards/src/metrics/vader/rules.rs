//! VADER's rules over the three words before a word of the lexicon.

use super::{Word, Words};

/// What a negation multiplies a valence by.
pub(super) const NEGATION: f64 = -0.74;
/// What capitals add to a valence's size.
pub(super) const CAPITALS: f64 = 0.733;
/// What a word of degree adds to a valence's size, or takes from it.
const BOOST: f64 = 0.293;

/// Words of degree that strengthen what follows them, in byte order.
#[rustfmt::skip]
const STRONGER: &[&str] = &[
    "absolutely", "amazingly", "awfully", "completely", "considerable", "considerably",
    "decidedly", "deeply", "effing", "enormous", "enormously", "entirely", "especially",
    "exceptional", "exceptionally", "extreme", "extremely", "fabulously", "flippin", "flipping",
    "frackin", "fracking", "frickin", "fricking", "friggin", "frigging", "fuckin", "fucking",
    "fuggin", "fugging", "fully", "greatly", "hella", "highly", "hugely", "incredible",
    "incredibly", "intensely", "major", "majorly", "more", "most", "particularly", "purely",
    "quite", "really", "remarkably", "so", "substantially", "thoroughly", "total", "totally",
    "tremendous", "tremendously", "uber", "unbelievably", "unusually", "utter", "utterly",
    "very",
];

/// Words of degree that weaken what follows them, in byte order.
#[rustfmt::skip]
const WEAKER: &[&str] = &[
    "almost", "barely", "hardly", "just enough", "kind of", "kind-of", "kinda", "kindof", "less",
    "little", "marginal", "marginally", "occasional", "occasionally", "partly", "scarce",
    "scarcely", "slight", "slightly", "somewhat", "sort of", "sort-of", "sorta", "sortof",
];

/// The phrases among them.
pub(super) const DEGREE_PHRASES: &[&str] = &["just enough", "kind of", "sort of"];

/// Words that negate what follows them, in byte order; so does any word with "n't" in it.
#[rustfmt::skip]
const NEGATIONS: &[&str] = &[
    "ain't", "aint", "aren't", "arent", "can't", "cannot", "cant", "couldn't", "couldnt",
    "daren't", "darent", "despite", "didn't", "didnt", "doesn't", "doesnt", "don't", "dont",
    "hadn't", "hadnt", "hasn't", "hasnt", "haven't", "havent", "isn't", "isnt", "mightn't",
    "mightnt", "mustn't", "mustnt", "needn't", "neednt", "neither", "never", "none", "nope",
    "nor", "not", "nothing", "nowhere", "oughtn't", "oughtnt", "rarely", "seldom", "shan't",
    "shant", "shouldn't", "shouldnt", "uh-uh", "uhuh", "wasn't", "wasnt", "weren't", "werent",
    "without", "won't", "wont", "wouldn't", "wouldnt",
];

/// Phrases whose valence is not that of their words.
const IDIOMS: &[(&str, f64)] = &[
    ("bad ass", 1.5),
    ("badass", 1.5),
    ("beating heart", 3.5),
    ("bus stop", 0.0),
    ("kiss of death", -1.5),
    ("the bomb", 3.0),
    ("the shit", 3.0),
    ("to die for", 3.0),
    ("yeah right", -2.0),
];

/// What a word or phrase of degree adds to a positive valence.
pub(super) fn booster(word: &str) -> Option<f64> {
    if STRONGER.binary_search(&word).is_ok() {
        Some(BOOST)
    } else if WEAKER.binary_search(&word).is_ok() {
        Some(-BOOST)
    } else {
        None
    }
}

/// How much of a boost is left at a distance of 1, 2 or 3 words.
pub(super) fn damping(distance: usize) -> f64 {
    match distance {
        2 => 0.95,
        3 => 0.9,
        _ => 1.0,
    }
}

/// What `word` adds to the `valence` of a word after it.
pub(super) fn boost(word: &Word<'_>, valence: f64, mixed_case: bool) -> f64 {
    let Some(boost) = booster(&word.lower) else { return 0.0 };
    let boost = if valence < 0.0 { -boost } else { boost };
    match mixed_case && word.upper {
        true if valence > 0.0 => boost + CAPITALS,
        true => boost - CAPITALS,
        false => boost,
    }
}

/// True where "no" stands before the word: next to it, one word away, or before "or" and "nor".
pub(super) fn follows_no(words: &Words<'_>, i: usize) -> bool {
    words.before(i, 1) == Some("no")
        || words.before(i, 2) == Some("no")
        || (words.before(i, 3) == Some("no") && matches!(words.before(i, 1), Some("or" | "nor")))
}

fn negates(word: &str) -> bool {
    NEGATIONS.binary_search(&word).is_ok() || (word.contains('\'') && word.contains("n't"))
}

/// `valence` after the word `distance` before it had its say as a negation.
pub(super) fn negate(valence: f64, words: &Words<'_>, i: usize, distance: usize) -> f64 {
    let before = |distance| words.before(i, distance).unwrap_or_default();
    let so = |word| matches!(word, "so" | "this");
    let (never_so, without_doubt) = match distance {
        2 => {
            (before(2) == "never" && so(before(1)), before(2) == "without" && before(1) == "doubt")
        }
        // The original's `and` binds closer than its `or`: "so" next to the word counts without
        // "never" three words away.
        3 => (
            (before(3) == "never" && so(before(2))) || so(before(1)),
            before(3) == "without" && (before(2) == "doubt" || before(1) == "doubt"),
        ),
        _ => (false, false),
    };
    if never_so {
        valence * 1.25
    } else if !without_doubt && negates(before(distance)) {
        valence * NEGATION
    } else {
        valence
    }
}

/// `valence`, or that of a phrase around the word, and phrases of degree before it.
///
/// Called where at least three words stand before the word.
pub(super) fn idioms(valence: f64, words: &Words<'_>, i: usize) -> f64 {
    let stands = |phrase: &str, from: usize, to: usize| {
        let words = words.all.iter().take(to + 1).skip(from).map(|word| word.lower.as_ref());
        words.eq(phrase.split(' '))
    };
    let starts =
        |phrase: &str, from: usize| words.lower(from).is_some_and(|word| phrase.starts_with(word));
    let listed = |from: usize, to: usize| {
        let idiom = |idiom: &&(&str, f64)| starts(idiom.0, from) && stands(idiom.0, from, to);
        IDIOMS.iter().find(idiom).map(|(_, valence)| *valence)
    };
    let before = [(i - 1, i), (i - 2, i), (i - 2, i - 1), (i - 3, i - 1), (i - 3, i - 2)];
    let mut valence = before.iter().find_map(|(from, to)| listed(*from, *to)).unwrap_or(valence);
    for length in 1..=2 {
        if i + length < words.all.len() {
            valence = listed(i, i + length).unwrap_or(valence);
        }
    }
    for (from, to) in [(i - 3, i - 1), (i - 3, i - 2), (i - 2, i - 1)] {
        if DEGREE_PHRASES.iter().any(|phrase| starts(phrase, from) && stands(phrase, from, to)) {
            valence -= BOOST;
        }
    }
    valence
}

#[cfg(test)]
pub(super) const LISTS: [&[&str]; 3] = [STRONGER, WEAKER, NEGATIONS];
