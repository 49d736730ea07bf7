//! What happens to a text before and after BPE, in each kind of tokenizer that GGUF files name.

use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence as DecoderSequence;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::unicode::NFC;
use tokenizers::normalizers::{
    NormalizerWrapper, Prepend, Replace, Sequence as NormalizerSequence,
};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizerSequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{DecoderWrapper, SplitDelimiterBehavior, Tokenizer};

#[cfg(test)]
mod tests;

/// Pieces of the regular expressions below: contractions and words; punctuation and white space.
const WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+";
const REST: &str = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Mistral's Tekken: words are cut where lower case is followed by upper case.
const TEKKEN: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);

/// How byte-level BPE cuts text first, by the name a file gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pre {
    Gpt2,
    SmolLm,
    Qwen2,
    Llama3,
    Tekken,
}

/// The names that files use.
pub(super) const PRES: [(&str, Pre); 9] = [
    ("gpt-2", Pre::Gpt2),
    ("default", Pre::Gpt2),
    ("smollm", Pre::SmolLm),
    ("starcoder", Pre::SmolLm),
    ("qwen2", Pre::Qwen2),
    ("llama-bpe", Pre::Llama3),
    ("llama3", Pre::Llama3),
    ("llama-v3", Pre::Llama3),
    ("tekken", Pre::Tekken),
];

/// Byte-level BPE: a regular expression cuts the text, bytes become letters, BPE joins them.
pub(super) fn byte_level(model: BPE, pre: Pre) -> tokenizers::Result<Tokenizer> {
    let mut inner = Tokenizer::new(model);
    let split = |regex: &str| -> tokenizers::Result<PreTokenizerWrapper> {
        let pattern = SplitPattern::Regex(regex.to_owned());
        Ok(Split::new(pattern, SplitDelimiterBehavior::Isolated, false)?.into())
    };
    let first: Option<PreTokenizerWrapper> = match pre {
        Pre::Gpt2 => None,
        Pre::SmolLm => Some(Digits::new(true).into()),
        Pre::Qwen2 => Some(split(&format!(r"{WORDS}|\p{{N}}|{REST}"))?),
        Pre::Llama3 => Some(split(&format!(r"{WORDS}|\p{{N}}{{1,3}}|{REST}"))?),
        Pre::Tekken => Some(split(TEKKEN)?),
    };
    let own_regex = matches!(pre, Pre::Gpt2 | Pre::SmolLm);
    let bytes: PreTokenizerWrapper = ByteLevel::new(false, false, own_regex).into();
    let steps = first.into_iter().chain([bytes]).collect();
    inner.with_pre_tokenizer(Some(PreTokenizerSequence::new(steps)));
    if pre == Pre::Qwen2 {
        inner.with_normalizer(Some(NFC))?;
    }
    inner.with_decoder(Some(ByteLevel::default()));
    Ok(inner)
}

/// How SentencePiece writes a space.
pub(super) const BLOCK: &str = "\u{2581}";

/// SentencePiece's BPE: spaces become blocks, unknown characters become bytes.
pub(super) fn sentence_piece(model: BPE, space_prefix: bool) -> tokenizers::Result<Tokenizer> {
    let mut inner = Tokenizer::new(model);
    let mut normalizers: Vec<NormalizerWrapper> = vec![Replace::new(" ", BLOCK)?.into()];
    let mut decoders: Vec<DecoderWrapper> =
        vec![Replace::new(BLOCK, " ")?.into(), ByteFallback::new().into(), Fuse::new().into()];
    if space_prefix {
        // Before every piece of text between special tokens, as the published files of Llama 2 and
        // its relatives do, even where the text begins with a space already.
        normalizers.insert(0, Prepend::new(BLOCK.to_owned()).into());
        decoders.push(Strip::new(' ', 1, 0).into());
    }
    inner.with_normalizer(Some(NormalizerSequence::new(normalizers)))?;
    inner.with_decoder(Some(DecoderSequence::new(decoders)));
    Ok(inner)
}
