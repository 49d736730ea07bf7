use burn::tensor::Device;
use proptest::prelude::*;

use super::*;
use crate::fixtures::{assert_close, cases, floats, numbers, tensor};

/// One problem over a packed projection.
#[derive(Debug, Clone)]
struct Case {
    batch: usize,
    columns: usize,
    heads: PackedHeads,
    rotary_dim: usize,
    firsts: Vec<u32>,
    seed: u64,
}

impl Case {
    fn width(&self) -> usize {
        (self.heads.heads + 2 * self.heads.kv_heads) * self.heads.head_dim
    }

    fn rotation(&self, device: &Device) -> Option<Rotation> {
        let shape = [1, 1, self.columns, self.rotary_dim];
        let angles = numbers(self.seed + 1, self.columns * self.rotary_dim);
        let table = |of: fn(f32) -> f32| -> Tensor<4> {
            let values: Vec<f32> = angles.iter().map(|angle| of(*angle)).collect();
            tensor(&values, shape, device)
        };
        (self.rotary_dim > 0).then(|| Rotation { cosine: table(f32::cos), sine: table(f32::sin) })
    }

    fn input(&self) -> Vec<f32> {
        numbers(self.seed, self.batch * self.columns * self.width())
    }

    fn spans(&self) -> Spans {
        Spans::new(self.firsts.clone(), self.columns, self.columns)
    }

    /// Output and gradient, with a weight of zero on queries that see nothing.
    fn run(&self, is_fused: bool) -> [Vec<f32>; 2] {
        let device = Device::flex().autodiff();
        let shape = [self.batch, self.columns, self.width()];
        let input = tensor(&self.input(), shape, &device).require_grad();
        let rotation = self.rotation(&device);
        let by = if is_fused { packed_attention } else { composed::packed };
        let output = by(input.clone(), rotation.as_ref(), self.heads, Visible::Spans(self.spans()));
        let [b, t, out] = output.dims();
        let mut upstream = numbers(self.seed + 2, b * t * out);
        for (index, line) in upstream.chunks_mut(out).enumerate() {
            if self.firsts[index % self.firsts.len()] as usize > index % t {
                line.fill(0.0);
            }
        }
        let upstream = tensor(&upstream, [b, t, out], &device);
        // The values of such queries have no meaning.
        let mask = upstream.clone().abs().greater_elem(0.0).float();
        let gradients = (output.clone() * upstream).sum().backward();
        [floats(output * mask), floats(input.grad(&gradients).unwrap())]
    }
}

fn case() -> impl Strategy<Value = Case> {
    let sizes = (1_usize..4, 1_usize..12, 1_usize..4, 1_usize..3, 1_usize..5);
    (sizes, 0_usize..5, any::<bool>(), any::<bool>(), 0_u64..1000).prop_map(
        |((batch, columns, group, kv_heads, half), rotary_half, has_cap, is_ragged, seed)| {
            let rows = if is_ragged { batch } else { 1 };
            // Some first keys lie after their query: padding on the left.
            let first = |index: usize| {
                if is_ragged { (index as u64 * 7 + seed) as u32 % 5 } else { 0 }
            };
            Case {
                batch,
                columns,
                heads: PackedHeads {
                    heads: group * kv_heads,
                    kv_heads,
                    head_dim: 2 * half,
                    scale: 0.4,
                    softcap: has_cap.then_some(1.5),
                },
                rotary_dim: 2 * rotary_half.min(half),
                firsts: (0..rows * columns).map(first).collect(),
                seed,
            }
        },
    )
}

proptest! {
    #![proptest_config(cases(60))]
    #[test]
    fn the_packed_kernel_is_the_composed_one(case in case()) {
        let (ours, theirs) = (case.run(true), case.run(false));
        assert_close("output", &ours[0], &theirs[0], 5e-6);
        assert_close("gradient", &ours[1], &theirs[1], 2e-5);
    }
}

#[test]
fn several_blocks_of_queries_with_a_window() {
    let columns = 300;
    let case = Case {
        batch: 2,
        columns,
        heads: PackedHeads { heads: 2, kv_heads: 1, head_dim: 4, scale: 0.5, softcap: None },
        rotary_dim: 4,
        firsts: (0..columns as u32).map(|query| query.saturating_sub(150)).collect(),
        seed: 3,
    };
    let (ours, theirs) = (case.run(true), case.run(false));
    assert_close("output", &ours[0], &theirs[0], 5e-6);
    assert_close("gradient", &ours[1], &theirs[1], 2e-5);
}

