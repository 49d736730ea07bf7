//! A small module whose loss has any gradient one asks for, and what every optimizer has in common.

mod eight_bit;
mod every_parameter;
mod golden;
mod saved;

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};

use super::*;

/// One parameter of every kind that matters.
#[derive(Module, Debug)]
struct Net {
    bias: Param<Tensor<1>>,
    cube: Param<Tensor<3>>,
    norm: Param<Tensor<1>>,
    token_embedding: Param<Tensor<2>>,
    value_head: Param<Tensor<2>>,
    weight: Param<Tensor<2>>,
}

/// Values by parameter, in the order of the fields.
type Values = [Option<Vec<f32>>; 6];

const SIZES: [usize; 6] = [7, 24, 1, 20, 5, 24];

fn device() -> Device {
    Device::flex().autodiff()
}

fn param<const D: usize>(values: Option<Vec<f32>>, shape: [usize; D]) -> Param<Tensor<D>> {
    let data = TensorData::new(values.unwrap(), shape);
    Param::initialized(ParamId::new(), Tensor::from_data(data, &device()).require_grad())
}

impl Net {
    fn new([bias, cube, norm, token_embedding, value_head, weight]: Values) -> Self {
        Self {
            bias: param(bias, [7]),
            cube: param(cube, [2, 3, 4]),
            norm: param(norm, [1]),
            token_embedding: param(token_embedding, [4, 5]),
            value_head: param(value_head, [5, 1]),
            weight: param(weight, [6, 4]),
        }
    }

    /// The same values under other parameter ids, as after a restart.
    fn reborn(&self) -> Self {
        Self::new(self.values().map(Some))
    }

    fn values(&self) -> [Vec<f32>; 6] {
        fn read<const D: usize>(param: &Param<Tensor<D>>) -> Vec<f32> {
            param.val().into_data().try_into_vec_as().unwrap()
        }
        [
            read(&self.bias),
            read(&self.cube),
            read(&self.norm),
            read(&self.token_embedding),
            read(&self.value_head),
            read(&self.weight),
        ]
    }

    /// Gradients that are exactly `wanted`, from a loss that is linear in every parameter.
    fn gradients(&self, wanted: Values) -> Gradients {
        fn term<const D: usize>(param: &Param<Tensor<D>>, wanted: Option<Vec<f32>>) -> Tensor<1> {
            let Some(wanted) = wanted else { return Tensor::zeros([1], &device()) };
            let data = TensorData::new(wanted, param.lazy_shape());
            (param.val() * Tensor::from_data(data, &device())).sum()
        }
        let [bias, cube, norm, token_embedding, value_head, weight] = wanted;
        let loss = term(&self.bias, bias)
            + term(&self.cube, cube)
            + term(&self.norm, norm)
            + term(&self.token_embedding, token_embedding)
            + term(&self.value_head, value_head)
            + term(&self.weight, weight);
        loss.backward()
    }
}

/// Numbers in [-0.5, 0.5) that differ by `seed` and place.
fn some_values(seed: u64) -> Values {
    SIZES.map(|n| {
        let value = |i: usize| ((i as u64 * 97 + seed * 61 + n as u64) % 103) as f32 / 103.0 - 0.5;
        Some((0..n).map(value).collect())
    })
}

fn net() -> Net {
    Net::new(some_values(0))
}

fn config(optimizer: &str) -> OptimConfig {
    let toml = format!("optimizer = {optimizer}\nlr = 1e-2\nscheduler = \"constant\"");
    toml::from_str(&toml).unwrap()
}

/// Every optimizer, with the options that add to its state.
const ALL: [&str; 14] = [
    "'adamw'",
    "'adam'",
    "'sgd'",
    "{ type = 'sgd', momentum = 0.9, nesterov = true }",
    "'rmsprop'",
    "{ type = 'rmsprop', momentum = 0.9, centered = true }",
    "{ type = 'adagrad', initial_accumulator_value = 0.1 }",
    "{ type = 'adafactor', beta1 = 0.9 }",
    "'adafactor'",
    "'lion'",
    "'lamb'",
    "'adan'",
    "'muon'",
    "{ type = 'adamw_8bit', min_8bit_size = 20 }",
];

fn steps(stepper: &mut Stepper, mut net: Net, range: std::ops::Range<u64>) -> Net {
    for seed in range {
        stepper.accumulate(&net, net.gradients(some_values(seed)));
        net = stepper.step(net).0;
        stepper.advance(None);
    }
    net
}

