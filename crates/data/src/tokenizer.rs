//! The tokenizer of a model: text to token ids and back, its special tokens, its chat template.
//!
//! It comes out of a Hugging Face directory ([`Tokenizer::from_dir`]) or a GGUF file
//! ([`Tokenizer::from_gguf`]), or has one token a byte ([`Tokenizer::bytes`]), and can be saved as a
//! directory again. Padding and truncation that a `tokenizer.json` may carry are switched off: how
//! long a sequence is decides the batch, and a tokenizer that pads in silence would put padding into
//! the loss.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::path::Path;

use serde_json::{Map, Value};
use tokenizers::processors::PostProcessorWrapper;
use tokenizers::processors::template::TemplateProcessing;

use crate::template::ChatTemplate;

mod byte;
mod cut;
mod error;
pub mod gguf;
mod growing;
mod hf;
mod segments;
mod stream;
mod windows;

pub use cut::{TextLimit, TruncationSide};
pub use error::TokenizerError;
pub use growing::Growing;
pub use segments::Segments;
pub use stream::DecodeStream;
pub use windows::Window;

#[cfg(test)]
pub(crate) mod tests;

/// Token ids with the place in the text that each one came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoding {
    /// The token ids.
    pub ids: Vec<u32>,
    /// The bytes of the text behind each id, its leading space included. Tokens that hold parts of
    /// one character all name the whole character; tokens the tokenizer added name no byte.
    pub offsets: Vec<Range<usize>>,
}

/// What a tokenizer is made of besides its algorithm.
#[derive(Debug, Clone, Default)]
pub struct TokenizerParts {
    /// Special tokens by role: `bos_token`, `eos_token`, `pad_token`, `unk_token` and so on.
    pub special_tokens: BTreeMap<String, String>,
    /// Ids that end a generation, besides the `eos_token`'s.
    pub more_eos_ids: Vec<u32>,
    /// The chat template's source.
    pub chat_template: Option<String>,
    /// Further keys to keep in `tokenizer_config.json`.
    pub config: Map<String, Value>,
}

/// A tokenizer with its special tokens and chat template.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    parts: TokenizerParts,
    /// The post-processor as it was loaded; `inner` has one that leaves offsets untrimmed.
    saved_post_processor: Option<PostProcessorWrapper>,
    bos: Option<u32>,
    eos_ids: Vec<u32>,
    pad: Option<u32>,
    special_ids: HashSet<u32>,
    vocab_size: usize,
}

