//! A table of which an operation takes some rows, and whose gradient is added to where it lies.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, Flex};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::rows::add;
use super::{Operand, Values, tensor};

/// Pieces of the table whose gradients are added to at a time.
const PIECES: usize = 16;

/// A table `[v, e]`.
pub(crate) struct Table {
    operand: Operand,
    shape: [usize; 2],
}

impl Table {
    /// `None` off this backend, and where the table has a gradient but is no parameter.
    ///
    /// The backward pass needs the tensor itself to find its gradient, and so does the graph hold
    /// it. A parameter outlives the graphs it is in; what is computed would keep alive, through
    /// this reference to it, what it was computed from.
    pub(crate) fn new(table: Tensor<2>) -> Option<Self> {
        let (shape, is_parameter) = (table.dims(), table.is_require_grad());
        let operand = Operand::new(table.into_dispatch())?;
        (is_parameter || !operand.is_tracked()).then_some(Self { operand, shape })
    }

    pub(crate) fn values(&self) -> Values {
        Values::new(self.operand.primitive())
    }

    /// Gives the rows `ids`, which `output` holds, their place in the graph.
    pub(crate) fn rows_taken(self, output: Vec<f32>, ids: Vec<usize>) -> Tensor<2> {
        let [_, width] = self.shape;
        let output = tensor(output, [ids.len(), width]);
        let Operand::Recorded(table) = self.operand else {
            return Tensor::from_primitive::<Flex>(output);
        };
        let node = Rows.prepare::<NoCheckpointing>([table.node()]);
        let recorded = match node.compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                prepared.finish(Taken { table, shape: self.shape, ids: ids.into() }, output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        };
        Tensor::from_primitive::<Autodiff<Flex>>(recorded)
    }
}

/// What the backward pass needs.
#[derive(Debug, Clone)]
struct Taken {
    table: burn::backend::tensor::FloatTensor<Autodiff<Flex>>,
    shape: [usize; 2],
    ids: Arc<[usize]>,
}

#[derive(Debug)]
struct Rows;

impl Backward<Flex, 1> for Rows {
    type State = Taken;

    fn backward(self, ops: Ops<Taken, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let upstream = Values::new(&grads.consume::<Flex>(&ops.node));
        let [Some(parent)] = ops.parents else { return };
        let Taken { table, shape, ids } = ops.state;
        let [rows, width] = shape;
        let sum = match grads.remove::<Flex>(&table) {
            Some(sum) => whole(sum),
            None => tensor(vec![0.0; rows * width], shape),
        };
        grads.register::<Flex>(parent.id, added(sum, shape, &upstream, &ids));
    }
}

/// A tensor whose storage is its values, row-major.
fn whole(values: FlexTensor) -> FlexTensor {
    let is_whole = values.is_contiguous()
        && values.layout().start_offset() == 0
        && values.bytes().len() == values.layout().num_elements() * size_of::<f32>();
    if is_whole { values } else { FlexTensor::from_data(values.into_data()) }
}

/// Adds each row of `upstream` to the row of `sum` that `ids` says; those of one row in their order.
fn added(
    mut sum: FlexTensor,
    [rows, width]: [usize; 2],
    upstream: &[f32],
    ids: &[usize],
) -> FlexTensor {
    let lines = rows.div_ceil(PIECES);
    let pieces = sum.storage_mut::<f32>().par_chunks_mut(lines * width).enumerate();
    pieces.for_each(|(piece, sums)| {
        let own = piece * lines..(piece + 1) * lines;
        for (id, row) in ids.iter().zip(upstream.chunks_exact(width)) {
            if own.contains(id) {
                add(&mut sums[(id - own.start) * width..][..width], row);
            }
        }
    });
    sum
}
