//! The `[data]` table to records: what is trained on, what is measured on, and what is prompted
//! with.
//!
//! Names become files first, by the caller: this crate knows no catalogue. [`Located::find`] asks
//! for each name in turn; [`load`] reads the files.
//!
//! # Held-out prompts
//!
//! A policy is measured on prompts that it never saw. These are the prompts of the validation
//! records, where the prompts are those of `train` or come from the same rows; rows of other files
//! are held out by the same share or count; and where the validation data has a file of its own,
//! its prompts are held out. A prompt that, word for word, is also one of the others or opens a
//! training text is no held-out prompt and is left out, as are repetitions, so there may be a few
//! fewer of them than records held out.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{DataConfig, Validation};
use crate::error::{DataError, RowLocation};
use crate::reader::read_rows;
use crate::record::{Record, RecordKind, prompt_records, records};
use crate::select::{Filter, Splits, holdout, select, shuffle, split};
use crate::view::{View, split_words};

/// The files behind one name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// Files and folders, in reading order.
    pub paths: Vec<PathBuf>,
    /// How their records are looked at, before what the configuration says.
    pub view: View,
}

/// What a name stands for in the `[data]` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `train`: the training part of a data set.
    Train,
    /// `validation`: the validation part, or else the test part.
    Validation,
    /// `prompts`: as for training.
    Prompts,
}

/// Every name of a [`DataConfig`] as files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Located {
    /// Files of `train`.
    pub train: Vec<Source>,
    /// Files of `validation` where it is a name; else empty.
    pub validation: Vec<Source>,
    /// Files of `prompts`.
    pub prompts: Vec<Source>,
}

/// The records of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loaded {
    /// What is trained on.
    pub train: Vec<Record>,
    /// What the training loss is measured on; none of `train` is in it.
    pub validation: Vec<Record>,
    /// What rollouts start from. A completion, where there is one, is no part of the prompt: a
    /// reward may compare with it.
    pub prompts: Vec<Record>,
    /// Prompts to measure on, each once; see the module.
    pub prompt_validation: Vec<Record>,
}

impl Source {
    /// A file or a folder, read as it is.
    pub fn local(path: impl Into<PathBuf>) -> Self {
        Self { paths: vec![path.into()], view: View::default() }
    }
}

impl Located {
    /// Asks `find` for the files of every name, those of `train` first.
    ///
    /// # Errors
    ///
    /// The first error of `find`.
    pub fn find<E>(
        config: &DataConfig,
        mut find: impl FnMut(&str, Part) -> Result<Source, E>,
    ) -> Result<Self, E> {
        let mut all = |names: &[String], part| -> Result<Vec<Source>, E> {
            names.iter().map(|name| find(name, part)).collect()
        };
        let train = all(&config.train.0, Part::Train)?;
        let validation = match &config.validation {
            Some(Validation::Source(name)) => all(std::slice::from_ref(name), Part::Validation)?,
            _ => Vec::new(),
        };
        Ok(Self { train, validation, prompts: all(&config.prompts.0, Part::Prompts)? })
    }

    /// Takes every name for a path.
    pub fn local(config: &DataConfig) -> Self {
        let found = Self::find(config, |name, _| -> Result<_, std::convert::Infallible> {
            Ok(Source::local(name))
        });
        match found {
            Ok(located) => located,
            Err(never) => match never {},
        }
    }
}

/// The records of one source as they come, looked at as its view and then `config` say. Neither
/// filtered nor selected.
///
/// # Errors
///
/// At once: paths that cannot be read, settings that contradict each other. As the records come:
/// what is wrong with a row, and a record that `prompt_words` cannot cut.
pub fn read_source(
    source: &Source,
    config: &DataConfig,
) -> Result<impl Iterator<Item = Result<Record, DataError>> + use<>, DataError> {
    let rows = read_rows(&source.paths, &config.read_options())?;
    Ok(seen(records(rows, config)?, source, config, true))
}

/// Reads, filters, shuffles, selects and splits what `config` describes; the same seed gives the
/// same records in the same order.
///
/// The filter holds for all files. `select` is of `train` alone. Columns and templates hold for
/// prompts too, as far as their files have the columns.
///
/// # Errors
///
/// [`DataError`]: whatever is wrong with a file or a setting, a filter that leaves nothing, or
/// more records asked for than there are.
pub fn load(config: &DataConfig, files: &Located, seed: u64) -> Result<Loaded, DataError> {
    let mut train = Vec::new();
    for source in &files.train {
        train.extend(complete(read_source(source, config)?, source, config)?);
    }
    let Splits { train, mut validation, .. } = select(train, config, seed)?;
    if !files.validation.is_empty() {
        let mut read = Vec::new();
        for source in &files.validation {
            read.extend(complete(read_source(source, config)?, source, config)?);
        }
        validation = filtered(read, config)?;
    }
    if files.prompts.is_empty() {
        let (prompts, held_out) = (train.clone(), validation.clone());
        return Ok(Loaded::new(train, validation, prompts, held_out, config.prompt_words));
    }
    let mut prompts = Vec::new();
    for source in &files.prompts {
        let rows = read_rows(&source.paths, &config.read_options())?;
        let records = seen(prompt_records(rows, config)?, source, config, false);
        prompts.extend(complete(records, source, config)?);
    }
    let mut prompts = filtered(prompts, config)?;
    if config.shuffle {
        prompts = shuffle(prompts, seed);
    }
    let words = files.prompts.iter().find_map(|source| source.view.prompt_words);
    let words = words.or(config.prompt_words);
    let (prompts, held_out) = hold_out(prompts, &validation, config, files, seed)?;
    Ok(Loaded::new(train, validation, prompts, held_out, words))
}

