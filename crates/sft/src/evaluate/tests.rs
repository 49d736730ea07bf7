use burn::tensor::Device;
use hybrid_data::batch::{Padding, TokenBatch};
use hybrid_data::encode::Encoded;
use hybrid_model::perplexity::{Scored, nll_sums};
use hybrid_testing::models;

use super::*;

fn batch(examples: &[&Encoded]) -> SftBatch {
    (&TokenBatch::collate(examples, Padding::default()).unwrap()).into()
}

fn example(ids: &[u32], first: usize) -> Encoded {
    Encoded { ids: ids.to_vec(), loss_mask: (0..ids.len()).map(|at| at >= first).collect() }
}

#[test]
fn the_mean_is_over_tokens_however_examples_are_batched() {
    let decoder = models::tiny("llama", 3, &Device::flex().autodiff());
    let examples = [example(&[1, 2, 3, 4, 5, 6], 2), example(&[9, 8], 1), example(&[7, 7, 7], 0)];
    let [a, b, c] = &examples;
    let rows = [(a, 2..6), (b, 1..2), (c, 1..3)];
    let rows = rows.map(|(example, predicted)| Scored { ids: &example.ids, predicted });
    let expected = nll_sums(&decoder, &rows).iter().sum::<f64>() / 7.0;
    for batches in [vec![batch(&[a, b, c])], vec![batch(&[c]), batch(&[b, a])]] {
        let found = evaluate(&decoder, batches).unwrap();
        assert_eq!(found.tokens, 7);
        assert!((found.nll - expected).abs() < 1e-5, "{} and {expected}", found.nll);
        assert!((found.perplexity - expected.exp()).abs() < 1e-2);
    }
}

#[test]
fn examples_without_counted_tokens_add_nothing_unless_there_are_no_others() {
    let decoder = models::tiny("gpt2", 3, &Device::flex());
    let (counted, silent) = (example(&[1, 2, 3], 1), example(&[4, 5], 9));
    let alone = evaluate(&decoder, [batch(&[&counted])]).unwrap();
    let found = evaluate(&decoder, [batch(&[&silent]), batch(&[&counted])]).unwrap();
    assert_eq!(found, alone);
    let error = evaluate(&decoder, [batch(&[&silent])]).unwrap_err();
    assert!(error.to_string().contains("[4]"), "{error}");
    assert!(evaluate(&decoder, []).unwrap_err().to_string().contains("there is no batch"));
    let unknown = example(&[1, 999, 3], 1);
    assert!(evaluate(&decoder, [batch(&[&unknown])]).is_err());
}
