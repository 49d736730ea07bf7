//! The products on the CPU backend.

use std::sync::Arc;

use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use crate::flex::product::{Matrix, Threads, Write, new_product, product};
use crate::flex::rows::{add_to_rows, sum_of_rows};
use crate::flex::{self, Fused, Inputs, Values};

pub(super) fn linear(
    input: Tensor<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    down: Tensor<2>,
    up: Tensor<2>,
) -> Option<Tensor<2>> {
    let ([rows, inputs], [rank, outputs]) = (input.dims(), up.dims());
    if rows * inputs * rank * outputs == 0 {
        return None;
    }
    let [input, weight, down, up] = [input, weight, down, up].map(Tensor::into_dispatch);
    let sizes = [rows, inputs, rank, outputs];
    let Some(bias) = bias else {
        let operands = Inputs::in_place([input, weight, down, up])?;
        let problem = Problem::new(operands.values.clone(), sizes);
        let output = flex::tensor(problem.output(), [rows, outputs]);
        return Some(operands.finish::<Adapted, 2>(output, problem));
    };
    let operands = Inputs::in_place([input, weight, down, up, bias.into_dispatch()])?;
    let [input, weight, down, up, bias] = operands.values.clone();
    let problem = Problem::new([input, weight, down, up], sizes);
    let mut output = problem.output();
    add_to_rows(&mut output, &bias);
    Some(operands.finish::<Biased, 2>(flex::tensor(output, [rows, outputs]), problem))
}

/// Input, weight and the low-rank matrices, with `[n, in, rank, out]`.
#[derive(Debug, Clone)]
struct Problem {
    operands: [Values; 4],
    sizes: [usize; 4],
    /// `input · down`, `[n, rank]`.
    narrow: Arc<Vec<f32>>,
}

impl Problem {
    fn new(operands: [Values; 4], sizes: [usize; 4]) -> Self {
        let [rows, inputs, rank, _] = sizes;
        let input = Matrix::new(&operands[0], rows, inputs);
        let down = Matrix::new(&operands[2], inputs, rank);
        let narrow = Arc::new(new_product(input, down, 1.0, Threads::All));
        Self { operands, sizes, narrow }
    }

    /// Input, weight, down, up.
    fn matrices(&self) -> [Matrix<'_>; 4] {
        let [rows, inputs, rank, outputs] = self.sizes;
        let [input, weight, down, up] = &self.operands;
        [
            Matrix::new(input, rows, inputs),
            Matrix::new(weight, inputs, outputs),
            Matrix::new(down, inputs, rank),
            Matrix::new(up, rank, outputs),
        ]
    }

    fn narrow(&self) -> Matrix<'_> {
        let [rows, _, rank, _] = self.sizes;
        Matrix::new(&self.narrow, rows, rank)
    }

    /// All but the bias.
    fn output(&self) -> Vec<f32> {
        let [input, weight, _, up] = self.matrices();
        let mut output = new_product(input, weight, 1.0, Threads::All);
        product(self.narrow(), up, 1.0, &mut output, Write::Add, Threads::All);
        output
    }

    /// Gradients of input, weight, down, up.
    fn backward(&self, gradient: &[f32], wanted: [bool; 4]) -> [Option<FlexTensor>; 4] {
        let [rows, inputs, rank, outputs] = self.sizes;
        let [input, weight, down, up] = self.matrices();
        let by = |lhs, rhs| new_product(lhs, rhs, 1.0, Threads::All);
        let upstream = Matrix::new(gradient, rows, outputs);
        let d_narrow = by(upstream, up.transposed());
        let d_narrow = Matrix::new(&d_narrow, rows, rank);
        let of_input = || {
            let mut d_input = by(upstream, weight.transposed());
            product(d_narrow, down.transposed(), 1.0, &mut d_input, Write::Add, Threads::All);
            flex::tensor(d_input, [rows, inputs])
        };
        let of_weight = || flex::tensor(by(input.transposed(), upstream), [inputs, outputs]);
        let of_down = || flex::tensor(by(input.transposed(), d_narrow), [inputs, rank]);
        let of_up = || flex::tensor(by(self.narrow().transposed(), upstream), [rank, outputs]);
        [
            wanted[0].then(of_input),
            wanted[1].then(of_weight),
            wanted[2].then(of_down),
            wanted[3].then(of_up),
        ]
    }
}

#[derive(Debug)]
struct Adapted;

impl Fused<4> for Adapted {
    type Saved = Problem;

    fn backward(saved: Problem, gradient: Values, wanted: [bool; 4]) -> [Option<FlexTensor>; 4] {
        saved.backward(&gradient, wanted)
    }
}

#[derive(Debug)]
struct Biased;

impl Fused<5> for Biased {
    type Saved = Problem;

    fn backward(saved: Problem, gradient: Values, wanted: [bool; 5]) -> [Option<FlexTensor>; 5] {
        let [of_input, of_weight, of_down, of_up, of_bias] = wanted;
        let [input, weight, down, up] =
            saved.backward(&gradient, [of_input, of_weight, of_down, of_up]);
        let [.., outputs] = saved.sizes;
        let bias = || flex::tensor(sum_of_rows(&gradient, outputs), [outputs]);
        [input, weight, down, up, of_bias.then(bias)]
    }
}