impl Loaded {
    fn new(
        train: Vec<Record>,
        validation: Vec<Record>,
        prompts: Vec<Record>,
        mut held_out: Vec<Record>,
        words: Option<usize>,
    ) -> Self {
        let key = |record: &Record| opening(record, words);
        let mut known: HashSet<String> = train.iter().chain(&prompts).map(key).collect();
        let before = held_out.len();
        held_out.retain(|record| known.insert(key(record)));
        let left_out = before - held_out.len();
        if left_out > 0 {
            tracing::info!(left_out, kept = held_out.len(), "held-out prompts are also elsewhere");
        }
        Self { train, validation, prompts, prompt_validation: held_out }
    }
}

/// What a record asks, as words, so that spacing makes no difference. Of a text that is as long as
/// prompts are, or all of it where these have no length.
fn opening(record: &Record, words: Option<usize>) -> String {
    let text = match &record.kind {
        RecordKind::Text(text) => words
            .and_then(|words| split_words(text, words))
            .map_or(text.as_str(), |(start, _)| start),
        RecordKind::Prompt(prompt) | RecordKind::PromptCompletion { prompt, .. } => prompt,
        RecordKind::Messages(messages) => {
            let asked = messages.iter().filter(|message| message.role() != "assistant");
            let words = asked.filter_map(|message| message.content());
            return words.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
        }
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Splits named prompts into those that are used and those that are held out.
fn hold_out(
    prompts: Vec<Record>,
    validation: &[Record],
    config: &DataConfig,
    files: &Located,
    seed: u64,
) -> Result<(Vec<Record>, Vec<Record>), DataError> {
    if !files.validation.is_empty() {
        let are_texts = prompts.iter().any(|prompt| matches!(prompt.kind, RecordKind::Text(_)));
        let is_prompt = |r: &&Record| are_texts || !matches!(r.kind, RecordKind::Text(_));
        return Ok((prompts, validation.iter().filter(is_prompt).cloned().collect()));
    }
    let mut places = Places::default();
    let trained: HashSet<Arc<Path>> = files
        .train
        .iter()
        .flat_map(|source| &source.paths)
        .map(|path| places.canonical(path.as_path().into()))
        .collect();
    let is_trained = |path: &Path| path.ancestors().any(|place| trained.contains(place));
    if prompts.iter().any(|prompt| is_trained(&places.canonical(prompt.source.path.clone()))) {
        let rows: HashSet<_> = validation.iter().map(|r| places.row(&r.source)).collect();
        return Ok(prompts.into_iter().partition(|p| !rows.contains(&places.row(&p.source))));
    }
    let count = holdout(config.validation.as_ref(), prompts.len())?;
    Ok(split(prompts, count, seed))
}

/// Files by one name each, however they were named.
#[derive(Default)]
struct Places {
    known: HashMap<Arc<Path>, Arc<Path>>,
}

impl Places {
    fn canonical(&mut self, path: Arc<Path>) -> Arc<Path> {
        let place = self.known.entry(path).or_insert_with_key(|path| {
            path.canonicalize().map_or_else(|_| Arc::clone(path), Into::into)
        });
        Arc::clone(place)
    }

    fn row(&mut self, at: &RowLocation) -> (Arc<Path>, u64) {
        (self.canonical(Arc::clone(&at.path)), at.line)
    }
}

/// Records through the view of their source, then through that of the configuration.
fn seen<I: Iterator<Item = Result<Record, DataError>>>(
    records: I,
    source: &Source,
    config: &DataConfig,
    must_be_text: bool,
) -> impl Iterator<Item = Result<Record, DataError>> + use<I> {
    let of_source = source.view.clone();
    let own = View {
        clean_html: config.clean_html,
        prompt_words: config.prompt_words,
        ..View::default()
    };
    let must_be_text = must_be_text && own.prompt_words.is_some();
    records.filter_map(move |record| {
        let record = match record {
            Ok(record) => record,
            Err(error) => return Some(Err(error)),
        };
        let is_cut = of_source.prompt_words.is_some();
        if must_be_text && !is_cut && !matches!(record.kind, RecordKind::Text(_)) {
            return Some(Err(DataError::NotText { at: record.source }));
        }
        of_source.apply(record).and_then(|record| own.apply(record)).map(Ok)
    })
}

/// All records of a source; its view must leave some.
fn complete(
    records: impl Iterator<Item = Result<Record, DataError>>,
    source: &Source,
    config: &DataConfig,
) -> Result<Vec<Record>, DataError> {
    let records = records.collect::<Result<Vec<_>, _>>()?;
    if records.is_empty() {
        let path = source.paths.first().cloned().unwrap_or_default();
        let words = source.view.prompt_words.or(config.prompt_words).unwrap_or(0);
        return Err(DataError::NothingSeen { path, words });
    }
    Ok(records)
}

fn filtered(mut records: Vec<Record>, config: &DataConfig) -> Result<Vec<Record>, DataError> {
    let filter = Filter::new(&config.filter)?;
    let before = records.len();
    records.retain(|record| filter.keeps(record));
    if records.is_empty() { Err(DataError::AllFiltered { records: before }) } else { Ok(records) }
}

#[cfg(test)]
mod tests;
