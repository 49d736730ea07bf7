//! Chat templates: a list of messages to the one string a chat model was trained on.
//!
//! Templates are Jinja, written for the environment `transformers` gives them; [`ChatTemplate`]
//! rebuilds that environment: trimmed blocks, Python's methods and `tojson`, `raise_exception`,
//! `strftime_now`, loop controls and `{% generation %}` blocks. The last mark what the assistant
//! wrote; [`Rendered::generation_spans`] says where they ended up.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::NaiveDateTime;
use minijinja::{Environment, ErrorKind, Value as JinjaValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod generation;
mod json;
mod python;

#[cfg(test)]
mod tests;

/// What can go wrong between a chat template and its text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The template's source does not parse.
    #[error(
        "the chat template is not valid Jinja; correct it, or give another one as `chat_template`"
    )]
    Syntax {
        /// The parser's complaint, with its line.
        #[source]
        source: minijinja::Error,
    },
    /// The template itself rejected the conversation by calling `raise_exception`.
    #[error("the chat template does not accept this conversation: {message}")]
    Raised {
        /// What the template said.
        message: String,
    },
    /// Rendering failed: an undefined variable, a wrong type, an unknown filter.
    #[error("the chat template failed on this conversation")]
    Render {
        /// The engine's complaint, with its line.
        #[source]
        source: minijinja::Error,
    },
    /// A `{% generation %}` block was cut apart by the code around it.
    #[error(
        "the chat template cuts the text of a `{{% generation %}}` block apart, so what the \
         assistant wrote cannot be located; move the block so that its text is printed whole"
    )]
    GenerationCut,
}

/// One message of a conversation: a `role` and any other fields, in the order they were written.
///
/// Templates read `content`, and some `name`, `tool_calls`, `tool_call_id` or `reasoning_content`;
/// fields this crate does not know are kept for them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct Message {
    fields: Map<String, Value>,
}

impl Message {
    /// Makes a message with a role and a text.
    pub fn new(role: &str, content: &str) -> Self {
        let fields = [("role", role), ("content", content)];
        Self {
            fields: fields.map(|(key, text)| (key.to_owned(), text.into())).into_iter().collect(),
        }
    }

    /// Who speaks: `system`, `user`, `assistant`, `tool`, or what else the template knows.
    pub fn role(&self) -> &str {
        self.fields.get("role").and_then(Value::as_str).unwrap_or_default()
    }

    /// The text, if the message has one; content given as a list of parts is no text.
    pub fn content(&self) -> Option<&str> {
        self.fields.get("content").and_then(Value::as_str)
    }

    /// Every field, in the order it was written.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }
}

impl TryFrom<Map<String, Value>> for Message {
    type Error = String;

    fn try_from(fields: Map<String, Value>) -> Result<Self, String> {
        match fields.get("role") {
            Some(Value::String(_)) => Ok(Self { fields }),
            Some(other) => Err(format!("a message's `role` must be a string, not {other}")),
            None => Err("a message needs a `role`, such as \"user\"".to_owned()),
        }
    }
}

impl From<Message> for Map<String, Value> {
    fn from(message: Message) -> Self {
        message.fields
    }
}

/// What a rendering depends on besides its messages.
#[derive(Debug, Clone, Default)]
pub struct RenderOptions {
    /// Whether to end with the words that open an assistant's answer.
    pub add_generation_prompt: bool,
    /// The tools the model may call, as JSON schemas.
    pub tools: Option<Value>,
    /// The local time `strftime_now` prints. `None` leaves that function undefined: templates
    /// that test for it fall back to a fixed date, the others fail.
    pub now: Option<NaiveDateTime>,
    /// Further variables of the template, such as `enable_thinking`.
    pub extra: Map<String, Value>,
}

/// A conversation as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// The byte ranges of `text` that `{% generation %}` blocks printed, in order; `None` if the
    /// template has no such block.
    pub generation_spans: Option<Vec<Range<usize>>>,
}

/// A chat template, parsed once and rendered often.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    special_tokens: BTreeMap<String, String>,
    has_generation: bool,
}

/// The only template of an environment; the name appears in the engine's messages.
const NAME: &str = "chat_template";

