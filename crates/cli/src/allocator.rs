//! The allocator of the process.
//!
//! Tensors of many megabytes come and go at every step. An allocator that returns their pages to
//! the system pays for zeroed pages each time: 22 to 29 % of a training step was spent in the
//! kernel. This one keeps them.

use std::ffi::{c_int, c_long};

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc's header: milliseconds before free pages are given back.
const PURGE_DELAY: c_int = 15;
/// Never.
const NEVER: c_long = -1;

/// Makes the allocator keep the pages it has.
#[expect(unsafe_code, reason = "a C function that stores a number in a table of options")]
pub(crate) fn keep_pages() {
    // SAFETY: callable at any time from any thread; the option exists in this version, by test.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, NEVER) }
}

#[cfg(test)]
mod tests {
    #[test]
    #[expect(unsafe_code, reason = "C functions that read and store a number")]
    fn the_option_is_the_purge_delay() {
        // SAFETY: as above.
        let before = unsafe { libmimalloc_sys::mi_option_get(super::PURGE_DELAY) };
        super::keep_pages();
        // SAFETY: as above.
        let after = unsafe { libmimalloc_sys::mi_option_get(super::PURGE_DELAY) };
        assert!(
            before == 10 || before == 1000 || before == super::NEVER,
            "the default was {before}"
        );
        assert_eq!(after, super::NEVER);
    }
}
