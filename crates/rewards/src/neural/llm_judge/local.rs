//! A judge that runs here: which label comes next, by its probability.

use std::sync::Arc;

use hybrid_data::template::{ChatTemplate, Message, RenderOptions};

use super::Question;
use crate::error::ParamError;
use crate::neural::batched::Network;
use crate::neural::language_model::{self, LanguageModel, Start, whole};
use crate::neural::template::targets;
use crate::reward::Needs;
use crate::sample::Sample;

/// What opens the answer of a model that has no chat template.
const OPENING: &str = "\nGrade:";

/// A causal language model as judge.
pub(super) struct Local {
    model: Arc<LanguageModel>,
    question: Question,
    /// The labels as they stand behind the opened answer.
    endings: Vec<String>,
    chat: Option<ChatTemplate>,
    limit: usize,
}

impl Local {
    /// A judge that reads at most `max_length` tokens.
    ///
    /// # Errors
    ///
    /// [`ParamError`] of `labels` where the model cannot tell two of them by their next token, of
    /// `model` where its chat template is broken or takes no question.
    pub(super) fn new(
        model: Arc<LanguageModel>,
        question: Question,
        max_length: Option<usize>,
    ) -> Result<Self, ParamError> {
        let tokenizer = model.tokenizer();
        let chat = tokenizer.chat_template().is_some().then(|| tokenizer.template(None));
        let chat = chat.transpose().map_err(|error| ParamError::new("model", whole(&error)))?;
        let space = if chat.is_some() { "" } else { " " };
        let endings = question.labels.iter().map(|label| format!("{space}{label}")).collect();
        let limit = model.limit(max_length);
        let judge = Self { model, question, endings, chat, limit };
        let text = judge.text("", "", "").map_err(|reason| ParamError::new("model", reason))?;
        let asked = judge.model.question(&text, &judge.endings, judge.start());
        asked.map_err(|reason| ParamError::new("labels", format!("{reason}; choose others")))?;
        Ok(judge)
    }

    /// A chat template writes the tokens before a text itself.
    fn start(&self) -> Start {
        if self.chat.is_some() { Start::Nothing } else { Start::Own }
    }

    /// The question up to the opening of its answer.
    fn text(&self, prompt: &str, response: &str, target: &str) -> Result<String, String> {
        let asked = self.question.ask(prompt, response, target);
        let Some(chat) = &self.chat else { return Ok(asked + OPENING) };
        let options = RenderOptions { add_generation_prompt: true, ..RenderOptions::default() };
        let rendered = chat.render(&[Message::new("user", &asked)], &options);
        rendered.map(|rendered| rendered.text).map_err(|error| whole(&error))
    }
}

impl Network for Local {
    type Input = language_model::Question;

    fn needs(&self) -> Needs {
        self.question.needs()
    }

    fn inputs(&self, sample: &Sample<'_>) -> Result<Vec<Self::Input>, String> {
        if sample.response.is_empty() {
            return Ok(Vec::new());
        }
        let input = |target: &str| {
            let text = self.text(sample.prompt, sample.response, target)?;
            let input = self.model.question(&text, &self.endings, self.start())?;
            if input.ids.len() > self.limit {
                return Err(format!(
                    "the judge reads {} tokens, and the question has {}",
                    self.limit,
                    input.ids.len()
                ));
            }
            Ok(input)
        };
        targets(sample, &self.needs()).into_iter().map(input).collect()
    }

    fn length(&self, input: &Self::Input) -> usize {
        input.ids.len()
    }

    fn run(&self, inputs: &[&Self::Input]) -> Vec<f64> {
        let mean = |probabilities: Vec<f64>| {
            let grades = probabilities.iter().enumerate();
            grades.map(|(at, probability)| probability * self.question.grade(at)).sum()
        };
        self.model.choose(inputs).into_iter().map(mean).collect()
    }
}
