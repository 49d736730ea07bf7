//! The crates without tensors: files and text in, text and numbers out.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use hybrid_assets::{AssetError, Kind, NoProgress, Options, Store};
use hybrid_data::batch::{Padding, TokenBatch};
use hybrid_data::config::{DataConfig, Sources};
use hybrid_data::encode::{EncodeOptions, Encoded, Encoder};
use hybrid_data::load::{Located, load};
use hybrid_data::tokenizer::Tokenizer;
use hybrid_gguf::GgufFile;
use hybrid_rewards::{BuildEnv, Context as Moment, Registry, Sample};
use serde_json::json;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden").join(name)
}

/// A GGUF file's metadata and its weights as `f32`.
pub(crate) fn gguf() -> Result<String> {
    let file = GgufFile::open(&golden("gguf/llama.gguf"))?;
    let architecture = file.metadata().string("general.architecture")?;
    ensure!(architecture == "llama", "the architecture is `{architecture}`");
    let mut weights = 0;
    for tensor in file.tensors() {
        let values = file.dequantize(tensor)?;
        let size: u64 = tensor.shape.iter().map(|side| *side as u64).product();
        ensure!(values.len() as u64 == size, "`{}` has {} values", tensor.name, values.len());
        ensure!(values.iter().all(|value| value.is_finite()), "`{}` is not finite", tensor.name);
        weights += values.len();
    }
    Ok(format!("{} tensors of a {architecture}, {weights} weights", file.tensors().len()))
}

/// A name to what is behind it; nothing is fetched here.
pub(crate) fn assets() -> Result<String> {
    let home = tempfile::tempdir()?;
    let store = Store::new(Options { home: home.path().to_owned(), ..Options::from_env()? });
    let path = golden("gguf/llama.gguf");
    let asset = store.resolve(&path.to_string_lossy(), Kind::Model, &NoProgress)?;
    ensure!(asset.path == path, "a path must stand for itself, not `{}`", asset.path.display());
    let entry = store.catalogue().get("wikitext-2").context("the catalogue has no `wikitext-2`")?;
    ensure!(store.cached(entry).is_none(), "an empty folder has a data set in its cache");
    match store.resolve("wikitext-3", Kind::Data, &NoProgress) {
        Err(AssetError::UnknownName { nearest: Some(nearest), .. }) if nearest == "wikitext-2" => {}
        other => anyhow::bail!("a misspelt name gives {other:?}"),
    }
    Ok(format!(
        "{} names; {}, {} bytes",
        store.catalogue().entries().len(),
        entry.about,
        entry.size()
    ))
}

/// Rows of a file to a batch of tokens with a loss mask.
pub(crate) fn data() -> Result<String> {
    let rows = [("2 + 2 =", " 4"), ("The sea is", " wide and blue")];
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("rows.jsonl");
    let line = |(prompt, completion): &(&str, &str)| {
        format!("{}\n", json!({ "prompt": prompt, "completion": completion }))
    };
    std::fs::write(&path, rows.iter().map(line).collect::<String>())?;
    let config = DataConfig {
        train: Sources(vec![path.to_string_lossy().into_owned()]),
        ..DataConfig::default()
    };
    let records = load(&config, &Located::local(&config), 1)?.train;
    let tokenizer = Tokenizer::bytes()?;
    let encoder = Encoder::new(&tokenizer, EncodeOptions::default())?;
    let examples =
        records.iter().map(|record| encoder.record(record)).collect::<Result<Vec<Encoded>, _>>()?;
    let batch = TokenBatch::collate(&examples.iter().collect::<Vec<_>>(), Padding::default())?;
    // One token a byte, and an end token behind each completion.
    let counted = batch.loss_mask.iter().filter(|counts| **counts).count();
    let expected: usize = rows.iter().map(|(_, completion)| completion.len() + 1).sum();
    ensure!(counted == expected, "{counted} tokens count, expected {expected}");
    let decoded = tokenizer.decode(&batch.ids[..batch.lengths[0]], true)?;
    ensure!(decoded == format!("{}{}", rows[0].0, rows[0].1), "the tokens say `{decoded}`");
    Ok(format!("{} rows, {} wide, {counted} tokens count", batch.lengths.len(), batch.width))
}

/// A written spec to scores of texts.
pub(crate) fn rewards() -> Result<String> {
    let spec = json!({"type": "weighted_sum", "components": [
        { "type": "jaccard", "weight": 3.0 },
        { "type": "length", "name": "brevity", "unit": "words", "max": 3, "soft": 3, "weight": 1.0 },
    ]});
    let tree = Registry::builtin()?.build(&spec, &BuildEnv::without_assets())?;
    let targets = ["the blue sea".to_owned()];
    let sample = |id, response| Sample { targets: &targets, ..Sample::of_response(id, response) };
    let samples = [sample(0, "the blue sea"), sample(1, "the red sea")];
    let scores = tree.score(&samples, &Moment::evaluation())?.value;
    // Both are brief enough; the second shares two of four words.
    let expected = [Some(1.0), Some((3.0 * 0.5 + 1.0) / 4.0)];
    for (score, expected) in scores.iter().zip(&expected) {
        let difference = score.zip(*expected).map(|(a, b)| (a - b).abs());
        ensure!(difference.is_some_and(|by| by < 1e-12), "{scores:?}, expected {expected:?}");
    }
    Ok(format!("{scores:?} by jaccard and brevity, 3 : 1"))
}

/// The records of a run to one page.
pub(crate) fn report() -> Result<String> {
    let folder = tempfile::tempdir()?;
    let line = |step: i32| {
        let loss = 4.0 / f64::from(step);
        format!(
            "{}\n",
            json!({ "step": step, "phase": 0, "time_s": step, "metrics": { "sft/loss": loss } })
        )
    };
    std::fs::write(folder.path().join("metrics.jsonl"), (1..=20).map(line).collect::<String>())?;
    let page = hybrid_report::page(folder.path())?;
    ensure!(page.contains("<svg") && page.contains("sft/loss"), "the page has no curve");
    let loads = ["src=\"http", "href=\"http", "@import", "url(http"];
    ensure!(loads.iter().all(|load| !page.contains(load)), "the page needs the network");
    let known =
        hybrid_report::definitions::find("sft/loss").context("`sft/loss` is not defined")?;
    ensure!(page.contains("<title>"), "the page has no title");
    Ok(format!("{} bytes of HTML; {}", page.len(), known.sentence("sft/loss")))
}
