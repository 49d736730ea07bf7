//! The product on the CPU backend: into buffers that are not filled with zeros first, on all cores.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use crate::flex::product::{Matrix, Threads, new_product};
use crate::flex::{self, Fused, Inputs, Values};

pub(super) fn linear(input: Tensor<2>, weight: Tensor<2>) -> Option<Tensor<2>> {
    let ([rows, inputs], [_, outputs]) = (input.dims(), weight.dims());
    if rows * inputs * outputs == 0 {
        return None;
    }
    let operands = Inputs::in_place([input.into_dispatch(), weight.into_dispatch()])?;
    let problem = Problem { operands: operands.values.clone(), rows, inputs, outputs };
    let output = new_product(problem.input(), problem.weight(), 1.0, Threads::All);
    Some(operands.finish::<Linear, 2>(flex::tensor(output, [rows, outputs]), problem))
}

/// Input and weight with their sizes.
#[derive(Debug, Clone)]
struct Problem {
    operands: [Values; 2],
    rows: usize,
    inputs: usize,
    outputs: usize,
}

impl Problem {
    fn input(&self) -> Matrix<'_> {
        Matrix::new(&self.operands[0], self.rows, self.inputs)
    }

    fn weight(&self) -> Matrix<'_> {
        Matrix::new(&self.operands[1], self.inputs, self.outputs)
    }
}

#[derive(Debug)]
struct Linear;

impl Fused<2> for Linear {
    type Saved = Problem;

    fn backward(saved: Problem, gradient: Values, wanted: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let Problem { rows, inputs, outputs, .. } = saved;
        let upstream = Matrix::new(&gradient, rows, outputs);
        let by = |lhs, rhs| new_product(lhs, rhs, 1.0, Threads::All);
        let [wants_input, wants_weight] = wanted;
        [
            wants_input
                .then(|| flex::tensor(by(upstream, saved.weight().transposed()), [rows, inputs])),
            wants_weight
                .then(|| flex::tensor(by(saved.input().transposed(), upstream), [inputs, outputs])),
        ]
    }
}
