//! Rows of several lengths: token ids in, states of the real tokens out, never a padded one.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::Tensor;

use crate::input::int_tensor;

/// One row of token ids, special tokens included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenRow<'a> {
    /// The tokens; at least one.
    pub ids: &'a [u32],
    /// The type (segment) of each token, or nothing where all are of type 0. Models without token
    /// types do not look.
    pub types: &'a [u32],
}

impl<'a> TokenRow<'a> {
    /// A row whose tokens are all of type 0.
    #[must_use]
    pub fn new(ids: &'a [u32]) -> Self {
        Self { ids, types: &[] }
    }
}

/// A row that a model cannot read. `row` is the row's index, from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// A row without tokens.
    #[error("row {row} holds no token; a text has its special tokens at least")]
    Empty {
        /// The row.
        row: usize,
    },
    /// A row longer than the model's positions.
    #[error("row {row} holds {tokens} tokens, the model reads {most} at most; cut the row")]
    TooLong {
        /// The row.
        row: usize,
        /// Its tokens.
        tokens: usize,
        /// Tokens that the model has positions for.
        most: usize,
    },
    /// A token that the model does not know.
    #[error("row {row} holds token {id}, the model knows {size}: the tokenizer is not the model's")]
    UnknownToken {
        /// The row.
        row: usize,
        /// The token's id.
        id: u32,
        /// Rows of the model's embedding.
        size: usize,
    },
    /// Token types that are not one for each token.
    #[error("row {row} has {types} token types for {tokens} tokens")]
    Types {
        /// The row.
        row: usize,
        /// Types that are there.
        types: usize,
        /// Tokens.
        tokens: usize,
    },
    /// A token type that the model does not know.
    #[error("row {row} holds the token type {kind}, the model knows {size}")]
    UnknownType {
        /// The row.
        row: usize,
        /// The type.
        kind: u32,
        /// Types that the model knows.
        size: usize,
    },
}

/// What a model can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Tokens of a row.
    pub(crate) max_tokens: usize,
    /// Token ids.
    pub(crate) vocab_size: usize,
    /// Token types, 0 where the model has none.
    pub(crate) token_types: usize,
}

impl Limits {
    /// Refuses the first row that does not fit.
    pub(crate) fn check(&self, rows: &[TokenRow<'_>]) -> Result<(), RowError> {
        rows.iter().enumerate().try_for_each(|(row, tokens)| self.check_row(row, *tokens))
    }

    fn check_row(&self, row: usize, TokenRow { ids, types }: TokenRow<'_>) -> Result<(), RowError> {
        let Self { max_tokens, vocab_size, token_types } = *self;
        if ids.is_empty() {
            return Err(RowError::Empty { row });
        }
        if ids.len() > max_tokens {
            return Err(RowError::TooLong { row, tokens: ids.len(), most: max_tokens });
        }
        if let Some(id) = ids.iter().copied().find(|id| *id as usize >= vocab_size) {
            return Err(RowError::UnknownToken { row, id, size: vocab_size });
        }
        if types.is_empty() || token_types == 0 {
            return Ok(());
        }
        if types.len() != ids.len() {
            return Err(RowError::Types { row, types: types.len(), tokens: ids.len() });
        }
        match types.iter().copied().find(|kind| *kind as usize >= token_types) {
            Some(kind) => Err(RowError::UnknownType { row, kind, size: token_types }),
            None => Ok(()),
        }
    }
}

/// One vector for each token of a batch of rows, the rows one after the other.
///
/// Cloning is cheap.
#[derive(Debug, Clone)]
pub struct RaggedStates {
    /// `[n, d]`.
    states: Tensor<2>,
    /// `b + 1` places: row `r` is `offsets[r]..offsets[r + 1]`.
    offsets: Arc<[usize]>,
}

impl RaggedStates {
    /// States of rows of these lengths.
    ///
    /// # Shapes
    ///
    /// - `states`: `[n, d]`, with as many rows as the lengths sum to
    ///
    /// # Panics
    ///
    /// When they do not: the caller's mistake.
    #[must_use]
    pub fn new(states: Tensor<2>, lengths: &[usize]) -> Self {
        let [tokens, _] = states.dims();
        let ends = lengths.iter().scan(0, |end, length| {
            *end += length;
            Some(*end)
        });
        let offsets: Arc<[usize]> = std::iter::once(0).chain(ends).collect();
        assert_eq!(offsets.last(), Some(&tokens), "one state for each token");
        Self { states, offsets }
    }

    /// The states of all tokens, `[n, d]`.
    #[must_use]
    pub fn states(&self) -> Tensor<2> {
        self.states.clone()
    }

    /// Where each row begins, and where the last one ends: `b + 1` places.
    #[must_use]
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// Rows `b`.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Tokens of all rows, `n`.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.offsets.last().copied().unwrap_or(0)
    }

    /// Width `d` of a state.
    #[must_use]
    pub fn width(&self) -> usize {
        let [_, width] = self.states.dims();
        width
    }

