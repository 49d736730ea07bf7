//! Which word of a response stands for which of a target.

use std::collections::{HashMap, HashSet};

use super::wordnet::WordNet;
use crate::metrics::porter::stem;

/// Words with their places in the text, as far as they are still without a partner.
type Open = Vec<(usize, String)>;
/// A place in the response and one in the target.
type Pair = (usize, usize);

/// The pairs of equal words, then of equal stems among what is left, then of synonyms; sorted by the
/// place in the response. Words are in lower case.
///
/// As in NLTK, synonyms are looked up for the stems that the second stage leaves.
pub(super) fn align(
    response: &[String],
    target: &[String],
    wordnet: Option<&WordNet>,
) -> Vec<Pair> {
    let open = |words: &[String]| words.iter().cloned().enumerate().collect();
    let (mut response, mut target): (Open, Open) = (open(response), open(target));
    let mut pairs = Vec::new();
    pair_up(&mut response, &mut target, &mut pairs, |word, free| free.last(word));
    for (_, word) in response.iter_mut().chain(&mut target) {
        *word = stem(word);
    }
    pair_up(&mut response, &mut target, &mut pairs, |word, free| free.last(word));
    if let Some(wordnet) = wordnet {
        pair_up(&mut response, &mut target, &mut pairs, |word, free| {
            wordnet.synonyms(word).chain([word]).filter_map(|synonym| free.last(synonym)).max()
        });
    }
    pairs.sort_unstable();
    pairs
}

/// The places at which each word of the target is still free, in order.
struct Free<'w>(HashMap<&'w str, Vec<usize>>);

impl Free<'_> {
    fn last(&self, word: &str) -> Option<usize> {
        self.0.get(word)?.last().copied()
    }
}

/// Moves pairs from the open words to `pairs`: for each word of the response, from the last to the
/// first, the free word of the target that `choose` picks by its index there.
fn pair_up(
    response: &mut Open,
    target: &mut Open,
    pairs: &mut Vec<Pair>,
    choose: impl Fn(&str, &Free<'_>) -> Option<usize>,
) {
    let mut free = Free(HashMap::new());
    for (index, (_, word)) in target.iter().enumerate() {
        free.0.entry(word).or_default().push(index);
    }
    let (mut ours, mut theirs) = (HashSet::new(), HashSet::new());
    for (place, word) in response.iter().rev() {
        let chosen = choose(word, &free).and_then(|index| Some((index, target.get(index)?)));
        let Some((index, (partner, form))) = chosen else { continue };
        // What is chosen is the last free place of its form.
        free.0.get_mut(form.as_str()).and_then(Vec::pop);
        ours.insert(*place);
        theirs.insert(index);
        pairs.push((*place, *partner));
    }
    response.retain(|(place, _)| !ours.contains(place));
    let mut index = 0;
    target.retain(|_| {
        index += 1;
        !theirs.contains(&(index - 1))
    });
}
