//! A thing chosen by name, with parameters of its own: `"adamw"`, or `{ type = "adamw", eps = 1e-6 }`.
//!
//! Keys are strict per name: what one optimizer knows, another refuses, and every refusal names the
//! nearest known word.

use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

/// The parameters given beside `type`.
pub(crate) type Fields = Map<String, Value>;

/// A set of named things.
pub(crate) trait Choice: Sized {
    /// What is chosen, which is also its key: `optimizer`.
    const WHAT: &'static str;
    /// Every name, in the order messages list them.
    const NAMES: &'static [&'static str];

    /// The thing called `name`, which is one of `NAMES`; the error is a sentence.
    fn build(name: &str, fields: Fields) -> Result<Self, String>;
}

/// Reads a name, or a table with a `type`.
pub(crate) fn deserialize<'de, C: Choice, D: Deserializer<'de>>(source: D) -> Result<C, D::Error> {
    source.deserialize_any(ChoiceVisitor(PhantomData))
}

struct ChoiceVisitor<C>(PhantomData<C>);

impl<'de, C: Choice> Visitor<'de> for ChoiceVisitor<C> {
    type Value = C;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name of the {0}, or a table with its `type` and its parameters", C::WHAT)
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<C, E> {
        choose(name, Fields::new()).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<C, A::Error> {
        let mut fields = Fields::new();
        while let Some((key, value)) = map.next_entry::<String, Value>()? {
            fields.insert(key, value);
        }
        let missing = || {
            format!(
                "the {0} table has no `type`; write `{0} = {{ type = \"…\" }}` with one of {1}",
                C::WHAT,
                list(C::NAMES.iter().copied())
            )
        };
        match fields.remove("type") {
            Some(Value::String(name)) => choose(&name, fields).map_err(de::Error::custom),
            Some(other) => Err(de::Error::custom(format!(
                "`{}.type` is {other}, expected a name in quotes: one of {}",
                C::WHAT,
                list(C::NAMES.iter().copied())
            ))),
            None => Err(de::Error::custom(missing())),
        }
    }
}

fn choose<C: Choice>(name: &str, fields: Fields) -> Result<C, String> {
    if C::NAMES.contains(&name) {
        return C::build(name, fields);
    }
    let (hint, known) = (nearest(name, C::NAMES), list(C::NAMES.iter().copied()));
    Err(format!("unknown {} `{name}`;{hint} known are {known}", C::WHAT))
}

/// The parameters of the `what` called `name`: defaults, overwritten by `fields`.
pub(crate) fn parameters<T>(what: &str, name: &str, fields: Fields) -> Result<T, String>
where
    T: Default + Serialize + DeserializeOwned,
{
    let known = keys_of::<T>()?;
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    for (key, value) in &fields {
        if !known.contains(&key.as_str()) {
            return Err(unknown_key(what, name, key, &known));
        }
        // Alone first, so that a wrong type is blamed on its key.
        let alone = Fields::from_iter([(key.clone(), value.clone())]);
        T::deserialize(Value::Object(alone))
            .map_err(|error| format!("`{what}.{key}` of `{name}`: {error}"))?;
    }
    T::deserialize(Value::Object(fields)).map_err(|error| format!("`{what}` `{name}`: {error}"))
}

fn keys_of<T: Default + Serialize>() -> Result<Vec<String>, String> {
    match serde_json::to_value(T::default()) {
        Ok(Value::Object(fields)) => Ok(fields.keys().cloned().collect()),
        Ok(_) => Ok(Vec::new()),
        Err(error) => Err(error.to_string()),
    }
}

fn unknown_key(what: &str, name: &str, key: &str, known: &[&str]) -> String {
    let known_list = match known {
        [] => "it has none, so leave it out".to_owned(),
        _ => format!("its parameters are {}", list(known.iter().copied())),
    };
    format!("unknown parameter `{key}` of the {what} `{name}`;{} {known_list}", nearest(key, known))
}

/// " did you mean `x`?" where a known word is near enough to be a slip of the finger.
fn nearest(word: &str, known: &[&str]) -> String {
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| format!(" did you mean `{candidate}`?"))
        .unwrap_or_default()
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
