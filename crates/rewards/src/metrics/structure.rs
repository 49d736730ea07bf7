//! The form of a response, and the names, numbers and dates in it.

use crate::spec::registry::{RegisterError, Registry};

pub(super) mod entities;
mod entity_consistency;
mod format;

#[cfg(test)]
mod tests;

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    entity_consistency::register(registry)?;
    format::register(registry)
}
