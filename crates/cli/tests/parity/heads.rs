//! Task heads on a trunk that learns through low-rank adapters.

use burn::tensor::{Device, Tensor};
use hybrid_model::heads::{Freeze, HeadConfig, Level};
use hybrid_model::lora::{LoraConfig, LoraTarget};
use hybrid_model::{MultiHead, Pooling, TokenRow, Trunk};
use hybrid_optim::{OptimConfig, Stepper};
use hybrid_testing::fixtures::golden;
use serde_json::json;

use crate::devices::same;
use crate::numbers::{Numbers, named, tensor};

/// Three steps, each of which sees what the one before did to the weights.
const TRAINED: f64 = 1e-4;

const IDS: [u32; 9] = [5, 9, 3, 7, 11, 4, 8, 6, 3];

fn model(case: &str, device: &Device) -> MultiHead {
    let trunk = Trunk::load(&golden(&format!("encoders/{case}")), device).unwrap();
    let head = |name: &str, level, pooling, outputs| HeadConfig {
        name: name.to_owned(),
        level,
        outputs,
        labels: None,
        pooling,
        layer: None,
    };
    let heads = vec![
        head("classes", Level::Text, None, 3),
        head("number", Level::Text, Some(Pooling::Mean), 1),
        head("tags", Level::Token, None, 2),
    ];
    let targets = vec![LoraTarget::Query, LoraTarget::Value, LoraTarget::Out, LoraTarget::Up];
    let lora = LoraConfig { rank: 2, alpha: 4.0, targets, rslora: false };
    let model = MultiHead::new(trunk, heads, 5).unwrap();
    model.adapted(&lora, Freeze::Nothing, 5).unwrap().frozen(Freeze::Nothing)
}

fn step(model: MultiHead, stepper: &mut Stepper, numbers: &mut Numbers) -> MultiHead {
    let rows = [TokenRow::new(&IDS[..5]), TokenRow::new(&IDS[5..7]), TokenRow::new(&IDS[7..])];
    let logits = [
        model.text_logits(0, &rows).unwrap(),
        model.text_logits(1, &rows).unwrap(),
        model.token_logits(2, &rows).unwrap().states(),
    ];
    let device = model.device();
    let loss = |(place, logits): (usize, Tensor<2>)| {
        (logits.clone() * tensor(place as u64, logits.dims(), &device)).sum()
    };
    numbers.extend(logits.iter().map(|logits| named("logits", logits.clone())));
    let losses = logits.into_iter().enumerate().map(loss);
    let gradients = losses.reduce(|sum, term| sum + term).unwrap().backward();
    stepper.accumulate(&model, gradients);
    let (model, stats) = stepper.step(model);
    numbers.push(("norm of the gradients".to_owned(), vec![stats.grad_norm as f32]));
    model
}

#[test]
fn heads_and_adapters_learn() {
    let config = json!({ "optimizer": "sgd", "lr": 0.05, "max_grad_norm": 0.0 });
    let config: OptimConfig = serde_json::from_value(config).unwrap();
    for case in ["bert", "mpnet", "llama"] {
        same(&format!("heads on {case}"), TRAINED, |device| {
            let mut stepper = Stepper::new(&config, 3).unwrap();
            let mut model = model(case, device);
            let mut numbers = Numbers::new();
            for _ in 0..3 {
                model = step(model, &mut stepper, &mut numbers);
            }
            numbers
        });
    }
}
