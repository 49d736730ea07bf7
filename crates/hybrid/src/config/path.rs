//! The path of a key: `phase[0].steps`.

use std::fmt;

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Into a table.
    Key(String),
    /// Into an array, from 0.
    Index(usize),
}

/// Where a value stands in the configuration; empty for the whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct KeyPath(pub(super) Vec<Part>);

impl KeyPath {
    /// Reads `a.b[0].c`, or `a.b.0.c`; `None` where a part is empty or a bracket is not closed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        for piece in text.split('.') {
            let (key, mut rest) = piece.split_at(piece.find('[').unwrap_or(piece.len()));
            let key = key.trim();
            match key.parse() {
                _ if key.is_empty() => return None,
                Ok(index) => parts.push(Part::Index(index)),
                Err(_) => parts.push(Part::Key(key.to_owned())),
            }
            while !rest.is_empty() {
                let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
                parts.push(Part::Index(index.trim().parse().ok()?));
                rest = after;
            }
        }
        Some(Self(parts))
    }

    /// The path one step further down.
    pub(super) fn join(&self, part: Part) -> Self {
        let mut parts = self.0.clone();
        parts.push(part);
        Self(parts)
    }

    /// The path of what holds this value; itself for the whole.
    pub(super) fn parent(&self) -> Self {
        Self(self.0.split_last().map(|(_, parents)| parents.to_vec()).unwrap_or_default())
    }

    /// Whether `other` is this value or inside it.
    pub(super) fn holds(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl From<&serde_path_to_error::Path> for KeyPath {
    fn from(path: &serde_path_to_error::Path) -> Self {
        use serde_path_to_error::Segment;
        let part = |segment: &Segment| match segment {
            Segment::Seq { index } => Some(Part::Index(*index)),
            Segment::Map { key } => Some(Part::Key(key.clone())),
            Segment::Enum { variant } => Some(Part::Key(variant.clone())),
            Segment::Unknown => None,
        };
        Self(path.iter().filter_map(part).collect())
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.0.iter().enumerate() {
            match part {
                Part::Index(index) => write!(f, "[{index}]")?,
                Part::Key(key) if place == 0 => f.write_str(key)?,
                Part::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}
