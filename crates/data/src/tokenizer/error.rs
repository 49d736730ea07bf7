//! What can go wrong between a file and a tokenizer, and between a text and its tokens.

use std::io;
use std::path::PathBuf;

use super::gguf::GgufTokenizerError;
use crate::template::TemplateError;

/// What can go wrong when a tokenizer is loaded, used or saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// A directory without `tokenizer.json`.
    #[error(
        "there is no `tokenizer.json` in `{}`; a tokenizer in an older form becomes one with \
         `transformers`: `AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)`",
        dir.display()
    )]
    Missing {
        /// The directory.
        dir: PathBuf,
    },
    /// A path that is neither a directory nor a GGUF file.
    #[error(
        "`{}` is no tokenizer: expected a directory that holds `tokenizer.json`, or a `.gguf` file",
        path.display()
    )]
    UnknownKind {
        /// The path.
        path: PathBuf,
    },
    /// A file that cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A side file, such as `tokenizer_config.json`, that is not a JSON object.
    #[error("`{}` is not a JSON object; get the file again from where the model came from", path.display())]
    NotJson {
        /// The file.
        path: PathBuf,
        /// The parser's complaint, with its line.
        #[source]
        source: serde_json::Error,
    },
    /// A `tokenizer.json` that the tokenizers library does not accept.
    #[error(
        "`{}` is not a tokenizer the `tokenizers` library can read; it may be cut short, or a \
         git-lfs pointer: get the file again from where the model came from",
        path.display()
    )]
    Garbled {
        /// The file.
        path: PathBuf,
        /// The library's complaint.
        #[source]
        source: tokenizers::Error,
    },
    /// A key with a value of the wrong kind.
    #[error("`{key}` in `{}` is {value}, must be {expected}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What it holds.
        value: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// A special token that the vocabulary does not have.
    #[error(
        "the `{role}` \"{token}\" is not in the tokenizer's vocabulary; correct `{role}` in \
         `tokenizer_config.json`, or add the token to `tokenizer.json`"
    )]
    UnknownSpecialToken {
        /// Its role, such as `eos_token`.
        role: String,
        /// The token.
        token: String,
    },
    /// The vocabulary in a GGUF file cannot be used.
    #[error("the tokenizer in `{}` cannot be used", path.display())]
    Gguf {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: GgufTokenizerError,
    },
    /// A GGUF file that cannot be opened.
    #[error("cannot open the GGUF file `{}`", path.display())]
    OpenGguf {
        /// The file.
        path: PathBuf,
        /// The reader's complaint.
        #[source]
        source: hybrid_gguf::GgufError,
    },
    /// The BOS or EOS cannot be put around a text.
    #[error(
        "the tokenizers library refuses to add the BOS or EOS to a text; correct `bos_token` and \
         `eos_token`, or set `add_bos_token` and `add_eos_token` to false in `tokenizer_config.json`"
    )]
    Affixes {
        /// The library's complaint.
        #[source]
        source: tokenizers::Error,
    },
    /// The tokenizers library failed on a text.
    #[error("the tokenizer failed to encode a text of {bytes} bytes")]
    Encode {
        /// How long the text was.
        bytes: usize,
        /// The library's complaint.
        #[source]
        source: tokenizers::Error,
    },
    /// The tokenizers library failed on a sequence of ids.
    #[error("the tokenizer failed to decode {tokens} token ids")]
    Decode {
        /// How many ids there were.
        tokens: usize,
        /// The library's complaint.
        #[source]
        source: tokenizers::Error,
    },
    /// The tokenizer cannot be turned into a `tokenizer.json`.
    #[error("the tokenizer cannot be written as JSON")]
    Serialize {
        /// The serializer's complaint.
        #[source]
        source: serde_json::Error,
    },
    /// There is no chat template.
    #[error(
        "this tokenizer has no chat template, which `messages` need; set `chat_template` to a \
         Jinja template, or take a model trained for chat"
    )]
    NoChatTemplate,
    /// The chat template cannot be used.
    #[error("the tokenizer's chat template cannot be used")]
    ChatTemplate {
        /// Why not.
        #[source]
        source: TemplateError,
    },
}
