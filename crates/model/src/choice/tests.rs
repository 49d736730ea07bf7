use burn::tensor::Device;

use super::*;
use crate::init::{InitConfig, init};

#[test]
fn options_share_the_whole_probability_as_in_the_full_softmax() {
    let sizes = serde_json::json!({
        "vocab_size": 31, "hidden_size": 12, "layers": 2, "heads": 3, "context": 16,
    });
    let sizes: InitConfig = serde_json::from_value(sizes).unwrap();
    let decoder = init(&sizes.to_config().unwrap(), 7, &Device::flex());
    let rows = [
        Choice { ids: &[3, 1, 4, 1, 5, 9, 2, 6], options: &[30, 0, 7] },
        Choice { ids: &[2], options: &[7, 8] },
        Choice { ids: &[2, 7, 1], options: &[4] },
    ];
    let chosen = choose(&decoder, &rows);
    for (row, chosen) in rows.iter().zip(&chosen) {
        let input = TokenInput::single(row.ids, &decoder.device());
        let logits = decoder.logits(decoder.hidden(&input, None)).into_data();
        let logits: Vec<f32> = logits.iter::<f32>().collect();
        let last = &logits[(row.ids.len() - 1) * 31..];
        let all: f64 = last.iter().map(|logit| f64::from(*logit).exp()).sum();
        let full = |id: &u32| f64::from(last[*id as usize]).exp() / all;
        let mass: f64 = row.options.iter().map(full).sum();
        assert_eq!(chosen.len(), row.options.len());
        for (option, got) in row.options.iter().zip(chosen) {
            assert!((got - full(option) / mass).abs() < 1e-6, "{got} of {option} in {row:?}");
        }
    }
    assert!(choose(&decoder, &[]).is_empty());
}
