//! Scores by the content of the row, a bounded number of them.

use std::collections::{HashMap, VecDeque};

use crate::hash::{extend, hash};

/// Two independent hashes of `content`: 128 bits, among which no two of any cache's rows collide.
pub(super) fn key(content: &str) -> u128 {
    let first = hash(content.as_bytes());
    let second =
        content.bytes().fold(content.len() as u64, |before, byte| extend(before, byte.into()));
    u128::from(first) << 64 | u128::from(second)
}

/// The scores; the oldest is forgotten first.
pub(super) struct Cache {
    capacity: usize,
    scores: HashMap<u128, f64>,
    order: VecDeque<u128>,
}

impl Cache {
    /// Of at most `capacity` scores.
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, scores: HashMap::new(), order: VecDeque::new() }
    }

    pub(super) fn get(&mut self, key: u128) -> Option<f64> {
        self.scores.get(&key).copied()
    }

    pub(super) fn insert(&mut self, key: u128, score: f64) {
        if self.capacity == 0 {
            return;
        }
        if self.scores.insert(key, score).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > self.capacity {
            if let Some(oldest) = self.order.pop_front() {
                self.scores.remove(&oldest);
            }
        }
    }
}
