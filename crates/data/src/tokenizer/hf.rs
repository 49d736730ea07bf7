//! A tokenizer in a Hugging Face directory: which file says what, and how to write them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{Tokenizer, TokenizerError, TokenizerParts};

#[cfg(test)]
mod tests;

/// The file that holds the algorithm and the vocabulary.
pub(super) const TOKENIZER: &str = "tokenizer.json";
const CONFIG: &str = "tokenizer_config.json";
const SPECIAL_TOKENS: &str = "special_tokens_map.json";
const CHAT_TEMPLATE: &str = "chat_template.jinja";
const GENERATION_CONFIG: &str = "generation_config.json";
const MODEL_CONFIG: &str = "config.json";

/// The roles a special token can have.
const ROLES: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// A JSON object with the file it came from, empty where the file does not exist.
struct Object {
    path: PathBuf,
    map: Map<String, Value>,
}

pub(super) fn load(dir: &Path) -> Result<Tokenizer, TokenizerError> {
    let path = dir.join(TOKENIZER);
    let bytes = read(&path)?.ok_or_else(|| TokenizerError::Missing { dir: dir.to_owned() })?;
    let inner = parse(&bytes).map_err(|source| TokenizerError::Garbled { path, source })?;
    let config = read_object(dir.join(CONFIG))?;
    let map = read_object(dir.join(SPECIAL_TOKENS))?;
    let generation = read_object(dir.join(GENERATION_CONFIG))?;
    let model = read_object(dir.join(MODEL_CONFIG))?;

    let mut special_tokens = BTreeMap::new();
    for role in ROLES {
        let token = match config.token(role)? {
            Some(token) => Some(token),
            None => map.token(role)?,
        };
        if let Some(token) = token {
            special_tokens.insert(role.to_owned(), token);
        }
    }
    // A directory that names no token may still give its number, as the model knows it.
    for role in ["bos_token", "eos_token", "pad_token"] {
        if special_tokens.contains_key(role) {
            continue;
        }
        let key = format!("{role}_id");
        let ids = [generation.ids(&key)?, model.ids(&key)?].concat();
        if let Some(token) = ids.first().and_then(|id| inner.id_to_token(*id)) {
            special_tokens.insert(role.to_owned(), token);
        }
    }
    let mut more_eos_ids = generation.ids("eos_token_id")?;
    if more_eos_ids.is_empty() {
        more_eos_ids = model.ids("eos_token_id")?;
    }
    for key in ["add_bos_token", "add_eos_token"] {
        config.flag(key)?;
    }
    let chat_template = match read(&dir.join(CHAT_TEMPLATE))? {
        Some(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        None => config.chat_template()?,
    };
    let parts = TokenizerParts { special_tokens, more_eos_ids, chat_template, config: config.map };
    Tokenizer::new(inner, parts)
}

/// Reads a `tokenizer.json`. The library panics on some contradictory ones, such as a merge whose
/// result is longer than every token; a file must never end the program.
fn parse(bytes: &[u8]) -> tokenizers::Result<tokenizers::Tokenizer> {
    std::panic::catch_unwind(|| tokenizers::Tokenizer::from_bytes(bytes))
        .unwrap_or_else(|_| Err("its vocabulary contradicts itself".into()))
}

pub(super) fn save(tokenizer: &Tokenizer, dir: &Path) -> Result<(), TokenizerError> {
    let serialize = |source| TokenizerError::Serialize { source };
    let mut whole = serde_json::to_value(&tokenizer.inner).map_err(serialize)?;
    let processor = serde_json::to_value(&tokenizer.saved_post_processor).map_err(serialize)?;
    if let Some(slot) = whole.get_mut("post_processor") {
        *slot = processor;
    }
    let mut config = tokenizer.parts.config.clone();
    for (role, token) in tokenizer.special_tokens() {
        // A token given as an object, with its flags, says more than its text: it stays.
        if token_text(config.get(role)) != Some(token) {
            config.insert(role.clone(), token.clone().into());
        }
    }
    config.entry("tokenizer_class").or_insert(json!("PreTrainedTokenizerFast"));
    config.entry("clean_up_tokenization_spaces").or_insert(json!(false));
    if config.get("chat_template").is_some_and(Value::is_string) {
        config.remove("chat_template");
    }
    fs::create_dir_all(dir)
        .map_err(|source| TokenizerError::Write { path: dir.to_owned(), source })?;
    let text = serde_json::to_string_pretty(&whole).map_err(serialize)?;
    write(dir.join(TOKENIZER), &text)?;
    let text = serde_json::to_string_pretty(&config).map_err(serialize)?;
    write(dir.join(CONFIG), &text)?;
    match tokenizer.chat_template() {
        Some(template) => write(dir.join(CHAT_TEMPLATE), template),
        None => Ok(()),
    }
}

fn write(path: PathBuf, text: &str) -> Result<(), TokenizerError> {
    fs::write(&path, text).map_err(|source| TokenizerError::Write { path, source })
}

/// The bytes of a file, `None` if it does not exist.
fn read(path: &Path) -> Result<Option<Vec<u8>>, TokenizerError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TokenizerError::Read { path: path.to_owned(), source }),
    }
}

