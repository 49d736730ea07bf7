//! Language models on burn: one configured decoder for every causal family, and one encoder for
//! every bidirectional one.
//!
//! The crate knows token ids, not tokenizers, and tensors, not devices: the device comes from the
//! tensors or as an argument. It reads no file except weights, owns no random state and reads no
//! clock. Read it in this order:
//!
//! 1. [`config`]: what a decoder is made of, as data.
//! 2. [`family`]: from a Hugging Face `config.json` to that data, and which tensor goes where.
//! 3. [`input`]: token ids with their positions and their attention pattern.
//! 4. [`ops`]: the few operations everything is made of, each behind one function.
//! 5. [`decoder`]: the network, and its backward pass block by block where memory is short;
//!    [`cache`]: its memory while generating.
//! 6. [`weights`]: weights in and out: safetensors, GGUF, Hugging Face directories.
//! 7. [`sampling`] and [`generate`]: from logits to tokens, on the host, by seed.
//! 8. [`perplexity`]: how probable given texts are. [`choice`]: which of a few tokens comes next.
//!    [`init`]: models from scratch.
//! 9. [`value`]: what a state is worth, a small head on the same hidden states.
//! 10. [`encoder`]: the bidirectional network, [`ragged`]: rows of several lengths in, states of real
//!     tokens out. [`trunk`]: an encoder or a decoder, for heads that stand on either.
//! 11. [`pooling`] and [`sentence`]: one vector a text. [`classifier`] and [`labels`]: the heads that
//!     `transformers` saves. [`heads`]: several heads on one trunk. [`lora`]: what a trunk learns beside
//!     frozen weights.
//!
//! # Shapes
//!
//! `b` is the batch, `t` the tokens of this call, `s` the tokens attended to (cached ones
//! included), `d` the hidden size, `h` query heads, `kv` key-value heads, `hd` the size of a head,
//! `v` the vocabulary. A mask is boolean; *true means: counts*.

pub mod cache;
pub mod choice;
pub mod classifier;
pub mod config;
pub mod decoder;
pub mod encoder;
pub mod family;
pub mod generate;
pub mod heads;
pub mod init;
pub mod input;
pub mod labels;
pub mod lora;
pub mod ops;
pub mod perplexity;
pub mod pooling;
pub mod ragged;
pub mod rope;
pub mod sampling;
pub mod sentence;
pub mod trunk;
pub mod value;
pub mod weights;

#[cfg(test)]
mod golden;
mod projection;
mod values;

/// Where a model lies and what it gives, for crates that name no other part of burn.
pub use burn::tensor::{Device, Tensor};
pub use cache::KvCache;
pub use classifier::{SequenceClassifier, TokenClassifier};
pub use config::{ConfigError, DecoderConfig};
pub use decoder::Decoder;
pub use encoder::{Encoder, EncoderConfig};
pub use heads::MultiHead;
pub use input::TokenInput;
pub use pooling::Pooling;
pub use ragged::{RaggedStates, RowError, TokenRow};
pub use sampling::KeptSet;
pub use sentence::SentenceEncoder;
pub use trunk::Trunk;
pub use value::ValueHead;
