//! Attention: every way to say which keys a query sees, values and gradients.

use burn::tensor::{Device, Tensor, TensorData};
use hybrid_kernels::attention::{
    AttentionInputs, PackedHeads, Rotation, Spans, Visible, attention, packed_attention,
};

use crate::devices::{SAME_WORK, same};
use crate::numbers::{Numbers, leaf, line, named, tensor, values, with_gradients};

/// Rows, query heads, key-value heads, queries, keys, size of a head.
const SIZES: [usize; 6] = [2, 4, 2, 5, 9, 6];

/// The gradients of queries, keys and values, and the output, where queries see what `visible` says.
fn separate(visible: Visible, softcap: Option<f64>, device: &Device) -> Numbers {
    let [b, h, kv, t, s, hd] = SIZES;
    let query = leaf(1, b * h * t * hd, device);
    let (key, value) = (leaf(2, b * kv * s * hd, device), leaf(3, b * kv * s * hd, device));
    let inputs = AttentionInputs {
        query: query.clone().reshape([b, h, t, hd]),
        key: key.clone().reshape([b, kv, s, hd]),
        value: value.clone().reshape([b, kv, s, hd]),
        scale: 0.4,
        softcap,
    };
    let output = attention(inputs, visible);
    let leaves = [("query", query), ("key", key), ("value", value)];
    with_gradients(vec![line("output", output)], &leaves, device)
}

#[test]
fn runs_of_keys() {
    let [_, _, _, t, s, _] = SIZES;
    let windows: Vec<u32> = (0..t).map(|query| (s - t + query).saturating_sub(2) as u32).collect();
    // The second row begins with padding.
    let padded: Vec<u32> = [0, 3].iter().flat_map(|first| vec![*first; t]).collect();
    let cases = [
        ("causal", vec![0; t], None),
        ("windows", windows, None),
        ("padded, capped", padded, Some(1.5)),
    ];
    for (name, firsts, softcap) in cases {
        same(&format!("attention, {name}"), SAME_WORK, |device| {
            // Made anew: spans keep their mask, which lies on one device.
            let spans = Spans::new(firsts.clone(), t, s);
            separate(Visible::Spans(spans), softcap, device)
        });
    }
}

#[test]
fn all_keys_and_those_of_a_mask() {
    let [b, _, _, t, s, _] = SIZES;
    same("attention, all", SAME_WORK, |device| separate(Visible::All, None, device));
    same("attention, masked", SAME_WORK, |device| {
        // Every query sees the first key.
        let first = tensor::<4>(4, [b, 1, t, 1], device).greater_elem(9.0);
        let rest = tensor::<4>(5, [b, 1, t, s - 1], device).greater_elem(0.3);
        let blocked = Tensor::cat(vec![first, rest], 3);
        separate(Visible::Unblocked(blocked), Some(2.0), device)
    });
}

#[test]
fn causal_order_without_gradients() {
    let [b, h, kv, t, s, hd] = SIZES;
    let default = 6_f64.powf(-0.5);
    for (name, scale, queries) in
        [("own scale", 0.4, s), ("default scale", default, s), ("after a cache", default, t)]
    {
        same(&format!("attention without gradients, {name}"), SAME_WORK, |device| {
            let device = device.clone().without_autodiff();
            let inputs = AttentionInputs {
                query: tensor(1, [b, h, queries, hd], &device),
                key: tensor(2, [b, kv, s, hd], &device),
                value: tensor(3, [b, kv, s, hd], &device),
                scale,
                softcap: None,
            };
            vec![named("output", attention(inputs, Visible::Causal))]
        });
    }
}

fn packed(spans: Spans, rotary_dim: usize, [b, t]: [usize; 2], device: &Device) -> Numbers {
    let heads = PackedHeads { heads: 4, kv_heads: 2, head_dim: 6, scale: 0.4, softcap: None };
    let projected = leaf(1, b * t * 48, device);
    let rotation = (rotary_dim > 0).then(|| {
        // Computed here, as those of a model are: a device's own sine need not be better than 2⁻¹¹.
        let angles = values(2, t * rotary_dim);
        let table = |of: fn(f32) -> f32| {
            let table: Vec<f32> = angles.iter().map(|angle| of(*angle)).collect();
            Tensor::from_data(TensorData::new(table, [1, 1, t, rotary_dim]), device)
        };
        Rotation { cosine: table(f32::cos), sine: table(f32::sin) }
    });
    let shaped = projected.clone().reshape([b, t, 48]);
    let visible = Visible::Spans(spans);
    let output = packed_attention(shaped, rotation.as_ref(), heads, visible);
    with_gradients(vec![line("output", output)], &[("projection", projected)], device)
}

#[test]
fn a_projection_with_turned_heads() {
    for rotary_dim in [0, 4, 6] {
        same(&format!("packed attention, {rotary_dim} turned"), SAME_WORK, |device| {
            packed(Spans::causal(7, 7), rotary_dim, [2, 7], device)
        });
    }
}

#[test]
fn texts_one_after_the_other() {
    same("packed attention, texts", SAME_WORK, |device| {
        packed(Spans::texts(&[3, 1, 6]), 0, [1, 10], device)
    });
}
