//! Answers within texts: questions and contexts as windows, and logits as the words of an answer.

use std::ops::Range;

use burn::tensor::Tensor;
use hybrid_data::tokenizer::Tokenizer;
use hybrid_heads::TaskKind;
use hybrid_heads::losses::{HeadLoss, span_cross_entropy};
use hybrid_heads::metrics::{AnswerScores, Doubt, NoneThreshold, score_answer};
use hybrid_heads::span::{SpanOptions, SpanPrediction, TokenSpan, best_span};
use serde::{Deserialize, Serialize};

use super::example::{Example, Target, TextRow};
use super::forward::Said;
use super::measure::{Found, softmax};
use super::task::Task;
use crate::error::HybridError;

/// How a head of spans reads, and what it may answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpanReading {
    /// Tokens that two windows of a long context share.
    pub overlap: usize,
    /// Most tokens of an answer.
    pub max_answer: usize,
    /// By how much the sum of logits of *no answer* must exceed that of the best answer to be taken:
    /// the threshold of the best F1 of the held-out questions, once a run has ended. Absent is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub none_above: Option<f64>,
}

/// What a head says of a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Its bytes in the context; `None` where the head says that there is no answer.
    pub bytes: Option<Range<usize>>,
    /// The probability of its start times that of its end, among the tokens of its window; of no
    /// answer, that of the window that is least sure of it.
    pub probability: f64,
}

/// Whether answers are spans, and whether there may be none.
pub(super) fn is_span(kind: TaskKind) -> bool {
    matches!(kind, TaskKind::Span | TaskKind::SpanOrNone)
}

impl Task {
    /// A question and a context as what a head of spans reads: pairs of at most
    /// [`Self::max_length`] tokens, in as many windows of the context as it takes.
    ///
    /// # Errors
    ///
    /// [`HybridError::Tokenizer`] for texts that the tokenizer cannot read, and
    /// [`HybridError::Missing`] where special tokens leave no room.
    pub fn windows(
        &self,
        question: &str,
        context: &str,
        tokenizer: &Tokenizer,
    ) -> Result<Vec<TextRow>, HybridError> {
        let overlap = self.span.map_or(0, |span| span.overlap);
        let windows = tokenizer.encode_windows(question, context, self.max_length, overlap)?;
        if windows.is_empty() {
            return Err(HybridError::Missing(format!(
                "`train.max_length` is {}, which special tokens alone take up: raise it, so that a \
                 question and a part of its context fit",
                self.max_length
            )));
        }
        let row = |window: hybrid_data::tokenizer::Window| TextRow {
            ids: window.segments.ids,
            types: window.segments.types,
            context: window.context,
            offsets: window.offsets,
            ..TextRow::default()
        };
        Ok(windows.into_iter().map(row).collect())
    }

    /// Whether it answers questions about texts.
    #[must_use]
    pub fn answers_questions(&self) -> bool {
        is_span(self.kind)
    }

    fn options(&self) -> SpanOptions {
        let max_tokens = self.span.map_or(SpanOptions::default().max_tokens, |it| it.max_answer);
        SpanOptions { max_tokens, none_above: None }
    }
}

/// What a window should say of an answer at these bytes of the context; `None` where it does not
/// count, as where every context holds an answer and this window does not.
pub(super) fn target(
    kind: TaskKind,
    row: &TextRow,
    at: Option<&Range<usize>>,
) -> Option<TokenSpan> {
    let within = at.and_then(|at| TokenSpan::of_answer(at, &row.offsets, row.context.clone()));
    within.or((kind == TaskKind::SpanOrNone).then_some(TokenSpan::NONE))
}

/// The targets of all windows of examples.
fn targets(examples: &[&Example]) -> Vec<Option<TokenSpan>> {
    let of = |example: &&Example| match &example.target {
        Target::Answers { windows, .. } => windows.clone(),
        _ => vec![None; example.rows.len()],
    };
    examples.iter().flat_map(of).collect()
}

/// Windows that count.
pub(super) fn weight(examples: &[&Example]) -> f64 {
    targets(examples).iter().flatten().count() as f64
}

/// The summed loss of examples, of whose tokens the head said `said`.
pub(super) fn loss(said: &Said, examples: &[&Example]) -> Result<HeadLoss, HybridError> {
    let Said::Tokens(states) = said else {
        return Err(HybridError::Missing("a head of spans reads tokens".to_owned()));
    };
    let padded = states.padded();
    let side = |place: usize| -> Tensor<2> { padded.clone().narrow(2, place, 1).squeeze_dim(2) };
    Ok(span_cross_entropy(side(0), side(1), &states.lengths(), &targets(examples))?)
}

/// The best answer over all windows of a context, of which the head said `said`.
///
/// As in BERT's baseline for SQuAD 2, a context holds no answer where even the window that is least
/// sure of that gives it a larger sum of logits than any window gives an answer, by more than
/// [`SpanReading::none_above`].
pub(super) fn best(
    task: &Task,
    rows: &[&TextRow],
    said: &[&[f32]],
    context: &str,
) -> Result<Answer, HybridError> {
    Ok(candidates(task, rows, said, context)?.decided(task))
}

/// The best answer of a context, given or not, and what speaks against one.
struct Candidates {
    /// The answer with its sum of logits; `None` where there is no token to answer with.
    best: Option<(f64, Answer)>,
    /// The least sum of logits of no answer, with its probability.
    none: Option<(f64, f64)>,
}

impl Candidates {
    /// By how much no answer has the larger sum.
    fn margin(&self) -> f64 {
        match (&self.best, self.none) {
            (Some((score, _)), Some((none, _))) => none - score,
            (Some(_), None) => f64::NEG_INFINITY,
            (None, _) => f64::INFINITY,
        }
    }

