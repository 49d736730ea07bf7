//! The `hybrid` binary.
fn main() {}
