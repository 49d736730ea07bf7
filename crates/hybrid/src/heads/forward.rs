//! Examples through the model: cut into passes that fit, and what a head says of each text.

use std::collections::HashMap;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use hybrid_model::ragged::batches;
use hybrid_model::{MultiHead, RaggedStates, TokenRow};

use super::example::{Example, TextRow};
use crate::error::HybridError;

/// Examples in passes of at most `micro_tokens` tokens, padding counted.
pub(super) fn passes<'a>(examples: &[&'a Example], micro_tokens: usize) -> Vec<Vec<&'a Example>> {
    let size = |example: &&Example| example.tokens() * example.rows.len().max(1);
    let lengths: Vec<usize> = examples.iter().map(size).collect();
    let member = |place: usize| examples.get(place).copied();
    let pass = |places: Vec<usize>| places.into_iter().filter_map(member).collect();
    batches(&lengths, micro_tokens).into_iter().map(pass).collect()
}

/// All texts of examples, in their order.
pub(super) fn token_rows<'a>(examples: &[&'a Example]) -> Vec<TokenRow<'a>> {
    let texts = examples.iter().flat_map(|example| &example.rows);
    texts.map(|row: &TextRow| TokenRow::new(&row.ids)).collect()
}

/// Vectors that a frozen trunk gives the texts of a task, by text; computed when first asked for.
#[derive(Debug, Default)]
pub(super) struct Features {
    known: HashMap<Arc<[u32]>, Vec<f32>>,
}

impl Features {
    /// The pooled vectors of examples, `[texts, d]`, without a gradient. Texts that are not known yet
    /// go through `frozen`, which records none.
    pub(super) fn of(
        &mut self,
        frozen: &MultiHead,
        head: usize,
        examples: &[&Example],
        micro_tokens: usize,
        device: &Device,
    ) -> Result<Tensor<2>, HybridError> {
        let texts: Vec<&[u32]> = examples
            .iter()
            .flat_map(|example| &example.rows)
            .map(|row| row.ids.as_slice())
            .collect();
        let new: Vec<&[u32]> =
            texts.iter().copied().filter(|ids| !self.known.contains_key(*ids)).collect();
        let lengths: Vec<usize> = new.iter().map(|ids| ids.len()).collect();
        for pass in batches(&lengths, micro_tokens) {
            let ids: Vec<&[u32]> =
                pass.iter().filter_map(|place| new.get(*place).copied()).collect();
            let rows: Vec<TokenRow<'_>> = ids.iter().map(|ids| TokenRow::new(ids)).collect();
            let states = frozen.states(head, &rows)?;
            let vectors = read(frozen.pooled(head, &states))?;
            let width = frozen.trunk().width();
            for (ids, vector) in ids.iter().zip(vectors.chunks(width)) {
                self.known.insert(Arc::from(*ids), vector.to_vec());
            }
        }
        let width = frozen.trunk().width();
        let mut values: Vec<f32> = Vec::with_capacity(texts.len() * width);
        for ids in &texts {
            values.extend(self.known.get(*ids).into_iter().flatten());
        }
        Ok(Tensor::from_data(TensorData::new(values, [texts.len(), width]), device))
    }
}

/// What a head says: of each text, or of each token.
#[derive(Debug, Clone)]
pub(super) enum Said {
    /// `[texts, outputs]`.
    Texts(Tensor<2>),
    /// `[n, outputs]`, one row a token.
    Tokens(RaggedStates),
}

impl Said {
    /// The logits, whatever they are of.
    pub(super) fn logits(&self) -> Tensor<2> {
        match self {
            Self::Texts(logits) => logits.clone(),
            Self::Tokens(states) => states.states(),
        }
    }
}

/// The numbers of a tensor, row by row.
pub(super) fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, HybridError> {
    tensor
        .into_data()
        .try_into_vec_as::<f32>()
        .map_err(|error| hybrid_heads::HeadsError::Device { reason: error.to_string() }.into())
}
