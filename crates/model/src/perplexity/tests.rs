use burn::tensor::Device;
use proptest::prelude::*;

use super::*;
use crate::init::{InitConfig, init};

fn decoder() -> Decoder {
    let sizes = serde_json::json!({
        "vocab_size": 31, "hidden_size": 12, "layers": 2, "heads": 3, "context": 16,
    });
    let sizes: InitConfig = serde_json::from_value(sizes).unwrap();
    init(&sizes.to_config().unwrap(), 7, &Device::flex())
}

#[test]
fn windows_without_overlap_leave_out_each_first_token() {
    let windows = windows(10, 0, 4, 4);
    let predicted: Vec<_> = windows.iter().map(|window| window.predicted.clone()).collect();
    assert_eq!(predicted, [1..4, 5..8, 9..10]);
}

proptest! {
    #[test]
    fn no_token_is_predicted_twice(
        len in 0_usize..60, first in 0_usize..60, max in 2_usize..20, stride in 1_usize..25,
    ) {
        let mut seen = vec![0; len];
        for window in windows(len, first, max, stride.min(max)) {
            prop_assert!(window.tokens.len() <= max);
            prop_assert!(window.predicted.start > window.tokens.start);
            prop_assert!(window.predicted.end <= window.tokens.end);
            window.predicted.for_each(|token| seen[token] += 1);
        }
        let overlaps = stride < max;
        for (token, count) in seen.into_iter().enumerate() {
            let wanted = usize::from(token >= first.max(1));
            // With overlap every token but the first is predicted; without, window starts are not.
            prop_assert!(count <= wanted);
            prop_assert!(!overlaps || count == wanted, "token {token} of {len}");
        }
    }
}

#[test]
fn sums_equal_the_full_softmax_and_padding_changes_nothing() {
    let decoder = decoder();
    let long: Vec<u32> = vec![3, 1, 4, 1, 5, 9, 2, 6, 30];
    let short: Vec<u32> = vec![2, 7];
    let rows = [
        Scored { ids: &long, predicted: 4..9 },
        Scored { ids: &short, predicted: 1..2 },
        Scored { ids: &short, predicted: 2..2 },
    ];
    let sums = nll_sums(&decoder, &rows);
    let by_definition = |row: &Scored<'_>| -> f64 {
        let input = TokenInput::single(row.ids, &decoder.device());
        let logits: Vec<f32> =
            decoder.logits(decoder.hidden(&input, None)).into_data().iter::<f32>().collect();
        let nll = |token: usize| {
            let row_logits = &logits[(token - 1) * 31..token * 31];
            let sum: f64 = row_logits.iter().map(|l| f64::from(*l).exp()).sum();
            sum.ln() - f64::from(row_logits[row.ids[token] as usize])
        };
        row.predicted.clone().map(nll).sum()
    };
    for (sum, row) in sums.iter().zip(&rows) {
        assert!((sum - by_definition(row)).abs() < 1e-4, "{sum} for {row:?}");
    }
    assert!(nll_sums(&decoder, &[]).is_empty());
}
