//! Counted n-grams of tokens that were given numbers.

use std::collections::HashMap;

/// Most tokens an n-gram can have: four numbers of 32 bits fill its key.
pub(crate) const MAX_ORDER: usize = 4;

/// Gives equal words equal numbers, in the order of their first use.
#[derive(Default)]
pub(crate) struct Interner<'t> {
    numbers: HashMap<&'t str, u32>,
}

impl<'t> Interner<'t> {
    /// The numbers of `words`.
    pub(crate) fn numbers(&mut self, words: impl Iterator<Item = &'t str>) -> Vec<u32> {
        let number = |word| {
            let next = self.numbers.len() as u32;
            *self.numbers.entry(word).or_insert(next)
        };
        words.map(number).collect()
    }
}

/// How often each n-gram occurs, sorted by the n-gram's key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Counts(Vec<(u128, u32)>);

impl Counts {
    /// Counts the n-grams of `tokens`; `bits` of each token are kept, and `n · bits` ≤ 128.
    pub(crate) fn of(tokens: &[u32], n: usize, bits: u32) -> Self {
        let key =
            |gram: &[u32]| gram.iter().fold(0_u128, |key, token| key << bits | u128::from(*token));
        let mut keys: Vec<u128> = tokens.windows(n.max(1)).map(key).collect();
        keys.sort_unstable();
        let mut counts: Vec<(u128, u32)> = Vec::with_capacity(keys.len());
        for key in keys {
            match counts.last_mut() {
                Some((last, count)) if *last == key => *count += 1,
                _ => counts.push((key, 1)),
            }
        }
        Self(counts)
    }

    /// All occurrences.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// Occurrences that both have: the sum of the smaller counts.
    pub(crate) fn common(&self, other: &Self) -> u64 {
        let mut common = 0;
        self.merge(other, |a, b| common += u64::from(a.min(b)));
        common
    }

    /// For each n-gram the larger count.
    pub(crate) fn max(&self, other: &Self) -> Self {
        let mut all: Vec<(u128, u32)> = Vec::with_capacity(self.0.len() + other.0.len());
        all.extend(self.0.iter().chain(&other.0));
        all.sort_unstable();
        all.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 = later.1;
            }
            same
        });
        Self(all)
    }

    /// Calls `each` with both counts of every n-gram that both have.
    fn merge(&self, other: &Self, mut each: impl FnMut(u32, u32)) {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some((left, x)), Some((right, y))) = (a.peek(), b.peek()) {
            match left.cmp(right) {
                std::cmp::Ordering::Less => drop(a.next()),
                std::cmp::Ordering::Greater => drop(b.next()),
                std::cmp::Ordering::Equal => {
                    each(*x, *y);
                    a.next();
                    b.next();
                }
            }
        }
    }
}
