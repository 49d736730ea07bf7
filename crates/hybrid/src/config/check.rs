//! What the types and the single tables cannot say: ranges, and what must fit together.

use super::error::{ConfigError, Place};
use super::heads::check_tasks;
use super::output::OutputConfig;
use super::{MemoryUse, PhaseConfig, RunConfig};

/// A value that is wrong, and where it stands.
#[derive(Debug)]
pub(super) struct Problem {
    /// The key's full path.
    pub(super) key: String,
    /// What is wrong, what is expected and what to do.
    pub(super) text: String,
}

impl Problem {
    pub(super) fn new(key: &str, text: impl Into<String>) -> Self {
        Self { key: key.to_owned(), text: text.into() }
    }

    /// "`key` is `value`, must be `allowed`".
    pub(super) fn range(key: &str, value: &str, allowed: &str) -> Self {
        Self::new(key, format!("`{key}` is {value}, must be {allowed}"))
    }

    /// A message of a crate that knows its own table only: a field's name at its front gets the
    /// table's name before it.
    pub(super) fn in_section(section: &str, message: &str) -> Self {
        let named = message.strip_prefix('`').and_then(|rest| rest.split_once('`'));
        match named {
            Some((field, rest)) => {
                let field =
                    field.strip_prefix(section).and_then(|f| f.strip_prefix('.')).unwrap_or(field);
                let key = format!("{section}.{field}");
                Self::new(&key, format!("`{key}`{rest}"))
            }
            None => Self::new(section, format!("`{section}`: {message}")),
        }
    }
}

impl RunConfig {
    /// Checks every range and what must fit together, before anything is loaded or allocated.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Key`] naming the first key that is wrong. NaN is out of every range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        check(self).map_err(|problem| ConfigError::key(Place::Value, &problem.key, problem.text))
    }
}

/// Every check, table by table, then across tables.
pub(super) fn check(config: &RunConfig) -> Result<(), Problem> {
    if i64::try_from(config.seed).is_err() {
        let allowed = format!("at most {}", i64::MAX);
        return Err(Problem::range("seed", &config.seed.to_string(), &allowed));
    }
    config.model.validate()?;
    config.train.validate()?;
    config.rollout.validate()?;
    config.eval.validate()?;
    config.output.validate()?;
    let within = |section: &'static str| {
        move |error: &dyn std::error::Error| Problem::in_section(section, &chain(error))
    };
    config.sft.validate().map_err(|error| within("sft")(&error))?;
    config.optim.validate().map_err(|error| within("optim")(&error))?;
    config.ppo.validate().map_err(|error| within("ppo")(&error))?;
    phases(config)?;
    heads(config)?;
    data(config)?;
    if config.has_ppo() {
        ppo(config)?;
    }
    scheduler(config)?;
    metrics(config)
}

/// An error with its causes on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn phases(config: &RunConfig) -> Result<(), Problem> {
    if config.phase.is_empty() {
        return Err(Problem::new(
            "phase",
            "there is no `[[phase]]`: say what to do, as `[[phase]]`, `kind = \"sft\"`, \
             `steps = 200`",
        ));
    }
    let mut phases = config.phase.iter().enumerate();
    phases.try_for_each(|(index, phase)| phase.validate(&format!("phase[{index}]")))
}

/// Task heads and what trains them need one another.
fn heads(config: &RunConfig) -> Result<(), Problem> {
    let place = config.phase.iter().position(PhaseConfig::has_heads);
    match place {
        None if config.head.is_empty() => return Ok(()),
        None => {
            let text = "no phase trains the `[[head]]` of this run of a language model: add a \
                        `[[phase]]` with `kind = \"heads\"`, or `heads_steps` to a `hybrid` phase";
            return Err(Problem::new("head", text));
        }
        Some(place) if config.head.is_empty() => {
            let key = format!("phase[{place}]");
            let text = format!(
                "`{key}` trains task heads, but there is no `[[head]]`: add one, as `[[head]]`, \
                 `task = \"sentiment\"`, `kind = \"classification\"`"
            );
            return Err(Problem::new(&key, text));
        }
        Some(_) => {}
    }
    if config.train.memory == MemoryUse::Low {
        let text = "`train.memory` is `low`, which task heads cannot take: their steps keep what a \
                    backward pass needs; set it to `normal`, or take `[[head]]` out";
        return Err(Problem::new("train.memory", text));
    }
    if !config.has_sft() && !config.has_ppo() {
        let text = "no phase trains the language model: add one of kind `sft`, `ppo` or `hybrid`; a \
                    file whose phases are all of kind `heads` is a run of task heads, which \
                    `config::load_any` reads";
        return Err(Problem::new("phase", text));
    }
    config.heads.check()?;
    check_tasks(&config.head)
}

