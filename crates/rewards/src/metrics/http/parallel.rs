//! Several requests at once, on threads of their own: they wait, and the cores' threads must not.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// `ask` of every item, at most `most` at a time; the answers come in the items' order.
pub(crate) fn map<T: Sync, A: Send>(
    items: &[T],
    most: usize,
    ask: impl Fn(&T) -> A + Sync,
) -> Vec<A> {
    let next = Mutex::new(items.iter().enumerate());
    let done = Mutex::new(BTreeMap::new());
    let work = || loop {
        let taken = next.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some((index, item)) = taken else { break };
        let answer = ask(item);
        done.lock().unwrap_or_else(PoisonError::into_inner).insert(index, answer);
    };
    std::thread::scope(|scope| {
        for _ in 1..most.min(items.len()) {
            scope.spawn(work);
        }
        work();
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}
