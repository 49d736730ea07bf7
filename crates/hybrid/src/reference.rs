//! The frozen policies that KL is measured against.

use burn::module::Module;
use hybrid_model::Decoder;

use crate::passes::{PassOptions, Sequence, forward_decoder, micro_batches};

/// One frozen policy, or several with weights.
///
/// With several the reference log-probability is the weighted mean of theirs: the KL against it is
/// the weighted sum of the KLs against each.
#[derive(Debug, Clone)]
pub struct Reference {
    parts: Vec<(Decoder, f64)>,
}

impl Reference {
    /// The policy as it is now, frozen.
    #[must_use]
    pub fn frozen(decoder: &Decoder) -> Self {
        Self { parts: vec![(decoder.valid(), 1.0)] }
    }

    /// Given models with weights, which are made to sum to 1.
    #[must_use]
    pub fn weighted(parts: Vec<(Decoder, f64)>) -> Self {
        let total: f64 = parts.iter().map(|(_, weight)| weight).sum();
        let parts =
            parts.into_iter().map(|(decoder, weight)| (decoder.valid(), weight / total)).collect();
        Self { parts }
    }

    /// The frozen models with their weights.
    #[must_use]
    pub fn parts(&self) -> &[(Decoder, f64)] {
        &self.parts
    }

    /// Log-probabilities of every row's completion, in nats.
    #[must_use]
    pub fn logprobs(&self, rows: &[Sequence<'_>], temperature: f64, size: usize) -> Vec<Vec<f32>> {
        let mut sums: Vec<Vec<f32>> =
            rows.iter().map(|row| vec![0.0; row.completion_ids.len()]).collect();
        for (decoder, weight) in &self.parts {
            for (row, logprobs) in decoder_logprobs(decoder, rows, temperature, size) {
                let Some(sum) = sums.get_mut(row) else { continue };
                for (sum, logprob) in sum.iter_mut().zip(logprobs) {
                    *sum = if self.parts.len() == 1 {
                        logprob
                    } else {
                        (f64::from(*sum) + weight * f64::from(logprob)) as f32
                    };
                }
            }
        }
        sums
    }
}

/// Log-probabilities of each row's completion under one decoder, without gradients: row and values.
pub(crate) fn decoder_logprobs(
    decoder: &Decoder,
    rows: &[Sequence<'_>],
    temperature: f64,
    size: usize,
) -> Vec<(usize, Vec<f32>)> {
    let options = PassOptions::logprobs(temperature);
    let lengths: Vec<usize> = rows.iter().map(Sequence::len).collect();
    let mut scored = Vec::with_capacity(rows.len());
    for group in micro_batches(&lengths, size) {
        let members: Vec<Sequence<'_>> =
            group.iter().filter_map(|row| rows.get(*row).copied()).collect();
        let logprobs = crate::passes::read(forward_decoder(decoder, &members, options).logprobs);
        let mut rest = logprobs.as_slice();
        for (row, member) in group.iter().zip(&members) {
            let (own, others) = rest.split_at(member.completion_ids.len().min(rest.len()));
            scored.push((*row, own.to_vec()));
            rest = others;
        }
    }
    scored
}
