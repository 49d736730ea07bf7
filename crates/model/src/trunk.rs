//! What heads stand on: a model of either kind, from token ids to the states of the tokens.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Gradients, Tensor};

use crate::decoder::Decoder;
use crate::encoder::family::HeadStyle;
use crate::encoder::{self, Encoder};
use crate::family;
use crate::input::{Rows, TokenInput, int_tensor};
use crate::lora::Slots;
use crate::projection::Projection;
use crate::ragged::{self, Limits, RaggedStates, RowError, TokenRow};
use crate::values;
use crate::weights::WeightsError;
use crate::weights::folder::Folder;
use crate::weights::layout::ParameterSource;

/// A bidirectional encoder or a causal decoder.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one a model; its weights are elsewhere")]
pub enum Trunk {
    /// Each token sees its whole row.
    Encoder(Encoder),
    /// Each token sees itself and those before. Its matrix to the vocabulary is that of the
    /// checkpoint, or the token embedding where the checkpoint has none, as that of a classifier.
    Decoder(Decoder),
}

impl Trunk {
    /// Reads the trunk out of a Hugging Face directory, whatever head stands on it there.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] when the directory holds no model that can be built, with every missing,
    /// extra or misshapen tensor at once.
    pub fn load(directory: &Path, device: &Device) -> Result<Self, WeightsError> {
        Folder::open(directory)?.trunk(device)
    }

