//! The same work on the processor's kernels and on another device: what comes out is the same.
//!
//! The other device is the one that the environment variable `HYBRID_PARITY_DEVICE` names, as
//! `--device` would (`vulkan`, `cuda:1`); without it the first of a backend that is compiled in. It has
//! to be there: nothing here is skipped. Where no other backend is compiled in, or the variable says
//! `composed`, it is the processor again, without the kernels of `hybrid-kernels`: gradient
//! checkpointing turns them off, so training runs composed of burn's own operations. `docs/gpu.md`
//! says how these tests run on a device that is none.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a helper that fails fails the test; how far devices are apart is worth reading"
)]

mod attention;
mod devices;
mod heads;
mod kernels;
mod models;
mod numbers;
mod optimizers;
#[cfg(feature = "accelerator")]
mod program;
mod recurrent;
mod steps;
mod training;