    /// Tokens of each row.
    #[must_use]
    pub fn lengths(&self) -> Vec<usize> {
        self.offsets.windows(2).map(|ends| ends[1] - ends[0]).collect()
    }

    /// Where row `row` lies among the tokens.
    ///
    /// # Panics
    ///
    /// When there is no such row.
    #[must_use]
    pub fn range(&self, row: usize) -> Range<usize> {
        self.offsets[row]..self.offsets[row + 1]
    }

    /// The states of one row, `[t, d]`.
    ///
    /// # Panics
    ///
    /// When there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> Tensor<2> {
        self.states.clone().slice_dim(0, self.range(row))
    }

    /// The same rows with other states, one for each token.
    ///
    /// # Shapes
    ///
    /// - `change`: from `[n, d]` to `[n, e]`
    ///
    /// # Panics
    ///
    /// When `change` changes the number of tokens: the caller's mistake.
    #[must_use]
    pub fn map(&self, change: impl FnOnce(Tensor<2>) -> Tensor<2>) -> Self {
        let states = change(self.states.clone());
        assert_eq!(states.dims()[0], self.tokens(), "one state for each token");
        Self { states, offsets: self.offsets.clone() }
    }

    /// The states of row beside row, `[b, t, d]`; padding repeats its row's last state. Needs rows,
    /// none of them empty.
    #[must_use]
    pub fn padded(&self) -> Tensor<3> {
        let longest = self.lengths().into_iter().max().unwrap_or(0);
        let row = |ends: &[usize]| {
            let (first, last) = (ends[0], ends[1].saturating_sub(1));
            (0..longest).map(move |place| (first + place).min(last))
        };
        let padded = self.select(self.offsets.windows(2).flat_map(row));
        padded.reshape([self.rows(), longest, self.width()])
    }

    /// The state of each row's first token, `[b, d]`. Needs rows, none of them empty.
    pub(crate) fn first(&self) -> Tensor<2> {
        self.select(self.offsets.windows(2).map(|ends| ends[0]))
    }

    /// The state of each row's last token, `[b, d]`. Needs rows, none of them empty.
    pub(crate) fn last(&self) -> Tensor<2> {
        self.select(self.offsets.windows(2).map(|ends| ends[1].saturating_sub(1)))
    }

    /// The states at `places` among the tokens, `[places, d]`.
    fn select(&self, places: impl Iterator<Item = usize>) -> Tensor<2> {
        let places: Vec<u32> = places.map(|place| place as u32).collect();
        let places = int_tensor(&places, [places.len()], &self.states.device());
        self.states.clone().select(0, places)
    }
}

/// Rows sorted by length and cut into batches of at most `max_tokens` tokens, padding counted: the
/// indices of each batch's rows, the longest first. A row longer than that is a batch of its own.
#[must_use]
pub fn batches(lengths: &[usize], max_tokens: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|row| std::cmp::Reverse(lengths[*row]));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for row in order {
        match batches.last_mut() {
            Some(batch) if (batch.len() + 1) * lengths[batch[0]] <= max_tokens => batch.push(row),
            _ => batches.push(vec![row]),
        }
    }
    batches
}

/// The places of rows of these lengths side by side, without those of the padding on the right.
pub(crate) fn places(lengths: &[usize]) -> Vec<u32> {
    let longest = lengths.iter().max().copied().unwrap_or(0);
    let row = |(row, length): (usize, &usize)| {
        (0..*length).map(move |place| (row * longest + place) as u32)
    };
    lengths.iter().enumerate().flat_map(row).collect()
}

/// One vector for each row, computed in the order of [`batches`] and put back into that of `rows`.
///
/// # Shapes
///
/// - `compute`: from `b` rows to `[b, d]`
/// - output: `[rows, d]`, or `None` without rows
///
/// # Errors
///
/// The first of `compute`, in which a row's index is its place within its batch: check rows before.
pub fn in_batches<E>(
    rows: &[TokenRow<'_>],
    max_tokens: usize,
    mut compute: impl FnMut(&[TokenRow<'_>]) -> Result<Tensor<2>, E>,
) -> Result<Option<Tensor<2>>, E> {
    let lengths: Vec<usize> = rows.iter().map(|row| row.ids.len()).collect();
    let batches = batches(&lengths, max_tokens);
    let mut parts = Vec::with_capacity(batches.len());
    for batch in &batches {
        let batch: Vec<TokenRow<'_>> = batch.iter().map(|row| rows[*row]).collect();
        parts.push(compute(&batch)?);
    }
    if parts.is_empty() {
        return Ok(None);
    }
    let mut places = vec![0; rows.len()];
    for (place, row) in batches.iter().flatten().enumerate() {
        places[*row] = place as u32;
    }
    let computed = Tensor::cat(parts, 0);
    let places = int_tensor(&places, [places.len()], &computed.device());
    Ok(Some(computed.select(0, places)))
}

#[cfg(test)]
mod tests;
