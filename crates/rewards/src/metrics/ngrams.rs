//! Counted n-grams of tokens that were given numbers.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

/// Most tokens an n-gram can have: four numbers of 32 bits fill its key.
pub(crate) const MAX_ORDER: usize = 4;

/// Gives equal words equal numbers, in the order of their first use.
#[derive(Default)]
pub(crate) struct Interner<'t> {
    numbers: HashMap<&'t str, u32, FxBuildHasher>,
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
        let most = keys.len();
        Self::of_sorted(keys.into_iter(), most)
    }

    /// Counts the n-grams of 1 to `most` tokens, in this order; `most · bits` ≤ 128, and each token is
    /// less than 2^`bits` − 1.
    ///
    /// One sort serves all orders: what begins alike stands together. A place past the end is 0, and
    /// the tokens are moved up by one, so that an n-gram that is not whole is known by its last place.
    pub(crate) fn orders(tokens: &[u32], most: usize, bits: u32) -> Vec<Self> {
        let first = bits * (most.max(1) as u32 - 1);
        let mut keys = Vec::with_capacity(tokens.len());
        let mut rest = 0_u128;
        for token in tokens.iter().rev() {
            rest = (u128::from(*token) + 1) << first | rest >> bits;
            keys.push(rest);
        }
        keys.sort_unstable();
        let order = |n: usize| {
            let (cut, last) = (first - bits * (n as u32 - 1), (1_u128 << bits) - 1);
            let whole = keys.iter().map(|key| key >> cut).filter(|gram| gram & last != 0);
            Self::of_sorted(whole, keys.len())
        };
        (1..=most).map(order).collect()
    }

    fn of_sorted(keys: impl Iterator<Item = u128>, most: usize) -> Self {
        let mut counts: Vec<(u128, u32)> = Vec::with_capacity(most);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn all_orders_at_once_are_each_order_alone(
            tokens in prop::collection::vec(0_u32..4, 0..40),
            most in 1_usize..5,
        ) {
            let together = Counts::orders(&tokens, most, u32::BITS);
            prop_assert_eq!(together.len(), most);
            for (n, counts) in (1..).zip(together) {
                let mut grams: Vec<&[u32]> = tokens.windows(n).collect();
                prop_assert_eq!(counts.total(), grams.len() as u64);
                grams.sort_unstable();
                let mut times: Vec<u32> =
                    grams.chunk_by(|a, b| a == b).map(|same| same.len() as u32).collect();
                let mut ours: Vec<u32> = counts.0.iter().map(|(_, times)| *times).collect();
                times.sort_unstable();
                ours.sort_unstable();
                prop_assert_eq!(ours, times);
            }
        }

        #[test]
        fn what_two_texts_have_in_common_is_the_smaller_count(
            a in prop::collection::vec(0_u32..3, 0..30),
            b in prop::collection::vec(0_u32..3, 0..30),
        ) {
            let (ours, theirs) = (Counts::orders(&a, 3, 32), Counts::orders(&b, 3, 32));
            for n in 1..=3 {
                let mut left: Vec<&[u32]> = b.windows(n).collect();
                let mut common = 0;
                for gram in a.windows(n) {
                    if let Some(at) = left.iter().position(|other| *other == gram) {
                        left.swap_remove(at);
                        common += 1;
                    }
                }
                prop_assert_eq!(ours[n - 1].common(&theirs[n - 1]), common);
            }
        }
    }
}
