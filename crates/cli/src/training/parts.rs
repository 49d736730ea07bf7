//! What a run configuration names, found and read: model, references, data and reward.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use burn::tensor::Device;
use hybrid::RunParts;
use hybrid::config::{BYTE_TOKENIZER, InitSection, RunConfig};
use hybrid::run::NamedModels;
use hybrid::run_dir::Environment;
use hybrid_assets::{Asset, Kind};
use hybrid_data::load::{self, Located, Part};
use hybrid_data::tokenizer::{TextLimit, Tokenizer};
use hybrid_model::init::init;
use hybrid_ppo::config::ReferenceConfig;
use hybrid_rewards::neural::Models;
use hybrid_rewards::{BuildEnv, Registry, RewardTree};
use serde_json::Value;

use super::heads;
use crate::commands::assets;
use crate::device::{self, DeviceChoice};
use crate::exit::BadInput;
use crate::model::{self, Loaded};
use crate::ui::Ui;

/// Finds and reads everything that `config` names, what is soonest read first.
///
/// # Errors
///
/// Whatever is wrong with a name or with what it stands for.
pub(crate) fn prepare(config: RunConfig, choice: DeviceChoice, ui: &Ui) -> Result<RunParts> {
    let device = choice.open()?;
    let reward = config.reward.as_ref().map(|spec| reward(spec, choice, ui)).transpose()?;
    let head_rewards = heads::rewards(&config.head, choice, ui)?;
    let judges = judges(&config.eval.judges, choice, ui)?;
    let located = Located::find(&config.data, |name, part| {
        let asset = assets::resolve(name, Kind::Data, ui)?;
        let splits: &[&str] = match part {
            Part::Train | Part::Prompts => &["train"],
            Part::Validation => &["validation", "test"],
        };
        anyhow::Ok(assets::source(&asset, splits))
    })?;
    let spinner = ui.spinner("reading data");
    let data = load::load(&config.data, &located, config.seed)?;
    spinner.finish_and_clear();
    // What is trained records gradients; what it is held against does not.
    let Loaded { decoder, tokenizer } = start(&config, &device.clone().autodiff(), ui)?;
    let heads = heads::rows(
        &config.head,
        &tokenizer,
        TextLimit::new(config.train.max_length),
        config.seed,
        ui,
    )?;
    let references = references(&config, &tokenizer, &device, ui)?;
    let environment = Environment::new(&choice.to_string(), &device::features());
    Ok(RunParts {
        config,
        decoder,
        tokenizer,
        data,
        reward,
        heads,
        head_rewards,
        judges,
        references,
        environment,
    })
}

/// The model that training starts from.
fn start(config: &RunConfig, device: &Device, ui: &Ui) -> Result<Loaded> {
    let init_section = match (&config.model.base, &config.model.init) {
        (Some(base), _) => return model::load(base, device, ui).context("`model.base`"),
        (None, Some(init_section)) => init_section,
        // Refused when the configuration was checked.
        (None, None) => return Err(BadInput::error("`model.base` is missing")),
    };
    let tokenizer = tokenizer(init_section, ui).context("`model.init.tokenizer`")?;
    let sizes = init_section.to_init(tokenizer.vocab_size());
    let tokens = tokenizer.vocab_size();
    if sizes.vocab_size < tokens {
        return Err(BadInput::error(format!(
            "`model.init.vocab_size` is {}, must be at least the {tokens} tokens of the tokenizer \
             `{}`; leave it out to have as many",
            sizes.vocab_size, init_section.tokenizer
        )));
    }
    let sizes = sizes.to_config().map_err(|error| BadInput::error(error.to_string()))?;
    Ok(Loaded { decoder: init(&sizes, config.seed, device), tokenizer })
}

/// The tokenizer of a new model.
fn tokenizer(section: &InitSection, ui: &Ui) -> Result<Tokenizer> {
    if section.tokenizer == BYTE_TOKENIZER {
        return Ok(Tokenizer::bytes()?);
    }
    Ok(Tokenizer::from_path(&assets::resolve_model_path(&section.tokenizer, ui)?)?)
}

/// The models that KL is measured against, where the configuration names any.
fn references(
    config: &RunConfig,
    tokenizer: &Tokenizer,
    device: &Device,
    ui: &Ui,
) -> Result<NamedModels> {
    let mut references = NamedModels::new();
    for phase in config.phase.iter().filter(|phase| phase.has_ppo()) {
        let wanted = phase.reference.as_ref().unwrap_or(&config.ppo.reference);
        for (part, _) in wanted.parts() {
            let ReferenceConfig::Model(name) = part else { continue };
            if references.contains_key(&name) {
                continue;
            }
            let loaded = model::load(&name, device, ui).context("`reference`")?;
            same_tokens(&name, &loaded.tokenizer, tokenizer)?;
            references.insert(name, loaded.decoder);
        }
    }
    Ok(references)
}

