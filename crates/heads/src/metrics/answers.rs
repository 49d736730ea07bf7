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
