//! Products of a few rows with a weight that is laid out once and used many times, as in decoding.
//!
//! A matrix product of a few rows is bound by how fast the weight is read. Row-major, a kernel that
//! takes 16 columns at a time jumps a whole row with every step; here the 16 columns of each step lie
//! side by side, so that memory is read from front to back. Stored in 16 or 8 bits a value, a half or
//! a quarter is read. The result of a row does not depend on the rows beside it.

#[cfg(feature = "flex")]
mod fused;

use std::sync::Arc;

use burn::tensor::Tensor;

/// Rows up to which a packed weight is the faster one; a product of more packs both sides anyway.
pub const MOST_ROWS: usize = 96;

/// How the values of a packed weight are stored. Inputs and sums are `f32` whatever it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WeightStorage {
    /// As they are.
    #[default]
    F32,
    /// In 16 bits: the nearest number with 8 bits of precision, ties to even (bfloat16).
    Bf16,
    /// In 8 bits: the nearest of 255 multiples of a step that each output column has of its own, its
    /// largest absolute value by 127. A column that holds NaN or infinity becomes NaN.
    Int8,
}

/// A weight `[in, out]`, laid out for products with few rows. Holds a copy of every value; cloning it
/// copies nothing.
#[derive(Debug, Clone)]
pub struct PackedWeight {
    storage: WeightStorage,
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
    pub fn new(weight: Tensor<2>, storage: WeightStorage) -> Option<Self> {
        #[cfg(feature = "flex")]
        return fused::Panels::of_columns(weight, storage)
            .map(|panels| Self { storage, panels: Arc::new(panels) });
        #[cfg(not(feature = "flex"))]
        {
            let _ = (weight, storage);
            None
        }
    }

    /// Lays out the transpose of a weight `[out, in]`, as the head of a language model is stored.
    #[must_use]
    pub fn transposed(weight: Tensor<2>, storage: WeightStorage) -> Option<Self> {
        #[cfg(feature = "flex")]
        return fused::Panels::of_rows(weight, storage)
            .map(|panels| Self { storage, panels: Arc::new(panels) });
        #[cfg(not(feature = "flex"))]
        {
            let _ = (weight, storage);
            None
        }
    }

    /// `input · weight`, or `None` where `input` carries gradients, is no `f32` on the CPU, or, for a
    /// weight stored in `f32`, has more than [`MOST_ROWS`] rows. A rounded weight takes any number, so
    /// that all rows meet the same weight.
    ///
    /// # Shapes
    ///
    /// - `input`: `[n, in]`
    /// - output: `[n, out]`
    #[must_use]
    pub fn product(&self, input: Tensor<2>) -> Option<Tensor<2>> {
        let [rows, _] = input.dims();
        if rows == 0 || (rows > MOST_ROWS && self.storage == WeightStorage::F32) {
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
