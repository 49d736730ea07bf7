//! A tokenizer out of the metadata of a GGUF file.
//!
//! The file lists tokens, their types, and either merges (byte-level BPE, called "gpt2" there) or
//! scores (SentencePiece's BPE, called "llama"). How text is cut before BPE sees it is only named,
//! by `tokenizer.ggml.pre`; the names this module knows are those whose rules it knows exactly.

use std::collections::BTreeMap;

use hybrid_gguf::{FromValue, GgufError, Metadata};
use serde_json::Map;
use tokenizers::AddedToken;
use tokenizers::models::bpe::{BPE, Vocab};

use pipeline::{BLOCK, Pre};

use super::TokenizerParts;

mod merges;
mod pipeline;

#[cfg(test)]
mod tests;

/// Why the tokenizer in a GGUF file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GgufTokenizerError {
    /// A key is missing or holds something else than it should.
    #[error("its tokenizer metadata is incomplete; get a file that was converted with a tokenizer")]
    Metadata {
        /// Which key, and what it holds.
        #[source]
        source: GgufError,
    },
    /// A kind of tokenizer this crate does not build.
    #[error(
        "`tokenizer.ggml.model` is \"{model}\"; known are \"gpt2\" (byte-level BPE) and \"llama\" \
         (SentencePiece BPE): use the model's Hugging Face directory instead"
    )]
    UnknownModel {
        /// The kind the file names.
        model: String,
    },
    /// A pre-tokenizer this crate does not know.
    #[error(
        "`tokenizer.ggml.pre` is \"{pre}\"; known are {known}: use the model's Hugging Face \
         directory instead"
    )]
    UnknownPre {
        /// The name in the file.
        pre: String,
        /// The names this crate knows.
        known: String,
    },
    /// Two keys that contradict each other, or a value no converter writes.
    #[error("`{key}` {problem}; the file is damaged or was converted by a broken program")]
    Inconsistent {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The tokenizers library did not accept the parts.
    #[error("the tokenizers library rejects its vocabulary")]
    Rejected {
        /// The library's complaint.
        #[source]
        source: tokenizers::Error,
    },
}

const MODEL: &str = "tokenizer.ggml.model";
const PRE: &str = "tokenizer.ggml.pre";
const TOKENS: &str = "tokenizer.ggml.tokens";
const SCORES: &str = "tokenizer.ggml.scores";
const TOKEN_TYPE: &str = "tokenizer.ggml.token_type";
const MERGES: &str = "tokenizer.ggml.merges";
const ADD_BOS: &str = "tokenizer.ggml.add_bos_token";
const ADD_EOS: &str = "tokenizer.ggml.add_eos_token";
const ADD_SPACE_PREFIX: &str = "tokenizer.ggml.add_space_prefix";
const CHAT_TEMPLATE: &str = "tokenizer.chat_template";

/// Special tokens by the role they have in a Hugging Face directory.
const ROLES: [(&str, &str); 6] = [
    ("bos_token", "tokenizer.ggml.bos_token_id"),
    ("eos_token", "tokenizer.ggml.eos_token_id"),
    ("unk_token", "tokenizer.ggml.unknown_token_id"),
    ("pad_token", "tokenizer.ggml.padding_token_id"),
    ("sep_token", "tokenizer.ggml.seperator_token_id"),
    ("mask_token", "tokenizer.ggml.mask_token_id"),
];

/// Keys of further tokens that end a turn.
const MORE_EOS: [&str; 2] = ["tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"];

/// Control tokens that end a turn in every model that has them. Older files name only one end.
const TURN_ENDS: [&str; 4] = ["<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>"];

/// What `tokenizer.ggml.token_type` says of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TokenType {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

/// Which algorithm the vocabulary belongs to.
#[derive(Debug, Clone, PartialEq)]
enum Algorithm {
    ByteLevel { pre: Pre, merges: Vec<(String, String)> },
    SentencePiece { merges: Vec<(String, String)>, space_prefix: bool },
}

