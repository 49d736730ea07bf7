//! Encoders in and out of Hugging Face directories.

use std::path::Path;

use burn::tensor::Device;

use super::{Encoder, family};
use crate::trunk::Trunk;
use crate::weights::WeightsError;
use crate::weights::folder::Folder;
use crate::weights::save::{saved_config, stored, write};

/// Reads an encoder from a Hugging Face directory, whatever head stands on it there.
///
/// # Errors
///
/// [`WeightsError`] when the directory holds no encoder that can be built, with every missing,
/// extra or misshapen tensor at once.
pub fn load(directory: &Path, device: &Device) -> Result<Encoder, WeightsError> {
    match Folder::open(directory)?.trunk(device)? {
        Trunk::Encoder(encoder) => Ok(encoder),
        Trunk::Decoder(decoder) => Err(WeightsError::Unsupported {
            path: directory.to_owned(),
            what: format!(
                "its model type `{}` is that of a causal model; an encoder is needed, one of {}",
                decoder.config().model_type,
                super::config::known_model_types().collect::<Vec<_>>().join(", ")
            ),
        }),
    }
}

/// Writes `config.json` and `model.safetensors` (f32) into `directory`, which is made if absent, as
/// [`crate::weights::save()`] does.
///
/// `transformers` loads the result as the family's base model, with equal states. Without a pooler
/// it makes up a random one, unless told `add_pooling_layer=False`.
///
/// # Errors
///
/// [`WeightsError::Io`] naming the file.
pub fn save(encoder: &Encoder, directory: &Path) -> Result<(), WeightsError> {
    let config = encoder.config();
    let class = family::find(&config.model_type).map(|family| format!("{}Model", family.class));
    let tensors = stored(&family::parameters(config), &encoder.values());
    write(directory, &tensors, saved_config(&config.raw, class.as_deref()))
}
