//! Products of a few rows with a weight that is laid out once and used many times, as in decoding.
//!
//! A matrix product of a few rows is bound by how fast the weight is read. Row-major, a kernel that
//! takes 16 columns at a time jumps a whole row with every step; here the 16 columns of each step lie
//! side by side, so that memory is read from front to back. The result of a row does not depend on the
//! rows beside it.

#[cfg(feature = "flex")]
mod fused;

use std::sync::Arc;

use burn::tensor::Tensor;

/// Rows up to which a packed weight is the faster one; a product of more packs both sides anyway.
pub const MOST_ROWS: usize = 96;

/// A weight `[in, out]`, laid out for products with few rows. Holds a copy of every value; cloning it
/// copies nothing.
#[derive(Debug, Clone)]
pub struct PackedWeight {
    #[cfg(feature = "flex")]
    panels: Arc<fused::Panels>,
    #[cfg(not(feature = "flex"))]
    panels: Arc<std::convert::Infallible>,
}

impl PackedWeight {
    /// Lays out a weight `[in, out]`; `None` where this crate has no kernel for its device.
    ///
    /// Gradients do not pass a packed weight.
    #[must_use]
    pub fn new(weight: Tensor<2>) -> Option<Self> {
        #[cfg(feature = "flex")]
        return fused::Panels::of_columns(weight).map(|panels| Self { panels: Arc::new(panels) });
        #[cfg(not(feature = "flex"))]
        {
            let _ = weight;
            None
        }
    }

    /// Lays out the transpose of a weight `[out, in]`, as the head of a language model is stored.
    #[must_use]
    pub fn transposed(weight: Tensor<2>) -> Option<Self> {
        #[cfg(feature = "flex")]
        return fused::Panels::of_rows(weight).map(|panels| Self { panels: Arc::new(panels) });
        #[cfg(not(feature = "flex"))]
        {
            let _ = weight;
            None
        }
    }

    /// `input · weight`, or `None` where `input` carries gradients, is no `f32` on the CPU, or has
    /// more than [`MOST_ROWS`] rows.
    ///
    /// # Shapes
    ///
    /// - `input`: `[n, in]`
    /// - output: `[n, out]`
    #[must_use]
    pub fn product(&self, input: Tensor<2>) -> Option<Tensor<2>> {
        let [rows, _] = input.dims();
        if rows == 0 || rows > MOST_ROWS {
            return None;
        }
        #[cfg(feature = "flex")]
        return fused::product(&self.panels, input);
        #[cfg(not(feature = "flex"))]
        match *self.panels {}
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests;