/// A vocabulary as a GGUF file describes it, checked for contradictions.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    algorithm: Algorithm,
    tokens: Vec<String>,
    types: Vec<TokenType>,
    roles: BTreeMap<&'static str, usize>,
    more_eos_ids: Vec<u32>,
    add_bos: bool,
    add_eos: bool,
    chat_template: Option<String>,
}

/// The library's tokenizer and what goes with it.
type Built = (tokenizers::Tokenizer, TokenizerParts);

impl Vocabulary {
    /// Reads the `tokenizer.*` keys.
    ///
    /// # Errors
    ///
    /// [`GgufTokenizerError`] naming the key that is missing, unknown or contradicts another one.
    pub fn from_metadata(metadata: &Metadata) -> Result<Self, GgufTokenizerError> {
        let model: &str = required(metadata, MODEL)?;
        let mut tokens = required::<&[String]>(metadata, TOKENS)?.to_vec();
        if tokens.is_empty() || u32::try_from(tokens.len()).is_err() {
            return Err(inconsistent(TOKENS, format!("lists {} tokens", tokens.len())));
        }
        let types = token_types(metadata, tokens.len())?;
        let (algorithm, bos_default) = match model {
            "gpt2" => byte_level(metadata)?,
            "llama" => (sentence_piece(metadata, &mut tokens, &types)?, true),
            _ => return Err(GgufTokenizerError::UnknownModel { model: model.to_owned() }),
        };
        let mut roles = BTreeMap::new();
        for (role, key) in ROLES {
            if let Some(id) = token_id(metadata, key, tokens.len())? {
                roles.insert(role, id as usize);
            }
        }
        let mut more_eos_ids = Vec::new();
        for key in MORE_EOS {
            more_eos_ids.extend(token_id(metadata, key, tokens.len())?);
        }
        for (id, (token, kind)) in (0_u32..).zip(tokens.iter().zip(&types)) {
            if *kind == TokenType::Control && TURN_ENDS.contains(&token.as_str()) {
                more_eos_ids.push(id);
            }
        }
        Ok(Self {
            algorithm,
            tokens,
            types,
            roles,
            more_eos_ids,
            add_bos: optional(metadata, ADD_BOS)?.unwrap_or(bos_default),
            add_eos: optional(metadata, ADD_EOS)?.unwrap_or(false),
            chat_template: optional::<&str>(metadata, CHAT_TEMPLATE)?.map(str::to_owned),
        })
    }

    /// Builds the tokenizer.
    ///
    /// # Errors
    ///
    /// [`GgufTokenizerError::Inconsistent`] if a merge joins tokens the vocabulary lacks,
    /// [`GgufTokenizerError::Rejected`] if the library refuses the whole.
    pub fn build(self) -> Result<Built, GgufTokenizerError> {
        let special_tokens = self.special_tokens();
        let unknown = special_tokens.get("unk_token").cloned();
        let vocab = self.ids();
        let rejected = |source| GgufTokenizerError::Rejected { source };
        let mut inner = match self.algorithm {
            Algorithm::ByteLevel { pre, merges } => {
                check_merges(&vocab, &merges)?;
                let model = BPE::builder()
                    .vocab_and_merges(vocab, merges)
                    .ignore_merges(matches!(pre, Pre::Llama3 | Pre::Tekken))
                    .build()
                    .map_err(rejected)?;
                pipeline::byte_level(model, pre).map_err(rejected)?
            }
            Algorithm::SentencePiece { merges, space_prefix } => {
                check_merges(&vocab, &merges)?;
                let mut builder = BPE::builder()
                    .vocab_and_merges(vocab, merges)
                    .fuse_unk(true)
                    .byte_fallback(true);
                if let Some(unknown) = unknown {
                    builder = builder.unk_token(unknown);
                }
                let model = builder.build().map_err(rejected)?;
                pipeline::sentence_piece(model, space_prefix).map_err(rejected)?
            }
        };
        let added = self.tokens.iter().zip(&self.types).filter_map(|(token, kind)| match kind {
            TokenType::Control | TokenType::Unknown => Some((token, true)),
            TokenType::UserDefined => Some((token, false)),
            _ => None,
        });
        let added: Vec<AddedToken> = added
            .filter(|(token, _)| inner.token_to_id(token).is_some())
            .map(|(token, special)| AddedToken::from(token.clone(), special).normalized(false))
            .collect();
        inner.add_tokens(added).map_err(rejected)?;
        // The post-processor is built from these two, as for a directory that has them.
        let config = Map::from_iter([
            ("add_bos_token".to_owned(), self.add_bos.into()),
            ("add_eos_token".to_owned(), self.add_eos.into()),
        ]);
        let chat_template = self.chat_template;
        let more_eos_ids = self.more_eos_ids;
        Ok((inner, TokenizerParts { special_tokens, more_eos_ids, chat_template, config }))
    }

