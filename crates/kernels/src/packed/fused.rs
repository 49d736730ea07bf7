//! Panels of 16 columns, and the kernel that multiplies a block of rows with one.

mod stored;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::fmt::Debug;

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::WeightStorage;
use crate::flex::columns::Columns;
use crate::flex::{self, Values};
use stored::{ByteLine, HalfLine, LANES, Line, Stored, ZERO};

/// Multiplications that one task does at least.
const WORTH_A_TASK: usize = 256 * 1024;

/// A weight `[in, out]` in panels.
#[derive(Debug)]
pub(super) struct Panels {
    inputs: usize,
    outputs: usize,
    stored: Box<dyn Multiply>,
}

/// A weight in panels, however its values are stored.
trait Multiply: Debug + Send + Sync {
    /// `input · weight`: `[rows, in]` to `[rows, out]`.
    fn product(&self, input: &[f32], rows: usize) -> Vec<f32>;
}

/// `⌈out / 16⌉` panels of `in` lines; what is missing in the last is 0.
#[derive(Debug)]
struct PanelsOf<S> {
    inputs: usize,
    outputs: usize,
    lines: Vec<S>,
    /// What the sums of each panel are multiplied by.
    factors: Vec<Line>,
}

impl Panels {
    /// From `[in, out]`.
    pub(super) fn of_columns(weight: Tensor<2>, storage: WeightStorage) -> Option<Self> {
        let [inputs, outputs] = weight.dims();
        let values = Values::of(weight)?;
        Some(Self::new(storage, inputs, outputs, |panel, lines| {
            let first = panel * LANES;
            let width = LANES.min(outputs - first);
            for (line, row) in lines.iter_mut().zip(values.chunks_exact(outputs)) {
                line.0[..width].copy_from_slice(&row[first..first + width]);
            }
        }))
    }

    /// From `[out, in]`.
    pub(super) fn of_rows(weight: Tensor<2>, storage: WeightStorage) -> Option<Self> {
        let [outputs, inputs] = weight.dims();
        let values = Values::of(weight)?;
        Some(Self::new(storage, inputs, outputs, |panel, lines| {
            let rows = values.chunks_exact(inputs.max(1)).skip(panel * LANES).take(LANES);
            for (lane, row) in rows.enumerate() {
                for (line, value) in lines.iter_mut().zip(row) {
                    line.0[lane] = *value;
                }
            }
        }))
    }

    /// `fill` writes the lines of a panel over zeros.
    fn new(
        storage: WeightStorage,
        inputs: usize,
        outputs: usize,
        fill: impl Fn(usize, &mut [Line]) + Sync,
    ) -> Self {
        let stored: Box<dyn Multiply> = match storage {
            WeightStorage::F32 => Box::new(PanelsOf::<Line>::new(inputs, outputs, fill)),
            WeightStorage::Bf16 => Box::new(PanelsOf::<HalfLine>::new(inputs, outputs, fill)),
            WeightStorage::Int8 => Box::new(PanelsOf::<ByteLine>::new(inputs, outputs, fill)),
        };
        Self { inputs, outputs, stored }
    }
}

impl<S: Stored> PanelsOf<S> {
    fn new(inputs: usize, outputs: usize, fill: impl Fn(usize, &mut [Line]) + Sync) -> Self {
        let mut lines = vec![S::ZERO; outputs.div_ceil(LANES) * inputs];
        let factors = lines
            .par_chunks_mut(inputs.max(1))
            .enumerate()
            .map_init(
                || vec![ZERO; inputs],
                |panel, (place, stored)| {
                    panel.fill(ZERO);
                    fill(place, panel);
                    S::store(panel, stored)
                },
            )
            .collect();
        Self { inputs, outputs, lines, factors }
    }
}

