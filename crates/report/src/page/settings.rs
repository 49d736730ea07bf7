//! The configuration and the environment as they were, and what the metrics mean.

use serde_json::Value;

use super::chart::{definition_of, title_of};
use super::html::Escaped;
use crate::definitions;
use crate::run::Run;

/// The effective configuration and the environment.
pub(super) fn section(run: &Run) -> String {
    let mut html = String::from(
        "<section id=\"configuration\">\n<h2>Configuration</h2>\n<div class=\"settings\">\n",
    );
    match &run.config {
        Some(text) => html += &format!("<pre tabindex=\"0\">{}</pre>\n", highlighted(text)),
        None => html += "<p class=\"none\">The run has no <code>config.toml</code>.</p>\n",
    }
    if !run.env.is_empty() {
        html += "<dl class=\"env\">\n";
        for (key, value) in &run.env {
            let value = plain(value);
            html += &format!("<dt>{}</dt><dd>{}</dd>\n", Escaped(key), Escaped(&value));
        }
        html += "</dl>\n";
    }
    html + "</div>\n</section>\n"
}

/// A value without the marks of JSON, where it is a text or a list.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// TOML with its headings and keys set off, line by line.
fn highlighted(text: &str) -> String {
    let mut html = String::with_capacity(text.len() * 2);
    for line in text.lines() {
        let start = line.trim_start();
        let is_key = |key: &str| {
            key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' '))
        };
        html += &match line.split_once('=') {
            _ if start.starts_with('#') => format!("<i>{}</i>", Escaped(line)),
            _ if start.starts_with('[') && line.trim_end().ends_with(']') => {
                format!("<b>{}</b>", Escaped(line))
            }
            Some((key, value)) if is_key(key) => {
                format!("<em>{}</em>={}", Escaped(key), Escaped(value))
            }
            _ => Escaped(line).to_string(),
        };
        html.push('\n');
    }
    html
}

/// The definition of every metric that the run has.
pub(super) fn glossary(run: &Run) -> String {
    let mut html = String::from("<section id=\"definitions\">\n<h2>Definitions</h2>\n<dl>\n");
    for key in run.curves.keys().filter(|key| definitions::find(key).is_some()) {
        html += &format!(
            "<dt>{} <code>{}</code></dt><dd>{}</dd>\n",
            Escaped(&title_of(key)),
            Escaped(key),
            Escaped(&definition_of(key))
        );
    }
    html += "</dl>\n<p class=\"none\">Pale lines are recorded values, bold ones centred means over a \
             few per cent of the run. A dot marks a number measured now and then. Shaded bands are \
             the phases.</p>\n";
    html + "</section>\n"
}