    fn special_tokens(&self) -> BTreeMap<String, String> {
        let token =
            |(role, id): (&&str, &usize)| Some(((*role).to_owned(), self.tokens.get(*id)?.clone()));
        self.roles.iter().filter_map(token).collect()
    }

    /// Ids by token. A token listed twice is found under its first id.
    fn ids(&self) -> Vocab {
        let mut ids = Vocab::with_capacity(self.tokens.len());
        for (id, token) in (0_u32..).zip(&self.tokens) {
            ids.entry(token.clone()).or_insert(id);
        }
        ids
    }
}

fn inconsistent(key: &'static str, problem: String) -> GgufTokenizerError {
    GgufTokenizerError::Inconsistent { key, problem }
}

fn required<'a, T: FromValue<'a>>(
    metadata: &'a Metadata,
    key: &str,
) -> Result<T, GgufTokenizerError> {
    metadata.required(key).map_err(|source| GgufTokenizerError::Metadata { source })
}

fn optional<'a, T: FromValue<'a>>(
    metadata: &'a Metadata,
    key: &str,
) -> Result<Option<T>, GgufTokenizerError> {
    metadata.optional(key).map_err(|source| GgufTokenizerError::Metadata { source })
}

/// A token id, which must be one of the vocabulary.
fn token_id(
    metadata: &Metadata,
    key: &'static str,
    vocab_size: usize,
) -> Result<Option<u32>, GgufTokenizerError> {
    match optional::<u32>(metadata, key)? {
        Some(id) if id as usize >= vocab_size => {
            Err(inconsistent(key, format!("is {id}, but there are only {vocab_size} tokens")))
        }
        id => Ok(id),
    }
}

fn token_types(metadata: &Metadata, len: usize) -> Result<Vec<TokenType>, GgufTokenizerError> {
    let Some(numbers) = optional::<Vec<i64>>(metadata, TOKEN_TYPE)? else {
        return Ok(vec![TokenType::Normal; len]);
    };
    if numbers.len() != len {
        return Err(inconsistent(
            TOKEN_TYPE,
            format!("has {} entries for {len} tokens", numbers.len()),
        ));
    }
    let token_type = |number: i64| match number {
        // 0 is "undefined": converters leave it where they know nothing special.
        0 | 1 => Ok(TokenType::Normal),
        2 => Ok(TokenType::Unknown),
        3 => Ok(TokenType::Control),
        4 => Ok(TokenType::UserDefined),
        5 => Ok(TokenType::Unused),
        6 => Ok(TokenType::Byte),
        other => {
            Err(inconsistent(TOKEN_TYPE, format!("contains {other}, but types go from 0 to 6")))
        }
    };
    numbers.into_iter().map(token_type).collect()
}

