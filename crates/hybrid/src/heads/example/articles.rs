//! Articles of SQuAD's own files, `{"data": [{"title", "paragraphs": [{"context", "qas": […]}]}]}`: a row
//! a question.

use hybrid_data::reader::Row;
use serde_json::{Map, Value};

use crate::config::TaskData;
use crate::error::HybridError;

/// What makes a row an article.
const PARAGRAPHS: &str = "paragraphs";

/// A row, and where in an article it stands.
pub(super) struct Question {
    pub(super) row: Row,
    place: Option<String>,
}

impl Question {
    /// An error of the row with its place in the article.
    pub(super) fn within(&self, error: HybridError) -> HybridError {
        match (error, &self.place) {
            (HybridError::Row { at, problem }, Some(place)) => {
                HybridError::Row { at: format!("`{place}` in {at}"), problem }
            }
            (error, _) => error,
        }
    }
}

impl From<Row> for Question {
    fn from(row: Row) -> Self {
        Self { row, place: None }
    }
}

/// The questions of an article, under the names that `data` gives their columns, with the article's
/// title and whatever else each has; a row that is no article, as it is.
pub(super) fn questions(data: &TaskData, row: Row) -> Result<Vec<Question>, HybridError> {
    let nested = row.columns.get(PARAGRAPHS).filter(|_| !row.columns.contains_key(&data.context));
    let Some(paragraphs) = nested else { return Ok(vec![row.into()]) };
    let wrong = |place: &str, expected: &str| HybridError::Row {
        at: row.at.to_string(),
        problem: format!(
            "has something else in `{place}` than {expected}, as SQuAD's articles have"
        ),
    };
    let Value::Array(paragraphs) = paragraphs else {
        return Err(wrong(PARAGRAPHS, "a list of paragraphs"));
    };
    let mut found = Vec::new();
    for (index, paragraph) in paragraphs.iter().enumerate() {
        let place = format!("{PARAGRAPHS}[{index}]");
        let of = |key: &str| paragraph.get(key);
        let (Some(context @ Value::String(_)), Some(Value::Array(asked))) =
            (of("context"), of("qas"))
        else {
            return Err(wrong(&place, "an object with a text `context` and a list `qas`"));
        };
        for (index, question) in asked.iter().enumerate() {
            let place = format!("{place}.qas[{index}]");
            let Value::Object(question) = question else {
                return Err(wrong(&place, "an object with `question` and `answers`"));
            };
            let columns = columns(data, row.columns.get("title"), context, question);
            let row = Row { at: row.at.clone(), columns };
            found.push(Question { row, place: Some(place) });
        }
    }
    Ok(found)
}

/// The columns of one question.
fn columns(
    data: &TaskData,
    title: Option<&Value>,
    context: &Value,
    question: &Map<String, Value>,
) -> Map<String, Value> {
    let mut columns = Map::new();
    columns.extend(title.map(|title| ("title".to_owned(), title.clone())));
    for (key, value) in question {
        let name = match key.as_str() {
            "question" => &data.question,
            "answers" => &data.answers,
            _ => key,
        };
        columns.insert(name.clone(), value.clone());
    }
    columns.insert(data.context.clone(), context.clone());
    columns
}
