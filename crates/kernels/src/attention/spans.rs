//! Runs of keys, one for each query.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use burn::tensor::{Device, Tensor, TensorData};

use super::Blocked;

/// The run of keys that each query sees.
///
/// This covers causal order, rows padded on either side, windows, rows that hold several samples, and
/// texts side by side of which each sees all of itself. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Spans(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `[b or 1, t]`.
    seen: Vec<Range<u32>>,
    queries: usize,
    keys: usize,
    blocked: OnceLock<Blocked>,
}

impl Spans {
    /// Spans from the first key that each query sees; the last is its own.
    ///
    /// The queries are the last `queries` of the `keys` columns. `firsts` holds one row of `queries`
    /// columns, for all rows alike, or one for each row. A query whose first key lies after itself
    /// sees none.
    ///
    /// # Panics
    ///
    /// When there are fewer keys than queries or `firsts` is not made of whole rows: the caller's
    /// mistake.
    #[must_use]
    pub fn new(firsts: Vec<u32>, queries: usize, keys: usize) -> Self {
        assert!(queries <= keys, "{queries} queries cannot be the last of {keys} keys");
        assert_eq!(firsts.len() % queries.max(1), 0, "firsts must be [b or 1, t]");
        let own = |index: usize| (keys - queries + index % queries + 1) as u32;
        let seen = firsts.into_iter().enumerate();
        Self::of(seen.map(|(index, first)| first..own(index)).collect(), queries, keys)
    }

    fn of(seen: Vec<Range<u32>>, queries: usize, keys: usize) -> Self {
        Self(Arc::new(Inner { seen, queries, keys, blocked: OnceLock::new() }))
    }

    /// Every query sees its own key and all before.
    #[must_use]
    pub fn causal(queries: usize, keys: usize) -> Self {
        Self::new(vec![0; queries], queries, keys)
    }

    /// One row of texts that lie one after the other: each token sees all tokens of its text, those
    /// behind it, too, and no other.
    #[must_use]
    pub fn texts(lengths: &[usize]) -> Self {
        let count = lengths.iter().sum();
        let mut seen = Vec::with_capacity(count);
        for length in lengths {
            let start = seen.len();
            seen.resize(start + length, start as u32..(start + length) as u32);
        }
        Self::of(seen, count, count)
    }

    /// `[b or 1, t]`.
    fn rows(&self) -> usize {
        self.0.seen.len() / self.0.queries.max(1)
    }

    /// Whether the spans are those of `queries` queries over `keys` keys in each of `rows` rows.
    #[cfg(feature = "flex")]
    pub(super) fn fit(&self, rows: usize, queries: usize, keys: usize) -> bool {
        let is_one_for_all = self.rows() == 1 || self.rows() == rows;
        is_one_for_all && self.0.queries == queries && self.0.keys == keys
    }

    /// The keys that a row's queries see.
    #[cfg(feature = "flex")]
    pub(super) fn seen(&self, row: usize) -> &[Range<u32>] {
        let start = row % self.rows().max(1) * self.0.queries;
        &self.0.seen[start..start + self.0.queries]
    }

    /// The same as a mask, made once.
    #[must_use]
    pub fn blocked(&self, device: &Device) -> Blocked {
        let make = || {
            let Inner { seen, queries, keys, .. } = &*self.0;
            let mut blocked = vec![true; seen.len() * keys];
            for (line, seen) in blocked.chunks_mut((*keys).max(1)).zip(seen) {
                if let Some(seen) = line.get_mut(seen.start as usize..seen.end as usize) {
                    seen.fill(false);
                }
            }
            let data = TensorData::new(blocked, [self.rows(), 1, *queries, *keys]);
            Tensor::from_data(data, device)
        };
        self.0.blocked.get_or_init(make).clone()
    }
}