    /// The states after the last layer (of a decoder: after its last norm).
    ///
    /// # Shapes
    ///
    /// - output: `[n, d]`, one for each token of `rows`, no padding among them
    ///
    /// # Errors
    ///
    /// [`RowError`] of the first row that cannot be read.
    pub fn states(&self, rows: &[TokenRow<'_>]) -> Result<RaggedStates, RowError> {
        match self {
            Self::Encoder(encoder) => encoder.states(rows),
            Self::Decoder(decoder) => {
                self.check(rows)?;
                Ok(decoder_states(decoder, rows))
            }
        }
    }

    /// The states after the first `layers` layers, 0 for the embeddings; of a decoder they can be
    /// had after the last only.
    ///
    /// # Shapes
    ///
    /// - output: `[n, d]`, one for each token of `rows`
    ///
    /// # Errors
    ///
    /// [`RowError`] of the first row that cannot be read.
    ///
    /// # Panics
    ///
    /// When there are fewer layers, or a decoder has more: the caller's mistake.
    pub fn states_after(
        &self,
        rows: &[TokenRow<'_>],
        layers: usize,
    ) -> Result<RaggedStates, RowError> {
        match self {
            Self::Encoder(encoder) => encoder.states_after(rows, layers),
            Self::Decoder(_) => {
                assert_eq!(layers, self.layers(), "a decoder's states are those after all layers");
                self.states(rows)
            }
        }
    }

    /// Number of layers.
    #[must_use]
    pub fn layers(&self) -> usize {
        match self {
            Self::Encoder(encoder) => encoder.config().layers,
            Self::Decoder(decoder) => decoder.config().layers.len(),
        }
    }

    /// Takes the pooler off, where there is one.
    pub(crate) fn take_pooler(&mut self) -> Option<Projection> {
        match self {
            Self::Encoder(encoder) => encoder.take_pooler(),
            Self::Decoder(_) => None,
        }
    }

    /// How the family classifies texts.
    pub(crate) fn head_style(&self) -> HeadStyle {
        match self {
            Self::Encoder(encoder) => encoder::family::find(&encoder.config().model_type)
                .map_or(HeadStyle::Pooler, |family| family.head),
            Self::Decoder(_) => HeadStyle::LastToken,
        }
    }

    /// Refuses rows that cannot be read, before anything is computed.
    ///
    /// # Errors
    ///
    /// [`RowError`] of the first such row.
    pub fn check(&self, rows: &[TokenRow<'_>]) -> Result<(), RowError> {
        match self {
            Self::Encoder(encoder) => encoder.check(rows),
            Self::Decoder(decoder) => {
                let config = decoder.config();
                let (max_tokens, vocab_size) = (config.max_positions, config.vocab_size);
                Limits { max_tokens, vocab_size, token_types: 0 }.check(rows)
            }
        }
    }

    /// Width `d` of a state.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Encoder(encoder) => encoder.config().hidden_size,
            Self::Decoder(decoder) => decoder.config().embedding_size,
        }
    }

    /// Longest row in tokens.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        match self {
            Self::Encoder(encoder) => encoder.config().max_tokens,
            Self::Decoder(decoder) => decoder.config().max_positions,
        }
    }

    /// The device that holds the weights.
    #[must_use]
    pub fn device(&self) -> Device {
        match self {
            Self::Encoder(encoder) => encoder.device(),
            Self::Decoder(decoder) => decoder.device(),
        }
    }

    /// The values of every parameter, by its path in the encoder's or decoder's own module tree.
    #[must_use]
    pub fn values(&self) -> BTreeMap<String, Vec<f32>> {
        match self {
            Self::Encoder(encoder) => encoder.values(),
            Self::Decoder(decoder) => decoder.values(),
        }
    }

    /// The gradients of every parameter that has one, by the same paths.
    #[must_use]
    pub fn gradients(&self, gradients: &Gradients) -> BTreeMap<String, Vec<f32>> {
        match self {
            Self::Encoder(encoder) => encoder.gradients(gradients),
            Self::Decoder(decoder) => decoder.gradients(gradients),
        }
    }

    /// Path and number of values of every parameter that records gradients, in the order of
    /// [`Self::values`].
    #[must_use]
    pub fn trained_sizes(&self) -> BTreeMap<String, usize> {
        match self {
            Self::Encoder(encoder) => values::trained_sizes(encoder),
            Self::Decoder(decoder) => values::trained_sizes(decoder),
        }
    }

    /// The projections of every layer.
    pub(crate) fn projections(&mut self) -> Vec<[&mut Projection; 4]> {
        match self {
            Self::Encoder(encoder) => encoder.projections(),
            Self::Decoder(decoder) => decoder.projections(),
        }
    }

    /// Where adapters can stand.
    pub(crate) fn slots(&self) -> Slots {
        match self {
            Self::Encoder(encoder) => Slots::of_encoder(encoder.config()),
            Self::Decoder(decoder) => Slots::of_decoder(decoder.config()),
        }
    }

    /// The `config.json` it came from.
    pub(crate) fn raw_config(&self) -> &serde_json::Map<String, serde_json::Value> {
        match self {
            Self::Encoder(encoder) => &encoder.config().raw,
            Self::Decoder(decoder) => &decoder.config().raw,
        }
    }

    /// The stored tensors of its parameters.
    pub(crate) fn parameters(&self) -> Vec<ParameterSource> {
        match self {
            Self::Encoder(encoder) => encoder::family::parameters(encoder.config()),
            Self::Decoder(decoder) => family::parameter_map(decoder.config()),
        }
    }
}

fn decoder_states(decoder: &Decoder, rows: &[TokenRow<'_>]) -> RaggedStates {
    let (device, width) = (decoder.device(), decoder.config().embedding_size);
    let lengths: Vec<usize> = rows.iter().map(|row| row.ids.len()).collect();
    let Some(longest) = lengths.iter().max().copied() else {
        return RaggedStates::new(Tensor::zeros([0, width], &device), &[]);
    };
    let mut ids = Vec::with_capacity(rows.len() * longest);
    for (row, tokens) in rows.iter().enumerate() {
        ids.extend_from_slice(tokens.ids);
        ids.resize((row + 1) * longest, 0);
    }
    let input = TokenInput::new(&ids, [rows.len(), longest], Rows::RightPadded, &device);
    let states: Tensor<2> = decoder.hidden(&input, None).reshape([rows.len() * longest, width]);
    let places = ragged::places(&lengths);
    let states = states.select(0, int_tensor(&places, [places.len()], &device));
    RaggedStates::new(states, &lengths)
}

#[cfg(test)]
mod tests;
