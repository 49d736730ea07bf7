//! Fused operations with gradients of their own, each behind one function.
