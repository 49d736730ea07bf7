//! From a written spec to a tree of rewards, with every mistake found at once.
//!
//! Read it in this order:
//!
//! 1. [`info`] — what a registry entry says about itself.
//! 2. [`params`] — the keys of one component to its typed parameters.
//! 3. [`registry`] — names to rewards, combinators and post-processors.
//! 4. `form` — rewards that are measured by a network where a spec names one.
//! 5. [`build`] — the recursion over components.
//! 6. [`tree`] — what comes out: a tree that scores batches.
//! 7. [`listing`] — the registry as text for a terminal, and [`markdown`] as tables for the docs.
//! 8. [`schema`] — the registry as a JSON Schema for editors.

pub mod build;
pub mod info;
pub mod listing;
pub mod markdown;
pub mod params;
pub mod registry;
pub mod schema;
pub mod tree;

#[cfg(feature = "neural")]
pub(crate) mod form;
pub(crate) mod node;
#[cfg(test)]
mod tests;
