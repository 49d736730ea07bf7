//! Which part of a rendered conversation the assistant wrote.

use std::ops::Range;

use serde_json::Value;

use super::EncodeError;
use crate::template::{ChatTemplate, Message, RenderOptions, Rendered};

/// The role whose messages are trained on.
pub(super) const ASSISTANT: &str = "assistant";

pub(super) fn render(
    template: &ChatTemplate,
    messages: &[Message],
    tools: Option<&Value>,
    add_generation_prompt: bool,
) -> Result<Rendered, EncodeError> {
    let options = RenderOptions {
        add_generation_prompt,
        tools: tools.filter(|tools| !tools.is_null()).cloned(),
        ..RenderOptions::default()
    };
    template.render(messages, &options).map_err(|source| EncodeError::Template { source })
}

/// The byte ranges of `whole.text` that the assistant wrote.
///
/// Templates without `{% generation %}` blocks are asked for the text before and after each of the
/// assistant's messages: before it, with the words that open an answer, which the assistant does
/// not choose. Both must be how the whole text begins.
pub(super) fn assistant_spans(
    template: &ChatTemplate,
    messages: &[Message],
    tools: Option<&Value>,
    whole: &Rendered,
) -> Result<Vec<Range<usize>>, EncodeError> {
    if let Some(spans) = &whole.generation_spans {
        return Ok(spans.clone());
    }
    let mut spans = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        if message.role() != ASSISTANT {
            continue;
        }
        let (before, _) = messages.split_at(index);
        let (through, _) = messages.split_at(index + 1);
        let start = render(template, before, tools, true)?.text;
        let end = render(template, through, tools, false)?.text;
        if !whole.text.starts_with(&start)
            || !whole.text.starts_with(&end)
            || end.len() < start.len()
        {
            return Err(EncodeError::NotAPrefix { message: index });
        }
        spans.push(start.len()..end.len());
    }
    Ok(spans)
}
