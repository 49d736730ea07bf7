//! Which records are used: filtered, shuffled, cut to a number, and split, all by one seed.

use regex::Regex;

use crate::config::{DataConfig, FilterConfig, Validation};
use crate::error::DataError;
use crate::order::{Purpose, permutation};
use crate::record::Record;

/// The records to train on and the records to measure on. No record is in both.
#[derive(Debug, Clone, PartialEq)]
pub struct Splits {
    /// What is trained on.
    pub train: Vec<Record>,
    /// What was held out; empty where the validation data has files of its own, or there is none.
    pub validation: Vec<Record>,
    /// How many records the filter dropped.
    pub dropped: usize,
}

/// Filters, shuffles, selects and splits `records` as `config` says, in this order.
///
/// # Errors
///
/// [`DataError`] where the filter leaves nothing, or more records are asked for than there are.
pub fn select(
    mut records: Vec<Record>,
    config: &DataConfig,
    seed: u64,
) -> Result<Splits, DataError> {
    let filter = Filter::new(&config.filter)?;
    let before = records.len();
    records.retain(|record| filter.keeps(record));
    let dropped = before - records.len();
    if dropped > 0 {
        tracing::info!(dropped, kept = records.len(), "filtered records");
    }
    if records.is_empty() {
        return Err(DataError::AllFiltered { records: before });
    }
    if config.shuffle {
        records = shuffle(records, seed);
    }
    if let Some(count) = config.select {
        enough("select", count, records.len(), 0, "lower it, or leave it out to take all")?;
        records.truncate(count);
    }
    let held_out = holdout(config.validation.as_ref(), records.len())?;
    let (train, validation) = split(records, held_out, seed);
    Ok(Splits { train, validation, dropped })
}

/// Returns `items` in the order that `seed` gives; the algorithm is that of [`crate::order`].
pub fn shuffle<T>(items: Vec<T>, seed: u64) -> Vec<T> {
    let order = permutation(items.len(), seed, Purpose::Shuffle, 0);
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    order.into_iter().filter_map(|index| items.get_mut(index)?.take()).collect()
}

/// Splits `items` into those that stay and `held_out` others that `seed` chooses, or all of them
/// where there are fewer. Both keep their order.
pub fn split<T>(items: Vec<T>, held_out: usize, seed: u64) -> (Vec<T>, Vec<T>) {
    let mut chosen = permutation(items.len(), seed, Purpose::Holdout, 0);
    chosen.truncate(held_out);
    let mut is_held_out = vec![false; items.len()];
    for index in chosen {
        if let Some(flag) = is_held_out.get_mut(index) {
            *flag = true;
        }
    }
    let mut stays = Vec::new();
    let mut leaves = Vec::new();
    for (item, held_out) in items.into_iter().zip(is_held_out) {
        if held_out { leaves.push(item) } else { stays.push(item) }
    }
    (stays, leaves)
}

/// How many of `available` records are held out. A share is rounded to the nearest number, but
/// leaves at least one record on either side.
///
/// # Errors
///
/// [`DataError`] where more are asked for than there are, or none would be left.
pub fn holdout(validation: Option<&Validation>, available: usize) -> Result<usize, DataError> {
    const ADVICE: &str = "at least one must be left to train on; lower it, or give a file instead";
    match validation {
        None | Some(Validation::Source(_)) => Ok(0),
        Some(Validation::Count(count)) => {
            enough("validation", *count, available, 1, ADVICE)?;
            Ok(*count)
        }
        Some(Validation::Share(share)) => {
            enough("validation", 1, available, 1, ADVICE)?;
            let count = (share * available as f64).round() as usize;
            Ok(count.clamp(1, available - 1))
        }
    }
}

/// Checks that taking `wanted` of `available` records leaves at least `left`.
fn enough(
    setting: &'static str,
    wanted: usize,
    available: usize,
    left: usize,
    advice: &'static str,
) -> Result<(), DataError> {
    if wanted.saturating_add(left) <= available {
        return Ok(());
    }
    Err(DataError::TooFewRecords { setting, wanted, available, advice })
}

/// Decides which records are kept. Conditions on tokens are for the caller, who has the tokenizer:
/// `examples.retain(|example| example.ids.len() <= limit)`.
#[derive(Debug, Clone)]
pub struct Filter {
    config: FilterConfig,
    matching: Option<Regex>,
    excluding: Option<Regex>,
}

impl Filter {
    /// Compiles the regular expressions and checks the range.
    ///
    /// # Errors
    ///
    /// [`DataError::OutOfRange`] for an expression that does not parse or an empty range.
    pub fn new(config: &FilterConfig) -> Result<Self, DataError> {
        if let (Some(min), Some(max)) = (config.min_chars, config.max_chars)
            && min > max
        {
            return Err(DataError::OutOfRange {
                field: "filter.min_chars".into(),
                value: min.to_string(),
                allowed: format!("at most filter.max_chars, which is {max}"),
            });
        }
        let matching = compile("filter.matching", config.matching.as_deref())?;
        let excluding = compile("filter.excluding", config.excluding.as_deref())?;
        Ok(Self { config: config.clone(), matching, excluding })
    }

    /// True where the record passes every condition.
    pub fn keeps(&self, record: &Record) -> bool {
        let texts = record.texts();
        let found = |regex: &Regex| texts.iter().any(|text| regex.is_match(text));
        let chars = || texts.iter().map(|text| text.chars().count()).sum::<usize>();
        (!self.config.non_empty || is_filled(record))
            && self.config.min_chars.is_none_or(|min| chars() >= min)
            && self.config.max_chars.is_none_or(|max| chars() <= max)
            && self.matching.as_ref().is_none_or(found)
            && !self.excluding.as_ref().is_some_and(found)
    }
}

/// True where no text of the record is blank; of a conversation, where some message has text.
fn is_filled(record: &Record) -> bool {
    use crate::record::RecordKind::Messages;
    let texts = record.texts();
    let mut filled = texts.iter().map(|text| !text.trim().is_empty());
    if matches!(record.kind, Messages(_)) { filled.any(|is| is) } else { filled.all(|is| is) }
}

fn compile(field: &str, pattern: Option<&str>) -> Result<Option<Regex>, DataError> {
    let Some(pattern) = pattern else {
        return Ok(None);
    };
    match Regex::new(pattern) {
        Ok(regex) => Ok(Some(regex)),
        Err(error) => Err(DataError::OutOfRange {
            field: field.to_owned(),
            value: format!("{pattern:?}"),
            allowed: format!("a regular expression ({})", reason(&error)),
        }),
    }
}

/// The last line of the parser's drawing, which says what is wrong.
fn reason(error: &regex::Error) -> String {
    let message = error.to_string();
    let last = message.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests;
