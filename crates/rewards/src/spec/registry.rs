//! Names to rewards, combinators and post-processors.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::info::{EntryKind, Info, Listing, Param};
use super::params::{Params, join, read};
use crate::combine::{Child, Rule};
use crate::error::{ParamError, SpecError};
use crate::post::PostProcess;
use crate::reward::{Closure, Reward};
use crate::sample::Sample;

/// Where the things that specs name are found.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct BuildEnv<'a> {
    /// The folder in which the files of a named asset lie, such as those of `vader-lexicon`; the
    /// error says why there is none and what to do.
    pub assets: &'a dyn Fn(&str) -> Result<PathBuf, String>,
    /// The networks that specs name; without them no reward that needs one can be built.
    #[cfg(feature = "neural")]
    pub models: Option<&'a crate::neural::Models<'a>>,
}

impl<'a> BuildEnv<'a> {
    /// An environment with assets and no networks.
    pub fn new(assets: &'a dyn Fn(&str) -> Result<PathBuf, String>) -> Self {
        Self {
            assets,
            #[cfg(feature = "neural")]
            models: None,
        }
    }

    /// The same with networks.
    #[cfg(feature = "neural")]
    #[must_use]
    pub fn with_models(self, models: &'a crate::neural::Models<'a>) -> Self {
        Self { models: Some(models), ..self }
    }
}

impl BuildEnv<'static> {
    /// An environment in which no asset is found; specs name files instead.
    pub fn without_assets() -> Self {
        Self::new(&|name| Err(format!("the asset `{name}` is not available here")))
    }
}

impl std::fmt::Debug for BuildEnv<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BuildEnv")
    }
}

/// Where in a spec something is built, and where mistakes go.
pub(crate) struct Site<'a> {
    pub(crate) env: BuildEnv<'a>,
    pub(crate) path: String,
    pub(crate) errors: Vec<SpecError>,
}

impl Site<'_> {
    pub(crate) fn error(&mut self, key: &str, reason: impl Into<String>) {
        self.errors.push(SpecError { path: join(&self.path, key), reason: reason.into() });
    }

    pub(super) fn params<P: Params>(
        &mut self,
        keys: &Keys,
        known: &[Param],
        common: &[&str],
    ) -> Option<P> {
        read(keys, known, common, &self.path, &mut self.errors)
    }

    pub(super) fn keep<T>(&mut self, result: Result<T, ParamError>) -> Option<T> {
        result.map_err(|error| self.error(&error.key, error.reason)).ok()
    }
}

