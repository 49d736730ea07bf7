//! From serde's words for a refused key or value to ours.

use super::legacy;
use super::path::{KeyPath, Part};
use super::rollout::PENALTIES;

/// What is wrong at `path`, in one sentence or two, from what serde says there.
pub(super) fn explain(path: &KeyPath, message: &str) -> String {
    if let Some((name, known)) = refused(message, "unknown field ") {
        return unknown_key(path, &name, &known);
    }
    if let Some((name, known)) = refused(message, "unknown variant ") {
        let near = nearest(&name, &known).map(|near| format!("did you mean `{near}`? "));
        return format!(
            "`{path}` is `{name}`: {}it takes {}",
            near.unwrap_or_default(),
            listed(&known, "or")
        );
    }
    if let Some(field) = message.strip_prefix("missing field ") {
        let whole = match path.0.as_slice() {
            [] => "the configuration".to_owned(),
            _ => format!("`{path}`"),
        };
        return format!("{whole} lacks {field}");
    }
    let message = plain_types(message);
    // A message that begins with a name speaks of a field of this table.
    match message.strip_prefix('`') {
        _ if path.0.is_empty() => message,
        Some(rest) if !message.starts_with(&format!("`{path}")) => format!("`{path}`: `{rest}"),
        Some(_) => message,
        None => format!("`{path}`: {message}"),
    }
}

fn unknown_key(path: &KeyPath, name: &str, known: &[String]) -> String {
    let table = match path.0.last() {
        Some(Part::Key(last)) if last == name => path.parent(),
        _ => path.clone(),
    };
    let whole = table.join(Part::Key(name.to_owned()));
    if table.0 == [Part::Key("rollout".to_owned())] && PENALTIES.contains(&name) {
        return format!(
            "`{whole}` cannot be used: it makes the distribution of a token depend on the tokens \
             before it in a way that the policy's own probabilities do not hold, so that ratio and \
             KL would be those of another policy; use `temperature`, `top_k`, `top_p`, `min_p` or \
             `typical_p`"
        );
    }
    let old = if table.0.is_empty() { legacy::names() } else { Vec::new() };
    let near = nearest(name, known)
        .or_else(|| nearest(name, &old))
        .map(|near| format!("did you mean `{}`? ", table.join(Part::Key(near.clone()))));
    let near = near.unwrap_or_default();
    match known {
        [] => format!("`{whole}` is not known: `{table}` takes no keys"),
        _ if table.0.is_empty() => {
            format!(
                "`{whole}` is not known: {near}the configuration takes {}",
                listed(known, "and")
            )
        }
        _ => format!("`{whole}` is not known: {near}`{table}` takes {}", listed(known, "and")),
    }
}

/// The refused name and the known ones of "unknown field `a`, expected one of `b`, `c`".
fn refused(message: &str, start: &str) -> Option<(String, Vec<String>)> {
    let rest = message.strip_prefix(start)?.strip_prefix('`')?;
    let (name, rest) = rest.split_once("`, ")?;
    let mut quoted = rest.split('`');
    // Every second piece stands between quotes.
    quoted.next();
    Some((name.to_owned(), quoted.step_by(2).map(str::to_owned).collect()))
}

/// The candidate most like `name`, where one is near enough to be a slip of the finger.
pub(super) fn nearest<'a>(name: &str, candidates: &'a [String]) -> Option<&'a String> {
    candidates
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// `a`, `b` and `c`.
pub(super) fn listed(names: &[String], conjunction: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [start @ .., last] => format!("{} {conjunction} {last}", start.join(", ")),
    }
}

/// Rust's names of types in plain words.
fn plain_types(message: &str) -> String {
    const PLAIN: &[(&str, &str)] = &[
        ("usize", "a whole number of at least 0"),
        ("u64", "a whole number of at least 0"),
        ("u32", "a whole number of at least 0"),
        ("f64", "a number"),
        ("f32", "a number"),
        ("a string", "a text"),
        ("a sequence", "an array"),
        ("a map", "a table"),
    ];
    let message = message.replacen("invalid type: sequence", "invalid type: an array", 1).replacen(
        "invalid type: map",
        "invalid type: a table",
        1,
    );
    let Some((found, expected)) = message.rsplit_once(", expected ") else { return message };
    if expected.starts_with("struct ") {
        return format!("{found}, expected a table");
    }
    match PLAIN.iter().find(|(name, _)| *name == expected) {
        Some((_, plain)) => format!("{found}, expected {plain}"),
        None => message,
    }
}