/// Log-probabilities of tokens compare only where each id means the same to both models.
fn same_tokens(name: &str, theirs: &Tokenizer, ours: &Tokenizer) -> Result<()> {
    let count = ours.vocab_size().max(theirs.vocab_size());
    let ids = (0..count).filter_map(|id| u32::try_from(id).ok());
    let different = ids.into_iter().find(|id| ours.token(*id) != theirs.token(*id));
    let Some(id) = different else { return Ok(()) };
    let shown = |tokenizer: &Tokenizer| {
        tokenizer.token(id).map_or_else(|| "nothing".to_owned(), |token| format!("`{token}`"))
    };
    Err(BadInput::error(format!(
        "the reference `{name}` has another vocabulary: token {id} is {} there, and {} in the \
         policy; name a model with the policy's tokenizer",
        shown(theirs),
        shown(ours)
    )))
}

/// Builds the rewards of `eval.judges`.
fn judges(
    specs: &BTreeMap<String, Value>,
    choice: DeviceChoice,
    ui: &Ui,
) -> Result<BTreeMap<String, RewardTree>> {
    let judge = |(name, spec): (&String, &Value)| {
        let judge = reward(spec, choice, ui).with_context(|| format!("`eval.judges.{name}`"))?;
        Ok((name.clone(), judge))
    };
    specs.iter().map(judge).collect()
}

/// Builds the reward, fetching what it names; networks run on `device` where they name no other.
pub(crate) fn reward(spec: &Value, device: DeviceChoice, ui: &Ui) -> Result<RewardTree> {
    let find = |name: &str, kind| assets::resolve(name, kind, ui);
    let (built, failures) = build(spec, device, &find)?;
    let errors = match built {
        Ok(tree) => return Ok(tree),
        Err(errors) => errors,
    };
    // Why it is not there: the spec is right.
    let Some(failure) = failures.into_iter().next() else { return Err(errors.into()) };
    let reason = format!("{failure:#}");
    let place = errors.0.iter().find(|error| error.reason.starts_with(&reason));
    let path = place.map(|error| error.path.as_str()).filter(|path| !path.is_empty());
    let path = path.map(|path| path.trim_start_matches("REWARD.").trim_start_matches("reward."));
    Err(failure.context(path.map_or("`reward`".to_owned(), |path| format!("`reward.{path}`"))))
}

/// Checks the reward as far as that is possible without fetching anything.
pub(crate) fn check_reward(spec: &Value, ui: &Ui) -> Result<()> {
    let find = |name: &str, kind| {
        let asset = assets::present(name, kind, ui)?;
        asset.with_context(|| format!("`{name}` is not fetched"))
    };
    match build(spec, DeviceChoice::default(), &find)? {
        (Err(errors), failures) if errors.0.len() > failures.len() => Err(errors.into()),
        _ => Ok(()),
    }
}

type Built = (Result<RewardTree, hybrid_rewards::SpecErrors>, Vec<anyhow::Error>);

/// Builds the reward with assets and models from `find`, and with `device`; whatever these failed with
/// is returned, too.
fn build(
    spec: &Value,
    device: DeviceChoice,
    find: &dyn Fn(&str, Kind) -> Result<Asset>,
) -> Result<Built> {
    let failures = RefCell::new(Vec::new());
    let noted = |error: anyhow::Error| {
        let reason = format!("{error:#}");
        failures.borrow_mut().push(error);
        reason
    };
    let assets = |name: &str| {
        if let Some((_, folders)) = SYSTEM_FOLDERS.iter().find(|(asset, _)| *asset == name) {
            return system_folder(folders);
        }
        find(name, Kind::Lexicon).map(|asset| asset.path).map_err(noted)
    };
    let model = |name: &str| {
        find(name, Kind::Model).and_then(|asset| model::weights_path(asset.path)).map_err(noted)
    };
    let open = |name: Option<&str>| match name.map_or(Ok(device), str::parse) {
        Ok(device) => device.open().map_err(noted),
        Err(reason) => Err(reason),
    };
    let models = Models::new(&model, &open);
    let env = BuildEnv::new(&assets).with_models(&models);
    let built = Registry::builtin()?.build(spec, &env);
    Ok((built, failures.into_inner()))
}

/// What the packages of an operating system install and the catalogue does not have.
const SYSTEM_FOLDERS: [(&str, &[&str]); 2] = [
    ("wordnet", &["/usr/share/wordnet", "/usr/share/wordnet/dict", "/usr/local/share/wordnet"]),
    ("hunspell-en-us", &["/usr/share/hunspell", "/usr/share/myspell", "/usr/local/share/hunspell"]),
];

/// The first of `folders` that is there.
fn system_folder(folders: &[&str]) -> Result<PathBuf, String> {
    let found = folders.iter().map(Path::new).find(|folder| folder.is_dir());
    found.map(Path::to_path_buf).ok_or_else(|| {
        let looked = folders.iter().map(|folder| format!("`{folder}`")).collect::<Vec<_>>();
        format!("none of {} is there", looked.join(", "))
    })
}
