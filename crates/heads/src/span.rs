//! Span prediction: an answer in a text to the tokens that hold it, and logits to the best answer.
//!
//! A head gives every token two numbers: how well the answer starts there, and how well it ends
//! there. Where a text may hold no answer, position 0 (the first special token) stands for *none*,
//! as in BERT's baseline for SQuAD 2 (Devlin et al. 2019, §4.3).

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::error::{HeadsError, all_finite, require, same_length};

/// The tokens of an answer, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenSpan {
    /// The first token.
    pub start: usize,
    /// The last token; at least `start`.
    pub end: usize,
}

impl TokenSpan {
    /// The target where there is no answer.
    pub const NONE: Self = Self { start: 0, end: 0 };

    /// The tokens that hold an answer. `None` where a part of the answer lies outside of these
    /// tokens, as where the text was cut, and where the answer is empty.
    ///
    /// `answer` and `tokens` are byte ranges in one text; `context` are the tokens of that text
    /// (others, as a question's, have ranges in another).
    #[must_use]
    pub fn of_answer(
        answer: &Range<usize>,
        tokens: &[Range<usize>],
        context: Range<usize>,
    ) -> Option<Self> {
        let first = context.start;
        let tokens = tokens.get(context)?;
        let start = tokens.iter().position(|token| token.end > answer.start)?;
        let end = tokens.iter().rposition(|token| token.start < answer.end)?;
        let (begins, ends) = (tokens.get(start)?.start, tokens.get(end)?.end);
        let holds = begins <= answer.start && answer.end <= ends && answer.start < answer.end;
        (holds && start <= end).then_some(Self { start: first + start, end: first + end })
    }

    /// The bytes that the span stands for; `None` where it is past the tokens.
    #[must_use]
    pub fn bytes(self, tokens: &[Range<usize>]) -> Option<Range<usize>> {
        Some(tokens.get(self.start)?.start..tokens.get(self.end)?.end)
    }

    /// The answer in the text, without white space around it; tokens may hold the space before.
    #[must_use]
    pub fn text<'t>(self, tokens: &[Range<usize>], text: &'t str) -> Option<&'t str> {
        self.bytes(tokens).and_then(|bytes| text.get(bytes)).map(str::trim)
    }
}

/// How logits become an answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpanOptions {
    /// The longest answer, in tokens. At least 1.
    pub max_tokens: usize,
    /// By how much the score of *none* must exceed that of the best answer to be taken; absent
    /// where every text holds an answer. Chosen on held-out rows.
    pub none_above: Option<f64>,
}

impl Default for SpanOptions {
    fn default() -> Self {
        Self { max_tokens: 30, none_above: None }
    }
}

/// The best answer of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpanPrediction {
    /// Its tokens; `None` where there is no answer.
    pub span: Option<TokenSpan>,
    /// The best answer's start logit plus its end logit, taken or not; `None` where there is no
    /// token to answer with.
    pub score: Option<f64>,
    /// Start logit plus end logit of position 0; `None` without positions.
    pub none_score: Option<f64>,
}

/// The answer within `context` with the largest sum of start and end logit; of equal ones the one
/// that starts, then ends, first.
///
/// # Errors
///
/// [`HeadsError`] where the lists differ in length, `context` is past them, a logit is not finite,
/// or an option is out of range.
pub fn best_span(
    start_logits: &[f32],
    end_logits: &[f32],
    context: Range<usize>,
    options: &SpanOptions,
) -> Result<SpanPrediction, HeadsError> {
    same_length("end_logits", end_logits.len(), start_logits.len())?;
    all_finite("start_logits", start_logits.iter().map(|x| f64::from(*x)))?;
    all_finite("end_logits", end_logits.iter().map(|x| f64::from(*x)))?;
    require(options.max_tokens >= 1, "max_tokens", options.max_tokens as f64, "at least 1")?;
    let threshold = options.none_above;
    let finite = threshold.is_none_or(f64::is_finite);
    require(finite, "none_above", threshold.unwrap_or(0.0), "a finite number")?;
    let within = context.end <= start_logits.len();
    require(within, "context", context.end as f64, "at most the number of logits")?;

    let sum = |start: usize, end: usize| {
        Some(f64::from(*start_logits.get(start)?) + f64::from(*end_logits.get(end)?))
    };
    let mut best: Option<(f64, TokenSpan)> = None;
    for start in context.clone() {
        let last = context.end.min(start.saturating_add(options.max_tokens));
        for end in start..last {
            let Some(score) = sum(start, end) else { continue };
            if best.is_none_or(|(best, _)| score > best) {
                best = Some((score, TokenSpan { start, end }));
            }
        }
    }
    let none_score = sum(0, 0);
    let none_wins = match (threshold, none_score, best) {
        (Some(above), Some(none), Some((score, _))) => none - score > above,
        _ => false,
    };
    let span = best.map(|(_, span)| span).filter(|_| !none_wins);
    Ok(SpanPrediction { span, score: best.map(|(score, _)| score), none_score })
}

#[cfg(test)]
mod tests;
