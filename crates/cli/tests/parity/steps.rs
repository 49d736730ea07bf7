//! What an optimizer does to every parameter: sums of gradients, their norm, and the steps in place.

use burn::tensor::{DType, Device, Tensor, TensorData};
use hybrid_kernels::adamw::{self, AdamStep, AdamTensors, Decay, Epsilon};
use hybrid_kernels::elementwise::{accumulate, accumulate_rows, sum_of_squares};
use hybrid_kernels::lion::{self, LionStep, LionTensors};
use hybrid_kernels::sgd::{self, SgdStep, SgdTensors};

use crate::devices::{SAME_WORK, same};
use crate::numbers::{Numbers, ints, named, values};

/// One value, an odd number of them, and more than one thread takes at a time.
const LENGTHS: [usize; 3] = [1, 77, 16_385];

/// Where the vectors of a step lie, and of which type they are.
///
/// On the processor without its kernels they are 64-bit floats. No step records gradients, so
/// checkpointing would turn nothing off; but the kernels take 32-bit floats alone.
struct Place {
    device: Device,
    dtype: DType,
}

impl Place {
    fn on(device: &Device) -> Self {
        let recording = Device::flex().autodiff();
        let checkpoints =
            device.gradient_checkpointing_strategy() != recording.gradient_checkpointing_strategy();
        let dtype = if checkpoints { DType::F64 } else { DType::F32 };
        Self { device: device.clone().without_autodiff(), dtype }
    }

    fn vector(&self, values: Vec<f32>) -> Tensor<1> {
        let count = values.len();
        Tensor::from_data(TensorData::new(values, [count]), (&self.device, self.dtype))
    }

    fn drawn(&self, seed: u64, count: usize) -> Tensor<1> {
        self.vector(values(seed, count))
    }

    fn zeros(&self, count: usize) -> Tensor<1> {
        self.vector(vec![0.0; count])
    }
}

#[test]
fn sums_of_gradients_and_their_norm() {
    same("gradients", SAME_WORK, |device| {
        let place = Place::on(device);
        let (mut numbers, mut total) = (Numbers::new(), 0.0);
        for (seed, count) in (0..).step_by(10).zip(LENGTHS) {
            let (sum, _) = accumulate(place.drawn(seed, count), place.drawn(seed + 1, count));
            let (sum, squares) = accumulate(sum, place.drawn(seed + 2, count));
            // The last addition says the squares, or somebody else has to.
            let (squares, sum) = match squares {
                Some(squares) => (squares, sum),
                None => sum_of_squares(sum),
            };
            let (alone, _) = sum_of_squares(place.drawn(seed + 3, count));
            numbers.push(named("sum", sum));
            numbers.push(("squares of one".to_owned(), vec![alone as f32]));
            total += squares;
        }
        numbers.push(("norm".to_owned(), vec![total.sqrt() as f32]));
        numbers
    });
}

#[test]
fn rows_added_to_a_table() {
    for (rows, width, table) in [(1, 1, 1), (7, 5, 3), (33, 9, 130)] {
        same(&format!("{rows} rows to {table}·{width}"), SAME_WORK, |device| {
            let place = Place::on(device);
            let places: Vec<i32> = (0..rows).map(|row| (row * row % table) as i32).collect();
            let addend = place.drawn(2, rows * width).reshape([rows, width]);
            let sum = place.drawn(1, table * width);
            vec![named("sum", accumulate_rows(sum, ints(&places, &place.device), addend))]
        });
    }
}

#[test]
fn adam_steps() {
    let kinds = [
        (Decay::Decoupled(0.1), Epsilon::Corrected),
        (Decay::L2(0.1), Epsilon::Corrected),
        (Decay::Decoupled(0.0), Epsilon::Hat),
    ];
    for ((decay, epsilon), count) in kinds.into_iter().flat_map(|kind| LENGTHS.map(|n| (kind, n))) {
        same(&format!("{decay:?}, {epsilon:?}, {count}"), SAME_WORK, |device| {
            let place = Place::on(device);
            let mut tensors = AdamTensors {
                param: place.drawn(1, count),
                exp_avg: place.zeros(count),
                exp_avg_sq: place.zeros(count),
            };
            for step in 1..=3 {
                let numbers = AdamStep {
                    lr: 0.01,
                    betas: [0.9, 0.999],
                    eps: 1e-8,
                    epsilon,
                    decay,
                    step,
                    grad_scale: 0.5,
                };
                tensors = adamw::update(&numbers, tensors, place.drawn(10 + step, count));
            }
            vec![
                named("parameter", tensors.param),
                named("first moment", tensors.exp_avg),
                named("second moment", tensors.exp_avg_sq),
            ]
        });
    }
}

#[test]
fn lion_steps() {
    let step = LionStep { lr: 0.01, betas: [0.9, 0.99], weight_decay: 0.1, grad_scale: 0.5 };
    // In eighths, some of them 0: no sign hangs on rounding.
    let eighths = |seed, count| -> Vec<f32> {
        values(seed, count).iter().map(|value| (value * 8.0).round() / 8.0).collect()
    };
    for count in LENGTHS {
        same(&format!("Lion, {count}"), SAME_WORK, |device| {
            let place = Place::on(device);
            let mut tensors =
                LionTensors { param: place.drawn(1, count), exp_avg: place.zeros(count) };
            for seed in 11..14 {
                tensors = lion::update(&step, tensors, place.vector(eighths(seed, count)));
            }
            vec![named("parameter", tensors.param), named("mean", tensors.exp_avg)]
        });
    }
}

#[test]
fn sgd_steps() {
    let kinds = [(false, false), (true, false), (true, true)];
    for ((has_buffer, nesterov), count) in
        kinds.into_iter().flat_map(|kind| LENGTHS.map(|n| (kind, n)))
    {
        let step = SgdStep {
            lr: 0.01,
            momentum: 0.9,
            share: 0.75,
            nesterov,
            weight_decay: 0.1,
            grad_scale: 0.5,
        };
        let what = format!("SGD, buffer {has_buffer}, Nesterov {nesterov}, {count}");
        same(&what, SAME_WORK, |device| {
            let place = Place::on(device);
            let buffer = has_buffer.then(|| place.zeros(count));
            let mut tensors = SgdTensors { param: place.drawn(1, count), buffer };
            for seed in 11..14 {
                tensors = sgd::update(&step, tensors, place.drawn(seed, count));
            }
            let buffer = tensors.buffer.map(|buffer| named("buffer", buffer));
            std::iter::once(named("parameter", tensors.param)).chain(buffer).collect()
        });
    }
}
