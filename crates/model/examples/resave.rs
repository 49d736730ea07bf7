//! Writes any model this crate reads, GGUF included, as a Hugging Face directory, and proves that
//! the copy is the model: it is read back and gives the same logits, bit for bit.
//!
//! ```text
//! cargo run --release -p hybrid-model --example resave -- MODEL DIRECTORY
//! python reference/check_saved.py DIRECTORY --logits DIRECTORY/check.safetensors
//! ```
//!
//! The second line asks `transformers` the same; `check.safetensors` holds ids and our logits.

#![expect(clippy::print_stdout, reason = "a program that reports what it did")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use burn::tensor::Device;
use hybrid_model::weights::{self, Checkpoint};
use hybrid_model::{Decoder, TokenInput};
use safetensors::tensor::{Dtype, TensorView};

/// Tokens of the comparison.
const LENGTH: usize = 11;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [model, directory] = args.as_slice() else {
        return Err("usage: resave MODEL DIRECTORY".into());
    };
    let (model, directory) = (Path::new(model), Path::new(directory));
    if directory.join("config.json").exists() {
        return Err(format!("`{}` holds a model already", directory.display()).into());
    }
    let device = Device::flex();
    let decoder = weights::load(&Checkpoint::open(model)?, &device)?;
    weights::save(&decoder, directory)?;
    let copy = weights::load(&Checkpoint::open(directory)?, &device)?;

    let vocab_size = decoder.config().vocab_size;
    let ids: Vec<u32> = (0..LENGTH).map(|i| ((i * 7 + 3) % vocab_size) as u32).collect();
    let ours = logits(&decoder, &ids)?;
    let bits = |logits: &[f32]| logits.iter().map(|logit| logit.to_bits()).collect::<Vec<_>>();
    if bits(&ours) != bits(&logits(&copy, &ids)?) {
        return Err("the copy gives other logits".into());
    }
    write_check(&directory.join("check.safetensors"), &ids, &ours, vocab_size)?;
    let count = decoder.config().parameter_count();
    println!("{} parameters, equal logits: {}", count, directory.display());
    Ok(())
}

fn logits(decoder: &Decoder, ids: &[u32]) -> Result<Vec<f32>, Box<dyn Error>> {
    let input = TokenInput::single(ids, &decoder.device());
    Ok(decoder.logits(decoder.hidden(&input, None)).into_data().try_into_vec_as()?)
}

fn write_check(
    path: &Path,
    ids: &[u32],
    logits: &[f32],
    vocab_size: usize,
) -> Result<(), Box<dyn Error>> {
    let ids: Vec<u8> = ids.iter().flat_map(|id| i64::from(*id).to_le_bytes()).collect();
    let shape = vec![1, LENGTH, vocab_size];
    let views = BTreeMap::from([
        ("input_ids", TensorView::new(Dtype::I64, vec![1, LENGTH], &ids)?),
        ("logits", TensorView::new(Dtype::F32, shape, bytemuck::cast_slice(logits))?),
    ]);
    Ok(safetensors::serialize_to_file(views, None, path)?)
}
