//! Runs of keys, one for each query.

use std::sync::{Arc, OnceLock};

use burn::tensor::{Device, Tensor, TensorData};

use super::Blocked;

/// The keys that each query sees: those from a first one up to the query's own.
///
/// This covers causal order, rows padded on either side, windows, and rows that hold several samples.
/// Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Spans(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    firsts: Vec<u32>,
    queries: usize,
    keys: usize,
    blocked: OnceLock<Blocked>,
}

impl Spans {
    /// Spans from the first key that each query sees.
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
        Self(Arc::new(Inner { firsts, queries, keys, blocked: OnceLock::new() }))
    }

    /// Every query sees its own key and all before.
    #[must_use]
    pub fn causal(queries: usize, keys: usize) -> Self {
        Self::new(vec![0; queries], queries, keys)
    }

    /// `[b or 1, t]`.
    fn rows(&self) -> usize {
        self.0.firsts.len() / self.0.queries.max(1)
    }

    /// Whether the spans are those of `queries` queries over `keys` keys in each of `rows` rows.
    #[cfg(feature = "flex")]
    pub(super) fn fit(&self, rows: usize, queries: usize, keys: usize) -> bool {
        let is_one_for_all = self.rows() == 1 || self.rows() == rows;
        is_one_for_all && self.0.queries == queries && self.0.keys == keys
    }

    /// The first keys of a row's queries.
    #[cfg(feature = "flex")]
    pub(super) fn firsts(&self, row: usize) -> &[u32] {
        let start = row % self.rows().max(1) * self.0.queries;
        &self.0.firsts[start..start + self.0.queries]
    }

    /// The same as a mask, made once.
    #[must_use]
    pub fn blocked(&self, device: &Device) -> Blocked {
        let make = || {
            let Inner { firsts, queries, keys, .. } = &*self.0;
            let past = keys - queries;
            let mut blocked = vec![true; firsts.len() * keys];
            let lines = blocked.chunks_mut((*keys).max(1)).zip(firsts);
            for (index, (line, first)) in lines.enumerate() {
                let query = past + index % queries;
                if let Some(seen) = line.get_mut(*first as usize..=query) {
                    seen.fill(false);
                }
            }
            let data = TensorData::new(blocked, [self.rows(), 1, *queries, *keys]);
            Tensor::from_data(data, device)
        };
        self.0.blocked.get_or_init(make).clone()
    }
}
