//! Rows of a table, as an embedding takes them.

#[cfg(feature = "flex")]
mod fused;

use burn::tensor::{Int, Tensor};

/// The rows `ids` of a table.
///
/// On the CPU backend the gradient of a table that is a parameter is added, row by row, to what
/// lies there already: where the table is also the head of a language model, its gradient is
/// made once, and no second table of zeros is filled and added to it.
///
/// # Shapes
///
/// - `table`: `[v, e]`
/// - `ids`: `[n]`, each below `v`
/// - output: `[n, e]`
#[must_use]
pub fn embedding(table: Tensor<2>, ids: Tensor<1, Int>) -> Tensor<2> {
    #[cfg(feature = "flex")]
    if let Some(output) = fused::embedding(table.clone(), ids.clone()) {
        return output;
    }
    table.select(0, ids)
}

#[cfg(test)]
mod tests;
