//! The `hybrid` binary as its users meet it: arguments in, two streams and an exit code out.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails the test")]

mod assets;
mod bad_input;
mod bad_models;
mod chat;
mod composite;
mod design;
mod encoders;
mod eval;
mod eval_rewards;
mod every_key;
mod generate;
mod heads;
mod help;
mod inspect;
mod judges;
mod kill;
#[cfg(target_os = "linux")]
mod memory;
mod quickstart;
mod reward;
mod support;
mod train;
