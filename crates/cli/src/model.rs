//! A model ready for use: weights on a device, and its tokenizer.

use anyhow::Result;
use clap::Args;
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
    /// Path of a model directory or .gguf file, hf:owner/name[@revision], or a catalogue name
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
        let device = self.device.open()?;
        let path = assets::resolve_model_path(&self.model, ui)?;
        let spinner = ui.spinner(&format!("loading {}", self.model));
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
        let decoder = weights::load(&checkpoint, &device)?;
        spinner.finish_and_clear();
        Ok(Loaded { decoder, tokenizer })
    }
}
