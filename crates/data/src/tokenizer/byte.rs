//! One token a byte: a vocabulary that needs no training and reads every text.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::{Tokenizer, TokenizerError, TokenizerParts};

#[cfg(test)]
mod tests;

/// The names of the two special tokens; their ids follow those of the bytes.
const SPECIAL: [(&str, &str); 2] = [("bos_token", "<s>"), ("eos_token", "</s>")];

/// Ids below this are bytes.
const BYTES: usize = 256;

impl Tokenizer {
    /// The tokenizer with 258 tokens: the bytes 0 to 255, then `<s>` (BOS) and `</s>` (EOS), of which
    /// none is added to a text by itself. Saved, it is a byte-level BPE without merges.
    ///
    /// # Errors
    ///
    /// [`TokenizerError`] if the tokenizers library refuses the vocabulary.
    pub fn bytes() -> Result<Self, TokenizerError> {
        let garbled = |source| TokenizerError::Garbled { path: PathBuf::from("byte"), source };
        let inner =
            tokenizers::Tokenizer::from_bytes(tokenizer_json().to_string()).map_err(garbled)?;
        let role = |(role, token): (&str, &str)| (role.to_owned(), token.to_owned());
        let special_tokens: BTreeMap<String, String> = SPECIAL.into_iter().map(role).collect();
        Self::new(inner, TokenizerParts { special_tokens, ..TokenizerParts::default() })
    }
}

/// The `tokenizer.json`.
fn tokenizer_json() -> Value {
    let characters = (0..=u8::MAX).zip(byte_characters());
    let vocabulary: Map<String, Value> =
        characters.map(|(byte, character)| (character.to_string(), json!(byte))).collect();
    let special = SPECIAL.iter().zip(BYTES..).map(|((_, content), id)| {
        json!({"id": id, "content": content, "special": true, "normalized": false,
               "single_word": false, "lstrip": false, "rstrip": false})
    });
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false,
                       "use_regex": false});
    json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
        "added_tokens": special.collect::<Vec<_>>(),
        "pre_tokenizer": bytes, "decoder": bytes, "post_processor": null,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
    })
}

/// How byte-level vocabularies write each byte (Radford et al. 2019, GPT-2): itself where it is
/// printable Latin-1, else the next character from U+0100 on that is free.
fn byte_characters() -> impl Iterator<Item = char> {
    let mut free = '\u{100}'..='\u{1ff}';
    (0..=u8::MAX).map(move |byte| match byte {
        b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => char::from(byte),
        _ => free.next().unwrap_or(char::REPLACEMENT_CHARACTER),
    })
}
