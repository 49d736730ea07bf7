//! Where an answer starts and ends: two cross-entropies over the tokens of a text.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Bool, Tensor, TensorData};

use super::{HeadLoss, at, counted, select};
use crate::error::{HeadsError, require, same_length};
use crate::span::TokenSpan;

/// The mean of the cross-entropies of start and end, in nats. Each is over the tokens of the text:
/// padding takes no part.
///
/// # Shapes
///
/// - `start_logits`, `end_logits`: `[n, t]`, padded on the right; `lengths`: `n` numbers of tokens
/// - `targets`: `n` answers; [`TokenSpan::NONE`] where a text holds none, `None` where the text does
///   not count
///
/// # Errors
///
/// [`HeadsError`] where nothing counts, the sizes differ, or an answer is past its text.
pub fn span_cross_entropy(
    start_logits: Tensor<2>,
    end_logits: Tensor<2>,
    lengths: &[usize],
    targets: &[Option<TokenSpan>],
) -> Result<HeadLoss, HeadsError> {
    let [rows, width] = start_logits.dims();
    let [end_rows, end_width] = end_logits.dims();
    same_length("end_logits", end_rows * end_width, rows * width)?;
    same_length("lengths", lengths.len(), rows)?;
    let (places, targets) = counted("targets", targets, rows)?;
    let lengths: Vec<usize> = places.iter().filter_map(|row| lengths.get(*row).copied()).collect();
    for (target, length) in targets.iter().zip(&lengths) {
        require(*length <= width, "lengths", *length as f64, "at most the width of the logits")?;
        let within = target.start <= target.end && target.end < *length;
        require(within, "targets", target.end as f64, "a span that ends within its text")?;
    }

    let padding = lengths.iter().flat_map(|length| (0..width).map(move |t| t >= *length));
    let padding = TensorData::new(padding.collect::<Vec<bool>>(), [lengths.len(), width]);
    let padding = Tensor::<2, Bool>::from_data(padding, &start_logits.device());
    let nll = |logits: Tensor<2>, columns: Vec<usize>| {
        let logits = select(logits, &places).mask_fill(padding.clone(), f32::NEG_INFINITY);
        -at(log_softmax(logits, 1), &columns).sum()
    };
    let start = nll(start_logits, targets.iter().map(|span| span.start).collect());
    let end = nll(end_logits, targets.iter().map(|span| span.end).collect());
    let count = targets.len();
    Ok(HeadLoss { sum: (start + end) * 0.5, weight: count as f64, count })
}