impl<S: Stored> Multiply for PanelsOf<S> {
    fn product(&self, input: &[f32], rows: usize) -> Vec<f32> {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let blocks = Blocks::new(input, rows, inputs);
        let mut output = Vec::with_capacity(rows * outputs);
        let columns = Columns::new(output.as_mut_ptr(), outputs);
        let at_once = (WORTH_A_TASK / (inputs * LANES * rows).max(1)).max(1);
        let tasks = self.lines.par_chunks(at_once * inputs).zip(self.factors.par_chunks(at_once));
        tasks.enumerate().for_each(|(task, (panels, factors))| {
            let mut lines = [ZERO; WIDE];
            for (place, (panel, factors)) in panels.chunks_exact(inputs).zip(factors).enumerate() {
                let first = (task * at_once + place) * LANES;
                let width = LANES.min(outputs - first);
                let mut row = 0;
                for block in blocks.iter() {
                    let lines = &mut lines[..block.len() / inputs];
                    multiply(block, blocks.height, panel, lines);
                    scale(lines, factors);
                    for line in lines {
                        #[expect(unsafe_code, reason = "writes through a pointer")]
                        // SAFETY: there is room for all rows; no other task has this panel's columns.
                        unsafe {
                            line.0.as_ptr().copy_to_nonoverlapping(columns.at(row, first), width);
                        }
                        row += 1;
                    }
                }
            }
        });
        #[expect(unsafe_code, reason = "values that were all written")]
        // SAFETY: every panel wrote its columns of every row.
        unsafe {
            output.set_len(rows * outputs);
        }
        output
    }
}

/// `input · weight`; `None` where the input is not plain values on this backend.
pub(super) fn product(panels: &Panels, input: Tensor<2>) -> Option<Tensor<2>> {
    let Panels { inputs, outputs, stored } = panels;
    let (inputs, outputs) = (*inputs, *outputs);
    let [rows, width] = input.dims();
    assert_eq!(width, inputs, "inner sizes of a product");
    if input.device().is_autodiff() || inputs == 0 || outputs == 0 {
        return None;
    }
    let input = Values::of(input)?;
    let output = stored.product(&input, rows);
    Some(Tensor::from_primitive::<burn::backend::Flex>(flex::tensor(output, [rows, outputs])))
}

/// Multiplies the columns of every line.
fn scale(lines: &mut [Line], factors: &Line) {
    for line in lines {
        for (sum, factor) in line.0.iter_mut().zip(&factors.0) {
            *sum *= factor;
        }
    }
}

/// Rows of the input in blocks as high as the machine's registers allow, each turned so that the
/// values of one step lie side by side.
struct Blocks {
    height: usize,
    inputs: usize,
    /// Whole blocks first; the rest of the rows is one lower block.
    values: Vec<f32>,
}

impl Blocks {
    fn new(input: &[f32], rows: usize, inputs: usize) -> Self {
        let height = height();
        let mut values = vec![0.0; rows * inputs];
        let size = (height * inputs).max(1);
        let blocks = input.par_chunks(size).zip(values.par_chunks_mut(size));
        blocks.for_each(|(block, turned)| {
            let rows = block.len() / inputs;
            for (row, values) in block.chunks_exact(inputs).enumerate() {
                for (turned, value) in turned.chunks_exact_mut(rows).zip(values) {
                    turned[row] = *value;
                }
            }
        });
        Self { height, inputs, values }
    }

    /// The blocks, one after the other.
    fn iter(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks(self.height * self.inputs)
    }
}

/// Rows of a block.
fn height() -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        if flex::vector::has_avx512() {
            return WIDE;
        }
        if has_fma() {
            return NARROW;
        }
    }
    PLAIN
}

/// With AVX-512: twelve sums and one line in registers.
const WIDE: usize = 12;
/// With AVX2: twelve half sums, two halves of a line, one value of the input.
const NARROW: usize = 6;
/// On any other machine.
const PLAIN: usize = 4;

#[cfg(target_arch = "x86_64")]
fn has_fma() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}

/// A block of `height` rows, or the fewer that are left, with one panel; `out` has one line a row.
fn multiply<S: Stored>(block: &[f32], height: usize, panel: &[S], out: &mut [Line]) {
    #[cfg(target_arch = "x86_64")]
    if height != PLAIN {
        let kernel = if height == WIDE { x86::wide::<S> } else { x86::narrow::<S> };
        #[expect(unsafe_code, reason = "a call into code for a detected feature")]
        // SAFETY: blocks are so high only where the machine has what the kernel is compiled for
        // (`height`).
        unsafe {
            kernel(block, panel, out);
        }
        return;
    }
    plain(block, panel, out);
}

/// A block of as many rows as `out` has lines, on any machine.
fn plain<S: Stored>(block: &[f32], panel: &[S], out: &mut [Line]) {
    out.fill(ZERO);
    for (line, values) in panel.iter().zip(block.chunks_exact(out.len())) {
        let line = line.expand();
        for (sums, value) in out.iter_mut().zip(values) {
            for (sum, weight) in sums.0.iter_mut().zip(&line.0) {
                *sum += value * weight;
            }
        }
    }
}

#[cfg(test)]
mod tests;
