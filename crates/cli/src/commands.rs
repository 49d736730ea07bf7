//! One module a command: its arguments, and what it does with them.

pub(crate) mod assets;
pub(crate) mod chat;
pub(crate) mod check;
pub(crate) mod devices;
pub(crate) mod eval;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod inspect;
pub(crate) mod merge;
pub(crate) mod predict;
pub(crate) mod quickstart;
pub(crate) mod report;
pub(crate) mod reward;
pub(crate) mod train;

/// Most samples or rows that one option may ask for: more is a slip of the finger, and would end in
/// an allocation that no machine has.
const MOST: usize = 65_536;

/// A count for clap, at least 1.
fn count(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| format!("expected a whole number from 1 to {MOST}"))
}
