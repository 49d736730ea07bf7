//! WordNet's database (Fellbaum 1998): which words share a meaning, for any inflected form.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use crate::error::FileError;

/// Endings that an inflected form may have, and what the base form has in their place.
type Endings = &'static [(&'static str, &'static str)];

const NOUN: Endings = &[
    ("s", ""),
    ("ses", "s"),
    ("ves", "f"),
    ("xes", "x"),
    ("zes", "z"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("ies", "y"),
];
const VERB: Endings = &[
    ("s", ""),
    ("ies", "y"),
    ("es", "e"),
    ("es", ""),
    ("ed", "e"),
    ("ed", ""),
    ("ing", "e"),
    ("ing", ""),
];
const ADJECTIVE: Endings = &[("er", ""), ("est", ""), ("er", "e"), ("est", "e")];
const PARTS: [(&str, Endings); 4] =
    [("noun", NOUN), ("verb", VERB), ("adj", ADJECTIVE), ("adv", &[])];

/// One part of speech.
#[derive(Debug, Default)]
struct Part {
    /// Base form to the numbers of its synsets.
    lemmas: HashMap<Box<str>, Box<[u32]>>,
    /// Irregular form to its base forms.
    exceptions: HashMap<Box<str>, Box<[Box<str>]>>,
    /// The forms of each synset that are one word, in their own case.
    synsets: Vec<Box<[Box<str>]>>,
    endings: Endings,
}

/// WordNet 3.0, or another version in the same form; some 60 MB of memory.
#[derive(Debug, Default)]
pub(super) struct WordNet {
    parts: Vec<Part>,
}

impl WordNet {
    /// Reads `index.*`, `data.*` and `*.exc` of the four parts of speech in `folder`.
    ///
    /// # Errors
    ///
    /// [`FileError`] where a file cannot be read or a line has another form.
    pub(super) fn read(folder: &Path) -> Result<Self, FileError> {
        let parts = PARTS.into_iter().map(|(name, endings)| Part::read(folder, name, endings));
        Ok(Self { parts: parts.collect::<Result<_, _>>()? })
    }

    /// The words that share a meaning with `word`, in lower case and of any inflection; with
    /// repetitions, and among them the base forms of `word` itself.
    pub(super) fn synonyms<'w>(&'w self, word: &'w str) -> impl Iterator<Item = &'w str> {
        self.parts.iter().flat_map(|part| part.synonyms(word))
    }
}

impl Part {
    fn read(folder: &Path, name: &str, endings: Endings) -> Result<Self, FileError> {
        let mut part = Self { endings, ..Self::default() };
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        for_each_line(&folder.join(format!("data.{name}")), "a synset", |line| {
            let (offset, forms) = synset(line)?;
            numbers.insert(offset, part.synsets.len() as u32);
            part.synsets.push(forms);
            Some(())
        })?;
        let expected = "a lemma with the offsets of synsets in the data file";
        for_each_line(&folder.join(format!("index.{name}")), expected, |line| {
            let (lemma, offsets) = lemma(line)?;
            let synsets: Option<_> =
                offsets.iter().map(|offset| numbers.get(offset).copied()).collect();
            part.lemmas.insert(lemma, synsets?);
            Some(())
        })?;
        let expected = "an irregular form and its base forms";
        for_each_line(&folder.join(format!("{name}.exc")), expected, |line| {
            let mut forms = line.split_ascii_whitespace().map(Box::from);
            part.exceptions.insert(forms.next()?, forms.collect());
            Some(())
        })?;
        Ok(part)
    }

    fn synonyms<'w>(&'w self, word: &'w str) -> impl Iterator<Item = &'w str> {
        let synsets = self.base_forms(word).into_iter().filter_map(|form| self.lemmas.get(&*form));
        let forms = synsets.flatten().filter_map(|number| self.synsets.get(*number as usize));
        forms.flatten().map(|form| &**form)
    }

    /// The base forms of `word` that are lemmas: the word itself, and those of its exception where
    /// it is one, else those that its endings give.
    fn base_forms(&self, word: &str) -> Vec<String> {
        let mut forms = vec![word.to_owned()];
        match self.exceptions.get(word) {
            Some(bases) => forms.extend(bases.iter().map(ToString::to_string)),
            None => forms.extend(self.endings.iter().filter_map(|(ending, base)| {
                Some(format!("{}{base}", word.strip_suffix(ending)?))
            })),
        }
        let mut seen = HashSet::new();
        forms.retain(|form| self.lemmas.contains_key(form.as_str()) && seen.insert(form.clone()));
        forms
    }
}

/// The offset and the one-word forms of a synset: offset, file, kind, how many forms in hexadecimal,
/// then each form with a number.
fn synset(line: &str) -> Option<(u32, Box<[Box<str>]>)> {
    let mut fields = line.split_ascii_whitespace();
    let offset = fields.next()?.parse().ok()?;
    let count = usize::from_str_radix(fields.nth(2)?, 16).ok()?;
    let mut forms = Vec::new();
    for _ in 0..count {
        let form = fields.next()?;
        fields.next()?;
        // An adjective may carry where it stands: `galore(ip)`.
        let form = form.split_once('(').map_or(form, |(form, _)| form);
        if !form.contains('_') {
            forms.push(Box::from(form));
        }
    }
    Some((offset, forms.into()))
}

/// A lemma with its synsets: lemma, kind, how many synsets, how many pointers, the pointers, two more
/// numbers, the synsets' offsets.
fn lemma(line: &str) -> Option<(Box<str>, Vec<u32>)> {
    let mut fields = line.split_ascii_whitespace();
    let lemma = fields.next()?;
    let synsets: usize = fields.nth(1)?.parse().ok()?;
    let pointers: usize = fields.next()?.parse().ok()?;
    let offsets: Vec<u32> =
        fields.skip(pointers + 2).map_while(|offset| offset.parse().ok()).collect();
    (synsets > 0 && offsets.len() == synsets).then(|| (lemma.into(), offsets))
}

/// Calls `take` with each line that is not blank and not part of the licence, which is indented.
fn for_each_line(
    path: &Path,
    expected: &'static str,
    mut take: impl FnMut(&str) -> Option<()>,
) -> Result<(), FileError> {
    let bytes =
        fs::read(path).map_err(|source| FileError::Io { path: path.to_path_buf(), source })?;
    for (index, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
        if !line.starts_with(' ') && !line.is_empty() && take(line).is_none() {
            return Err(FileError::Line { path: path.to_path_buf(), line: index + 1, expected });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