/// Attention of one head over plain lists, in f64.
fn definition(query: &[f64], keys: &[Vec<f64>], values: &[Vec<f64>], scale: f64) -> Vec<f64> {
    let score =
        |key: &Vec<f64>| (scale * query.iter().zip(key).map(|(q, k)| q * k).sum::<f64>()).exp();
    let scores: Vec<f64> = keys.iter().map(score).collect();
    let total: f64 = scores.iter().sum();
    let mix = |place: usize| {
        scores.iter().zip(values).map(|(score, value)| score / total * value[place]).sum()
    };
    (0..query.len()).map(mix).collect()
}

#[test]
fn queries_after_cached_keys_are_the_definition() {
    let device = Device::flex();
    let (b, h, kv, t, s, hd) = (2, 4, 2, 3, 7, 5);
    let query = numbers(1, b * h * t * hd);
    let (key, value) = (numbers(2, b * kv * s * hd), numbers(3, b * kv * s * hd));
    // Row 0 sees everything before; row 1 starts at column 2.
    let firsts = vec![0, 0, 0, 2, 2, 2];
    let inputs = AttentionInputs {
        query: tensor(&query, [b, h, t, hd], &device),
        key: tensor(&key, [b, kv, s, hd], &device),
        value: tensor(&value, [b, kv, s, hd], &device),
        scale: 0.3,
        softcap: None,
    };
    let output = floats(attention(inputs, Visible::Spans(Spans::new(firsts.clone(), t, s))));
    let list = |values: &[f32], line: usize| -> Vec<f64> {
        values[line * hd..][..hd].iter().map(|x| f64::from(*x)).collect()
    };
    for row in 0..b {
        for head in 0..h {
            for column in 0..t {
                let line = (row * h + head) * t + column;
                let seen = firsts[row * t + column] as usize..s - t + column + 1;
                let first = (row * kv + head / 2) * s;
                let lines = |values: &[f32]| -> Vec<Vec<f64>> {
                    seen.clone().map(|place| list(values, first + place)).collect()
                };
                let expected = definition(&list(&query, line), &lines(&key), &lines(&value), 0.3);
                let expected: Vec<f32> = expected.iter().map(|x| *x as f32).collect();
                assert_close("head", &output[line * hd..][..hd], &expected, 2e-6);
            }
        }
    }
}

#[test]
fn one_query_reads_a_cache_where_it_lies() {
    let device = Device::flex();
    // The last sizes are worth more than one thread.
    let sizes =
        [[1, 1, 1, 1, 1, 1], [3, 6, 2, 5, 9, 7], [2, 4, 4, 40, 64, 33], [4, 8, 2, 300, 310, 64]];
    for [b, h, kv, s, room, hd] in sizes {
        for softcap in [None, Some(1.5)] {
            // The rows start where they like; the last sees nothing but itself.
            let firsts: Vec<u32> = (0..b).map(|row| (row * (s - 1) / b.max(2)) as u32).collect();
            let mut firsts = firsts;
            firsts[b - 1] = s as u32 - 1;
            let cached = |seed| {
                // What lies behind the columns in use must not be read.
                let mut values = numbers(seed, b * kv * room * hd);
                for (line, values) in values.chunks_mut(hd).enumerate() {
                    if line % room >= s {
                        values.fill(f32::NAN);
                    }
                }
                tensor(&values, [b, kv, room, hd], &device).slice_dim(2, 0..s)
            };
            let run = |is_fused: bool| {
                let inputs = AttentionInputs {
                    // As a projection's heads lie: rows before heads.
                    query: tensor(&numbers(1, b * h * hd), [b, 1, h, hd], &device).swap_dims(1, 2),
                    key: cached(2),
                    value: cached(3),
                    scale: 0.4,
                    softcap,
                };
                let visible = Visible::Spans(Spans::new(firsts.clone(), 1, s));
                let by = if is_fused { attention } else { composed::attention };
                by(inputs, visible)
            };
            let (ours, theirs) = (run(true), run(false));
            assert_eq!(ours.dims(), [b, h, 1, hd]);
            assert_close("decoding", &floats(ours), &floats(theirs), 1e-5);
        }
    }
}

#[test]
fn one_query_that_sees_no_key_is_zero() {
    let device = Device::flex();
    let heads = |seed, n| tensor(&numbers(seed, 2 * n * 3), [1, 2, n, 3], &device);
    let inputs = AttentionInputs {
        query: heads(1, 1),
        key: heads(2, 4),
        value: heads(3, 4),
        scale: 1.0,
        softcap: None,
    };
    let output = floats(attention(inputs, Visible::Spans(Spans::new(vec![4], 1, 4))));
    assert_eq!(output, [0.0; 6]);
}

