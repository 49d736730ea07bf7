//! A row-major output of which threads write different columns.

/// Where the output lies. A copy is as good as the original: who writes where is the writers' affair.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    first: *mut f32,
    width: usize,
}

#[expect(unsafe_code, reason = "a pointer that threads share")]
// SAFETY: a pointer alone reads and writes nothing; who does promises to be alone there.
unsafe impl Send for Columns {}
#[expect(unsafe_code, reason = "a pointer that threads share")]
// SAFETY: as above.
unsafe impl Sync for Columns {}

impl Columns {
    /// Rows of `width` values from `first` on.
    pub(crate) fn new(first: *mut f32, width: usize) -> Self {
        Self { first, width }
    }

    /// From one row to the next.
    pub(crate) fn width(self) -> usize {
        self.width
    }

    /// A place of the output.
    ///
    /// # Safety
    ///
    /// It lies within the output, which is still there.
    #[expect(unsafe_code, reason = "arithmetic on a pointer")]
    pub(crate) unsafe fn at(self, row: usize, column: usize) -> *mut f32 {
        // SAFETY: the caller's promise.
        unsafe { self.first.add(row * self.width + column) }
    }
}