/// A run without SFT needs prompts only.
fn data(config: &RunConfig) -> Result<(), Problem> {
    let mut data = config.data.clone();
    if !config.has_sft() && data.train.is_empty() {
        data.train = data.prompts.clone();
    }
    if data.train.is_empty() {
        let what = if config.has_sft() {
            "demonstrations for SFT: a path, or a name of `hybrid assets list`"
        } else {
            "prompts for PPO: give `data.prompts`, or `data.train` whose prompts are used"
        };
        return Err(Problem::new(
            "data.train",
            format!("`data.train` is missing; it names {what}"),
        ));
    }
    data.validate().map_err(|error| Problem::in_section("data", &chain(&error)))
}

fn ppo(config: &RunConfig) -> Result<(), Problem> {
    if config.reward.is_none() {
        return Err(Problem::new(
            "reward",
            "`reward` is missing, and PPO has nothing to maximise: add one, as `[reward]`, \
             `type = \"sentiment\"`",
        ));
    }
    let rollout = &config.rollout;
    if config.ppo.minibatch_size > rollout.rows() {
        return Err(Problem::range(
            "ppo.minibatch_size",
            &config.ppo.minibatch_size.to_string(),
            &format!(
                "at most the {} completions of a rollout (`rollout.batch_size` {} × \
                 `rollout.samples` {})",
                rollout.rows(),
                rollout.batch_size,
                rollout.samples
            ),
        ));
    }
    if rollout.max_new_tokens >= config.train.max_length {
        return Err(Problem::range(
            "rollout.max_new_tokens",
            &rollout.max_new_tokens.to_string(),
            &format!(
                "below `train.max_length` ({}), which holds prompt and completion together",
                config.train.max_length
            ),
        ));
    }
    Ok(())
}

fn scheduler(config: &RunConfig) -> Result<(), Problem> {
    let horizon = config.horizon();
    if config.optim.warmup_steps <= horizon {
        return Ok(());
    }
    Err(Problem::range(
        "optim.warmup_steps",
        &config.optim.warmup_steps.to_string(),
        &format!(
            "at most the {horizon} steps of the schedule; lower it, or set `optim.total_steps` if \
             the schedule should be longer than the run"
        ),
    ))
}

/// The first parts of the metrics' names.
const FAMILIES: &[&str] =
    &["rollout", "reward", "ppo", "kl", "sft", "heads", "optim", "eval", "time"];

/// Every metric that the configuration waits for must be one that the run writes.
fn metrics(config: &RunConfig) -> Result<(), Problem> {
    for (index, phase) in config.phase.iter().enumerate() {
        let key = format!("phase[{index}]");
        if let Some(until) = &phase.until {
            metric(config, Some(phase), &format!("{key}.until.metric"), &until.metric)?;
        }
        let by = phase.curriculum.as_ref().and_then(|curriculum| curriculum.by.as_ref());
        if let Some(by) = by {
            metric(config, Some(phase), &format!("{key}.curriculum.by.metric"), &by.metric)?;
        }
    }
    let OutputConfig { keep_best, .. } = &config.output;
    match keep_best {
        Some(best) => metric(config, None, "output.keep_best.metric", &best.metric),
        None => Ok(()),
    }
}

/// Whether a metric is that of a judge that the run does not have.
fn unknown_judge(config: &RunConfig, name: &str) -> bool {
    let judges = &config.eval.judges;
    ["eval/judge/", "eval/judge_nulls/"]
        .into_iter()
        .filter_map(|family| name.strip_prefix(family))
        .any(|judge| !judges.contains_key(judge))
}

/// Whether the run, or the phase, writes a metric, as far as its family tells.
fn metric(
    config: &RunConfig,
    phase: Option<&PhaseConfig>,
    key: &str,
    name: &str,
) -> Result<(), Problem> {
    let family = name.split_once('/').map(|(family, rest)| (family, rest.is_empty()));
    let Some((family, false)) = family.filter(|(family, _)| FAMILIES.contains(family)) else {
        let families = FAMILIES.join("/…, ");
        let allowed = format!("the name of a metric, one of {families}/… (see `docs/metrics.md`)");
        return Err(Problem::range(key, &format!("`{name}`"), &allowed));
    };
    let has_ppo = phase.map_or(config.has_ppo(), PhaseConfig::has_ppo);
    let has_sft = phase.map_or(config.has_sft(), PhaseConfig::has_sft);
    let has_heads = phase.map_or(config.has_heads(), PhaseConfig::has_heads);
    let place = if phase.is_some() { "the phase" } else { "the run" };
    let missing = match family {
        "rollout" | "reward" | "ppo" | "kl" if !has_ppo => {
            format!("{place} has no PPO updates")
        }
        "sft" if !has_sft => format!("{place} has no SFT steps"),
        "heads" if !has_heads => format!("{place} trains no task heads"),
        "eval" if phase.is_some() && config.eval.every == 0 => {
            "`eval.every` is 0, so nothing is measured during a phase; set it".to_owned()
        }
        "eval" if name == "eval/sft_loss" && config.data.validation.is_none() => {
            "`data.validation` is missing, so no demonstrations are held out; set it".to_owned()
        }
        "eval" if unknown_judge(config, name) => {
            "`eval.judges` has no judge of this name; add it".to_owned()
        }
        _ => return Ok(()),
    };
    Err(Problem::new(key, format!("`{key}` is `{name}`, which is never written: {missing}")))
}
