//! The merges that a SentencePiece vocabulary implies.

use std::collections::HashMap;

#[cfg(test)]
mod tests;

/// Lists every way to join two mergeable tokens into a third, best first.
///
/// SentencePiece joins the pair whose result scores highest. As a list of merges: sorted by the
/// score of the result, then by the length of the left and the right part (longer first), then by
/// the ids of the result and of the parts (lower first). This is the rule by which `transformers`
/// converts such vocabularies, so the ids agree with the published `tokenizer.json` files.
pub(super) fn from_scores(
    tokens: &[String],
    scores: &[f32],
    mergeable: &[bool],
) -> Vec<(String, String)> {
    let mut ids: HashMap<&str, usize> = HashMap::with_capacity(tokens.len());
    for (id, (token, mergeable)) in tokens.iter().zip(mergeable).enumerate() {
        if *mergeable {
            ids.entry(token).or_insert(id);
        }
    }
    let mut merges = Vec::new();
    for (id, (token, score)) in tokens.iter().zip(scores).enumerate() {
        if ids.get(token.as_str()) != Some(&id) {
            continue;
        }
        let len = token.chars().count();
        for (left_len, (at, _)) in token.char_indices().enumerate().skip(1) {
            let (left, right) = token.split_at(at);
            if let (Some(left_id), Some(right_id)) = (ids.get(left), ids.get(right)) {
                let lengths = (left_len, len - left_len);
                merges.push(Merge {
                    score: *score + 0.0,
                    lengths,
                    ids: (id, *left_id, *right_id),
                    at,
                });
            }
        }
    }
    merges.sort_by(|a, b| {
        b.score.total_cmp(&a.score).then(b.lengths.cmp(&a.lengths)).then(a.ids.cmp(&b.ids))
    });
    let pair = |merge: Merge| {
        let (left, right) = tokens.get(merge.ids.0)?.split_at(merge.at);
        Some((left.to_owned(), right.to_owned()))
    };
    merges.into_iter().filter_map(pair).collect()
}

/// One way to make a token out of two.
struct Merge {
    score: f32,
    lengths: (usize, usize),
    /// The token, its left and its right part.
    ids: (usize, usize, usize),
    /// Where the right part begins, in bytes.
    at: usize,
}
