//! Why a GGUF file could not be used.

use std::path::PathBuf;

use crate::dtype::GgmlType;

/// A GGUF file that cannot be opened, is malformed, or does not hold what was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GgufError {
    /// The file could not be opened or mapped.
    #[error("cannot open the GGUF file `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The first four bytes are not `GGUF`.
    #[error(
        "`{}` is not a GGUF file: it starts with the bytes {found}, a GGUF file with 47 47 55 46 \
         (`GGUF`); check that the download is complete and is not a web page",
        path.display()
    )]
    NotGguf {
        /// The file.
        path: PathBuf,
        /// Its first bytes in hexadecimal.
        found: String,
    },
    /// Version 1, or one newer than this reader.
    #[error(
        "`{}` is GGUF version {version}; versions 2 and 3 are supported: convert the model again \
         with a current converter",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version it states.
        version: u32,
    },
    /// A file written for a big-endian machine.
    #[error(
        "`{}` is a big-endian GGUF file (version {version}); only little-endian files are \
         supported: convert the model again for a little-endian machine",
        path.display()
    )]
    BigEndian {
        /// The file.
        path: PathBuf,
        /// The version it states, after swapping its bytes.
        version: u32,
    },
    /// Bytes that contradict the format.
    #[error("the GGUF file `{}` is malformed at byte {offset}: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
        /// What is wrong there, with the value found and what is allowed.
        what: String,
    },
    /// A metadata key that is needed and absent.
    #[error("the GGUF file `{}` has no metadata key `{key}`, expected {expected}", path.display())]
    MissingKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The type it should hold.
        expected: &'static str,
    },
    /// A metadata key of another type than needed, or a number out of range.
    #[error("metadata key `{key}` of the GGUF file `{}` is {found}, expected {expected}", path.display())]
    KeyType {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What it holds.
        found: String,
        /// The type it should hold.
        expected: &'static str,
    },
    /// A tensor that is needed and absent.
    #[error("the GGUF file `{}` has no tensor `{name}`", path.display())]
    MissingTensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A storage type that cannot be dequantised.
    #[error(
        "tensor `{name}` of the GGUF file `{}` is stored as {dtype}, which is not supported; the \
         supported types are {supported}: quantise the model to one of them, for example Q4_K_M \
         or Q8_0",
        path.display()
    )]
    UnsupportedType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        dtype: GgmlType,
        /// The types that can be dequantised, comma-separated.
        supported: String,
    },
}
