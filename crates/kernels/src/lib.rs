//! Fused operations with gradients of their own, each behind one function.

pub mod adamw;
pub mod elementwise;
#[cfg(feature = "flex")]
mod host;
