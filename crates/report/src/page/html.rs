//! Text that cannot break out of its place in the page.

use std::fmt::{self, Write as _};

use serde_json::Value;

/// Displays a text so that HTML reads it as text, in content and in quoted attributes.
///
/// Control characters other than tab and line end show as the replacement character: HTML has no
/// way to write them.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(character)?,
                '\r' => f.write_str("&#13;")?,
                control if control.is_control() => f.write_char('\u{fffd}')?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// A script element that holds data. `<` is written as an escape, so that no string in it can end
/// the element or begin a comment.
pub(super) fn json_script(attributes: &str, data: &Value) -> String {
    let json = data.to_string().replace('<', "\\u003c");
    format!("<script type=\"application/json\" {attributes}>{json}</script>\n")
}

/// An element that shows a definition while `label` is pointed at or focused.
///
/// `label` is HTML already; `definition` is text.
pub(super) fn with_definition(label: &str, definition: &str) -> String {
    format!(
        "<span class=\"defined\" tabindex=\"0\">{label}<span class=\"definition\" \
         role=\"tooltip\">{}</span></span>",
        Escaped(definition)
    )
}