#[test]
fn one_batch_of_eight_rows_steps_as_eight_batches_of_one() {
    // Sums of eighths are exact only to rounding, hence the tolerance.
    let rows: Vec<Values> = (1..9).map(some_values).collect();
    let mean = |field: usize| -> Vec<f32> {
        let row =
            |i: usize| -> f32 { rows.iter().map(|r| r[field].as_ref().unwrap()[i] / 8.0).sum() };
        (0..SIZES[field]).map(row).collect()
    };
    for optimizer in ALL {
        let mut whole = Stepper::new(&config(optimizer), 10).unwrap();
        let mut split = Stepper::new(&config(optimizer), 10).unwrap();
        let (net_whole, net_split) = (net(), net());
        whole
            .accumulate(&net_whole, net_whole.gradients([0, 1, 2, 3, 4, 5].map(|f| Some(mean(f)))));
        for row in &rows {
            let eighth = row.clone().map(|v| v.map(|v| v.iter().map(|x| x / 8.0).collect()));
            split.accumulate(&net_split, net_split.gradients(eighth));
        }
        let ((net_whole, a), (net_split, b)) = (whole.step(net_whole), split.step(net_split));
        assert!((a.grad_norm - b.grad_norm).abs() < 1e-6 * a.grad_norm);
        for (a, b) in net_whole.values().iter().zip(&net_split.values()) {
            hybrid_testing::assert_close(b, a, 1e-5);
        }
    }
}

/// Gradients of some rows of the embedding, of which one is named twice, and the same as a whole table.
fn rows_of_the_embedding() -> (Tensor<1, Int>, Tensor<2>, Vec<f32>) {
    let device = Device::flex();
    let places = [2, 0, 2];
    let values: Vec<f32> = (0..15).map(|i| (i as f32 - 6.0) / 4.0).collect();
    let mut whole = vec![0.0; 20];
    for (index, value) in values.iter().enumerate() {
        whole[places[index / 5] * 5 + index % 5] += value;
    }
    let places = Tensor::from_data(TensorData::from(places.map(|place| place as i32)), &device);
    (places, Tensor::from_data(TensorData::new(values, [3, 5]), &device), whole)
}

#[test]
fn rows_of_a_table_step_as_the_table_would() {
    let only = |table: Vec<f32>| {
        let mut gradients = SIZES.map(|_| None);
        gradients[3] = Some(table);
        gradients
    };
    // Alone, and after a gradient of the whole table.
    for before in [None, Some(vec![0.5; 20])] {
        let (rows, gradient, whole) = rows_of_the_embedding();
        let stepper = || Stepper::new(&config("'sgd'"), 10).unwrap();
        let (mut by_rows, mut by_table) = (stepper(), stepper());
        let (ours, theirs) = (net(), net());
        if let Some(before) = before {
            by_rows.accumulate(&ours, ours.gradients(only(before.clone())));
            by_table.accumulate(&theirs, theirs.gradients(only(before)));
        }
        by_rows.accumulate_rows(&ours, "token_embedding", rows, gradient);
        by_table.accumulate(&theirs, theirs.gradients(only(whole)));
        let ((ours, a), (theirs, b)) = (by_rows.step(ours), by_table.step(theirs));
        assert_eq!((a.grad_norm, a.missing_gradients), (b.grad_norm, 5));
        assert_eq!(ours.values(), theirs.values());
        assert_ne!(ours.values()[3], net().values()[3]);
    }
}

#[test]
fn rows_of_a_table_that_is_not_there_are_dropped() {
    let (rows, gradient, _) = rows_of_the_embedding();
    let mut stepper = Stepper::new(&config("'sgd'"), 10).unwrap();
    let net = net();
    stepper.accumulate_rows(&net, "decoder.token_embedding", rows, gradient);
    let (_, stats) = stepper.step(net);
    assert_eq!((stats.grad_norm, stats.missing_gradients), (0.0, 6));
}

#[test]
fn a_gradient_that_is_not_finite_changes_nothing() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut stepper = Stepper::new(&config("'adamw'"), 10).unwrap();
        let net = steps(&mut stepper, net(), 1..4);
        let (before, state) = (net.values(), stepper.state());
        let mut gradients = some_values(5);
        gradients[1].as_mut().unwrap()[7] = bad;
        stepper.accumulate(&net, net.gradients(gradients));
        let (net, stats) = stepper.step(net);
        assert!(!stats.finite && !stats.clipped && !stats.grad_norm.is_finite());
        assert_eq!(net.values(), before);
        assert_eq!(stepper.state(), state);
        // And the gradients are gone: the next step is an ordinary one.
        stepper.accumulate(&net, net.gradients(some_values(6)));
        assert!(stepper.step(net).1.finite);
    }
}

#[test]
fn discarded_gradients_do_not_count() {
    let mut stepper = Stepper::new(&config("'adamw'"), 10).unwrap();
    let net = net();
    stepper.accumulate(&net, net.gradients(some_values(1)));
    stepper.discard();
    let before = net.values();
    let (net, stats) = stepper.step(net);
    assert_eq!((stats.grad_norm, stats.missing_gradients), (0.0, 6));
    assert_eq!(net.values(), before);
}

#[test]
fn frozen_parameters_stay_and_are_not_missing() {
    let mut net = net();
    net.weight = net.weight.set_require_grad(false);
    let mut stepper = Stepper::new(&config("'adamw'"), 10).unwrap();
    let mut gradients = some_values(1);
    gradients[0] = None;
    gradients[5] = None;
    stepper.accumulate(&net, net.gradients(gradients));
    let before = net.values();
    let (net, stats) = stepper.step(net);
    assert_eq!(stats.missing_gradients, 1);
    let after = net.values();
    assert_eq!((&after[0], &after[5]), (&before[0], &before[5]));
    assert_ne!(after[1], before[1]);
    assert!(!net.weight.is_require_grad() && net.cube.is_require_grad());
}

