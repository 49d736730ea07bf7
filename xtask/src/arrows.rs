//! Which crate may depend on which: the table, and the pure functions that hold a graph against it.

use std::collections::{BTreeMap, VecDeque};

#[cfg(test)]
mod tests;

/// The siblings each crate may name under `[dependencies]`; a crate without a row is an error.
///
/// `docs/ARCHITECTURE.md` shows the same table, and `cargo xtask tidy` compares the two. `cli` may
/// use every crate but `testing`, so its row is [`ANY`].
pub(crate) const ALLOWED: &[(&str, &[&str])] = &[
    ("gguf", &[]),
    ("assets", &[]),
    ("report", &[]),
    ("measure", &[]),
    ("kernels", &[]),
    ("data", &["gguf"]),
    ("model", &["gguf", "kernels"]),
    ("optim", &["kernels"]),
    ("rewards", &["data", "measure", "model"]),
    ("sft", &["data", "model"]),
    ("ppo", &["data", "model"]),
    ("heads", &["measure"]),
    ("hybrid", &["data", "model", "optim", "rewards", "sft", "ppo", "heads"]),
    ("cli", ANY),
    ("testing", &["data", "model"]),
    ("xtask", &[]),
];

/// The row of a crate that may use every other.
const ANY: &[&str] = &["*"];

/// Arrows that are allowed only as an optional dependency: from, to, the feature that turns it on.
const ONLY_OPTIONAL: &[(&str, &str, &str)] = &[("rewards", "model", "neural")];

/// Crates that must work without burn, so that reading a file or a page needs no tensor library.
///
/// An arrow of [`ONLY_OPTIONAL`] is not followed: `rewards` without `neural` is burn-free.
pub(crate) const BURN_FREE: &[&str] = &["gguf", "assets", "report", "measure", "data", "rewards"];

/// Why a tempting arrow is missing from the table; `*` stands for any crate.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("sft", "ppo", "the two algorithms never know each other; `hybrid` mixes them"),
    ("ppo", "sft", "the two algorithms never know each other; `hybrid` mixes them"),
    ("ppo", "rewards", "PPO takes `scores`; who made them is not its business"),
    (
        "heads",
        "model",
        "losses and metrics read logits and labels; which network made them is not theirs",
    ),
    ("model", "data", "a model knows token ids, not tokenizers, templates or files of text"),
    ("*", "testing", "`testing` is for tests: name it under [dev-dependencies]"),
    ("*", "cli", "`cli` is the program; a library cannot need it"),
    ("*", "xtask", "`xtask` is automation; nothing that ships can need it"),
];

/// Where a dependency is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// `[dependencies]` or `[build-dependencies]`.
    Normal {
        /// Whether a feature has to turn it on.
        optional: bool,
    },
    /// `[dev-dependencies]`.
    Dev,
}

/// One dependency between two crates of the workspace, by their short names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edge {
    /// The crate whose manifest names the dependency.
    pub(crate) from: String,
    /// The crate it names.
    pub(crate) to: String,
    /// In which section.
    pub(crate) section: Section,
}

/// The name of a package without the prefix of the workspace: `hybrid-data` is `data`.
pub(crate) fn short_name(package: &str) -> &str {
    package.strip_prefix("hybrid-").unwrap_or(package)
}

/// One sentence for each edge that the table does not allow.
pub(crate) fn violations(edges: &[Edge]) -> Vec<String> {
    edges.iter().filter_map(violation).collect()
}

/// One sentence for each crate that the table does not know.
pub(crate) fn unknown_crates<'a>(crates: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    crates
        .into_iter()
        .filter(|name| row(name).is_none())
        .map(|name| format!("crate `{name}` has no row in ALLOWED of xtask/src/arrows.rs; add it"))
        .collect()
}

