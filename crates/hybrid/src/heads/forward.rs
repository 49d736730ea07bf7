//! Examples through the model: cut into passes that fit, and what a head says of each text.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use hybrid_model::ragged::batches;
use hybrid_model::{MultiHead, RaggedStates, TokenRow};

use super::example::{Example, TextRow};
use crate::error::HybridError;

/// The places of examples in passes of at most `micro_tokens` tokens, padding counted.
pub(super) fn passes(examples: &[&Example], micro_tokens: usize) -> Vec<Vec<usize>> {
    let size = |example: &&Example| example.tokens() * example.rows.len().max(1);
    let lengths: Vec<usize> = examples.iter().map(size).collect();
    batches(&lengths, micro_tokens)
}

/// All texts of examples, in their order.
pub(super) fn token_rows<'a>(examples: &[&'a Example]) -> Vec<TokenRow<'a>> {
    let texts = examples.iter().flat_map(|example| &example.rows);
    texts.map(TextRow::tokens).collect()
}

/// Vectors that a frozen trunk gives the texts of a task, computed when first asked for.
///
/// Each text goes through the trunk beside the same others whenever that is, so that its vector is
/// the same to the last bit in a run that was resumed.
#[derive(Debug)]
pub(super) struct Features {
    passes: Vec<Vec<Arc<[u32]>>>,
    pass_of: HashMap<Arc<[u32]>, usize>,
    known: HashMap<Arc<[u32]>, Vec<f32>>,
}

impl Features {
    /// Of the texts of `examples`, in passes of at most `micro_tokens` tokens.
    pub(super) fn new(examples: &[Example], micro_tokens: usize) -> Self {
        let rows = examples.iter().flat_map(|example| &example.rows);
        let texts: BTreeSet<&[u32]> = rows.map(|row| row.ids.as_slice()).collect();
        let texts: Vec<Arc<[u32]>> = texts.into_iter().map(Arc::from).collect();
        let lengths: Vec<usize> = texts.iter().map(|ids| ids.len()).collect();
        let member = |place: usize| texts.get(place).map(Arc::clone);
        let passes: Vec<Vec<Arc<[u32]>>> = batches(&lengths, micro_tokens)
            .into_iter()
            .map(|places| places.into_iter().filter_map(member).collect())
            .collect();
        let places = passes.iter().enumerate();
        let pass_of =
            places.flat_map(|(pass, texts)| texts.iter().map(move |ids| (ids.clone(), pass)));
        Self { pass_of: pass_of.collect(), passes, known: HashMap::new() }
    }

    /// The pooled vectors of examples, `[texts, d]` on `device`, without a gradient; `frozen` records
    /// none.
    pub(super) fn of(
        &mut self,
        frozen: &MultiHead,
        head: usize,
        examples: &[&Example],
        device: &Device,
    ) -> Result<Tensor<2>, HybridError> {
        let width = frozen.trunk().width();
        let mut values: Vec<f32> = Vec::new();
        let mut count = 0;
        for row in examples.iter().flat_map(|example| &example.rows) {
            if !self.known.contains_key(row.ids.as_slice()) {
                self.compute(frozen, head, &row.ids)?;
            }
            values.extend(self.known.get(row.ids.as_slice()).into_iter().flatten());
            count += 1;
        }
        Ok(Tensor::from_data(TensorData::new(values, [count, width]), device))
    }

    /// Runs the pass of a text; alone where it is none of the task's.
    fn compute(&mut self, frozen: &MultiHead, head: usize, ids: &[u32]) -> Result<(), HybridError> {
        let pass = self.pass_of.get(ids).and_then(|pass| self.passes.get(*pass));
        let texts = pass.cloned().unwrap_or_else(|| vec![Arc::from(ids)]);
        let rows: Vec<TokenRow<'_>> = texts.iter().map(|ids| TokenRow::new(ids)).collect();
        let vectors = read(frozen.pooled(head, &frozen.states(head, &rows)?))?;
        for (ids, vector) in texts.iter().zip(vectors.chunks(frozen.trunk().width())) {
            self.known.insert(Arc::clone(ids), vector.to_vec());
        }
        Ok(())
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
pub(crate) fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, HybridError> {
    tensor
        .into_data()
        .try_into_vec_as::<f32>()
        .map_err(|error| hybrid_heads::HeadsError::Device { reason: error.to_string() }.into())
}