fn read_object(path: PathBuf) -> Result<Object, TokenizerError> {
    match read(&path)? {
        None => Ok(Object { path, map: Map::new() }),
        Some(bytes) => match serde_json::from_slice(&bytes) {
            Ok(map) => Ok(Object { path, map }),
            Err(source) => Err(TokenizerError::NotJson { path, source }),
        },
    }
}

/// A token written as a string, or as an object with its flags.
fn token_text(value: Option<&Value>) -> Option<&String> {
    match value? {
        Value::String(token) => Some(token),
        Value::Object(map) => match map.get("content") {
            Some(Value::String(token)) => Some(token),
            _ => None,
        },
        _ => None,
    }
}

impl Object {
    fn value(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    fn wrong(&self, key: &str, value: &Value, expected: &'static str) -> TokenizerError {
        let value = value.to_string();
        TokenizerError::Key { path: self.path.clone(), key: key.to_owned(), value, expected }
    }

    fn token(&self, key: &str) -> Result<Option<String>, TokenizerError> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        match token_text(Some(value)) {
            Some(token) => Ok(Some(token.clone())),
            None => {
                Err(self.wrong(key, value, "a token: a string, or an object with its `content`"))
            }
        }
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, TokenizerError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(value) => Err(self.wrong(key, value, "true or false")),
        }
    }

    /// One token id, or a list of them.
    fn ids(&self, key: &str) -> Result<Vec<u32>, TokenizerError> {
        let Some(value) = self.value(key) else {
            return Ok(Vec::new());
        };
        let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        let ids: Option<Vec<u32>> = match value {
            Value::Array(items) => items.iter().map(id).collect(),
            // Some configurations write -1 for "none".
            Value::Number(number) if number.as_i64() == Some(-1) => Some(Vec::new()),
            value => id(value).map(|id| vec![id]),
        };
        ids.ok_or_else(|| self.wrong(key, value, "a token id or a list of them"))
    }

    /// The template, or the one called `default` (else the first) of a list of named ones.
    fn chat_template(&self) -> Result<Option<String>, TokenizerError> {
        const KEY: &str = "chat_template";
        const EXPECTED: &str = "a string, or a list of objects with `name` and `template`";
        let items = match self.value(KEY) {
            None => return Ok(None),
            Some(Value::String(template)) => return Ok(Some(template.clone())),
            Some(Value::Array(items)) => items,
            Some(value) => return Err(self.wrong(KEY, value, EXPECTED)),
        };
        let named = |item: &Value| {
            Some((
                item.get("name")?.as_str()?.to_owned(),
                item.get("template")?.as_str()?.to_owned(),
            ))
        };
        let mut templates = Vec::new();
        for item in items {
            templates.push(named(item).ok_or_else(|| self.wrong(KEY, item, EXPECTED))?);
        }
        let default = templates.iter().position(|(name, _)| name == "default").unwrap_or(0);
        Ok(templates.into_iter().nth(default).map(|(_, template)| template))
    }
}
