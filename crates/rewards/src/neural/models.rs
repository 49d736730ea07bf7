//! From a name in a spec to a loaded network.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use hybrid_model::Device;

use super::embedder::Embedder;
use super::language_model::LanguageModel;
use super::text_classifier::TextClassifier;
use crate::error::ParamError;
use crate::spec::registry::BuildEnv;

/// From a name (a path, `hf:owner/name`, a catalogue name) to the folder or file of a model; the
/// error says why there is none and what to do.
pub type Find<'a> = &'a dyn Fn(&str) -> Result<PathBuf, String>;

/// From the name of a device to the device; `None` is the one that the program runs on.
pub type Open<'a> = &'a dyn Fn(Option<&str>) -> Result<Device, String>;

/// The networks that specs name: each is loaded once for all components that name it, as long as
/// this value lives, and is freed with the last reward that uses it.
pub struct Models<'a> {
    find: Find<'a>,
    open: Open<'a>,
    language_models: Shelf<LanguageModel>,
    pub(super) embedders: Shelf<Embedder>,
    classifiers: Shelf<TextClassifier>,
}

impl std::fmt::Debug for Models<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Models")
    }
}

impl<'a> Models<'a> {
    /// Networks that `find` finds and that run on what `open` opens. Neither is asked before a spec
    /// names something.
    pub fn new(find: Find<'a>, open: Open<'a>) -> Self {
        Self {
            find,
            open,
            language_models: Shelf::default(),
            embedders: Shelf::default(),
            classifiers: Shelf::default(),
        }
    }

    /// The causal language model `name` on `device`.
    ///
    /// # Errors
    ///
    /// [`ParamError`] of `model` where nothing has that name or what has it is no such model, of
    /// `device` where there is no such device.
    pub fn language_model(
        &self,
        name: &str,
        device: Option<&str>,
    ) -> Result<Arc<LanguageModel>, ParamError> {
        let place = self.place(name, device)?;
        self.language_models.take(&place, || LanguageModel::load(&place.path, &place.device))
    }

    /// The sequence classifier `name` on `device`; `task` chooses among the heads of a run.
    ///
    /// # Errors
    ///
    /// As [`language_model`](Self::language_model), and [`ParamError`] of `task` where there is no
    /// such head.
    pub fn classifier(
        &self,
        name: &str,
        task: Option<&str>,
        device: Option<&str>,
    ) -> Result<Arc<TextClassifier>, ParamError> {
        let place = self.place(name, device)?;
        let part = task.unwrap_or_default();
        let load = || TextClassifier::load(&place.path, task, &place.device);
        self.classifiers.take_part(&place, part, load)
    }

    pub(super) fn place(&self, name: &str, device: Option<&str>) -> Result<Place, ParamError> {
        let path = (self.find)(name).map_err(|reason| ParamError::new("model", reason))?;
        let device = (self.open)(device).map_err(|reason| ParamError::new("device", reason))?;
        // Two names of one folder are one model.
        let path = path.canonicalize().unwrap_or(path);
        Ok(Place { path, device })
    }
}

impl BuildEnv<'_> {
    /// The causal language model `name` on `device`; see [`Models::language_model`].
    ///
    /// # Errors
    ///
    /// As there, and where the environment has no networks.
    pub fn language_model(
        &self,
        name: &str,
        device: Option<&str>,
    ) -> Result<Arc<LanguageModel>, ParamError> {
        self.networks(name)?.language_model(name, device)
    }

    /// The sequence classifier `name`, or its head `task`, on `device`; see [`Models::classifier`].
    ///
    /// # Errors
    ///
    /// As there, and where the environment has no networks.
    pub fn classifier(
        &self,
        name: &str,
        task: Option<&str>,
        device: Option<&str>,
    ) -> Result<Arc<TextClassifier>, ParamError> {
        self.networks(name)?.classifier(name, task, device)
    }

    /// The networks of the environment, one of which, `name`, a spec asks for.
    pub(super) fn networks(&self, name: &str) -> Result<&Models<'_>, ParamError> {
        self.models.ok_or_else(|| {
            let reason =
                format!("names `{name}`, but the program that reads the spec gives no models");
            ParamError::new("model", reason)
        })
    }
}

/// Where a network is read from, and where it runs.
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) device: Device,
}

/// Loaded networks of one kind by their places.
pub(super) struct Shelf<T>(Mutex<BTreeMap<(PathBuf, String), Arc<T>>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Shelf<T> {
    /// The network of a place, loaded by `load` where it is the first.
    pub(super) fn take(
        &self,
        place: &Place,
        load: impl FnOnce() -> Result<T, String>,
    ) -> Result<Arc<T>, ParamError> {
        self.take_part(place, "", load)
    }

    /// The same of a part of what lies at a place.
    fn take_part(
        &self,
        place: &Place,
        part: &str,
        load: impl FnOnce() -> Result<T, String>,
    ) -> Result<Arc<T>, ParamError> {
        let key = (place.path.clone(), format!("{:?} {part}", place.device));
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = shelf.get(&key) {
            return Ok(Arc::clone(there));
        }
        let loaded = Arc::new(load().map_err(|reason| ParamError::new("model", reason))?);
        shelf.insert(key, Arc::clone(&loaded));
        Ok(loaded)
    }
}