impl Tokenizer {
    /// Loads whatever `path` is: a Hugging Face directory, its `tokenizer.json`, or a GGUF file.
    ///
    /// # Errors
    ///
    /// Those of [`Tokenizer::from_dir`] and [`Tokenizer::from_gguf`].
    pub fn from_path(path: &Path) -> Result<Self, TokenizerError> {
        let metadata = path
            .metadata()
            .map_err(|source| TokenizerError::Read { path: path.to_owned(), source })?;
        if metadata.is_dir() {
            return Self::from_dir(path);
        }
        if path.file_name().is_some_and(|name| name == hf::TOKENIZER) {
            return Self::from_dir(path.parent().unwrap_or(Path::new("")));
        }
        if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) {
            return Err(TokenizerError::UnknownKind { path: path.to_owned() });
        }
        let file = hybrid_gguf::GgufFile::open(path)
            .map_err(|source| TokenizerError::OpenGguf { path: path.to_owned(), source })?;
        Self::from_gguf(&file)
    }

    /// Loads a Hugging Face directory: `tokenizer.json`, and what `tokenizer_config.json`,
    /// `special_tokens_map.json`, `chat_template.jinja`, `generation_config.json` and `config.json`
    /// say about special tokens and the chat template, where they exist.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Missing`] or [`TokenizerError::Garbled`] for `tokenizer.json`, and one
    /// that names file and key for the others.
    pub fn from_dir(dir: &Path) -> Result<Self, TokenizerError> {
        hf::load(dir)
    }

    /// Builds the tokenizer that a GGUF file describes in its metadata.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Gguf`] if the file has no tokenizer, one of a kind this crate does not
    /// know, or one that contradicts itself.
    pub fn from_gguf(file: &hybrid_gguf::GgufFile) -> Result<Self, TokenizerError> {
        let built = gguf::Vocabulary::from_metadata(file.metadata())
            .and_then(gguf::Vocabulary::build)
            .map_err(|source| TokenizerError::Gguf { path: file.path().to_owned(), source });
        let (inner, parts) = built?;
        Self::new(inner, parts)
    }

    /// Joins an algorithm of the tokenizers library with its special tokens and chat template.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::UnknownSpecialToken`] if the BOS or EOS token is not in the vocabulary.
    pub fn new(
        mut inner: tokenizers::Tokenizer,
        parts: TokenizerParts,
    ) -> Result<Self, TokenizerError> {
        inner.with_padding(None);
        // Without truncation there is nothing that could be wrong with it.
        let _ = inner.with_truncation(None);
        set_affixes(&mut inner, &parts)?;
        let saved_post_processor = inner.get_post_processor().cloned();
        if let Some(processor) = &saved_post_processor {
            inner.with_post_processor(Some(untrimmed(processor)));
        }
        let id = |role: &str| match parts.special_tokens.get(role) {
            None => Ok(None),
            Some(token) => inner.token_to_id(token).map(Some).ok_or_else(|| {
                TokenizerError::UnknownSpecialToken { role: role.to_owned(), token: token.clone() }
            }),
        };
        let mut eos_ids: Vec<u32> = id("eos_token")?.into_iter().collect();
        for extra in &parts.more_eos_ids {
            if !eos_ids.contains(extra) {
                eos_ids.push(*extra);
            }
        }
        let added = inner.get_added_tokens_decoder();
        let special_ids = added.iter().filter(|(_, token)| token.special).map(|(id, _)| *id);
        Ok(Self {
            bos: id("bos_token")?,
            eos_ids,
            pad: id("pad_token").unwrap_or_else(|error| {
                tracing::warn!("{error}; the tokenizer has no padding token");
                None
            }),
            special_ids: special_ids.collect(),
            vocab_size: inner.get_vocab(true).values().max().map_or(0, |id| *id as usize + 1),
            inner,
            parts,
            saved_post_processor,
        })
    }

    /// Encodes a text. With `add_special`, the tokens that the tokenizer puts around every text
    /// (a BOS, for most) are added.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Encode`] if the library fails, for example on a character that a
    /// vocabulary without unknown token lacks.
    pub fn encode(&self, text: &str, add_special: bool) -> Result<Vec<u32>, TokenizerError> {
        let encoding = self
            .inner
            .encode_fast(text, add_special)
            .map_err(|source| TokenizerError::Encode { bytes: text.len(), source })?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Encodes many texts on all cores; the result has one entry per text, in order.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Encode`], as for [`Tokenizer::encode`].
    pub fn encode_batch(
        &self,
        texts: &[&str],
        add_special: bool,
    ) -> Result<Vec<Vec<u32>>, TokenizerError> {
        let encodings =
            self.inner.encode_batch_fast(texts.to_vec(), add_special).map_err(|source| {
                TokenizerError::Encode { bytes: texts.iter().map(|text| text.len()).sum(), source }
            })?;
        Ok(encodings.iter().map(|encoding| encoding.get_ids().to_vec()).collect())
    }

    /// Encodes a text and keeps where each token came from.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Encode`], as for [`Tokenizer::encode`].
    pub fn encode_with_offsets(
        &self,
        text: &str,
        add_special: bool,
    ) -> Result<Encoding, TokenizerError> {
        let encoding = self
            .inner
            .encode(text, add_special)
            .map_err(|source| TokenizerError::Encode { bytes: text.len(), source })?;
        Ok(Encoding {
            ids: encoding.get_ids().to_vec(),
            offsets: encoding.get_offsets().iter().map(|&(start, end)| start..end).collect(),
        })
    }

    /// The tokens that [`Tokenizer::encode`] puts before and after a text when asked to.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Encode`], as for [`Tokenizer::encode`].
    pub fn affixes(&self) -> Result<(Vec<u32>, Vec<u32>), TokenizerError> {
        // Any text will do; what the library added to it is marked.
        let encoding = self
            .inner
            .encode_fast("a", true)
            .map_err(|source| TokenizerError::Encode { bytes: 1, source })?;
        let added = encoding.get_special_tokens_mask();
        let before = added.iter().take_while(|mark| **mark == 1).count();
        let after = added.iter().skip(before).rev().take_while(|mark| **mark == 1).count();
        let ids = encoding.get_ids();
        let prefix = ids.iter().take(before).copied().collect();
        let suffix = ids.iter().skip(ids.len() - after).copied().collect();
        Ok((prefix, suffix))
    }

    /// Decodes token ids, leaving special tokens out if `skip_special`.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Decode`] if the library fails.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String, TokenizerError> {
        self.inner
            .decode(ids, skip_special)
            .map_err(|source| TokenizerError::Decode { tokens: ids.len(), source })
    }

    /// Decodes `ids` as what follows `context`, for example a completion after its prompt.
    ///
    /// Decoding a completion alone would lose its first space with tokenizers that write a space
    /// before every word and take the first one away.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Decode`] if the library fails.
    pub fn decode_after(
        &self,
        context: &[u32],
        ids: &[u32],
        skip_special: bool,
    ) -> Result<String, TokenizerError> {
        let mut stream = self.decode_stream(context, skip_special);
        let first = stream.push(ids)?.unwrap_or_default();
        Ok(first + &stream.finish()?)
    }

    /// A decoder that gets ids as they are generated after `context` and hands out text as soon as
    /// its characters are whole.
    pub fn decode_stream(&self, context: &[u32], skip_special: bool) -> DecodeStream<'_> {
        DecodeStream::new(self, context, skip_special)
    }

    /// One more than the highest id.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// The id of the beginning-of-sequence token, if there is one.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// The id of the end-of-sequence token, the one that training appends.
    pub fn eos(&self) -> Option<u32> {
        self.eos_ids.first().copied()
    }

    /// Every id that ends a generation, [`Tokenizer::eos`] first.
    pub fn eos_ids(&self) -> &[u32] {
        &self.eos_ids
    }

    /// The id of the padding token, if there is one. It may equal the end-of-sequence token's.
    pub fn pad(&self) -> Option<u32> {
        self.pad
    }

    /// The text form of one id, as it stands in the vocabulary.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// The id of one token, as it stands in the vocabulary.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Whether `id` is a special token, which [`Tokenizer::decode`] can leave out.
    pub fn is_special(&self, id: u32) -> bool {
        self.special_ids.contains(&id)
    }

    /// The special tokens by role: `bos_token`, `eos_token` and so on.
    pub fn special_tokens(&self) -> &BTreeMap<String, String> {
        &self.parts.special_tokens
    }

    /// The source of the chat template, if there is one.
    pub fn chat_template(&self) -> Option<&str> {
        self.parts.chat_template.as_deref()
    }

    /// Parses the chat template: `source` if given, otherwise the tokenizer's own.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::NoChatTemplate`] if there is neither, [`TokenizerError::ChatTemplate`] if
    /// it does not parse.
    pub fn template(&self, source: Option<&str>) -> Result<ChatTemplate, TokenizerError> {
        let source =
            source.or_else(|| self.chat_template()).ok_or(TokenizerError::NoChatTemplate)?;
        ChatTemplate::new(source, &self.parts.special_tokens)
            .map_err(|source| TokenizerError::ChatTemplate { source })
    }

    /// Writes `tokenizer.json`, `tokenizer_config.json` and, if there is a chat template,
    /// `chat_template.jinja` into `dir`, for `transformers` and for [`Tokenizer::from_dir`].
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Write`] naming the file that could not be written.
    pub fn save(&self, dir: &Path) -> Result<(), TokenizerError> {
        hf::save(self, dir)
    }
}

/// Rebuilds what is added around a text where `add_bos_token` or `add_eos_token` is set, as
/// `transformers` does: these two keys win over the post-processor in `tokenizer.json`.
fn set_affixes(
    inner: &mut tokenizers::Tokenizer,
    parts: &TokenizerParts,
) -> Result<(), TokenizerError> {
    let flag = |key: &str| parts.config.get(key).and_then(Value::as_bool);
    let (add_bos, add_eos) = (flag("add_bos_token"), flag("add_eos_token"));
    if add_bos.is_none() && add_eos.is_none() {
        return Ok(());
    }
    let mut special = Vec::new();
    let mut chosen = |wanted: Option<bool>, role: &str| {
        let token = parts.special_tokens.get(role).filter(|_| wanted == Some(true))?;
        let id = inner.token_to_id(token)?;
        special.push((token.clone(), id));
        Some(token.as_str())
    };
    let bos = chosen(add_bos, "bos_token");
    let eos = chosen(add_eos, "eos_token");
    let sequence = |name: &str, type_id: u32| -> Vec<String> {
        [bos, Some(name), eos].into_iter().flatten().map(|t| format!("{t}:{type_id}")).collect()
    };
    let single = sequence("$A", 0);
    let pair = [single.clone(), sequence("$B", 1)].concat();
    let processor = TemplateProcessing::builder()
        .try_single(single)
        .and_then(|builder| builder.try_pair(pair))
        .map_err(tokenizers::Error::from)
        .and_then(|builder| Ok(builder.special_tokens(special).build()?))
        .map_err(|source| TokenizerError::Affixes { source })?;
    inner.with_post_processor(Some(processor));
    Ok(())
}

/// The same post-processor, leaving offsets as they are: trimmed ones leave a token's leading space
/// out, and a token that begins before a boundary would look as if it began behind it.
fn untrimmed(processor: &PostProcessorWrapper) -> PostProcessorWrapper {
    fn clear(value: &mut Value) {
        match value {
            Value::Object(map) => {
                if let Some(trim) = map.get_mut("trim_offsets") {
                    *trim = Value::Bool(false);
                }
                map.values_mut().for_each(clear);
            }
            Value::Array(items) => items.iter_mut().for_each(clear),
            _ => {}
        }
    }
    let changed = serde_json::to_value(processor).and_then(|mut value| {
        clear(&mut value);
        serde_json::from_value(value)
    });
    changed.unwrap_or_else(|_| processor.clone())
}
