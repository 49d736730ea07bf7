//! A tokenizer with one token a byte, so that any text can be written and read back.

use serde_json::{Value, json};

/// Ids: 0 to 255 are the bytes, then these.
pub const BOS: u32 = 256;
/// The end of a text or an answer.
pub const EOS: u32 = 257;
/// Rows an embedding needs for it.
pub const VOCAB_SIZE: usize = 258;

/// A ChatML template with the assistant's words marked.
pub const CHAT_TEMPLATE: &str = "{% for message in messages %}<{{ message.role }}>\
{% if message.role == 'assistant' %}{% generation %}{{ message.content }}{{ eos_token }}\
{% endgeneration %}{% else %}{{ message.content }}{% endif %}\n{% endfor %}\
{% if add_generation_prompt %}<assistant>{% endif %}";

/// The `tokenizer.json`.
#[must_use]
pub fn tokenizer_json() -> Value {
    let vocabulary: serde_json::Map<String, Value> =
        (0..=255_u8).map(|byte| (byte_character(byte).to_string(), json!(byte))).collect();
    let special = |id: u32, content: &str| {
        json!({"id": id, "content": content, "special": true, "normalized": false,
               "single_word": false, "lstrip": false, "rstrip": false})
    };
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false,
                       "use_regex": false});
    json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
        "added_tokens": [special(BOS, "<s>"), special(EOS, "</s>")],
        "pre_tokenizer": bytes, "decoder": bytes, "post_processor": null,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
    })
}

/// The `tokenizer_config.json`.
#[must_use]
pub fn tokenizer_config() -> Value {
    json!({"bos_token": "<s>", "eos_token": "</s>", "chat_template": CHAT_TEMPLATE,
           "tokenizer_class": "PreTrainedTokenizerFast"})
}

/// The printable character that stands for a byte in byte-level vocabularies: itself where it is
/// printable Latin-1, else the next free character from U+0100 on.
fn byte_character(byte: u8) -> char {
    let is_printable = |b: u8| matches!(b, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if is_printable(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|b| !is_printable(*b)).count();
    u32::try_from(before).ok().and_then(|n| char::from_u32(0x100 + n)).unwrap_or('\u{100}')
}

/// The `tokenizer.json` of a vocabulary of whole words, ids in their order, written with spaces
/// between them. For worlds that are too small for text.
#[must_use]
pub fn words_json(words: &[&str]) -> Value {
    let vocabulary: serde_json::Map<String, Value> =
        words.iter().enumerate().map(|(id, word)| ((*word).to_owned(), json!(id))).collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
        "added_tokens": [], "pre_tokenizer": {"type": "WhitespaceSplit"}, "decoder": null,
        "post_processor": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": words.first()},
    })
}