    fn decided(self, task: &Task) -> Answer {
        let above = task.span.and_then(|reading| reading.none_above).unwrap_or(0.0);
        let is_given = task.kind == TaskKind::Span || self.margin() <= above;
        let none = self.none.map_or(0.0, |(_, probability)| probability);
        match self.best {
            Some((_, answer)) if is_given => answer,
            _ => Answer { bytes: None, probability: none },
        }
    }
}

fn candidates(
    task: &Task,
    rows: &[&TextRow],
    said: &[&[f32]],
    context: &str,
) -> Result<Candidates, HybridError> {
    let mut best: Option<(f64, Answer)> = None;
    let mut none: Option<(f64, f64)> = None;
    for (row, logits) in rows.iter().zip(said) {
        let side =
            |place: usize| -> Vec<f32> { logits.iter().skip(place).step_by(2).copied().collect() };
        let (starts, ends) = (side(0), side(1));
        let own = best_span(&starts, &ends, row.context.clone(), &task.options())?;
        let SpanPrediction { span, score, none_score } = own;
        let probability = |span| probability(task.kind, row, (&starts, &ends), span);
        if let Some(score) = none_score.filter(|score| none.is_none_or(|(least, _)| *score < least))
        {
            none = Some((score, probability(TokenSpan::NONE)));
        }
        let (Some(span), Some(score)) = (span, score) else { continue };
        if best.as_ref().is_none_or(|(most, _)| score > *most) {
            let bytes = span.bytes(&row.offsets).map(|bytes| trimmed(context, bytes));
            best = Some((score, Answer { bytes, probability: probability(span) }));
        }
    }
    Ok(Candidates { best, none })
}

/// The probability of a span's start times that of its end, among the tokens that could be chosen.
fn probability(
    kind: TaskKind,
    row: &TextRow,
    (starts, ends): (&[f32], &[f32]),
    span: TokenSpan,
) -> f64 {
    let first = (kind == TaskKind::SpanOrNone).then_some(0);
    let places: Vec<usize> = first.into_iter().chain(row.context.clone()).collect();
    let of = |logits: &[f32], wanted: usize| {
        let chosen: Vec<f32> = places.iter().filter_map(|it| logits.get(*it).copied()).collect();
        let place = places.iter().position(|place| *place == wanted);
        place.and_then(|place| softmax(&chosen).get(place).copied()).unwrap_or(0.0)
    };
    of(starts, span.start) * of(ends, span.end)
}

/// The same bytes without white space around them: tokens may hold the space before.
fn trimmed(text: &str, bytes: Range<usize>) -> Range<usize> {
    let Some(whole) = text.get(bytes.clone()) else { return bytes };
    let start = bytes.start + (whole.len() - whole.trim_start().len());
    start..start + whole.trim().len()
}

/// What a head says of questions, and what is right.
#[derive(Default)]
struct Judged<'a> {
    predicted: Vec<&'a str>,
    answers: Vec<Vec<String>>,
    doubts: Vec<Doubt>,
}

fn judged<'a>(
    task: &Task,
    said: &[Vec<f32>],
    examples: &'a [Example],
) -> Result<Judged<'a>, HybridError> {
    let mut said = said.iter();
    let mut judged = Judged::default();
    for example in examples {
        let rows: Vec<&TextRow> = example.rows.iter().collect();
        let own: Vec<&[f32]> = said.by_ref().take(rows.len()).map(Vec::as_slice).collect();
        let found = candidates(task, &rows, &own, &example.text)?;
        let answers = match &example.target {
            Target::Answers { texts, .. } => texts.clone(),
            _ => Vec::new(),
        };
        let text = |answer: &Answer| {
            let bytes = answer.bytes.clone().and_then(|bytes| example.text.get(bytes));
            bytes.unwrap_or_default()
        };
        let best = found.best.as_ref().map_or("", |(_, answer)| text(answer));
        judged.doubts.push(Doubt {
            margin: found.margin(),
            answered: score_answer(best, &answers).1,
            silent: score_answer("", &answers).1,
        });
        judged.predicted.push(text(&found.decided(task)));
        judged.answers.push(answers);
    }
    Ok(judged)
}

/// From which margin on a head should say that there is no answer, by held-out examples of whose
/// tokens it said `said`; `None` without examples.
pub(super) fn none_threshold(
    task: &Task,
    said: &[Vec<f32>],
    examples: &[Example],
) -> Result<Option<NoneThreshold>, HybridError> {
    Ok(NoneThreshold::best(&judged(task, said, examples)?.doubts))
}

/// Exact matches and F1 of the words, by SQuAD's comparison.
pub(super) fn measure(
    task: &Task,
    said: &[Vec<f32>],
    examples: &[Example],
) -> Result<Found, HybridError> {
    let Judged { predicted, answers, doubts } = judged(task, said, examples)?;
    let AnswerScores { all, with_answer, without_answer } =
        AnswerScores::new(&predicted, &answers)?;
    let may_lack = task.kind == TaskKind::SpanOrNone;
    let best = NoneThreshold::best(&doubts).filter(|_| may_lack);
    Ok(vec![
        ("answer_exact", all.map(|all| all.exact.value)),
        ("answer_exact_low", all.map(|all| all.exact.low)),
        ("answer_exact_high", all.map(|all| all.exact.high)),
        ("answer_f1", all.map(|all| all.f1)),
        ("answer_f1_best", best.map(|best| best.f1)),
        ("none_above", best.map(|best| best.none_above)),
        ("answered_f1", with_answer.filter(|_| may_lack).map(|rows| rows.f1)),
        ("unanswered_exact", without_answer.filter(|_| may_lack).map(|rows| rows.exact.value)),
    ])
}
