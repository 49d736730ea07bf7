//! Prefill, log-probabilities and decoding.

use anyhow::{Result, ensure};
use burn::tensor::Device;
use hybrid_model::generate::{GenerateOptions, Verdict, generate};
use hybrid_model::input::{Rows, TokenInput};
use hybrid_model::perplexity::{Scored, nll_sums};
use hybrid_model::sampling::SamplingConfig;

use crate::case::{Case, Kind};
use crate::cost::Cost;
use crate::{Work, needed, timed};

/// One pass over the rows whose logits are read for the last position.
pub(crate) fn prefill(case: &Case, device: &Device) -> Result<Work> {
    let decoder = case.decoder(0, device)?;
    let (rows, length) = (case.rows, needed(case.length, "length", case)?);
    let ids = case.ids(0)?.concat();
    let run = move || {
        timed(|| {
            let input = TokenInput::new(&ids, [rows, length], Rows::RightPadded, &decoder.device());
            let hidden = decoder.hidden(&input, None).slice_dim(1, length - 1..length);
            drop(decoder.logits(hidden).into_data());
            Ok(())
        })
    };
    Ok(Work { amount: rows * length, cost: Cost::of(case), run: Box::new(run) })
}

/// The log-probability of every token but the first of each row.
pub(crate) fn logprobs(case: &Case, device: &Device) -> Result<Work> {
    let decoder = case.decoder(0, device)?;
    let length = needed(case.length, "length", case)?;
    let ids = case.ids(0)?;
    let run = move || {
        timed(|| {
            let rows: Vec<Scored<'_>> =
                ids.iter().map(|ids| Scored { ids, predicted: 1..length }).collect();
            let sums = nll_sums(&decoder, &rows);
            ensure!(sums.iter().all(|sum| sum.is_finite()), "a log-probability is no number");
            Ok(())
        })
    };
    Ok(Work { amount: case.rows * length, cost: Cost::of(case), run: Box::new(run) })
}

/// Greedy decoding after a prompt. `decode` leaves the time of the prompt out: that of a run with one
/// new token. Weights are rounded before the prompt is read.
pub(crate) fn decode(case: &Case, device: &Device) -> Result<Work> {
    let decoder = case.decoder(0, device)?;
    let new = needed(case.new, "new", case)?;
    let steps_only = case.work == Kind::Decode;
    let prompts = case.ids(0)?;
    let (rows, weights) = (case.rows, case.weights.storage());
    let run = move || {
        let through = |count: usize| {
            timed(|| {
                let options = GenerateOptions {
                    max_new_tokens: count,
                    sampling: SamplingConfig::greedy(),
                    weights,
                    ..GenerateOptions::default()
                };
                let made = generate(&decoder, &prompts, &options, &mut |_, _| Verdict::Continue)?;
                let tokens: usize = made.iter().map(|row| row.token_ids.len()).sum();
                ensure!(tokens == rows * count, "{tokens} tokens in place of {}", rows * count);
                Ok(())
            })
        };
        let prompt = if steps_only { through(1)? } else { 0.0 };
        Ok(through(new)? - prompt)
    };
    let amount = case.rows * if steps_only { new - 1 } else { new };
    Ok(Work { amount, cost: Cost::of(case), run: Box::new(run) })
}
