//! Doc comments out of Rust source, for structs and enums written the way this workspace does.

use std::collections::BTreeMap;
use std::path::Path;

/// A struct that is a table, or an enum that is one of several words.
#[derive(Debug, Clone)]
pub(super) struct Type {
    pub(super) kind: Kind,
    pub(super) doc: String,
    pub(super) fields: Vec<Field>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Table,
    Choice,
    /// An enum with values in it, whose reader is written by hand.
    Other,
}

/// A key of a table, or a word.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) type_name: String,
    pub(super) doc: String,
}

impl Field {
    /// The type without `Option`, `Vec` and module.
    pub(super) fn inner(&self) -> &str {
        let mut name = self.type_name.as_str();
        for wrapper in ["Option<", "Vec<"] {
            name = name.strip_prefix(wrapper).map_or(name, |rest| rest.trim_end_matches('>'));
        }
        name.rsplit("::").next().unwrap_or(name)
    }
}

/// Adds the public types of a file, or of every file below a folder, tests apart.
pub(super) fn read_types(path: &Path, types: &mut BTreeMap<String, Type>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("a folder") {
            let path = entry.expect("an entry").path();
            if !path.ends_with("tests") && !path.ends_with("tests.rs") {
                read_types(&path, types);
            }
        }
        return;
    }
    let text = std::fs::read_to_string(path).expect("a source file");
    let mut lines = text.lines();
    let (mut doc, mut attributes) = (Vec::new(), String::new());
    while let Some(line) = lines.next() {
        if let Some(words) = line.strip_prefix("///") {
            doc.push(words.trim());
        } else if line.starts_with("#[") {
            attributes.push_str(line);
        } else {
            let is_struct = line.strip_prefix("pub struct ");
            let is_enum = line.strip_prefix("pub enum ");
            if let Some(name) = is_struct.or(is_enum).and_then(|rest| rest.strip_suffix(" {")) {
                let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "}").collect();
                let fields = read_fields(&body, is_struct.is_some());
                let is_plain = is_struct.is_some() || body.iter().all(|line| !opens(line));
                let is_read = attributes.contains("Deserialize") || is_struct.is_some();
                let kind = match (is_struct.is_some(), is_plain && is_read) {
                    (true, _) => Kind::Table,
                    (false, true) => Kind::Choice,
                    (false, false) => Kind::Other,
                };
                types.insert(name.to_owned(), Type { kind, doc: join(&doc), fields });
            }
            doc.clear();
            attributes.clear();
        }
    }
}

/// Whether a variant holds values.
fn opens(line: &str) -> bool {
    let line = line.trim();
    !line.starts_with("//") && !line.starts_with('#') && line.contains(['(', '{'])
}

fn read_fields(body: &[&str], is_struct: bool) -> Vec<Field> {
    let (mut doc, mut rename) = (Vec::new(), None);
    let mut fields = Vec::new();
    for line in body.iter().map(|line| line.trim()) {
        if let Some(words) = line.strip_prefix("///") {
            doc.push(words.trim());
        } else if line.starts_with("#[") {
            let quoted = line.split_once("rename = \"").and_then(|(_, rest)| rest.split_once('"'));
            rename = quoted.map(|(name, _)| name.to_owned()).or(rename);
        } else {
            let declared = match line.trim_end_matches(',').split_once(": ") {
                Some((name, type_name)) if is_struct => {
                    name.strip_prefix("pub ").map(|name| (name.to_owned(), type_name.to_owned()))
                }
                None if !is_struct => Some((snake_case(line.trim_end_matches(',')), String::new())),
                _ => None,
            };
            if let Some((name, type_name)) = declared {
                let name = rename.take().unwrap_or(name);
                fields.push(Field { name, type_name, doc: join(&doc) });
            }
            doc.clear();
            rename = None;
        }
    }
    fields
}

/// One line, with links between items turned into names.
fn join(doc: &[&str]) -> String {
    doc.join(" ").replace("[`", "`").replace("`]", "`").trim().to_owned()
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (place, letter) in name.char_indices() {
        if letter.is_uppercase() && place > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
