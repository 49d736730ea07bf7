//! The states of a text's tokens after a layer of an encoder.

use std::collections::HashMap;
use std::sync::Arc;

use hybrid_model::TokenRow;

use super::embedder::Embedder;
use super::encoded::TextEncoder;
use super::language_model::whole;
use crate::text::strip;

/// A text as tokens, with the state of each, of length 1.
#[derive(Debug)]
pub(super) struct TokenStates {
    pub(super) ids: Vec<u32>,
    /// `[t, d]`, row by row.
    states: Vec<f32>,
    width: usize,
}

impl TokenStates {
    /// States as a network gave them.
    ///
    /// # Shapes
    ///
    /// - `states`: `[t, d]`, one for each of `ids`
    pub(super) fn new(ids: Vec<u32>, mut states: Vec<f32>, width: usize) -> Self {
        for state in states.chunks_exact_mut(width.max(1)) {
            let length = dot(state, state).sqrt();
            for value in state {
                *value /= length;
            }
        }
        Self { ids, states, width }
    }

    /// Whether every state is a direction.
    pub(super) fn is_finite(&self) -> bool {
        self.states.iter().all(|value| value.is_finite())
    }

    /// For each token of both texts the largest cosine with a token of the other; the special tokens
    /// take part.
    pub(super) fn matches(&self, other: &Self) -> (Vec<f32>, Vec<f32>) {
        let mut own = vec![f32::NEG_INFINITY; self.ids.len()];
        let mut others = vec![f32::NEG_INFINITY; other.ids.len()];
        for (own, state) in own.iter_mut().zip(self.rows()) {
            for (best, theirs) in others.iter_mut().zip(other.rows()) {
                let cosine = dot(state, theirs);
                *own = own.max(cosine);
                *best = best.max(cosine);
            }
        }
        (own, others)
    }

    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.states.chunks_exact(self.width.max(1))
    }
}

/// The sum of products, in eight sums side by side.
fn dot(one: &[f32], other: &[f32]) -> f32 {
    let (ones, others) = (one.chunks_exact(8), other.chunks_exact(8));
    let rest: f32 = ones.remainder().iter().zip(others.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [0.0_f32; 8];
    for (ones, others) in ones.zip(others) {
        for ((sum, a), b) in sums.iter_mut().zip(ones).zip(others) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// An encoder's states after a layer, of texts cut to a number of tokens.
pub(super) struct States {
    embedder: Arc<Embedder>,
    layer: usize,
    limit: usize,
    /// The first word gets the space that it would have inside a text.
    space_first: bool,
}

impl States {
    /// States after `layer` layers, 0 for the embeddings, of at most `max_length` tokens.
    pub(super) fn new(embedder: Arc<Embedder>, layer: usize, max_length: Option<usize>) -> Self {
        let limit = embedder.states_limit(max_length);
        // Of the families that can be read, RoBERTa's tokenizer is the one whose words carry a space.
        let space_first = embedder.encoder().config().model_type == "roberta";
        Self { embedder, layer, limit, space_first }
    }

    /// How many of `texts` hold each token, the special ones included.
    ///
    /// # Errors
    ///
    /// As for [`Embedder::ids`], for the first text that cannot be read.
    pub(super) fn frequencies(&self, texts: &[String]) -> Result<HashMap<u32, usize>, String> {
        let mut found = HashMap::new();
        for text in texts {
            let mut ids = self.read(text)?;
            ids.sort_unstable();
            ids.dedup();
            for id in ids {
                *found.entry(id).or_default() += 1;
            }
        }
        Ok(found)
    }
}

impl TextEncoder for States {
    type Value = Arc<TokenStates>;

    fn read(&self, text: &str) -> Result<Vec<u32>, String> {
        let text = strip(text);
        if self.space_first && !text.is_empty() {
            return self.embedder.ids(&format!(" {text}"), self.limit);
        }
        self.embedder.ids(text, self.limit)
    }

    fn encode(&self, rows: &[&[u32]]) -> Result<Vec<Arc<TokenStates>>, String> {
        let tokens: Vec<TokenRow<'_>> = rows.iter().map(|ids| TokenRow::new(ids)).collect();
        let states = self.embedder.encoder().states_after(&tokens, self.layer);
        let states = states.map_err(|error| whole(&error))?;
        let width = states.width();
        let mut values = states.states().into_data().iter::<f32>().collect::<Vec<_>>().into_iter();
        let row = |ids: &&[u32]| {
            let states = values.by_ref().take(ids.len() * width).collect();
            Arc::new(TokenStates::new(ids.to_vec(), states, width))
        };
        Ok(rows.iter().map(row).collect())
    }
}

#[cfg(test)]
mod tests;
