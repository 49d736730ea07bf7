pub(crate) mod fixtures;

mod conflict;
