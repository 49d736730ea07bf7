use burn::tensor::Device;
use hybrid_testing::models::tiny;
use hybrid_testing::{SAME_MODEL, assert_close};

use super::*;
use crate::policy::ValueSource;

/// Prompts and completions of unlike lengths.
fn ragged() -> Vec<(Vec<u32>, Vec<u32>)> {
    vec![
        (vec![5], vec![7, 8, 9, 10, 11]),
        (vec![65, 66, 67, 68, 69, 70, 71], vec![1]),
        (vec![100, 101], vec![33, 34]),
        (vec![90, 91, 92], vec![12, 13, 14, 15, 16, 17, 18, 19]),
    ]
}

fn sequences(rows: &[(Vec<u32>, Vec<u32>)]) -> Vec<Sequence<'_>> {
    rows.iter()
        .map(|(prompt_ids, completion_ids)| Sequence {
            prompt_ids,
            completion_ids,
            kept: None,
            value_after: false,
        })
        .collect()
}

#[test]
fn a_row_says_the_same_alone_and_among_others() {
    for family in ["gpt2", "llama"] {
        let decoder = tiny(family, 3, &Device::flex());
        let rows = ragged();
        let all = sequences(&rows);
        let options = PassOptions { entropy: true, ..PassOptions::logprobs(0.7) };
        let together = forward_decoder(&decoder, &all, options);
        let alone: Vec<f32> = all
            .iter()
            .flat_map(|row| {
                read(forward_decoder(&decoder, std::slice::from_ref(row), options).logprobs)
            })
            .collect();
        assert_close(&read(together.logprobs), &alone, SAME_MODEL);
    }
}

#[test]
fn log_probabilities_are_those_of_the_logits() {
    // The definition, in f64: log softmax(z / T) of each token given those before it.
    let decoder = tiny("llama", 4, &Device::flex());
    let rows = ragged();
    let pass = forward_decoder(&decoder, &sequences(&rows), PassOptions::logprobs(0.5));
    let mut expected = Vec::new();
    for (prompt, completion) in &rows {
        let ids: Vec<u32> = prompt.iter().chain(completion).copied().collect();
        let input = TokenInput::single(&ids, &Device::flex());
        let logits = decoder.logits(decoder.hidden(&input, None));
        let [_, t, v] = logits.dims();
        let logits: Vec<f64> =
            logits.into_data().iter::<f32>().map(|z| f64::from(z) / 0.5).collect();
        for place in prompt.len()..t {
            let row = &logits[(place - 1) * v..place * v];
            let largest = row.iter().copied().fold(f64::MIN, f64::max);
            let log_z = largest + row.iter().map(|z| (z - largest).exp()).sum::<f64>().ln();
            expected.push((row[ids[place] as usize] - log_z) as f32);
        }
    }
    assert_close(&read(pass.logprobs), &expected, SAME_MODEL);
}

#[test]
fn a_value_after_the_last_token_stands_behind_its_row() {
    let policy = Policy::new(tiny("gpt2", 5, &Device::flex()), ValueSource::Shared);
    let rows = ragged();
    let mut all = sequences(&rows);
    all[1].value_after = true;
    let options = PassOptions { values: true, ..PassOptions::logprobs(1.0) };
    let values = forward(&policy, &all, options).values.map(read);
    assert_eq!(values.map(|values| values.len()), Some(5 + 2 + 2 + 8));
}

#[test]
fn kept_sets_renormalise() {
    let decoder = tiny("gpt2", 6, &Device::flex());
    let rows = ragged();
    let mut all = sequences(&rows);
    let only: Vec<KeptSet> = vec![KeptSet::Only(vec![33, 40]), KeptSet::Only(vec![34])];
    all[2].kept = Some(&only);
    let whole =
        read(forward_decoder(&decoder, &sequences(&rows), PassOptions::logprobs(1.0)).logprobs);
    let kept = read(forward_decoder(&decoder, &all, PassOptions::logprobs(1.0)).logprobs);
    // One token left: it is certain. Two: more probable than among all.
    assert!(kept[7].abs() < 1e-5, "{}", kept[7]);
    assert!(kept[6] > whole[6] && kept[6] < 0.0, "{} {}", kept[6], whole[6]);
    assert_close(&kept[..6], &whole[..6], SAME_MODEL);
    assert_close(&kept[8..], &whole[8..], SAME_MODEL);
}

#[test]
fn micro_batches_hold_every_row_once_and_like_lengths_together() {
    let groups = micro_batches(&[3, 9, 4, 9, 1], 2);
    assert_eq!(groups, [vec![1, 3], vec![2, 0], vec![4]]);
    assert_eq!(micro_batches(&[], 4), Vec::<Vec<usize>>::new());
    assert_eq!(micro_batches(&[1, 2], 0).len(), 2);
}
