//! Three steps of every optimizer on the same gradients.

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor};
use hybrid_optim::{OptimConfig, OptimizerSpec, Stepper};
use serde_json::json;

use crate::devices::same;
use crate::numbers::{Numbers, floats, named, tensor};

/// Steps of some optimizers divide by roots of small sums; the rest is rounding.
const STEPPED: f64 = 1e-4;

/// Parameters of every rank that models have.
#[derive(Module, Debug)]
struct Net {
    bias: Param<Tensor<1>>,
    token_embedding: Param<Tensor<2>>,
    weight: Param<Tensor<2>>,
}

impl Net {
    fn new(device: &Device) -> Self {
        Self {
            bias: param(tensor::<1>(1, [300], device)),
            token_embedding: param(tensor::<2>(2, [10, 30], device)),
            weight: param(tensor::<2>(3, [16, 24], device)),
        }
    }

    /// A loss whose gradients are seeded numbers.
    fn loss(&self, seed: u64, device: &Device) -> Tensor<1> {
        (self.bias.val() * tensor(seed, [300], device)).sum()
            + (self.token_embedding.val() * tensor(seed + 1, [10, 30], device)).sum()
            + (self.weight.val() * tensor(seed + 2, [16, 24], device)).sum()
    }

    fn values(&self) -> Numbers {
        vec![
            named("bias", self.bias.val()),
            named("embedding", self.token_embedding.val()),
            named("weight", self.weight.val()),
        ]
    }
}

fn param<const D: usize>(values: Tensor<D>) -> Param<Tensor<D>> {
    Param::initialized(ParamId::new(), values.require_grad())
}

#[test]
fn every_optimizer() {
    for optimizer in OptimizerSpec::names() {
        let config: OptimConfig = serde_json::from_value(json!({
            "optimizer": optimizer, "lr": 0.01, "weight_decay": 0.1, "max_grad_norm": 1.0,
        }))
        .unwrap();
        same(optimizer, STEPPED, |device| {
            let mut stepper = Stepper::new(&config, 5).unwrap();
            let mut net = Net::new(device);
            let mut norms = Vec::new();
            for step in 0..3 {
                // Two micro-batches a step.
                for part in [0, 50] {
                    let gradients = net.loss(100 + 3 * step + part, device).backward();
                    stepper.accumulate(&net, gradients);
                }
                let (stepped, stats) = stepper.step(net);
                assert_eq!(stats.missing_gradients, 0);
                norms.push(stats.grad_norm as f32);
                net = stepped;
                stepper.advance(None);
            }
            let moved = floats(net.weight.val() - Net::new(device).weight.val());
            assert!(moved.iter().all(|by| by.abs() > 0.0), "{optimizer} left a weight as it was");
            let mut numbers = net.values();
            numbers.push(("norms".to_owned(), norms));
            numbers
        });
    }
}
