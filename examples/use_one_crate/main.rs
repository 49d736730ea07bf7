//! Each crate alone, in a few lines, without a trainer and without the others where it can be.
//!
//! Run with `cargo run --release --example use_one_crate`, or with names of crates behind `--` for some
//! of them. A function a crate: what goes in, what comes out, and a check of it by other means, such as
//! the definition. Ends with one line a crate, and fails at the first check that does not hold.
#![expect(clippy::print_stdout, reason = "it reports what it did")]

mod files;
mod tensors;

use anyhow::{Context, Result, bail};

/// Uses a crate and says what it found.
type Use = fn() -> Result<String>;

/// The crates, each with the function that uses it.
const CRATES: [(&str, Use); 9] = [
    ("gguf", files::gguf),
    ("assets", files::assets),
    ("data", files::data),
    ("rewards", files::rewards),
    ("report", files::report),
    ("model", tensors::model),
    ("optim", tensors::optim),
    ("sft", tensors::sft),
    ("ppo", tensors::ppo),
];

fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| !CRATES.iter().any(|(own, _)| own == name)) {
        let known: Vec<&str> = CRATES.iter().map(|(name, _)| *name).collect();
        bail!("unknown crate `{unknown}`, expected one of {}", known.join(", "));
    }
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|own| own == name);
    for (name, function) in CRATES.into_iter().filter(|(name, _)| is_wanted(name)) {
        let found = function().with_context(|| format!("`hybrid-{name}`"))?;
        println!("{name:8} {found}");
    }
    Ok(())
}
