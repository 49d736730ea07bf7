//! Fused operations with gradients of their own, each behind one function.

pub mod adamw;
pub mod elementwise;
mod host;
