//! Liang's hyphenation (1983): where a word may be cut, as Pyphen finds it.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

/// Fewest characters before and after a cut.
const MARGIN: usize = 2;

/// Patterns, letters with a number before each, in a tree of their letters.
///
/// Wherever letters of a pattern stand in a word, its numbers bid for the gaps between the word's
/// letters; a gap whose highest bid is odd is a cut.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    next: HashMap<(u32, char), u32, FxBuildHasher>,
    bids: Vec<Vec<u8>>,
}

impl<'a> FromIterator<&'a str> for Patterns {
    /// Reads patterns such as `.ach4`, where a dot is a word's end.
    fn from_iter<I: IntoIterator<Item = &'a str>>(patterns: I) -> Self {
        let mut tree = Self { next: HashMap::default(), bids: vec![Vec::new()] };
        patterns.into_iter().for_each(|pattern| tree.insert(pattern));
        tree
    }
}

impl Patterns {
    fn insert(&mut self, pattern: &str) {
        let mut bids = vec![0];
        let mut node = 0;
        for c in pattern.chars() {
            if let Some(digit) = c.to_digit(10) {
                bids.pop();
                bids.push(digit as u8);
                continue;
            }
            let fresh = self.bids.len() as u32;
            node = *self.next.entry((node, c)).or_insert(fresh);
            if node == fresh {
                self.bids.push(Vec::new());
            }
            bids.push(0);
        }
        if let Some(slot) = self.bids.get_mut(node as usize) {
            *slot = bids;
        }
    }

    /// In how many places `word`, in lower case, may be cut, at least two characters from its ends.
    pub(super) fn positions(&self, word: &str) -> usize {
        let pointed: Vec<char> = std::iter::once('.').chain(word.chars()).chain(['.']).collect();
        let letters = pointed.len() - 2;
        let mut best = vec![0; pointed.len() + 1];
        for start in 0..pointed.len() - 1 {
            let mut node = 0;
            for letter in pointed.iter().skip(start) {
                let Some(child) = self.next.get(&(node, *letter)) else { break };
                node = *child;
                let bids = self.bids.get(node as usize).into_iter().flatten();
                for (slot, bid) in best.iter_mut().skip(start).zip(bids) {
                    *slot = (*slot).max(*bid);
                }
            }
        }
        // The gap before the word's letter n is before the pointed word's letter n + 1.
        let cuts = best.iter().enumerate().filter(|(_, bid)| *bid % 2 == 1);
        cuts.filter(|(gap, _)| (MARGIN + 1..=letters.saturating_sub(MARGIN) + 1).contains(gap))
            .count()
    }
}

#[cfg(test)]
mod tests;
