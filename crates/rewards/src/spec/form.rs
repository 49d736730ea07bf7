//! A second form of a reward: the same name, measured by a network where the spec names one.

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use super::info::Param;
use super::params::Params;
use super::registry::{BuildEnv, COMPONENT_KEYS, Keys, MakeReward, Maker, RegisterError, Registry};
use crate::error::ParamError;
use crate::reward::Reward;

/// The form in which a reward is measured by a network.
pub(crate) struct NetworkForm {
    /// The reward.
    pub(crate) name: &'static str,
    /// Its second form in whole sentences, to stand behind what the entry says.
    pub(crate) about: &'static str,
    /// Parameters of the first form that read otherwise where there are two.
    pub(crate) reworded: &'static [Param],
    /// The parameters of this form, `model` among them.
    pub(crate) params: Vec<Param>,
    /// Their defaults, in the same order.
    pub(crate) defaults: Keys,
    /// Makes the reward.
    pub(crate) make: MakeReward,
}

impl Registry {
    /// Gives a reward a second form, which a spec chooses by its `model`: any but null and, where the
    /// first form has a `model` too, but a file, which is a trained one of those.
    ///
    /// # Errors
    ///
    /// [`RegisterError`] where there is no reward of that name.
    pub(crate) fn network_form(&mut self, form: NetworkForm) -> Result<(), RegisterError> {
        let missing = || RegisterError {
            name: form.name.to_owned(),
            reason: "there is no reward of this name to have a second form",
        };
        let mut entry = self.rewards.remove(form.name).ok_or_else(missing)?;
        let Maker::Reward(first) = entry.make else { return Err(missing()) };
        let names = |params: &[Param]| params.iter().map(|param| param.name).collect::<Vec<_>>();
        let (firsts, seconds) = (names(&entry.params), names(&form.params));
        for param in form.reworded.iter().chain(&form.params) {
            match entry.params.iter_mut().find(|known| known.name == param.name) {
                Some(known) => *known = *param,
                None => entry.params.push(*param),
            }
        }
        if let Value::Object(defaults) = &mut entry.defaults {
            for (key, value) in form.defaults {
                defaults.entry(key).or_insert(value);
            }
        }
        entry.about = format!("{} {}", entry.about, form.about);
        let (second, files) = (form.make, firsts.contains(&"model"));
        entry.make = Maker::Reward(Box::new(move |keys, site| {
            let network = keys.get("model").is_some_and(|model| is_network(model, files));
            let (own, other, reason) = if network {
                (&seconds, &firsts, "has no effect where `model` is a network; remove it")
            } else {
                (&firsts, &seconds, "has no effect without a network as `model`; remove it")
            };
            let stray = |key: &str| !own.contains(&key) && other.contains(&key);
            let stray: Vec<&String> = keys.keys().filter(|key| stray(key)).collect();
            for key in &stray {
                site.error(key, reason);
            }
            match (stray.is_empty(), network) {
                (false, _) => None,
                (true, true) => second(keys, site),
                (true, false) => first(keys, site),
            }
        }));
        self.rewards.insert(form.name, entry);
        Ok(())
    }
}

/// Whether `model` names a network, and not a file of a model without one, where there are such.
fn is_network(model: &Value, files: bool) -> bool {
    let Value::String(name) = model else { return false };
    let path = Path::new(name);
    let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    !(files && (json || path.is_file()))
}

/// What makes a reward of parameters whose defaults are `defaults`, whatever those of their type are.
pub(crate) fn maker<P, R, F>(known: Vec<Param>, defaults: Keys, make: F) -> MakeReward
where
    P: Params,
    R: Reward + 'static,
    F: Fn(P, &BuildEnv<'_>) -> Result<R, ParamError> + Send + Sync + 'static,
{
    Box::new(move |keys, site| {
        let mut whole = defaults.clone();
        whole.extend(keys.clone());
        let params = site.params::<P>(&whole, &known, &COMPONENT_KEYS)?;
        let made = make(params, &site.env);
        Some(Box::new(site.keep(made)?))
    })
}

/// Parameters as the keys of a spec.
pub(crate) fn keys_of(params: &impl Serialize) -> Keys {
    match serde_json::to_value(params) {
        Ok(Value::Object(keys)) => keys,
        _ => Map::new(),
    }
}