fn violation(edge: &Edge) -> Option<String> {
    let Edge { from, to, section } = edge;
    match *section {
        Section::Dev => dev_violation(from, to),
        Section::Normal { optional } if allows(from, to) => {
            let rule = ONLY_OPTIONAL.iter().find(|(f, t, _)| f == from && t == to)?;
            (!optional).then(|| {
                format!("`{from}` may depend on `{to}` only under its feature `{}`", rule.2)
            })
        }
        Section::Normal { .. } => {
            Some(format!("`{from}` must not depend on `{to}`: {}", reason(from, to)))
        }
    }
}

/// A test may use what its crate may use, and `testing` unless `testing` itself needs the crate.
fn dev_violation(from: &str, to: &str) -> Option<String> {
    if to == "testing" && reaches("testing", from) {
        return Some(format!(
            "`{from}` must not use `testing` in its tests: `testing` depends on `{from}`, and the \
             cycle would give its unit tests two copies of its own types"
        ));
    }
    let fine = to == "testing" || allows(from, to);
    (!fine).then(|| format!("the tests of `{from}` must not use `{to}`: {}", reason(from, to)))
}

fn row(name: &str) -> Option<&'static [&'static str]> {
    ALLOWED.iter().find(|(from, _)| *from == name).map(|(_, to)| *to)
}

fn allows(from: &str, to: &str) -> bool {
    let internal = ["testing", "xtask"].contains(&to);
    row(from).is_some_and(|allowed| allowed.contains(&to) || (allowed == ANY && !internal))
}

/// Whether the table leads from one crate to another, over any number of arrows.
fn reaches(from: &str, to: &str) -> bool {
    row(from).unwrap_or_default().iter().any(|&next| next == to || reaches(next, to))
}

fn reason(from: &str, to: &str) -> String {
    let rule = FORBIDDEN.iter().find(|(f, t, _)| (*f == "*" || *f == from) && *t == to);
    rule.map_or_else(
        || match row(from) {
            Some([]) => format!("`{from}` depends on no crate of the workspace"),
            Some(allowed) => format!("its row allows only {}", allowed.join(", ")),
            None => format!("`{from}` has no row in ALLOWED of xtask/src/arrows.rs"),
        },
        |(_, _, why)| (*why).to_owned(),
    )
}

/// The table as Markdown, as `docs/ARCHITECTURE.md` must show it.
pub(crate) fn markdown() -> String {
    let mut table = String::from("| crate | may depend on |\n|---|---|\n");
    for (from, to) in ALLOWED {
        let optional = |to: &str| ONLY_OPTIONAL.iter().find(|(f, t, _)| f == from && *t == to);
        let cells: Vec<String> = to
            .iter()
            .map(|&to| match optional(to) {
                Some((_, _, feature)) => format!("`{to}` (feature `{feature}` only)"),
                None if to == "*" => "any crate above".to_owned(),
                None => format!("`{to}`"),
            })
            .collect();
        let cells = if cells.is_empty() { "none".to_owned() } else { cells.join(", ") };
        table.push_str(&format!("| `{from}` | {cells} |\n"));
    }
    table
}

/// Whether an arrow exists only under a feature that is off by default.
pub(crate) fn is_only_optional(from: &str, to: &str) -> bool {
    ONLY_OPTIONAL.iter().any(|(f, t, _)| *f == from && *t == to)
}

/// The shortest chain of dependencies from `start` to a node that `is_target` accepts.
pub(crate) fn path_to(
    graph: &BTreeMap<String, Vec<String>>,
    start: &str,
    is_target: impl Fn(&str) -> bool,
) -> Option<Vec<String>> {
    let mut queue = VecDeque::from([start]);
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    while let Some(node) = queue.pop_front() {
        if is_target(node) {
            let mut path = vec![node.to_owned()];
            let mut at = node;
            while let Some(&before) = came_from.get(at) {
                path.push(before.to_owned());
                at = before;
            }
            path.reverse();
            return Some(path);
        }
        for next in graph.get(node).into_iter().flatten() {
            if next != start && !came_from.contains_key(next.as_str()) {
                came_from.insert(next, node);
                queue.push_back(next);
            }
        }
    }
    None
}