/// Byte-level BPE, and whether a BOS is added where the file does not say.
fn byte_level(metadata: &Metadata) -> Result<(Algorithm, bool), GgufTokenizerError> {
    let name = optional::<&str>(metadata, PRE)?.unwrap_or_else(|| {
        tracing::warn!("the GGUF file names no pre-tokenizer; GPT-2's is used");
        "gpt-2"
    });
    let known = pipeline::PRES.iter().find(|(known, _)| *known == name);
    let Some((_, pre)) = known else {
        let known = pipeline::PRES.map(|(known, _)| format!("\"{known}\"")).join(", ");
        return Err(GgufTokenizerError::UnknownPre { pre: name.to_owned(), known });
    };
    let mut merges = Vec::new();
    for (index, merge) in required::<&[String]>(metadata, MERGES)?.iter().enumerate() {
        // A token may itself begin with a space, never contain one further on.
        let space = merge.char_indices().skip(1).find(|(_, c)| *c == ' ').map(|(at, _)| at);
        let pair = space.map(|at| merge.split_at(at));
        let Some((left, right)) =
            pair.and_then(|(left, right)| Some((left, right.strip_prefix(' ')?)))
        else {
            return Err(inconsistent(MERGES, format!("entry {index} is no pair: {merge:?}")));
        };
        merges.push((left.to_owned(), right.to_owned()));
    }
    Ok((Algorithm::ByteLevel { pre: *pre, merges }, *pre == Pre::Llama3))
}

/// SentencePiece BPE, whose merges the file gives, or its scores imply.
fn sentence_piece(
    metadata: &Metadata,
    tokens: &mut [String],
    types: &[TokenType],
) -> Result<Algorithm, GgufTokenizerError> {
    let gemma = optional::<&str>(metadata, "general.architecture")?
        .is_some_and(|architecture| architecture.starts_with("gemma"));
    let mut mergeable: Vec<bool> = types.iter().map(|kind| *kind == TokenType::Normal).collect();
    if gemma {
        // Gemma's runs of spaces stand in the file as spaces, user-defined; its BPE writes a space
        // as a block and merges the blocks.
        for (token, mergeable) in tokens.iter_mut().zip(&mut mergeable) {
            if !token.is_empty() && token.chars().all(|c| c == ' ') {
                *token = token.replace(' ', BLOCK);
                *mergeable = true;
            }
        }
    }
    let space_prefix = optional(metadata, ADD_SPACE_PREFIX)?.unwrap_or(!gemma);
    let merges = if let Some(listed) = optional::<&[String]>(metadata, MERGES)? {
        let pair = |merge: &String| {
            let (left, right) = merge.split_once(' ')?;
            Some((left.to_owned(), right.to_owned()))
        };
        let pairs: Option<Vec<_>> = listed.iter().map(pair).collect();
        pairs.ok_or_else(|| inconsistent(MERGES, "has an entry that is no pair".to_owned()))?
    } else if gemma {
        // Gemma's scores do not follow the order of its merges; its token ids do.
        let ranks: Vec<f32> = (0..tokens.len()).map(|id| -(id as f32)).collect();
        merges::from_scores(tokens, &ranks, &mergeable)
    } else {
        let scores: &[f32] = required(metadata, SCORES)?;
        if scores.len() != tokens.len() {
            let problem = format!("has {} entries for {} tokens", scores.len(), tokens.len());
            return Err(inconsistent(SCORES, problem));
        }
        merges::from_scores(tokens, scores, &mergeable)
    };
    Ok(Algorithm::SentencePiece { merges, space_prefix })
}

/// The library trusts that merges join tokens it knows to tokens it knows.
fn check_merges(vocab: &Vocab, merges: &[(String, String)]) -> Result<(), GgufTokenizerError> {
    for (index, (left, right)) in merges.iter().enumerate() {
        for token in [left, right, &format!("{left}{right}")] {
            if !vocab.contains_key(token) {
                let problem = format!("entry {index} needs {token:?}, which is no token");
                return Err(inconsistent(MERGES, problem));
            }
        }
    }
    Ok(())
}
