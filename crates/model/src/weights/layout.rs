//! Which stored tensors make up a parameter, and the permutation between the two.
//!
//! The decoder keeps query, key and value in one matrix, and gate and up in another, with linear
//! weights as `[in, out]`; checkpoints mostly store them apart and as `[out, in]`.

/// A parameter of the decoder and the stored tensors it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterSource {
    /// Path of the parameter in the module tree, as `blocks.0.attention.qkv.weight`.
    pub parameter: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// What fills it.
    pub pieces: Vec<Piece>,
}

/// One stored tensor and its place in a parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Hugging Face name of the tensor.
    pub tensor: String,
    place: Place,
}

/// Order of the output features within a stored tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// As ours.
    InOrder,
    /// For each head its query, key and value rows together (GPT-NeoX); ours has all queries,
    /// then all keys, then all values.
    ByHead {
        /// Heads.
        heads: usize,
        /// Size of each.
        head_dim: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// The whole parameter in the same order.
    Same,
    /// `[features, in]` transposed into columns `first..first + features`.
    Transposed { first: usize, features: usize, columns: Columns },
    /// A vector into entries `first..first + features`.
    Slice { first: usize, features: usize, columns: Columns },
}

impl Piece {
    pub(crate) fn same(tensor: String) -> Self {
        Self { tensor, place: Place::Same }
    }

    pub(crate) fn transposed(
        tensor: String,
        first: usize,
        features: usize,
        columns: Columns,
    ) -> Self {
        Self { tensor, place: Place::Transposed { first, features, columns } }
    }

    pub(crate) fn slice(tensor: String, first: usize, features: usize, columns: Columns) -> Self {
        Self { tensor, place: Place::Slice { first, features, columns } }
    }

    /// True when the stored tensor is the whole parameter, value for value.
    pub(crate) fn is_whole(&self) -> bool {
        self.place == Place::Same
    }

    /// The shape the stored tensor must have.
    #[must_use]
    pub fn stored_shape(&self, parameter_shape: &[usize]) -> Vec<usize> {
        match self.place {
            Place::Same => parameter_shape.to_vec(),
            Place::Transposed { features, .. } => {
                vec![features, parameter_shape.first().copied().unwrap_or(0)]
            }
            Place::Slice { features, .. } => vec![features],
        }
    }

    /// Writes a stored tensor into its place in the parameter.
    ///
    /// Both must have the sizes of [`Piece::stored_shape`] and the parameter's shape.
    pub(crate) fn fill(&self, parameter: &mut [f32], width: usize, stored: &[f32]) {
        match self.place {
            Place::Same => parameter.copy_from_slice(stored),
            Place::Slice { first, features, columns } => {
                for feature in 0..features {
                    parameter[first + columns.ours(feature)] = stored[feature];
                }
            }
            Place::Transposed { first, features, columns } => {
                let inputs = stored.len() / features;
                walk_blocks(inputs, features, |input, feature| {
                    let column = first + columns.ours(feature);
                    parameter[input * width + column] = stored[feature * inputs + input];
                });
            }
        }
    }

    /// The inverse of [`Piece::fill`]: the stored tensor out of a parameter.
    pub(crate) fn extract(&self, parameter: &[f32], width: usize) -> Vec<f32> {
        match self.place {
            Place::Same => parameter.to_vec(),
            Place::Slice { first, features, columns } => {
                (0..features).map(|feature| parameter[first + columns.ours(feature)]).collect()
            }
            Place::Transposed { first, features, columns } => {
                let inputs = parameter.len() / width;
                let mut stored = vec![0.0; inputs * features];
                walk_blocks(inputs, features, |input, feature| {
                    let column = first + columns.ours(feature);
                    stored[feature * inputs + input] = parameter[input * width + column];
                });
                stored
            }
        }
    }
}

impl Columns {
    /// Our place of the stored output feature `feature`.
    fn ours(self, feature: usize) -> usize {
        match self {
            Columns::InOrder => feature,
            Columns::ByHead { heads, head_dim } => {
                let (head, rest) = (feature / (3 * head_dim), feature % (3 * head_dim));
                let (which, offset) = (rest / head_dim, rest % head_dim);
                which * heads * head_dim + head * head_dim + offset
            }
        }
    }
}

/// Visits every pair in square blocks: a transposition by rows would miss the cache at each step.
fn walk_blocks(rows: usize, columns: usize, mut visit: impl FnMut(usize, usize)) {
    const BLOCK: usize = 32;
    for row_block in (0..rows).step_by(BLOCK) {
        for column_block in (0..columns).step_by(BLOCK) {
            for row in row_block..(row_block + BLOCK).min(rows) {
                for column in column_block..(column_block + BLOCK).min(columns) {
                    visit(row, column);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
