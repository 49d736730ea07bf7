//! What was computed for a content, remembered for the next time: a bounded number of values.

use std::collections::{BTreeMap, HashMap};

use crate::hash::{extend, hash};

#[cfg(test)]
mod tests;

/// Two independent hashes of `content`: 128 bits, among which no two of any cache's rows collide.
fn key_of(content: &str) -> u128 {
    let first = hash(content.as_bytes());
    let second =
        content.bytes().fold(content.len() as u64, |before, byte| extend(before, byte.into()));
    u128::from(first) << 64 | u128::from(second)
}

/// Values by content; what was used least recently is forgotten first.
pub(crate) struct Cache<V> {
    capacity: usize,
    values: HashMap<u128, (V, u64)>,
    /// The keys by when they were last used.
    used: BTreeMap<u64, u128>,
    now: u64,
    hits: u64,
}

/// A row whose value is to be found, and the places in the batch that it is for.
pub(crate) struct Pending<T> {
    pub(crate) key: u128,
    pub(crate) row: T,
    pub(crate) places: Vec<usize>,
}

impl<T> Pending<T> {
    /// Puts `value` into the row's places.
    pub(crate) fn put<V: Clone>(&self, values: &mut [Option<V>], value: Option<V>) {
        for place in &self.places {
            if let Some(slot) = values.get_mut(*place) {
                slot.clone_from(&value);
            }
        }
    }
}

impl<V: Clone> Cache<V> {
    /// Of at most `capacity` values.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, values: HashMap::new(), used: BTreeMap::new(), now: 0, hits: 0 }
    }

    /// How many rows were answered from memory so far.
    pub(crate) fn hits(&self) -> u64 {
        self.hits
    }

    /// Fills in the values that are remembered and returns the other rows, equal ones together.
    ///
    /// A row comes with its content, by which it is known.
    pub(crate) fn pending<T>(
        &mut self,
        rows: impl IntoIterator<Item = (impl AsRef<str>, T)>,
        values: &mut [Option<V>],
    ) -> Vec<Pending<T>> {
        let mut pending: Vec<Pending<T>> = Vec::new();
        let mut known: HashMap<u128, usize> = HashMap::new();
        for (place, ((content, row), slot)) in rows.into_iter().zip(values).enumerate() {
            let key = key_of(content.as_ref());
            *slot = self.get(key);
            if slot.is_some() {
                self.hits += 1;
                continue;
            }
            match known.get(&key).and_then(|at| pending.get_mut(*at)) {
                Some(equal) => equal.places.push(place),
                None => {
                    known.insert(key, pending.len());
                    pending.push(Pending { key, row, places: vec![place] });
                }
            }
        }
        pending
    }

    fn get(&mut self, key: u128) -> Option<V> {
        let (value, used) = self.values.get_mut(&key)?;
        self.used.remove(used);
        self.now += 1;
        *used = self.now;
        self.used.insert(self.now, key);
        Some(value.clone())
    }

    /// Remembers the value of the row with this key.
    pub(crate) fn insert(&mut self, key: u128, value: V) {
        if self.capacity == 0 {
            return;
        }
        self.now += 1;
        if let Some((_, used)) = self.values.insert(key, (value, self.now)) {
            self.used.remove(&used);
        }
        self.used.insert(self.now, key);
        if self.values.len() > self.capacity
            && let Some((_, oldest)) = self.used.pop_first()
        {
            self.values.remove(&oldest);
        }
    }
}
