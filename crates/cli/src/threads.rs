//! The threads that share the work of products and losses.

/// Stack of each: what runs on them is the whole command, which the main thread gave 8 MiB.
const STACK: usize = 16 * 1024 * 1024;

/// Runs `work` on one of the threads rather than beside them.
///
/// A step is some thousand small parallel operations. From outside each would put its caller to
/// sleep and wake it again, which costs more than many of the operations themselves.
pub(crate) fn within<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    // Fails only where the threads are there already; then they serve as they are.
    let _ = rayon::ThreadPoolBuilder::new().stack_size(STACK).build_global();
    rayon::scope(|_| work())
}
