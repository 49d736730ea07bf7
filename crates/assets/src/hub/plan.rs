//! Which files of a repository are wanted.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::is_model;
use super::name::HubName;
use crate::catalogue::is_plain;
use crate::{AssetError, Kind};

/// What belongs to a model beside its weights, wanted if it is there.
const BESIDE: [&str; 13] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
];

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// Endings of the files that hold records.
const RECORDS: [&str; 6] = [".jsonl", ".json", ".csv", ".tsv", ".parquet", ".txt"];

/// More files than this in one data set are probably more than anybody wants on one machine.
const MAX_FILES: usize = 256;

/// The wanted files, small ones first, in the order in which they are to be fetched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Paths inside the repository.
    pub(crate) files: Vec<String>,
    /// The file among them that names further ones.
    pub(crate) index: Option<String>,
    /// True if the files belong together as one folder, even if there is only one.
    pub(crate) is_folder: bool,
}

/// The part of a `model.safetensors.index.json` that is needed here.
#[derive(Deserialize)]
struct Index {
    weight_map: std::collections::BTreeMap<String, String>,
}

impl Plan {
    /// Chooses among `listing`, the paths in the repository.
    pub(crate) fn new(name: &HubName, kind: Kind, listing: &[String]) -> Result<Self, AssetError> {
        let plan = match &name.path {
            Some(path) => Self::below(name, path, listing)?,
            None if kind == Kind::Model && is_model(name.repo_type) => Self::model(name, listing)?,
            None => Self::data(name, listing)?,
        };
        match plan.files.iter().find(|file| !is_fetchable(file)) {
            Some(file) => {
                Err(unusable(name, format!("`{file}` is no file name that can be fetched")))
            }
            None => Ok(plan),
        }
    }

    fn model(name: &HubName, listing: &[String]) -> Result<Self, AssetError> {
        let has = |file: &str| listing.iter().any(|listed| listed == file);
        let beside = || BESIDE.iter().filter(|file| has(file)).map(|file| (*file).to_owned());
        let with = |file: &str| beside().chain([file.to_owned()]).collect();
        if has(WEIGHTS) {
            return Ok(Self { files: with(WEIGHTS), index: None, is_folder: true });
        }
        if has(INDEX) {
            return Ok(Self { files: with(INDEX), index: Some(INDEX.to_owned()), is_folder: true });
        }
        let ends_with = |ending: &'static str| listing.iter().filter(move |f| f.ends_with(ending));
        let ggufs: Vec<_> = ends_with(".gguf").collect();
        match ggufs.as_slice() {
            [only] => {
                let files = vec![(*only).clone()];
                Ok(Self { files, index: None, is_folder: false })
            }
            [] => {
                let other: Vec<_> = ends_with(".bin").chain(ends_with(".pt")).take(3).collect();
                Err(unusable(
                    name,
                    format!(
                        "it has neither {WEIGHTS}, nor {INDEX}, nor a .gguf file{}",
                        match other.is_empty() {
                            true => String::new(),
                            false => format!(
                                " (it has {}: pickled weights are not read, convert them to safetensors)",
                                list(&other)
                            ),
                        }
                    ),
                ))
            }
            several => Err(unusable(
                name,
                format!(
                    "it has {} .gguf files; name one of them: {}",
                    several.len(),
                    several
                        .iter()
                        .map(|f| format!("hf:{}/{f}", name.id))
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            )),
        }
    }

    fn data(name: &HubName, listing: &[String]) -> Result<Self, AssetError> {
        Self::records(name, listing.iter().filter(|file| is_record_file(file)).cloned().collect())
    }

    /// One named file, or the record files of a named folder.
    fn below(name: &HubName, path: &str, listing: &[String]) -> Result<Self, AssetError> {
        if listing.iter().any(|file| file == path) {
            return Ok(Self { files: vec![path.to_owned()], index: None, is_folder: false });
        }
        let prefix = format!("{path}/");
        let inside = |file: &&String| file.starts_with(&prefix) && is_record_file(file);
        let files: Vec<_> = listing.iter().filter(inside).cloned().collect();
        if files.is_empty() {
            return Err(unusable(name, format!("it has no `{path}`")));
        }
        Self::records(name, files)
    }

    fn records(name: &HubName, files: Vec<String>) -> Result<Self, AssetError> {
        match files.len() {
            0 => Err(unusable(
                name,
                format!(
                    "it has no file of records, which would end in one of {}",
                    RECORDS.join(", ")
                ),
            )),
            1..=MAX_FILES => Ok(Self { files, index: None, is_folder: false }),
            n => Err(unusable(
                name,
                format!(
                    "it has {n} files, more than {MAX_FILES}; name a file or folder of it: \
                 `hf:datasets/{}/path`",
                    name.id
                ),
            )),
        }
    }

    /// Appends the files that the index at `path` names.
    pub(crate) fn add_shards(
        &mut self,
        name: &HubName,
        path: &Path,
        listing: &[String],
    ) -> Result<(), AssetError> {
        let text = fs::read(path).map_err(AssetError::cache("read", path))?;
        let index: Index = serde_json::from_slice(&text)
            .map_err(|error| unusable(name, format!("{INDEX} is no index of weights ({error})")))?;
        let shards: BTreeSet<_> = index.weight_map.into_values().collect();
        for shard in shards {
            if !is_fetchable(&shard) || !listing.contains(&shard) {
                return Err(unusable(name, format!("{INDEX} names `{shard}`, which is not there")));
            }
            self.files.push(shard);
        }
        Ok(())
    }
}

/// True for files with records in them; not for the ones that describe a data set.
fn is_record_file(file: &str) -> bool {
    let base = file.rsplit('/').next().unwrap_or(file);
    let describes = ["dataset_infos.json", "dataset_info.json", "config.json", "LICENSE.txt"];
    RECORDS.iter().any(|ending| base.ends_with(ending))
        && !describes.contains(&base)
        && !base.starts_with('.')
}

/// True for a path that may be part of an address and of a path in the cache as it is.
fn is_fetchable(file: &str) -> bool {
    is_plain(file) && file.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+=,/".contains(c))
}

fn list(files: &[&String]) -> String {
    files.iter().map(|file| format!("`{file}`")).collect::<Vec<_>>().join(", ")
}

fn unusable(name: &HubName, reason: String) -> AssetError {
    AssetError::HubUnusable { repo: name.id.clone(), reason }
}

#[cfg(test)]
mod tests;
