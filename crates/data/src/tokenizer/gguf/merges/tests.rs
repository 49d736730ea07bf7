use super::*;

fn merges(tokens: &[(&str, f32)]) -> Vec<String> {
    let names: Vec<String> = tokens.iter().map(|(token, _)| (*token).to_owned()).collect();
    let scores: Vec<f32> = tokens.iter().map(|(_, score)| *score).collect();
    let pairs = from_scores(&names, &scores, &vec![true; names.len()]);
    pairs.into_iter().map(|(left, right)| format!("{left} {right}")).collect()
}

/* Reference (pip install transformers):
from transformers.tokenization_utils_base import generate_merges
def merges(tokens):
    print([" ".join(m) for m in generate_merges({t: i for i, (t, _) in enumerate(tokens)}, dict(tokens))])
merges([("a", -9), ("b", -9), ("ab", -1), ("aab", 0), ("aa", -2), ("é", -3), ("éa", -3), ("aba", -3), ("ba", -3)])
merges([("b", 0.0), ("a", 0.0), ("ab", -0.0), ("ba", 0.0), ("aba", 1.0), ("abab", 1.0)])
*/
#[test]
fn merges_come_in_the_order_transformers_gives_them() {
    assert_eq!(
        merges(&[
            ("a", -9.0),
            ("b", -9.0),
            ("ab", -1.0),
            ("aab", 0.0),
            ("aa", -2.0),
            ("é", -3.0),
            ("éa", -3.0),
            ("aba", -3.0),
            ("ba", -3.0),
        ]),
        ["aa b", "a ab", "a b", "a a", "ab a", "a ba", "é a", "b a"]
    );
    assert_eq!(
        merges(&[("b", 0.0), ("a", 0.0), ("ab", -0.0), ("ba", 0.0), ("aba", 1.0), ("abab", 1.0)]),
        ["aba b", "ab ab", "ab a", "a ba", "a b", "b a"]
    );
}

#[test]
fn a_vocabulary_with_nothing_to_merge_has_no_merges() {
    assert!(merges(&[]).is_empty());
    assert!(merges(&[("", 0.0), ("a", f32::NAN), ("aa", f32::NAN)]).len() == 1);
    let tokens = ["a", "b", "ab"].map(str::to_owned);
    assert!(from_scores(&tokens, &[0.0; 3], &[true, false, true]).is_empty());
    assert!(from_scores(&tokens, &[0.0; 3], &[true, true, false]).is_empty());
}
