//! Text made from a row's columns: `"Review: {text}\nSentiment: {label}"`.

use serde_json::{Map, Value};

use crate::error::{DataError, RowLocation, describe};

/// A text with `{column}` in it; `{{` and `}}` stand for braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextTemplate {
    setting: &'static str,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Column(String),
}

impl TextTemplate {
    /// Parses `source`, which `setting` holds in the configuration.
    ///
    /// # Errors
    ///
    /// [`DataError::BadTemplate`] for a brace without its partner, a column without a name, or a
    /// template without a column, which would make every example the same.
    pub fn parse(setting: &'static str, source: &str) -> Result<Self, DataError> {
        let wrong = |position: usize, message: &str| DataError::BadTemplate {
            setting,
            message: message.to_owned(),
            position,
        };
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut characters = (1..).zip(source.chars()).peekable();
        while let Some((position, character)) = characters.next() {
            let doubled =
                characters.next_if(|(_, next)| *next == character && "{}".contains(*next));
            match character {
                '{' | '}' if doubled.is_some() => literal.push(character),
                '}' => return Err(wrong(position, "`}` closes nothing")),
                '{' => {
                    let mut name = String::new();
                    let closed = characters.by_ref().map(|(_, next)| next).find(|next| {
                        let ends = matches!(next, '{' | '}');
                        if !ends {
                            name.push(*next);
                        }
                        ends
                    });
                    if closed != Some('}') {
                        return Err(wrong(position, "`{` is not closed"));
                    }
                    if name.trim().is_empty() {
                        return Err(wrong(position, "`{}` names no column"));
                    }
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    }
                    pieces.push(Piece::Column(name.trim().to_owned()));
                }
                other => literal.push(other),
            }
        }
        if pieces.is_empty() {
            return Err(wrong(1, "it names no column, as `{text}` would"));
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self { setting, pieces })
    }

    /// The configuration key it stands under.
    pub(super) fn setting(&self) -> &'static str {
        self.setting
    }

    /// The columns it names.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Column(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// Fills in what `value` knows each column to be; `None` where it does not know one.
    pub fn fill<'v>(&'v self, value: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
        let piece = |piece: &'v Piece| match piece {
            Piece::Literal(literal) => Some(literal.as_str()),
            Piece::Column(name) => value(name),
        };
        self.pieces.iter().map(piece).collect()
    }

    /// Fills in one row's columns: strings as they are, numbers and booleans as JSON writes them.
    ///
    /// # Errors
    ///
    /// [`DataError::BadField`] where a column is missing, null, an array or an object.
    pub fn render(
        &self,
        at: &RowLocation,
        columns: &Map<String, Value>,
    ) -> Result<String, DataError> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Column(name) => match columns.get(name) {
                    Some(Value::String(value)) => text.push_str(value),
                    Some(value @ (Value::Number(_) | Value::Bool(_))) => {
                        text.push_str(&value.to_string());
                    }
                    other => {
                        return Err(DataError::BadField {
                            at: at.clone(),
                            field: name.clone(),
                            expected: format!("text or a number for `{}`", self.setting),
                            got: other.map_or_else(|| "nothing".into(), describe),
                        });
                    }
                },
            }
        }
        Ok(text)
    }
}
