//! Porter's stemmer (1980) with the extensions of NLTK 3.10, which ROUGE and METEOR use.

/// Words that keep, or are sent to, a stem of their own.
const IRREGULAR: &[(&str, &str)] = &[
    ("canning", "canning"),
    ("cannings", "canning"),
    ("dying", "die"),
    ("exceed", "exceed"),
    ("howe", "howe"),
    ("inning", "inning"),
    ("innings", "inning"),
    ("lying", "lie"),
    ("news", "news"),
    ("outing", "outing"),
    ("outings", "outing"),
    ("proceed", "proceed"),
    ("skies", "sky"),
    ("sky", "sky"),
    ("succeed", "succeed"),
    ("tying", "tie"),
];

/// Steps 2 and 3: endings that become shorter where something with a vowel and a consonant is left.
const STEP_2: &[(&str, &str)] = &[
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
    ("fulli", "ful"),
];
const STEP_3: &[(&str, &str)] = &[
    ("icate", "ic"),
    ("ative", ""),
    ("alize", "al"),
    ("iciti", "ic"),
    ("ical", "ic"),
    ("ful", ""),
    ("ness", ""),
];

/// Step 4: endings that fall where two such pairs are left.
const STEP_4: &[&str] = &[
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou",
    "ism", "ate", "iti", "ous", "ive", "ize",
];

/// The stem of `word`, which is in lower case.
pub(crate) fn stem(word: &str) -> String {
    if let Some((_, stem)) = IRREGULAR.iter().find(|(irregular, _)| *irregular == word) {
        return (*stem).to_owned();
    }
    if word.chars().nth(2).is_none() {
        return word.to_owned();
    }
    let word = step_1a(word);
    let word = step_1b(word);
    let word = step_1c(word);
    let word = step_2(word);
    let word = shorten(word, STEP_3);
    let word = step_4(word);
    let word = step_5a(word);
    step_5b(word)
}

/// For each letter whether it is a consonant: no vowel, and no `y` after a consonant.
fn consonants(word: &str) -> impl Iterator<Item = bool> {
    word.chars().scan(false, |after_consonant, letter| {
        *after_consonant = match letter {
            'a' | 'e' | 'i' | 'o' | 'u' => false,
            'y' => !*after_consonant,
            _ => true,
        };
        Some(*after_consonant)
    })
}

/// How often a consonant follows a vowel.
fn measure(word: &str) -> usize {
    let mut after_vowel = false;
    let mut count = 0;
    for consonant in consonants(word) {
        count += usize::from(consonant && after_vowel);
        after_vowel = !consonant;
    }
    count
}

fn has_vowel(word: &str) -> bool {
    consonants(word).any(|consonant| !consonant)
}

/// The last letter where it is doubled and a consonant.
fn double_consonant(word: &str) -> Option<char> {
    let mut letters = word.chars().rev();
    let last = letters.next()?;
    (letters.next() == Some(last) && consonants(word).last() == Some(true)).then_some(last)
}

/// True where the word ends consonant, vowel, consonant and the last is not `w`, `x` or `y`; and for
/// a vowel with a consonant.
fn ends_short(word: &str) -> bool {
    let flags: Vec<bool> = consonants(word).collect();
    match flags.as_slice() {
        [false, true] => true,
        [.., true, false, true] => !word.ends_with(['w', 'x', 'y']),
        _ => false,
    }
}

/// `word` with the first ending of `rules` that it has replaced, where a measure is left. An ending
/// that is not replaced ends the search.
fn shorten(word: String, rules: &[(&str, &str)]) -> String {
    for (ending, shorter) in rules {
        if let Some(left) = word.strip_suffix(ending) {
            return if measure(left) > 0 { format!("{left}{shorter}") } else { word };
        }
    }
    word
}

fn step_1a(word: &str) -> String {
    if word.ends_with("ies") {
        let cut = if word.chars().count() == 4 { 1 } else { 2 };
        return word.get(..word.len() - cut).unwrap_or(word).to_owned();
    }
    let kept = match word.strip_suffix('s') {
        Some(left) if left.ends_with("se") && left.ends_with("sse") => left.strip_suffix('e'),
        Some(left) if left.ends_with('s') => None,
        left => left,
    };
    kept.unwrap_or(word).to_owned()
}

fn step_1b(word: String) -> String {
    if let Some(left) = word.strip_suffix("ied") {
        let ending = if word.chars().count() == 4 { "ie" } else { "i" };
        return format!("{left}{ending}");
    }
    if let Some(left) = word.strip_suffix("eed") {
        return if measure(left) > 0 { format!("{left}ee") } else { word };
    }
    let cut = |ending| word.strip_suffix(ending).filter(|left| has_vowel(left));
    let Some(left) = cut("ed").or_else(|| cut("ing")) else { return word };
    if left.ends_with("at") || left.ends_with("bl") || left.ends_with("iz") {
        return format!("{left}e");
    }
    if let Some(last) = double_consonant(left) {
        let kept = if matches!(last, 'l' | 's' | 'z') { left } else { without_last(left) };
        return kept.to_owned();
    }
    if measure(left) == 1 && ends_short(left) { format!("{left}e") } else { left.to_owned() }
}

fn without_last(word: &str) -> &str {
    let mut letters = word.chars();
    letters.next_back();
    letters.as_str()
}

fn step_1c(word: String) -> String {
    match word.strip_suffix('y') {
        Some(left) if left.chars().nth(1).is_some() && consonants(left).last() == Some(true) => {
            format!("{left}i")
        }
        _ => word,
    }
}

fn step_2(mut word: String) -> String {
    while let Some(left) = word.strip_suffix("alli").filter(|left| measure(left) > 0) {
        word = format!("{left}al");
    }
    match word.strip_suffix("logi") {
        // The measure counts the `l` with what is left.
        Some(left) => {
            let kept = format!("{left}log");
            if measure(kept.strip_suffix("og").unwrap_or(left)) > 0 { kept } else { word }
        }
        None => shorten(word, STEP_2),
    }
}

fn step_4(word: String) -> String {
    for ending in STEP_4 {
        if let Some(left) = word.strip_suffix(ending) {
            let falls = measure(left) > 1 && (*ending != "ion" || left.ends_with(['s', 't']));
            return if falls { left.to_owned() } else { word };
        }
    }
    word
}

fn step_5a(word: String) -> String {
    match word.strip_suffix('e') {
        Some(left) if measure(left) > 1 || (measure(left) == 1 && !ends_short(left)) => {
            left.to_owned()
        }
        _ => word,
    }
}

fn step_5b(word: String) -> String {
    match word.strip_suffix('l') {
        Some(left) if left.ends_with('l') && measure(left) > 1 => left.to_owned(),
        _ => word,
    }
}

#[cfg(test)]
mod tests;