impl ChatTemplate {
    /// Parses `source`. `special_tokens` are the variables `bos_token`, `eos_token` and so on.
    ///
    /// # Errors
    ///
    /// [`TemplateError::Syntax`] if the source is not valid Jinja.
    pub fn new(
        source: &str,
        special_tokens: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        // Jinja reads every kind of line end as a line feed.
        let lines = source.replace("\r\n", "\n").replace('\r', "\n");
        let (rewritten, has_generation) = generation::rewrite_tags(&lines);
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        python::install(&mut environment);
        environment
            .add_template_owned(NAME, rewritten)
            .map_err(|source| TemplateError::Syntax { source })?;
        Ok(Self {
            environment,
            source: source.to_owned(),
            special_tokens: special_tokens.clone(),
            has_generation,
        })
    }

    /// The source this template was parsed from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the template marks what the assistant wrote with `{% generation %}` blocks.
    pub fn has_generation(&self) -> bool {
        self.has_generation
    }

    /// Renders a conversation.
    ///
    /// # Errors
    ///
    /// [`TemplateError::Raised`] if the template rejects the conversation itself,
    /// [`TemplateError::Render`] if it fails on it.
    pub fn render(
        &self,
        messages: &[Message],
        options: &RenderOptions,
    ) -> Result<Rendered, TemplateError> {
        let variables = self.variables(messages, options);
        let mut context: BTreeMap<&str, JinjaValue> = variables
            .iter()
            .map(|(name, value)| (name.as_str(), JinjaValue::from_serialize(value)))
            .collect();
        if let Some(now) = options.now {
            context.insert("strftime_now", python::strftime(now));
        }
        let marker = self.has_generation.then(|| generation::Marker::unused_in(&variables));
        if let Some(marker) = &marker {
            context.insert(generation::FUNCTION, marker.function());
        }
        let template = self.environment.get_template(NAME).map_err(render_error)?;
        let text = template.render(context).map_err(render_error)?;
        let Some(marker) = marker else {
            return Ok(Rendered { text, generation_spans: None });
        };
        let (text, spans) = marker.extract(&text).ok_or(TemplateError::GenerationCut)?;
        Ok(Rendered { text, generation_spans: Some(spans) })
    }

    /// Every plain variable of one rendering, later ones winning over earlier ones.
    fn variables(&self, messages: &[Message], options: &RenderOptions) -> Map<String, Value> {
        let mut variables = Map::new();
        for (name, token) in &self.special_tokens {
            variables.insert(name.clone(), token.clone().into());
        }
        variables.extend(options.extra.clone());
        variables.entry("documents").or_insert(Value::Null);
        variables.insert("tools".to_owned(), options.tools.clone().unwrap_or(Value::Null));
        variables.insert("add_generation_prompt".to_owned(), options.add_generation_prompt.into());
        let messages = messages.iter().map(|message| Value::Object(visible_fields(message)));
        variables.insert("messages".to_owned(), messages.collect());
        variables
    }
}

/// A message's fields as a template sees them.
///
/// Empty ones (`"tool_calls": null`) are left out, because templates test whether a field is there.
/// Reasoning is given under both names that templates read: `reasoning_content` is the usual one,
/// `thinking` comes first where it is new.
fn visible_fields(message: &Message) -> Map<String, Value> {
    const REASONING: [&str; 3] = ["reasoning_content", "thinking", "reasoning"];
    let given = message.fields.iter().filter(|(_, value)| !value.is_null());
    let given: Map<String, Value> = given.map(|(k, v)| (k.clone(), v.clone())).collect();
    let Some(reasoning) = REASONING.iter().find_map(|name| given.get(*name)).cloned() else {
        return given;
    };
    let mut fields = Map::new();
    fields.insert("thinking".to_owned(), reasoning.clone());
    fields.extend(given);
    fields.insert("reasoning_content".to_owned(), reasoning);
    fields
}

/// Tells what the template said itself from what went wrong in it.
fn render_error(source: minijinja::Error) -> TemplateError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&source);
    while let Some(error) = cause {
        if let Some(python::Raised(message)) = error.downcast_ref() {
            return TemplateError::Raised { message: message.clone() };
        }
        cause = error.source();
    }
    match source.kind() {
        ErrorKind::SyntaxError => TemplateError::Syntax { source },
        _ => TemplateError::Render { source },
    }
}
