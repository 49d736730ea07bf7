//! What a response is about, by its words: near the prompt, near a domain, an answer to a question.

use crate::spec::registry::{RegisterError, Registry};

mod bm25;
mod coverage;
mod domain;
mod qa;
pub(super) mod tfidf;
pub(crate) mod topic;

#[cfg(test)]
mod tests;

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    coverage::register(registry)?;
    domain::register(registry)?;
    #[cfg(not(feature = "neural"))]
    topic::register(registry)?;
    qa::register(registry)
}
