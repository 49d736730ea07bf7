//! Names, numbers and dates in a text, by rules.
//!
//! A *date* is `2024-05-12`, `12 May 2024`, `May 12, 2024` or `May 2024`, with English month names,
//! and `5/12/2024`, which is read as it stands. A *number* is any other run of digits with its
//! separators, sign and percent sign; `1,000` and `1000` are one number, as are `2.50` and `2.5`. A *name* is a run
//! of words that begin with a capital letter; the first word of a sentence counts only where it is
//! followed by another such word, stands capitalised inside a sentence elsewhere in the text, or
//! holds a second capital. Function words are no names. Anything else is not found: this is no
//! named-entity recogniser.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::language::{is_function_word, matches, sentences};

/// What an entity is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub(in crate::metrics) enum Kind {
    /// Of a person, a place or anything else.
    Name,
    /// With its percent sign.
    Number,
    /// As year, month and day, as far as they are given.
    Date,
}

/// An entity in its normal form, in which different spellings are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::metrics) struct Entity {
    /// What it is.
    pub(in crate::metrics) kind: Kind,
    /// Its normal form: lower case, `2024-05-12`, `1000`.
    pub(in crate::metrics) text: String,
}

/// The entities of `text`.
pub(in crate::metrics) fn entities(text: &str) -> BTreeSet<Entity> {
    let mut found = BTreeSet::new();
    let mut rest = text.to_owned();
    for (pattern, read) in date_forms() {
        let mut take = |captures: &Captures<'_>| match read(captures) {
            Some(date) => {
                found.insert(Entity { kind: Kind::Date, text: date });
                ". ".to_owned()
            }
            None => captures.get(0).map_or_else(String::new, |all| all.as_str().to_owned()),
        };
        rest = pattern.replace_all(&rest, &mut take).into_owned();
    }
    static NUMBER: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"[-−]?\p{Nd}+(?:[.,]\p{Nd}+)*%?").ok());
    let numbers = NUMBER.iter().flat_map(|number| number.find_iter(&rest));
    found.extend(numbers.filter_map(|number| {
        // A digit inside a word, such as `B12`, belongs to the word.
        let before = rest.get(..number.start()).unwrap_or_default().chars().next_back();
        let inside = before.is_some_and(char::is_alphabetic);
        let text = number_form(number.as_str(), before);
        (!inside).then_some(Entity { kind: Kind::Number, text })
    }));
    found.extend(names(&rest).into_iter().map(|text| Entity { kind: Kind::Name, text }));
    found
}

type ReadDate = fn(&Captures<'_>) -> Option<String>;

fn date_forms() -> &'static [(Regex, ReadDate)] {
    static FORMS: LazyLock<Vec<(Regex, ReadDate)>> = LazyLock::new(|| {
        const MONTH: &str = r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?";
        let forms: [(String, ReadDate); 5] = [
            (r"\b(\d{4})-(\d{2})-(\d{2})\b".into(), |c| date(c.get(1), c.get(2), c.get(3))),
            (format!(r"\b(\d{{1,2}})(?:st|nd|rd|th)? (?:of )?{MONTH},? (\d{{4}})\b"), |c| {
                date(c.get(3), c.get(2), c.get(1))
            }),
            (format!(r"\b{MONTH} (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})\b"), |c| {
                date(c.get(3), c.get(1), c.get(2))
            }),
            (format!(r"\b{MONTH},? (\d{{4}})\b"), |c| date(c.get(2), c.get(1), None)),
            (r"\b(\d{1,2}/\d{1,2}/\d{2,4})\b".into(), |c| Some(c.get(1)?.as_str().to_owned())),
        ];
        let built =
            forms.into_iter().filter_map(|(form, read)| Some((Regex::new(&form).ok()?, read)));
        built.collect()
    });
    &FORMS
}

/// `2024-05-12`, or `2024-05` without a day; `None` for a month or day that there is not.
fn date(
    year: Option<regex::Match<'_>>,
    month: Option<regex::Match<'_>>,
    day: Option<regex::Match<'_>>,
) -> Option<String> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month) = (year?.as_str(), month?.as_str());
    let month = match month.parse::<usize>() {
        Ok(number) => number,
        Err(_) => 1 + MONTHS.iter().position(|name| *name == month)?,
    };
    if !(1..=12).contains(&month) {
        return None;
    }
    let Some(day) = day else { return Some(format!("{year}-{month:02}")) };
    let day: u32 = day.as_str().parse().ok().filter(|day| (1..=31).contains(day))?;
    Some(format!("{year}-{month:02}-{day:02}"))
}

/// Without thousands separators and needless zeros; a hyphen between words or digits is no sign.
fn number_form(text: &str, before: Option<char>) -> String {
    let joined = before.is_some_and(|c| c.is_alphanumeric());
    let negative = text.starts_with(['-', '−']) && !joined;
    let (digits, percent) = match text.trim_start_matches(['-', '−']) {
        rest if rest.ends_with('%') => (rest.trim_end_matches('%'), "%"),
        rest => (rest, ""),
    };
    let groups: Vec<&str> = digits.split(',').collect();
    let thousands = groups
        .iter()
        .skip(1)
        .all(|group| group.split('.').next().is_some_and(|whole| whole.chars().count() == 3));
    let plain = if thousands { groups.concat() } else { digits.replace(',', ".") };
    let plain = match plain.matches('.').count() {
        1 => plain.trim_end_matches('0').trim_end_matches('.').to_owned(),
        _ => plain,
    };
    format!("{}{plain}{percent}", if negative { "-" } else { "" })
}

fn names(text: &str) -> BTreeSet<String> {
    let capital = |word: &str| word.starts_with(char::is_uppercase);
    let plain = |word: &str| is_function_word(&word.to_lowercase().replace('’', "'"));
    // Words that stand capitalised where no sentence begins.
    let inner: BTreeSet<&str> = sentences(text)
        .into_iter()
        .flat_map(|sentence| matches(sentence).skip(1).map(|(_, word)| word))
        .filter(|word| capital(word) && !plain(word))
        .collect();
    let mut found = BTreeSet::new();
    for sentence in sentences(text) {
        let mut run: Vec<&str> = Vec::new();
        let mut end = 0;
        for (at, word) in matches(sentence) {
            let gap = sentence.get(end..at).unwrap_or_default();
            let joined = !run.is_empty() && matches!(gap, " " | "-" | ". " | "\u{a0}");
            end = at + word.len();
            let name = capital(word) && !plain(word);
            if !(name && joined) {
                keep(&mut run, &inner, &mut found);
            }
            // A sentence's first word may be capitalised for that alone; `keep` decides.
            if name {
                run.push(word);
            }
        }
        keep(&mut run, &inner, &mut found);
    }
    found
}

/// Ends a run of capitalised words and keeps it where it is a name.
fn keep(run: &mut Vec<&str>, inner: &BTreeSet<&str>, found: &mut BTreeSet<String>) {
    let words = std::mem::take(run);
    let known = match words.as_slice() {
        [] => false,
        [only] => inner.contains(only) || only.chars().filter(|c| c.is_uppercase()).count() > 1,
        _ => true,
    };
    if known {
        let name = words.join(" ").to_lowercase().replace('’', "'");
        found.insert(name.strip_suffix("'s").unwrap_or(&name).to_owned());
    }
}