/// The keys of a component that are its own.
pub(crate) type Keys = Map<String, Value>;
pub(crate) type MakeReward =
    Box<dyn Fn(&Keys, &mut Site<'_>) -> Option<Box<dyn Reward>> + Send + Sync>;
pub(crate) type MakeRule =
    Box<dyn Fn(&Keys, &[Child], &mut Site<'_>) -> Option<Box<dyn Rule>> + Send + Sync>;
pub(crate) type MakePost =
    Box<dyn Fn(&Keys, &mut Site<'_>) -> Option<Box<dyn PostProcess>> + Send + Sync>;

/// Keys that every reward takes.
pub(super) const COMPONENT_KEYS: [&str; 5] =
    ["type", "name", "weight", "postprocess", "timeout_ms"];
/// Keys that every combinator takes.
const COMBINATOR_KEYS: [&str; 6] =
    ["components", "type", "name", "weight", "postprocess", "timeout_ms"];

/// Whether the components of a combinator have weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// `weight` counts.
    Used,
    /// `weight` would have no effect and is refused.
    Unused,
}

pub(crate) enum Maker {
    Reward(MakeReward),
    Combinator(Weights, MakeRule),
    Bundle(&'static [Part], MakeRule),
}

/// A component that a bundle has by itself, under a key of its own.
pub(crate) struct Part {
    /// The key, which is also the component's name.
    pub(crate) key: &'static str,
    /// Whether the part is there where the spec does not name it.
    pub(crate) present: bool,
    /// Its spec, which that of the user adds to, unless it has a `type` of its own.
    pub(crate) spec: fn() -> Keys,
}

pub(crate) struct Entry<M> {
    pub(crate) info: Info,
    /// What it is: that of `info`, and what a second form adds to it.
    pub(crate) about: String,
    /// Those of `info`, and those of a second form.
    pub(crate) params: Vec<Param>,
    pub(crate) defaults: Value,
    pub(crate) make: M,
}

impl<M> Entry<M> {
    fn new(info: Info, defaults: Value, make: M) -> Self {
        Self { info, about: info.about.to_owned(), params: info.params.to_vec(), defaults, make }
    }

    fn listing(&self, kind: EntryKind) -> Listing {
        Listing::new(&self.info, &self.about, kind, &self.params, &self.defaults)
    }
}

/// A name that is taken, or that no spec could write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot register `{name}`: {reason}")]
pub struct RegisterError {
    /// The name or alias.
    pub name: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Names to rewards, combinators and post-processors.
#[derive(Default)]
pub struct Registry {
    pub(crate) rewards: BTreeMap<&'static str, Entry<Maker>>,
    pub(crate) posts: BTreeMap<&'static str, Entry<MakePost>>,
    aliases: BTreeMap<&'static str, &'static str>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("rewards", &self.rewards.keys())
            .field("posts", &self.posts.keys())
            .finish()
    }
}

impl Registry {
    /// Everything this crate has.
    ///
    /// # Errors
    ///
    /// Never in a released version: [`RegisterError`] where two entries of the crate share a name.
    pub fn builtin() -> Result<Self, RegisterError> {
        let mut registry = Self::default();
        crate::combine::register(&mut registry)?;
        crate::post::register(&mut registry)?;
        crate::metrics::register(&mut registry)?;
        #[cfg(feature = "neural")]
        crate::neural::register(&mut registry)?;
        Ok(registry)
    }

    /// Adds a reward with parameters of type `P`.
    ///
    /// # Errors
    ///
    /// [`RegisterError`] where the name or an alias is taken or empty.
    pub fn reward<P, R, F>(&mut self, info: Info, make: F) -> Result<(), RegisterError>
    where
        P: Params,
        R: Reward + 'static,
        F: Fn(P, &BuildEnv<'_>) -> Result<R, ParamError> + Send + Sync + 'static,
    {
        let known = info.params;
        let make: MakeReward = Box::new(move |keys, site| {
            let params = site.params::<P>(keys, known, &COMPONENT_KEYS)?;
            let made = make(params, &site.env);
            Some(Box::new(site.keep(made)?))
        });
        self.add(info, defaults::<P>(), Maker::Reward(make))
    }

    /// Adds a combinator with parameters of type `P`.
    ///
    /// # Errors
    ///
    /// [`RegisterError`] where the name or an alias is taken or empty.
    pub fn combinator<P, R, F>(
        &mut self,
        info: Info,
        weights: Weights,
        make: F,
    ) -> Result<(), RegisterError>
    where
        P: Params,
        R: Rule + 'static,
        F: Fn(P, &[Child]) -> Result<R, ParamError> + Send + Sync + 'static,
    {
        let known = info.params;
        let make: MakeRule = Box::new(move |keys, children, site| {
            let params = site.params::<P>(keys, known, &COMBINATOR_KEYS)?;
            Some(Box::new(site.keep(make(params, children))?))
        });
        self.add(info, defaults::<P>(), Maker::Combinator(weights, make))
    }

    /// Adds a reward that is a combinator with components of its own: the keys of `parts`, then
    /// parameters of type `P`.
    pub(crate) fn bundle<P, R, F>(
        &mut self,
        info: Info,
        parts: &'static [Part],
        make: F,
    ) -> Result<(), RegisterError>
    where
        P: Params,
        R: Rule + 'static,
        F: Fn(P, &[Child]) -> Result<R, ParamError> + Send + Sync + 'static,
    {
        let known = info.params;
        let make: MakeRule = Box::new(move |keys, children, site| {
            let params = site.params::<P>(keys, known, &COMPONENT_KEYS)?;
            Some(Box::new(site.keep(make(params, children))?))
        });
        let part = |part: &Part| {
            let spec = if part.present { json!({}) } else { Value::Null };
            (part.key.to_owned(), spec)
        };
        let mut keys: Keys = parts.iter().map(part).collect();
        if let Value::Object(own) = defaults::<P>() {
            keys.extend(own);
        }
        self.add(info, Value::Object(keys), Maker::Bundle(parts, make))
    }

    /// Adds a post-processor with parameters of type `P`.
    ///
    /// # Errors
    ///
    /// [`RegisterError`] where the name is taken or empty.
    pub fn post<P, T, F>(&mut self, info: Info, make: F) -> Result<(), RegisterError>
    where
        P: Params,
        T: PostProcess + 'static,
        F: Fn(P) -> Result<T, ParamError> + Send + Sync + 'static,
    {
        check_name(info.name, self.posts.contains_key(info.name))?;
        let known = info.params;
        let make: MakePost = Box::new(move |keys, site| {
            let params = site.params::<P>(keys, known, &["type"])?;
            Some(Box::new(site.keep(make(params))?))
        });
        self.posts.insert(info.name, Entry::new(info, defaults::<P>(), make));
        Ok(())
    }

    /// Adds a function of one row as a reward without parameters.
    ///
    /// # Errors
    ///
    /// [`RegisterError`] where the name is taken or empty.
    pub fn closure<F>(&mut self, info: Info, score: F) -> Result<(), RegisterError>
    where
        F: Fn(&Sample<'_>) -> Option<f64> + Send + Sync + Clone + 'static,
    {
        self.reward(info, move |_: super::params::NoParams, _| Ok(Closure(score.clone())))
    }

    /// Every entry, rewards and combinators first, each half by name.
    pub fn list(&self) -> Vec<Listing> {
        let rewards = self.rewards.values().map(|entry| {
            entry.listing(match entry.make {
                Maker::Reward(_) | Maker::Bundle(..) => EntryKind::Reward,
                Maker::Combinator(..) => EntryKind::Combinator,
            })
        });
        let posts = self.posts.values().map(|entry| entry.listing(EntryKind::Postprocessor));
        rewards.chain(posts).collect()
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Entry<Maker>> {
        self.rewards.get(name).or_else(|| self.rewards.get(self.aliases.get(name)?))
    }

    fn add(&mut self, info: Info, defaults: Value, make: Maker) -> Result<(), RegisterError> {
        let taken = |name: &str| self.find(name).is_some();
        check_name(info.name, taken(info.name))?;
        for alias in info.aliases {
            check_name(alias, taken(alias))?;
        }
        self.aliases.extend(info.aliases.iter().map(|alias| (*alias, info.name)));
        self.rewards.insert(info.name, Entry::new(info, defaults, make));
        Ok(())
    }
}

fn check_name(name: &str, taken: bool) -> Result<(), RegisterError> {
    let reason = if name.is_empty() || name.contains('/') {
        "a name must not be empty or hold a `/`"
    } else if taken {
        "the name is taken; choose another"
    } else {
        return Ok(());
    };
    Err(RegisterError { name: name.to_owned(), reason })
}

fn defaults<P: Params>() -> Value {
    serde_json::to_value(P::default()).unwrap_or(Value::Null)
}
