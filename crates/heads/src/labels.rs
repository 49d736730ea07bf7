//! Names of classes and their ids.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::HeadsError;

/// Unknown labels are answered with at most so many known ones.
const SHOWN: usize = 20;

/// Labels in the order of their ids, from 0; in JSON the list of names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct LabelSet {
    names: Vec<String>,
    ids: BTreeMap<String, usize>,
}

impl LabelSet {
    /// Labels in a given order.
    ///
    /// # Errors
    ///
    /// [`HeadsError::Labels`] where there is none, one is empty, or one occurs twice.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, HeadsError> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let refuse = |reason: String| Err(HeadsError::Labels { reason });
        if names.is_empty() {
            return refuse("there is none".to_owned());
        }
        let mut ids = BTreeMap::new();
        for (id, name) in names.iter().enumerate() {
            if name.trim().is_empty() {
                return refuse(format!("label {id}, counted from 0, is empty"));
            }
            if let Some(first) = ids.insert(name.clone(), id) {
                return refuse(format!("`{name}` is both label {first} and label {id}"));
            }
        }
        Ok(Self { names, ids })
    }

    /// The labels that occur in data, sorted, so that their order does not depend on that of the
    /// rows. Where all are numbers they are sorted as numbers.
    ///
    /// # Errors
    ///
    /// [`HeadsError::Labels`] where there is none, or one is empty.
    pub fn from_data<'a>(labels: impl IntoIterator<Item = &'a str>) -> Result<Self, HeadsError> {
        let found: BTreeSet<&str> = labels.into_iter().collect();
        let mut names: Vec<&str> = found.into_iter().collect();
        let number = |name: &str| name.parse::<f64>().ok().filter(|value| value.is_finite());
        if names.iter().all(|name| number(name).is_some()) {
            let by_value = |a: &&str, b: &&str| {
                number(a).partial_cmp(&number(b)).unwrap_or(Ordering::Equal).then(a.cmp(b))
            };
            names.sort_by(by_value);
        }
        Self::new(names)
    }

    /// The id of a label.
    ///
    /// # Errors
    ///
    /// [`HeadsError::UnknownLabel`] where the set does not hold it.
    pub fn id(&self, label: &str) -> Result<usize, HeadsError> {
        self.ids.get(label).copied().ok_or_else(|| HeadsError::UnknownLabel {
            label: label.to_owned(),
            known: self.known(),
        })
    }

    /// The label of an id, or `None` past the last.
    #[must_use]
    pub fn name(&self, id: usize) -> Option<&str> {
        self.names.get(id).map(String::as_str)
    }

    /// All labels, in the order of their ids.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many labels there are; at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Which labels a text has, one entry a label: the target of a multi-label task.
    ///
    /// # Errors
    ///
    /// [`HeadsError::UnknownLabel`] for the first label that the set does not hold.
    pub fn multi_hot<'a>(
        &self,
        labels: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<bool>, HeadsError> {
        let mut has = vec![false; self.len()];
        for label in labels {
            let id = self.id(label)?;
            if let Some(place) = has.get_mut(id) {
                *place = true;
            }
        }
        Ok(has)
    }

    fn known(&self) -> String {
        let shown = self.names.iter().take(SHOWN).map(|name| format!("`{name}`"));
        let mut text = shown.collect::<Vec<_>>().join(", ");
        if self.len() > SHOWN {
            text.push_str(&format!(" and {} more", self.len() - SHOWN));
        }
        text
    }
}

impl TryFrom<Vec<String>> for LabelSet {
    type Error = HeadsError;

    fn try_from(names: Vec<String>) -> Result<Self, HeadsError> {
        Self::new(names)
    }
}

impl From<LabelSet> for Vec<String> {
    fn from(labels: LabelSet) -> Self {
        labels.names
    }
}

#[cfg(test)]
mod tests;
