//! Entities that were found: kind and both ends must be right.

use std::collections::{BTreeMap, HashSet};

use super::Counts;
use crate::error::{HeadsError, same_length};
use crate::tagging::Entity;

/// The counts of each kind of entity that occurs, one list of entities a text, as seqeval counts.
///
/// # Errors
///
/// [`HeadsError::Length`] where the numbers of texts differ.
pub fn entity_counts(
    predicted: &[Vec<Entity>],
    actual: &[Vec<Entity>],
) -> Result<BTreeMap<String, Counts>, HeadsError> {
    same_length("predicted", predicted.len(), actual.len())?;
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    for (predicted, actual) in predicted.iter().zip(actual) {
        let (predicted, actual): (HashSet<&Entity>, HashSet<&Entity>) =
            (predicted.iter().collect(), actual.iter().collect());
        for entity in &actual {
            counts.entry(entity.kind.clone()).or_default().actual += 1;
        }
        for entity in &predicted {
            let counts = counts.entry(entity.kind.clone()).or_default();
            counts.predicted += 1;
            counts.right += usize::from(actual.contains(entity));
        }
    }
    Ok(counts)
}
