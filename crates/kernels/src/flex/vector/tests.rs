use super::*;

vectorised! {
    fn exp_all(values: &[f32], out: &mut [f32]) {
        for (out, value) in out.iter_mut().zip(values) {
            *out = exp(*value);
        }
    }
}

#[test]
fn the_exponential_is_that_of_double_precision() {
    let values: Vec<f32> = (-8700..8800).map(|i| i as f32 * 0.01 + 0.003).collect();
    let mut out = vec![0.0; values.len()];
    exp_all(&values, &mut out);
    for (x, y) in values.iter().zip(&out) {
        let exact = f64::from(*x).exp();
        assert!((f64::from(*y) / exact - 1.0).abs() < 2.5e-7, "exp {x}: {y}, not {exact}");
    }
}

#[test]
fn the_exponential_of_the_odd_values() {
    let odd = [f32::NEG_INFINITY, -100.0, -0.0, 0.0, 100.0, f32::INFINITY];
    let expected = [0.0, 0.0, 1.0, 1.0, f32::INFINITY, f32::INFINITY];
    let mut out = [0.5; 6];
    exp_all(&odd, &mut out);
    assert_eq!(out, expected);
    assert!(exp(f32::NAN).is_nan());
    assert!(tanh(f32::NAN).is_nan() && sigmoid(f32::NAN).is_nan());
    assert_eq!((tanh(f32::INFINITY), tanh(f32::NEG_INFINITY)), (1.0, -1.0));
}

#[test]
fn reductions_take_every_length() {
    for n in 0..100_usize {
        let xs: Vec<f32> = (0..n).map(|i| ((i * 37) % 41) as f32 - 20.0).collect();
        let ys: Vec<f32> = (0..n).map(|i| ((i * 13) % 17) as f32).collect();
        assert_eq!(sum(&xs, |x| x), xs.iter().sum::<f32>());
        assert_eq!(
            sum2(&xs, &ys, |x, y| x * y),
            xs.iter().zip(&ys).map(|(x, y)| x * y).sum::<f32>()
        );
        let largest = xs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        assert_eq!(max(&xs), largest);
    }
}
