//! The product on the CPU backend: into buffers that are not filled with zeros first, on all cores.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use crate::flex::product::{Matrix, Threads, new_product};
use crate::flex::rows::{add_to_rows, sum_of_rows};
use crate::flex::{self, Fused, Inputs, Values};

pub(super) fn linear(
    input: Tensor<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Option<Tensor<2>> {
    let ([rows, inputs], [_, outputs]) = (input.dims(), weight.dims());
    if rows * inputs * outputs == 0 {
        return None;
    }
    let (input, weight) = (input.into_dispatch(), weight.into_dispatch());
    let problem = |operands: [Values; 2]| Problem { operands, rows, inputs, outputs };
    let Some(bias) = bias else {
        let operands = Inputs::in_place([input, weight])?;
        let problem = problem(operands.values.clone());
        let output = flex::tensor(problem.output(), [rows, outputs]);
        return Some(operands.finish::<Linear, 2>(output, problem));
    };
    let operands = Inputs::in_place([input, weight, bias.into_dispatch()])?;
    let [input, weight, bias] = operands.values.clone();
    let problem = problem([input, weight]);
    let mut output = problem.output();
    add_to_rows(&mut output, &bias);
    Some(operands.finish::<Biased, 2>(flex::tensor(output, [rows, outputs]), problem))
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

    fn output(&self) -> Vec<f32> {
        new_product(self.input(), self.weight(), 1.0, Threads::All)
    }

    /// Gradients of input and weight.
    fn backward(&self, gradient: &[f32], wanted: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let Self { rows, inputs, outputs, .. } = *self;
        let upstream = Matrix::new(gradient, rows, outputs);
        let by = |lhs, rhs| new_product(lhs, rhs, 1.0, Threads::All);
        let [wants_input, wants_weight] = wanted;
        let of_input = || flex::tensor(by(upstream, self.weight().transposed()), [rows, inputs]);
        let of_weight = || flex::tensor(by(self.input().transposed(), upstream), [inputs, outputs]);
        [wants_input.then(of_input), wants_weight.then(of_weight)]
    }
}

#[derive(Debug)]
struct Linear;

impl Fused<2> for Linear {
    type Saved = Problem;

    fn backward(saved: Problem, gradient: Values, wanted: [bool; 2]) -> [Option<FlexTensor>; 2] {
        saved.backward(&gradient, wanted)
    }
}

#[derive(Debug)]
struct Biased;

impl Fused<3> for Biased {
    type Saved = Problem;

    fn backward(saved: Problem, gradient: Values, wanted: [bool; 3]) -> [Option<FlexTensor>; 3] {
        let [wants_input, wants_weight, wants_bias] = wanted;
        let [input, weight] = saved.backward(&gradient, [wants_input, wants_weight]);
        let bias = || flex::tensor(sum_of_rows(&gradient, saved.outputs), [saved.outputs]);
        [input, weight, wants_bias.then(bias)]
    }
}
