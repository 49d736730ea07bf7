use serde_json::{Value, json};

use super::*;
use crate::fixtures::{assert_close, golden, golden_folder, score};

const TIGHT: f64 = 1e-9;

#[derive(Deserialize)]
struct Row {
    hyp: Vec<String>,
    #[serde(rename = "ref")]
    target: Vec<String>,
    no_wordnet: f64,
    wordnet30: f64,
    alt_params: f64,
    matches: Vec<(usize, usize)>,
}

fn wordnet() -> WordNet {
    WordNet::read(&golden_folder().join("wordnet")).unwrap()
}

#[test]
fn every_golden_row_scores_as_nltk_scores_it() {
    let spec = |keys: Value, name: &str| {
        let mut spec = keys;
        spec["type"] = json!(name);
        spec
    };
    let rows: Vec<Row> = golden("meteor_nltk.jsonl");
    let pairs: Vec<Value> = rows
        .iter()
        .map(|row| json!({ "response": row.hyp.join(" "), "target": row.target.join(" ") }))
        .collect();
    let folder = golden_folder().join("wordnet");
    let other = json!({ "wordnet": folder, "alpha": 0.85, "beta": 0.2, "gamma": 0.6 });
    let check = |spec: Value, want: &dyn Fn(&Row) -> f64| {
        for ((got, row), pair) in score(&spec, &pairs).iter().zip(&rows).zip(&pairs) {
            assert_close(*got, Some(want(row)), TIGHT, &format!("{spec} of {pair}"));
        }
    };
    check(spec(json!({}), "meteor_stem"), &|row| row.no_wordnet);

    check(spec(other, "meteor"), &|row| row.alt_params);
    check(spec(json!({ "wordnet": folder }), "meteor"), &|row| row.wordnet30);
}

#[test]
fn every_golden_row_is_aligned_as_nltk_aligns_it() {
    let wordnet = wordnet();
    for row in golden::<Row>("meteor_nltk.jsonl") {
        let lower =
            |words: &[String]| words.iter().map(|word| word.to_lowercase()).collect::<Vec<_>>();
        let got = align(&lower(&row.hyp), &lower(&row.target), Some(&wordnet));
        assert_eq!(got, row.matches, "{:?} {:?}", row.hyp, row.target);
    }
}

#[test]
fn every_golden_sentence_is_tokenized_as_nltk_tokenizes_it() {
    #[derive(Deserialize)]
    struct Sentence {
        text: String,
        tokens: Vec<String>,
    }
    for case in golden::<Sentence>("treebank.jsonl") {
        let cut = treebank::tokenize(&case.text);
        assert_eq!(words(&cut).collect::<Vec<_>>(), case.tokens, "{:?}", case.text);
    }
}

#[test]
fn the_best_target_counts_and_nothing_in_common_is_nothing() {
    let meteor = |response: &str, targets: &[&str]| {
        let spec = json!({ "type": "meteor_stem", "tokenize": "treebank" });
        score(&spec, &[json!({ "response": response, "target": targets })])[0]
    };
    assert_close(meteor("Cat.", &["a dog", "cat ."]), Some(0.9375), TIGHT, "the second");
    assert_eq!(meteor("cat", &["dog"]), Some(0.0));
    assert_eq!(meteor("", &["dog"]), Some(0.0));
    assert_eq!(meteor("", &[""]), Some(0.0));
}

#[test]
fn without_wordnet_the_message_names_the_way_out() {
    let spec = json!({ "type": "meteor" });
    let error = Registry::builtin().unwrap().build(&spec, &BuildEnv::without_assets()).unwrap_err();
    insta::assert_snapshot!(error, @"the reward spec has a mistake at `wordnet`: the asset `wordnet` is not available here; or set `wordnet` to a folder with WordNet 3.0's files (Debian's package `wordnet-base` puts them into /usr/share/wordnet), or take `meteor_stem`, which matches no synonyms");
}

#[test]
fn a_long_text_takes_linear_time() {
    let text = "word other ".repeat(100_000);
    let one = "w".repeat(1_000_000);
    let meteor = Meteor { config: StemConfig::default(), wordnet: None };
    assert_close(meteor.score_pair(&text, &text), Some(1.0), 1e-6, "equal");
    assert_close(meteor.score_pair(&one, &one), Some(0.5), TIGHT, "one word");
}

proptest::proptest! {
    #[test]
    fn scores_are_in_the_unit_range_and_words_pair_once(a in "[abAB' .]{0,40}", b in "\\PC{0,40}") {
        let wordnet = Some(wordnet_once());
        for tokenize in [Tokenize::Whitespace, Tokenize::Treebank] {
            let config = StemConfig { tokenize, ..StemConfig::default() };
            for (x, y) in [(&a, &b), (&a, &a), (&b, &b)] {
                let (x, y) = (config.tokens(x), config.tokens(y));
                let pairs = align(&x, &y, wordnet);
                let score = config.score(&pairs, x.len(), y.len());
                proptest::prop_assert!((0.0..=1.0).contains(&score), "{}", score);
                let mut ours: Vec<usize> = pairs.iter().map(|pair| pair.0).collect();
                let mut theirs: Vec<usize> = pairs.iter().map(|pair| pair.1).collect();
                for places in [&mut ours, &mut theirs] {
                    places.sort_unstable();
                    proptest::prop_assert!(places.windows(2).all(|pair| pair[0] < pair[1]));
                }
                if x == y {
                    proptest::prop_assert_eq!(pairs.len(), x.len());
                }
            }
        }
    }
}

fn wordnet_once() -> &'static WordNet {
    static WORDNET: std::sync::LazyLock<WordNet> = std::sync::LazyLock::new(wordnet);
    &WORDNET
}
