//! Fifty steps beside PyTorch: see `reference/optim.py`.

use hybrid_testing::fixtures::golden_json;
use serde_json::Value;

use super::*;

/// Largest difference after fifty steps from parameters of the order of 1. The reference steps in
/// f32 as we do, in another order of operations.
const TOLERANCE: f64 = 1e-5;

/// The reference's generator: 24 bits as a number in [-0.5, 0.5).
struct Lcg(u64);

impl Lcg {
    fn draw(&mut self, n: usize) -> Vec<f32> {
        let mut one = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
            self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 40) as f32 / (1 << 24) as f32 - 0.5
        };
        (0..n).map(|_| one()).collect()
    }
}

fn steps_named(golden: &Value, what: &str) -> (String, Vec<u64>) {
    let steps = golden[what]["steps"].as_array().unwrap().iter().map(|s| s.as_u64().unwrap());
    (golden[what]["param"].as_str().unwrap().to_owned(), steps.collect())
}

fn check(golden: &Value, case: &Value) {
    let names: Vec<&String> = golden["params"].as_object().unwrap().keys().collect();
    let mut config: OptimConfig = serde_json::from_value(case["config"].clone()).unwrap();
    config.scheduler = toml::from_str::<OptimConfig>("scheduler = 'constant'").unwrap().scheduler;
    let mut stepper = Stepper::new(&config, 50).unwrap();
    let mut lcg = Lcg(1);
    let mut net = Net::new(SIZES.map(|n| Some(lcg.draw(n))));
    let (missing, zero) = (steps_named(golden, "missing"), steps_named(golden, "zero"));
    for step in 1..=50_u64 {
        let scale = 2.0_f32.powi((step % 7) as i32 - 5);
        let mut gradients: Values =
            SIZES.map(|n| Some(lcg.draw(n).iter().map(|x| x * scale).collect()));
        for (name, gradient) in names.iter().zip(&mut gradients) {
            if **name == zero.0 && zero.1.contains(&step) {
                gradient.as_mut().unwrap().fill(0.0);
            }
            if **name == missing.0 && missing.1.contains(&step) {
                *gradient = None;
            }
        }
        let holes = gradients.iter().filter(|g| g.is_none()).count();
        stepper.accumulate(&net, net.gradients(gradients));
        let (stepped, stats) = stepper.step(net);
        net = stepped;
        let norm = case["norms"][step as usize - 1].as_f64().unwrap();
        assert!((stats.grad_norm / norm - 1.0).abs() < 1e-5, "{}: {norm}", stats.grad_norm);
        assert_eq!(stats.clipped, config.max_grad_norm > 0.0 && norm > config.max_grad_norm);
        assert_eq!(stats.missing_gradients, holes);
        if let Some(expected) = case["snapshots"].get(step.to_string()) {
            for (name, ours) in names.iter().zip(net.values()) {
                let expected: Vec<f32> =
                    serde_json::from_value(expected[name.as_str()].clone()).unwrap();
                hybrid_testing::assert_close(&ours, &expected, TOLERANCE);
            }
        }
    }
}

#[test]
fn fifty_steps_of_every_optimizer_equal_the_reference() {
    let golden = golden_json("optim.json");
    let cases = golden["optimizers"].as_array().unwrap();
    assert_eq!(cases.len(), 18);
    for case in cases {
        println!("{}", case["name"]); // shown when the case fails
        check(&golden, case);
    }
}
