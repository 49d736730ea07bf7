//! `format`: how far a response has the form that was asked for.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::kinds::Form;
use self::schema::Schema;
use crate::corpus;
use crate::error::ParamError;
use crate::metrics::exact_match::compile;
use crate::reward::{PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

mod kinds;
pub(super) mod schema;

/// The form that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// One JSON value.
    #[default]
    Json,
    /// One JSON value that a schema allows.
    JsonSchema,
    /// The whole response matches a pattern.
    Regex,
    /// Lines `1. …`, `2. …`, in order.
    NumberedList,
    /// Lines `- …`.
    BulletList,
    /// Blocks of text with blank lines between them.
    Paragraphs,
    /// `<a>…</a>` for each tag, in order, once.
    Tags,
    /// A fenced block of code.
    CodeFence,
    /// Fixed text with gaps.
    Template,
}

/// Parameters of `format`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    kind: Kind,
    schema: Option<Value>,
    pattern: Option<String>,
    min: Option<usize>,
    max: Option<usize>,
    only: bool,
    tags: Vec<String>,
    language: Option<String>,
    template: Option<String>,
    partial: bool,
}

impl Config {
    /// The keys that are set, and whether the kind reads them.
    fn keys(&self) -> [(&'static str, bool, bool); 9] {
        use Kind::{
            BulletList, CodeFence, JsonSchema, NumberedList, Paragraphs, Regex, Tags, Template,
        };
        let kind = self.kind;
        let list = matches!(kind, NumberedList | BulletList);
        let counted = list || kind == Paragraphs;
        [
            ("schema", self.schema.is_some(), kind == JsonSchema),
            ("pattern", self.pattern.is_some(), kind == Regex),
            ("min", self.min.is_some(), counted),
            ("max", self.max.is_some(), counted),
            ("only", self.only, list || matches!(kind, Tags | CodeFence)),
            ("tags", !self.tags.is_empty(), kind == Tags),
            ("language", self.language.is_some(), kind == CodeFence),
            ("template", self.template.is_some(), kind == Template),
            ("partial", self.partial, list || matches!(kind, Tags | Template)),
        ]
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        if let Some((key, ..)) = self.keys().into_iter().find(|(_, set, read)| *set && !read) {
            let reason = "has no effect with this `kind`; remove it, or set another `kind`";
            return Err(ParamError::new(key, reason));
        }
        let required = ["schema", "pattern", "tags", "template"];
        let absent =
            |(key, set, read): &(&str, bool, bool)| required.contains(key) && *read && !set;
        if let Some((key, ..)) = self.keys().into_iter().find(absent) {
            return Err(ParamError::new(key, "is absent, must be set for this `kind`"));
        }
        let (min, max) = (self.min.unwrap_or(1), self.max.unwrap_or(usize::MAX));
        crate::error::require(min <= max, "min", min, &format!("at most `max`, which is {max}"))?;
        let word = |tag: &String| {
            !tag.is_empty() && tag.chars().all(|c| c.is_alphanumeric() || "_-:.".contains(c))
        };
        if let Some(at) = self.tags.iter().position(|tag| !word(tag)) {
            let reason = "must be a tag's name, without brackets";
            return Err(ParamError::new(format!("tags[{at}]"), reason));
        }
        Ok(())
    }
}

const INFO: Info = Info {
    name: "format",
    aliases: &["format_accuracy"],
    about: "1 where the response has the form that is asked for, else 0; with `partial` the share \
            of it that is there.",
    params: &[
        Param::new(
            "kind",
            "one of `json`, `json_schema`, `regex`, `numbered_list`, `bullet_list`, `paragraphs`, `tags`, `code_fence` or `template`",
            "the form; JSON may stand in a code fence, and nothing else may stand around it",
        ),
        Param::new(
            "schema",
            "a JSON Schema, the path of one, or null",
            "for `json_schema`: what is allowed",
        ),
        Param::new("pattern", "a string or null", "for `regex`: what matches the whole response"),
        Param::new(
            "min",
            "a whole number ≥ 0 or null",
            "for lists and `paragraphs`: the fewest items; null is 1",
        ),
        Param::new(
            "max",
            "a whole number ≥ 0 or null",
            "for lists and `paragraphs`: the most items",
        ),
        Param::new(
            "only",
            "true or false",
            "for lists, `tags` and `code_fence`: nothing else may stand around them",
        ),
        Param::new(
            "tags",
            "a list of strings",
            "for `tags`: the names of tags that must open and close once each, in this order",
        ),
        Param::new("language", "a string or null", "for `code_fence`: the word after the fence"),
        Param::new(
            "template",
            "a string or null",
            "for `template`: the text, in which `{{name}}` stands for any text that is not blank",
        ),
        Param::new(
            "partial",
            "true or false",
            "for lists, `tags` and `template`: score the share that is right instead of 0 or 1",
        ),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| {
        let partial = config.partial;
        form(config).map(|form| PerRow(Format { form, partial }))
    })
}

fn form(config: Config) -> Result<Form, ParamError> {
    let range = (config.min.unwrap_or(1), config.max.unwrap_or(usize::MAX));
    let only = config.only;
    Ok(match config.kind {
        Kind::Json => Form::Json(None),
        Kind::JsonSchema => Form::Json(Some(Box::new(schema(config.schema.unwrap_or_default())?))),
        Kind::Regex => {
            let pattern = config.pattern.unwrap_or_default();
            compile("pattern", &pattern)?;
            Form::Regex(compile("pattern", &format!(r"\A(?:{pattern})\z"))?)
        }
        Kind::NumberedList => Form::Numbered { range, only },
        Kind::BulletList => Form::Bullets { range, only },
        Kind::Paragraphs => Form::Paragraphs { range },
        Kind::Tags => Form::Tags { tags: config.tags, only },
        Kind::CodeFence => Form::Fence { language: config.language, only },
        Kind::Template => kinds::template(&config.template.unwrap_or_default())?,
    })
}

/// The schema as it stands in the spec, or in the file that a string names.
fn schema(value: Value) -> Result<Schema, ParamError> {
    let value = match value {
        Value::String(path) => {
            let text = corpus::read("schema", Path::new(&path))?;
            serde_json::from_str(&text).map_err(|error| {
                ParamError::new("schema", format!("`{path}` is not JSON: {error}"))
            })?
        }
        value => value,
    };
    Schema::compile(&value).map_err(|error| {
        ParamError::new(crate::spec::params::join("schema", &error.key), error.reason)
    })
}

struct Format {
    form: Form,
    partial: bool,
}

impl RowMetric for Format {
    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let share = self.form.share(sample.response);
        Some(if self.partial || share >= 1.0 { share } else { 0.0 })
    }
}
