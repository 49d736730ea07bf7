//! A model ready for use: weights on a device, and its tokenizer.

use std::path::PathBuf;

use anyhow::Result;
use burn::tensor::Device;
use clap::Args;
use hybrid::{checkpoint, run_dir};
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::Decoder;
use hybrid_model::weights::{self, Checkpoint};

use crate::commands::assets;
use crate::device::DeviceChoice;
use crate::exit::BadInput;
use crate::ui::Ui;

/// The options that choose a model and where it runs.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// Path of a model or run directory or .gguf file, hf:owner/name[@revision], or a catalogue name
    pub(crate) model: String,
    /// Where to run: cpu, ndarray, wgpu[:i], vulkan[:i] or cuda[:i]
    #[arg(long, default_value = "cpu")]
    pub(crate) device: DeviceChoice,
}

/// A decoder and the tokenizer it was trained with.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) decoder: Decoder,
    pub(crate) tokenizer: Tokenizer,
}

impl ModelArgs {
    /// Finds, checks and reads the model.
    pub(crate) fn load(&self, ui: &Ui) -> Result<Loaded> {
        load(&self.model, &self.device.open()?, ui)
    }
}

/// Finds, checks and reads the model called `name`.
pub(crate) fn load(name: &str, device: &Device, ui: &Ui) -> Result<Loaded> {
    let path = assets::resolve_model_path(name, ui)?;
    let spinner = ui.spinner(&format!("loading {name}"));
    let checkpoint = Checkpoint::open(&path)?;
    let tokenizer = Tokenizer::from_path(&path)?;
    let (tokens, rows) = (tokenizer.vocab_size(), checkpoint.config().vocab_size);
    if tokens > rows {
        return Err(BadInput::error(format!(
            "the tokenizer of `{}` knows {tokens} tokens, but the model's embedding has only \
             {rows} rows: they belong to different models",
            path.display()
        )));
    }
    let decoder = weights::load(&checkpoint, device)?;
    spinner.finish_and_clear();
    Ok(Loaded { decoder, tokenizer })
}

/// Where the weights behind `path` lie: for a run directory, in its newest complete checkpoint.
pub(crate) fn weights_path(path: PathBuf) -> Result<PathBuf> {
    let is_run = path.join(run_dir::CONFIG).is_file() && path.join(checkpoint::FOLDER).is_dir();
    if is_run { Ok(checkpoint::newest_complete(&path)?.path) } else { Ok(path) }
}