#[test]
fn a_clone_keeps_its_values() {
    let net = net();
    let (kept, before) = (net.clone(), net.values());
    let mut stepper = Stepper::new(&config("'adamw'"), 10).unwrap();
    let stepped = steps(&mut stepper, net, 1..3);
    assert_eq!(kept.values(), before);
    assert_ne!(stepped.values(), before);
}

#[test]
fn decay_leaves_out_norms_biases_and_embeddings_unless_told_otherwise() {
    let zeros = || SIZES.map(|n| Some(vec![0.0; n]));
    for (decay_all, shrinks) in
        [(false, [false, true, false, false, true, true]), (true, [true; 6])]
    {
        let config = OptimConfig { weight_decay: Some(0.5), decay_all, ..config("'adamw'") };
        let mut stepper = Stepper::new(&config, 10).unwrap();
        let net = net();
        let before = net.values();
        stepper.accumulate(&net, net.gradients(zeros()));
        let after = stepper.step(net).0.values();
        for ((before, after), shrinks) in before.iter().zip(&after).zip(shrinks) {
            let factor = if shrinks { 1.0 - 1e-2 * 0.5 } else { 1.0 };
            let expected: Vec<f32> = before.iter().map(|x| x * factor).collect();
            hybrid_testing::assert_close(after, &expected, 1e-6);
        }
    }
}

#[test]
fn the_schedule_moves_with_advance_and_not_with_step() {
    let mut config = config("'sgd'");
    config.scheduler = toml::from_str::<OptimConfig>("scheduler = 'linear'").unwrap().scheduler;
    config.value_head_lr = Some(1e-3);
    let mut stepper = Stepper::new(&config, 4).unwrap();
    let mut net = net();
    for expected in [1e-2, 7.5e-3, 5e-3, 2.5e-3, 0.0, 0.0] {
        for seed in 1..4 {
            stepper.accumulate(&net, net.gradients(some_values(seed)));
            let (stepped, stats) = stepper.step(net);
            assert!((stats.lr - expected).abs() < 1e-12, "{} {expected}", stats.lr);
            net = stepped;
        }
        assert!((stepper.value_head_lr() - expected / 10.0).abs() < 1e-12);
        stepper.advance(None);
    }
}

#[test]
fn epsilon_hat_is_a_choice_of_the_configuration() {
    // One step from gradient g: m = 0.1·g, v = 0.001·g², and TensorFlow 1's lr·√(1−β₂)/(1−β₁).
    let first_step = |optimizer: &str| {
        let config = OptimConfig { weight_decay: Some(0.0), ..config(optimizer) };
        let mut stepper = Stepper::new(&config, 10).unwrap();
        let net = Net::new(SIZES.map(|n| Some(vec![0.0; n])));
        let gradient = || SIZES.map(|n| Some(vec![0.01; n]));
        stepper.accumulate(&net, net.gradients(gradient()));
        f64::from(stepper.step(net).0.values()[5][0])
    };
    let (g, eps) = (0.01_f64, 1e-3);
    let hat = -1e-2 * 0.001_f64.sqrt() / 0.1 * (0.1 * g) / ((0.001 * g * g).sqrt() + eps);
    let corrected = -1e-2 * g / (g + eps);
    for (flag, expected) in [("true", hat), ("false", corrected)] {
        let ours = first_step(&format!("{{ type = 'adam', eps = 1e-3, epsilon_hat = {flag} }}"));
        assert!((ours - expected).abs() < 1e-8, "{flag}: {ours}, expected {expected}");
    }
}

/// Where the values of a parameter lie that nothing else holds.
fn address<const D: usize>(param: Param<Tensor<D>>) -> *const u8 {
    param.into_value().inner().into_data().as_bytes().as_ptr()
}

#[test]
fn a_parameter_that_nothing_else_holds_is_changed_where_it_lies() {
    let in_one_pass = [
        "'adamw'",
        "'adam'",
        "'lion'",
        "'sgd'",
        "{ type = 'sgd', momentum = 0.9, nesterov = true }",
        "{ type = 'adamw_8bit', min_8bit_size = 20 }",
    ];
    for optimizer in in_one_pass {
        let mut net = net();
        let data = TensorData::new(some_values(0)[5].clone().unwrap(), [6, 4]);
        let before = data.as_bytes().as_ptr();
        let weight = Tensor::<2>::from_data(data, &device()).require_grad();
        net.weight = Param::initialized(ParamId::new(), weight);
        let mut stepper = Stepper::new(&config(optimizer), 10).unwrap();
        let net = steps(&mut stepper, net, 1..4);
        assert_eq!(address(net.weight), before, "{optimizer}");
    }
}
