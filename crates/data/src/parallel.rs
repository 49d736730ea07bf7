//! Work on many items on all cores, whose results come in the order of the items.

use rayon::prelude::*;

#[cfg(test)]
mod tests;

/// Items that are worked on together: enough to share out, and few enough that a caller who stops at
/// an error need not wait for all that come after.
const AT_ONCE: usize = 1024;

/// What `work` makes of each item, in the order of the items.
///
/// Whoever takes the results one by one sees what a loop over the items would give, and the same
/// first error. Items are worked on as their results are asked for, a stretch of them at a time.
pub fn in_order<'a, T: Sync, R: Send>(
    items: &'a [T],
    work: impl Fn(&'a T) -> R + Sync,
) -> impl Iterator<Item = R> {
    items.chunks(AT_ONCE).flat_map(move |items| items.par_iter().map(&work).collect::<Vec<R>>())
}
