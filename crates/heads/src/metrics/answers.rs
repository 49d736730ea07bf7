//! Answers to questions, scored as SQuAD 2's evaluation does.

use hybrid_measure::Interval;
use hybrid_measure::answer::{normalize, token_f1};
use hybrid_measure::interval::proportion;

use crate::error::{HeadsError, same_length};

/// How well some questions are answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// Share of the predictions that equal an answer, with Wilson's 95 % interval.
    pub exact: Interval,
    /// Mean F1 of the words, each with the best answer, in [0, 1].
    pub f1: f64,
    /// Questions.
    pub rows: usize,
}

/// How well questions are answered, in all and by whether they have an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnswerScores {
    /// All questions; `None` without any.
    pub all: Option<Share>,
    /// Those with an answer.
    pub with_answer: Option<Share>,
    /// Those without; right is only to say nothing.
    pub without_answer: Option<Share>,
}

/// Whether a prediction equals one of the answers, and its best F1 with one, after normalisation.
///
/// An empty prediction says that there is no answer. Answers that are empty after normalisation do
/// not count; where no answer counts, the right prediction is an empty one.
#[must_use]
pub fn score_answer(predicted: &str, answers: &[impl AsRef<str>]) -> (bool, f64) {
    let usable = answers.iter().map(AsRef::as_ref).filter(|answer| !normalize(answer).is_empty());
    let mut usable: Vec<&str> = usable.collect();
    if usable.is_empty() {
        usable.push("");
    }
    let own = normalize(predicted);
    let exact = usable.iter().any(|answer| normalize(answer) == own);
    let f1 = usable.iter().map(|answer| token_f1(predicted, answer)).fold(0.0, f64::max);
    (exact, f1)
}

/// A question with its best answer, given or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Doubt {
    /// By how much the score of *no answer* exceeds that of the best answer; infinite where there is
    /// nothing to answer with.
    pub margin: f64,
    /// F1 of the best answer.
    pub answered: f64,
    /// F1 of saying that there is none.
    pub silent: f64,
}

/// From which margin on to say that there is no answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoneThreshold {
    /// A margin above it says that there is none; one that equals it does not.
    pub none_above: f64,
    /// Mean F1 of the questions by it.
    pub f1: f64,
}

impl NoneThreshold {
    /// The threshold by which these questions have the best mean F1, as the `best_f1_thresh` of
    /// SQuAD 2's evaluation script; `None` without questions.
    ///
    /// All between two margins are as good. Of those that are best 0 is taken, which is what is
    /// taken where nothing was measured, if it is among them, and else the middle between the two
    /// (the script takes the lower end, which an answer a little less sure would not pass). Measured
    /// on questions on which it was chosen, the F1 is one of the best case.
    #[must_use]
    pub fn best(questions: &[Doubt]) -> Option<Self> {
        let mut sorted: Vec<&Doubt> = questions.iter().filter(|it| it.margin.is_finite()).collect();
        sorted.sort_by(|a, b| a.margin.total_cmp(&b.margin));
        // Nothing is answered at first, then one question after the other; equal ones together.
        let mut sum: f64 = questions.iter().map(|it| it.silent).sum();
        let mut low = f64::NEG_INFINITY;
        let mut cuts = Vec::new();
        for equal in sorted.chunk_by(|a, b| a.margin.total_cmp(&b.margin).is_eq()) {
            let high = equal.first().map_or(f64::INFINITY, |it| it.margin);
            cuts.push((sum, low, high));
            sum += equal.iter().map(|it| it.answered - it.silent).sum::<f64>();
            low = high;
        }
        cuts.push((sum, low, f64::INFINITY));
        let most = cuts.iter().map(|cut| cut.0).fold(f64::NEG_INFINITY, f64::max);
        let is_best = |cut: &&(f64, f64, f64)| cut.0 >= most - ROUNDING;
        let mut best = cuts.iter().filter(is_best);
        let chosen = best.clone().find(|cut| holds_zero(cut.1, cut.2)).or_else(|| best.next())?;
        if questions.is_empty() {
            return None;
        }
        let (sum, low, high) = *chosen;
        Some(Self { none_above: between(low, high), f1: sum / questions.len() as f64 })
    }
}

/// What sums of shares may lose by their order.
const ROUNDING: f64 = 1e-9;

fn holds_zero(low: f64, high: f64) -> bool {
    low <= 0.0 && 0.0 < high
}

/// A number of at least `low` and below `high`, finite.
fn between(low: f64, high: f64) -> f64 {
    match (low.is_finite(), high.is_finite()) {
        _ if holds_zero(low, high) => 0.0,
        (true, true) => low.midpoint(high).min(high.next_down()),
        (false, true) => high.next_down(),
        _ => low,
    }
}

impl AnswerScores {
    /// Of predictions and, for each question, its possible answers; an empty list where the text
    /// holds none.
    ///
    /// # Errors
    ///
    /// [`HeadsError::Length`] where the numbers of questions differ.
    pub fn new(
        predicted: &[impl AsRef<str>],
        answers: &[Vec<impl AsRef<str>>],
    ) -> Result<Self, HeadsError> {
        same_length("predicted", predicted.len(), answers.len())?;
        let rows = predicted.iter().zip(answers);
        let scored: Vec<(bool, (bool, f64))> = rows
            .map(|(own, answers)| (!answers.is_empty(), score_answer(own.as_ref(), answers)))
            .collect();
        let share = |of: &dyn Fn(bool) -> bool| {
            let rows = scored.iter().filter(|(has, _)| of(*has)).map(|(_, scores)| *scores);
            let (exact, f1): (Vec<bool>, Vec<f64>) = rows.unzip();
            let right = exact.iter().filter(|right| **right).count();
            let exact = proportion(right, exact.len())?;
            Some(Share { exact, f1: f1.iter().sum::<f64>() / f1.len() as f64, rows: f1.len() })
        };
        Ok(Self {
            all: share(&|_| true),
            with_answer: share(&|has| has),
            without_answer: share(&|has| !has),
        })
    }
}
