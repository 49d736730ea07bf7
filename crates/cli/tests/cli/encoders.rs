//! The real all-MiniLM-L6-v2 against sentence-transformers, where the catalogue has fetched it: by itself
//! and as a reward.

use burn::tensor::{Device, Tensor};
use hybrid_assets::{Asset, Options, Store};
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::{SentenceEncoder, TokenRow};
use hybrid_rewards::neural::Models;
use hybrid_rewards::{BuildEnv, Context, Registry, Sample};
use hybrid_testing::{assert_close, fixtures::golden_json};
use serde_json::{Value, json};

/// Largest difference from sentence-transformers of a vector's entry, and of a cosine.
const TOLERANCE: f64 = 1e-5;

/// The files of a catalogue entry, if they are in the user's cache.
fn cached(name: &str) -> Option<Asset> {
    let store = Store::new(Options::from_env().ok()?);
    store.cached(store.catalogue().get(name)?)
}

/// A model with its tokenizer.
struct Sentences {
    encoder: SentenceEncoder,
    tokenizer: Tokenizer,
}

impl Sentences {
    fn ids(&self, texts: &[&str]) -> Vec<Vec<u32>> {
        texts.iter().map(|text| self.tokenizer.encode(text, true).unwrap()).collect()
    }

    fn vectors(&self, ids: &[Vec<u32>]) -> Tensor<2> {
        let rows: Vec<TokenRow<'_>> = ids.iter().map(|ids| TokenRow::new(ids)).collect();
        self.encoder.encode_all(&rows, 2048).unwrap()
    }
}

/// The model, if it is in the user's cache.
fn minilm() -> Option<Sentences> {
    let asset = cached("all-minilm-l6-v2")?;
    let encoder = SentenceEncoder::load(&asset.path, &Device::flex()).unwrap();
    Some(Sentences { encoder, tokenizer: Tokenizer::from_dir(&asset.path).unwrap() })
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn numbers(json: &Value) -> Vec<f32> {
    json.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

/// Cosines of rows `2i` and `2i + 1`.
fn cosines_of_pairs(vectors: Tensor<2>) -> Vec<f32> {
    let [rows, width] = vectors.dims();
    let pairs: Tensor<3> = vectors.reshape([rows / 2, 2, width]);
    let side = |index: usize| pairs.clone().slice_dim(1, index..index + 1);
    floats(side(0).mul(side(1)).sum_dim(2))
}

/// The first sentences of a text that the reference took.
fn sentences(text: &str, count: usize) -> Vec<&str> {
    let pieces = text.split('\n').flat_map(|line| line.split(" . ")).map(str::trim);
    pieces.filter(|piece| (20..=300).contains(&piece.len())).take(count).collect()
}

#[test]
fn minilm_gives_the_vector_of_its_card() {
    let Some(model) = minilm() else {
        eprintln!(
            "SKIPPED minilm_gives_the_vector_of_its_card: run `hybrid assets get all-minilm-l6-v2` \
             first"
        );
        return;
    };
    let ids = model.ids(&["This is an example sentence"]);
    assert_eq!(ids, [[101, 2023, 2003, 2019, 2742, 6251, 102]]);
    let theirs = numbers(&golden_json("minilm.json")["vector"]);
    assert_close(&floats(model.vectors(&ids)), &theirs, TOLERANCE);
    // What is alike comes out alike.
    let texts =
        ["A man is playing a guitar.", "Someone plays an instrument.", "Stocks fell today."];
    let ids = model.ids(&[texts[0], texts[1], texts[0], texts[2]]);
    let cosines = cosines_of_pairs(model.vectors(&ids));
    assert!(cosines[0] > 0.5 && cosines[1] < 0.1, "{cosines:?}");
    assert_eq!((model.encoder.max_tokens(), model.encoder.width()), (256, 384));
}

#[test]
fn minilm_finds_pairs_as_alike_as_its_library_does() {
    let (Some(model), Some(wikitext)) = (minilm(), cached("wikitext-2")) else {
        eprintln!(
            "SKIPPED minilm_finds_pairs_as_alike_as_its_library_does: run `hybrid assets get \
             all-minilm-l6-v2` and `hybrid assets get wikitext-2` first"
        );
        return;
    };
    let golden = golden_json("minilm.json");
    let theirs = numbers(&golden["cosines"]);
    let text = std::fs::read_to_string(wikitext.split("test").unwrap()).unwrap();
    let sentences = sentences(&text, 2 * theirs.len());
    assert_eq!(sentences[0], golden["first"]);
    let ids = model.ids(&sentences);
    let tokens: usize = ids.iter().map(Vec::len).sum();
    assert_eq!(tokens as u64, golden["tokens"].as_u64().unwrap());
    assert_close(&cosines_of_pairs(model.vectors(&ids)), &theirs, TOLERANCE);
}

#[test]
fn minilm_rewards_pairs_by_their_cosine_and_knows_a_text_from_another() {
    let (Some(model), Some(wikitext)) = (cached("all-minilm-l6-v2"), cached("wikitext-2")) else {
        eprintln!(
            "SKIPPED minilm_rewards_pairs_by_their_cosine_and_knows_a_text_from_another: run `hybrid \
             assets get all-minilm-l6-v2` and `hybrid assets get wikitext-2` first"
        );
        return;
    };
    let theirs = numbers(&golden_json("minilm.json")["cosines"]);
    let text = std::fs::read_to_string(wikitext.split("test").unwrap()).unwrap();
    let sentences = sentences(&text, 2 * theirs.len());
    let find = |name: &str| match name {
        "all-minilm-l6-v2" => Ok(model.path.clone()),
        _ => Err(format!("no model is called `{name}`")),
    };
    let open = |_: Option<&str>| Ok(Device::flex());
    let models = Models::new(&find, &open);
    let env = BuildEnv::without_assets().with_models(&models);
    let score = |spec: Value, pairs: &[[&str; 2]]| {
        let tree = Registry::builtin().unwrap().build(&spec, &env).unwrap();
        let targets: Vec<[String; 1]> = pairs.iter().map(|pair| [pair[1].to_owned()]).collect();
        let samples: Vec<Sample<'_>> = (0..)
            .zip(pairs)
            .zip(&targets)
            .map(|((id, pair), targets)| Sample { targets, ..Sample::of_response(id, pair[0]) })
            .collect();
        let column = tree.score(&samples, &Context::evaluation()).unwrap();
        column.value.into_iter().map(|score| score.unwrap() as f32).collect::<Vec<f32>>()
    };
    let pairs: Vec<[&str; 2]> = sentences.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
    let raw = score(json!({ "type": "cosine_sts", "scale": "raw" }), &pairs);
    assert_close(&raw, &theirs, TOLERANCE);
    let half: Vec<f32> = theirs.iter().map(|cosine| (1.0 + cosine) / 2.0).collect();
    assert_close(&score(json!({ "type": "cosine_sts" }), &pairs), &half, TOLERANCE);
    let alike = [
        ["A man is playing a guitar.", "Someone plays an instrument."],
        ["A man is playing a guitar.", "Stocks fell today."],
        ["A man is playing a guitar.", "A man is playing a guitar."],
    ];
    let matched = score(json!({ "type": "bertscore" }), &alike);
    assert!(matched[0] > matched[1] + 0.1 && (matched[2] - 1.0).abs() < 1e-5, "{matched:?}");
}
