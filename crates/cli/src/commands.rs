//! One module a command: its arguments, and what it does with them.

pub(crate) mod assets;
pub(crate) mod chat;
pub(crate) mod devices;
pub(crate) mod eval;
pub(crate) mod generate;
pub(crate) mod inspect;
