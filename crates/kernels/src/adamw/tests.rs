use burn::tensor::{Device, Tensor};

use super::*;

fn tensor(values: &[f32]) -> Tensor<1> {
    Tensor::from_floats(values, &Device::flex())
}

fn read(tensor: Tensor<1>) -> Vec<f32> {
    tensor.into_data().try_into_vec_as().unwrap()
}

fn settings() -> AdamStep {
    AdamStep {
        lr: 1e-2,
        betas: [0.9, 0.999],
        eps: 1e-4,
        epsilon: Epsilon::Corrected,
        decay: Decay::Decoupled(0.1),
        step: 1,
        grad_scale: 0.5,
    }
}

/// Gradients of step `t`: another for every value and step, zero for some.
fn gradients(t: u64, n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i as u64 * 37 + t * 101) % 21) as f32 / 10.0 - 1.0).collect()
}

/// The paper's algorithm 1 in f64, with its corrections written out, for one value.
fn by_definition(settings: &AdamStep, start: f64, gradients: &[f64]) -> f64 {
    let [beta1, beta2] = settings.betas;
    let (mut w, mut m, mut v) = (start, 0.0, 0.0);
    for (index, gradient) in gradients.iter().enumerate() {
        let t = index as i32 + 1;
        let mut g = gradient * settings.grad_scale;
        match settings.decay {
            Decay::Decoupled(decay) => w -= settings.lr * decay * w,
            Decay::L2(decay) => g += decay * w,
        }
        m = beta1 * m + (1.0 - beta1) * g;
        v = beta2 * v + (1.0 - beta2) * g * g;
        w -= match settings.epsilon {
            Epsilon::Corrected => {
                let (m_hat, v_hat) = (m / (1.0 - beta1.powi(t)), v / (1.0 - beta2.powi(t)));
                settings.lr * m_hat / (v_hat.sqrt() + settings.eps)
            }
            Epsilon::Hat => {
                let lr = settings.lr * (1.0 - beta2.powi(t)).sqrt() / (1.0 - beta1.powi(t));
                lr * m / (v.sqrt() + settings.eps)
            }
        };
    }
    w
}

fn check(settings: AdamStep, n: usize) {
    let start: Vec<f32> = (0..n).map(|i| (i % 11) as f32 / 5.0 - 1.0).collect();
    let fresh = || AdamTensors {
        param: tensor(&start),
        exp_avg: tensor(&vec![0.0; n]),
        exp_avg_sq: tensor(&vec![0.0; n]),
    };
    let (mut fused, mut plain) = (fresh(), fresh());
    for t in 1..=20 {
        let step = AdamStep { step: t, ..settings };
        fused = update(&step, fused, tensor(&gradients(t, n)));
        plain = composed(&step.coefficients(), plain, tensor(&gradients(t, n)));
    }
    let (fused, plain) = (read(fused.param), read(plain.param));
    for i in (0..n).step_by(1 + n / 50) {
        let history: Vec<f64> = (1..=20).map(|t| f64::from(gradients(t, n)[i])).collect();
        let expected = by_definition(&settings, f64::from(start[i]), &history);
        assert!((f64::from(fused[i]) - expected).abs() < 1e-6, "{i}: {} {expected}", fused[i]);
        assert!((f64::from(plain[i]) - expected).abs() < 1e-6, "{i}: {} {expected}", plain[i]);
    }
}

#[test]
fn twenty_steps_follow_the_definition() {
    check(settings(), 35);
    check(AdamStep { decay: Decay::L2(0.1), ..settings() }, 35);
}

#[test]
fn epsilon_hat_stands_beside_the_uncorrected_root() {
    // Large epsilon and few steps, where the two placements are far apart.
    check(AdamStep { epsilon: Epsilon::Hat, eps: 1e-2, ..settings() }, 35);
}

#[test]
fn parameters_of_many_chunks_are_stepped_to_their_end() {
    check(settings(), 40_001);
}

#[test]
fn a_shared_parameter_keeps_its_values() {
    let kept = tensor(&[1.0, 2.0]);
    let tensors = AdamTensors {
        param: kept.clone(),
        exp_avg: tensor(&[0.0; 2]),
        exp_avg_sq: tensor(&[0.0; 2]),
    };
    let stepped = update(&settings(), tensors, tensor(&[1.0, 1.0]));
    assert_ne!(read(stepped.param), [1.0, 2.0]);
    assert_eq!(read(kept), [1.0, 2.0]);
}

#[test]
#[cfg(feature = "flex")]
fn tensors_with_one_owner_are_changed_where_they_lie() {
    use burn::tensor::TensorData;

    let data = || TensorData::new(vec![1.0_f32; 40_000], [40_000]);
    let address = |data: &TensorData| data.as_bytes().as_ptr();
    let (param, exp_avg, exp_avg_sq) = (data(), data(), data());
    let before = [address(&param), address(&exp_avg), address(&exp_avg_sq)];
    let place = |data| Tensor::<1>::from_data(data, &Device::flex());
    let tensors =
        AdamTensors { param: place(param), exp_avg: place(exp_avg), exp_avg_sq: place(exp_avg_sq) };
    let stepped = update(&settings(), tensors, place(data()));
    let after = [stepped.param, stepped.exp_avg, stepped.exp_avg_sq];
    assert_eq!(after.map(|tensor| address(&tensor.into_data())), before);
}