#[test]
fn separate_heads_have_the_gradients_of_the_composed_ones() {
    let device = Device::flex().autodiff();
    let shapes = [[2, 6, 4, 3], [2, 2, 9, 3], [2, 2, 9, 3]];
    let run = |is_fused: bool| {
        let [query, key, value] = [0, 1, 2].map(|which| {
            let shape: [usize; 4] = shapes[which];
            let values = numbers(which as u64, shape.iter().product());
            tensor(&values, shape, &device).require_grad()
        });
        let inputs = AttentionInputs {
            query: query.clone(),
            key: key.clone(),
            value: value.clone(),
            scale: 0.7,
            softcap: Some(2.0),
        };
        let visible = Visible::Spans(Spans::new(vec![0, 3, 1, 6], 4, 9));
        let output = if is_fused {
            attention(inputs, visible)
        } else {
            composed::attention(inputs, visible)
        };
        let upstream = tensor(&numbers(9, 2 * 6 * 4 * 3), [2, 6, 4, 3], &device);
        let gradients = (output * upstream).sum().backward();
        [query, key, value].map(|input| floats(input.grad(&gradients).unwrap()))
    };
    let (ours, theirs) = (run(true), run(false));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_close("gradient", ours, theirs, 1e-5);
    }
}

#[test]
fn a_query_that_sees_no_key_stays_finite() {
    let device = Device::flex().autodiff();
    let heads = PackedHeads { heads: 1, kv_heads: 1, head_dim: 2, scale: 1.0, softcap: None };
    let input = tensor(&numbers(1, 4 * 6), [1, 4, 6], &device).require_grad();
    let spans = Spans::new(vec![3; 4], 4, 4);
    let output = packed_attention(input.clone(), None, heads, Visible::Spans(spans));
    assert!(floats(output.clone()).iter().all(|value| value.is_finite()));
    let gradients = output.sum().backward();
    assert!(floats(input.grad(&gradients).unwrap()).iter().all(|value| value.is_finite()));
}

#[test]
fn the_same_bits_every_time() {
    let case = Case {
        batch: 3,
        columns: 140,
        heads: PackedHeads { heads: 6, kv_heads: 3, head_dim: 16, scale: 0.25, softcap: None },
        rotary_dim: 16,
        firsts: vec![0; 140],
        seed: 8,
    };
    let first = case.run(true);
    for _ in 0..3 {
        assert_eq!(first, case.run(true));
    }
}

/// Texts in one line give what each gives alone with nothing hidden, and the gradients, too.
#[test]
fn texts_in_one_line_are_the_texts_alone() {
    let device = Device::flex().autodiff();
    let heads = PackedHeads { heads: 4, kv_heads: 2, head_dim: 6, scale: 0.4, softcap: None };
    let (width, out) = ((4 + 2 * 2) * 6, 4 * 6);
    // One token; more than a block of queries; a whole number of blocks.
    for lengths in [vec![5, 1, 150, 7], vec![1], vec![256, 128], vec![3, 0, 2]] {
        let count: usize = lengths.iter().sum();
        let (input, upstream) = (numbers(4, count * width), numbers(5, count * out));
        let run = |values: &[f32], upstream: &[f32], visible: Visible| {
            let t = values.len() / width;
            let input = tensor(values, [1, t, width], &device).require_grad();
            let output = packed_attention(input.clone(), None, heads, visible);
            let weighed = output.clone() * tensor(upstream, [1, t, out], &device);
            let gradients = weighed.sum().backward();
            [floats(output), floats(input.grad(&gradients).unwrap())]
        };
        let spans = Spans::texts(&lengths);
        let together = run(&input, &upstream, Visible::Spans(spans.clone()));
        let mut alone = [Vec::new(), Vec::new()];
        let mut start = 0;
        for length in lengths.iter().copied().filter(|length| *length > 0) {
            let input = &input[start * width..(start + length) * width];
            let upstream = &upstream[start * out..(start + length) * out];
            for (all, own) in alone.iter_mut().zip(run(input, upstream, Visible::All)) {
                all.extend(own);
            }
            start += length;
        }
        let masked = run(&input, &upstream, Visible::Unblocked(spans.blocked(&device)));
        for other in [alone, masked] {
            assert_close("output", &together[0], &other[0], 5e-6);
            assert_close("gradient", &together[1], &other[1], 2e-5);
        }
    }
}
