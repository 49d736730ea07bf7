//! A `[[phase]]` table: what happens, and for how long.

use hybrid_ppo::config::ReferenceConfig;
use serde::{Deserialize, Serialize};

use super::check::Problem;
use super::plateau::UntilConfig;
use super::schedule::{Curriculum, Schedule};
use super::unknown::listed;

/// One phase of a run. A step is one optimizer step of SFT or of the heads, or one whole PPO update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseConfig {
    /// What the phase does.
    pub kind: PhaseKind,
    /// Steps of an `sft`, `ppo` or `heads` phase. At least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// Cycles of a `hybrid` phase: SFT steps, then those of the heads, then PPO steps. At least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles: Option<usize>,
    /// SFT steps of a cycle; absent means 1, or 0 with `mix` or `heads_steps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sft_steps: Option<usize>,
    /// Steps of the task heads in a cycle; absent means 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heads_steps: Option<usize>,
    /// PPO updates of a cycle; absent means 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ppo_steps: Option<usize>,
    /// Adds the SFT loss to the loss of every PPO minibatch of a `hybrid` phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mix: Option<MixConfig>,
    /// Changes the steps of a cycle over the phase; in place of `sft_steps` and `ppo_steps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curriculum: Option<Curriculum>,
    /// Ends the phase early, by a metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UntilConfig>,
    /// In place of `ppo.reference` for this phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<ReferenceConfig>,
}

/// What a phase does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseKind {
    /// Learns from demonstrations.
    Sft,
    /// Maximises the reward.
    Ppo,
    /// Both, in cycles or in one loss.
    Hybrid,
    /// Trains the task heads, and the model under them.
    Heads,
}

impl PhaseKind {
    /// Its name, as the configuration writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sft => "sft",
            Self::Ppo => "ppo",
            Self::Hybrid => "hybrid",
            Self::Heads => "heads",
        }
    }
}

/// The SFT loss inside the PPO update (Ouyang et al. 2022, arXiv 2203.02155, "PPO-ptx").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixConfig {
    /// Factor of the SFT loss, each loss being the mean over its own counted tokens: a number, or a
    /// schedule over the PPO updates of the phase. At least 0.
    pub sft_coef: Schedule,
    /// Demonstrations beside each PPO minibatch; absent means `ppo.minibatch_size`. At least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sft_batch: Option<usize>,
}

/// A phase's keys with their defaults, by kind.
#[derive(Debug, Clone, PartialEq)]
pub enum PhasePlan {
    /// This many SFT steps.
    Sft {
        /// Optimizer steps.
        steps: usize,
    },
    /// This many PPO updates.
    Ppo {
        /// Updates, each a rollout and all its epochs.
        steps: usize,
    },
    /// This many steps of the task heads.
    Heads {
        /// Optimizer steps.
        steps: usize,
    },
    /// Cycles of both.
    Hybrid {
        /// Cycles.
        cycles: usize,
        /// What each consists of.
        steps: CycleSteps,
        /// Steps of the task heads in each, after those of SFT.
        heads: usize,
        /// The SFT loss inside the PPO update.
        mix: Option<MixConfig>,
    },
}

/// The steps of a cycle.
#[derive(Debug, Clone, PartialEq)]
pub enum CycleSteps {
    /// The same in every cycle.
    Fixed {
        /// SFT steps.
        sft: usize,
        /// PPO updates, after them.
        ppo: usize,
    },
    /// Changing over the phase.
    Curriculum(Curriculum),
}

impl CycleSteps {
    /// SFT and PPO steps of `cycle`, counted from 0, of `cycles`. `progress` in [0, 1] is what
    /// [`Curriculum::by`] measured, and counts only where that is given.
    #[must_use]
    pub fn of_cycle(&self, cycle: usize, cycles: usize, progress: f64) -> (usize, usize) {
        match self {
            Self::Fixed { sft, ppo } => (*sft, *ppo),
            Self::Curriculum(curriculum) if curriculum.by.is_some() => curriculum.steps(progress),
            Self::Curriculum(curriculum) => curriculum.steps(Curriculum::progress(cycle, cycles)),
        }
    }

    /// SFT and PPO steps of a whole phase; where progress is measured, the most it can be.
    fn total(&self, cycles: usize) -> (usize, usize) {
        match self {
            Self::Fixed { sft, ppo } => (sft.saturating_mul(cycles), ppo.saturating_mul(cycles)),
            Self::Curriculum(Curriculum { from, to, by: Some(_), .. }) => {
                let most = |place: usize| {
                    let end = |ends: &[usize; 2]| ends.get(place).copied().unwrap_or(0);
                    end(from).max(end(to)).saturating_mul(cycles)
                };
                (most(0), most(1))
            }
            Self::Curriculum(_) => (0..cycles).fold((0, 0), |(all_sft, all_ppo), cycle| {
                let (sft, ppo) = self.of_cycle(cycle, cycles, 0.0);
                (all_sft.saturating_add(sft), all_ppo.saturating_add(ppo))
            }),
        }
    }
}

impl PhaseConfig {
    /// A phase of one kind with nothing else said.
    #[must_use]
    pub fn new(kind: PhaseKind) -> Self {
        Self {
            kind,
            steps: None,
            cycles: None,
            sft_steps: None,
            heads_steps: None,
            ppo_steps: None,
            mix: None,
            curriculum: None,
            until: None,
            reference: None,
        }
    }

    /// What the phase does, with defaults filled in. Keys that the kind does not take are left out;
    /// [`super::RunConfig::validate`] refuses them.
    #[must_use]
    pub fn plan(&self) -> PhasePlan {
        let steps = self.steps.unwrap_or(0);
        match self.kind {
            PhaseKind::Sft => PhasePlan::Sft { steps },
            PhaseKind::Ppo => PhasePlan::Ppo { steps },
            PhaseKind::Heads => PhasePlan::Heads { steps },
            PhaseKind::Hybrid => PhasePlan::Hybrid {
                cycles: self.cycles.unwrap_or(0),
                steps: match &self.curriculum {
                    Some(curriculum) => CycleSteps::Curriculum(curriculum.clone()),
                    None => CycleSteps::Fixed {
                        sft: self.sft_steps.unwrap_or(usize::from(
                            self.mix.is_none() && self.heads_steps.is_none(),
                        )),
                        ppo: self.ppo_steps.unwrap_or(1),
                    },
                },
                heads: self.heads_steps.unwrap_or(0),
                mix: self.mix.clone(),
            },
        }
    }

    /// SFT optimizer steps and PPO updates of the phase if it does not end early.
    fn steps_by_kind(&self) -> (usize, usize) {
        match self.plan() {
            PhasePlan::Sft { steps } => (steps, 0),
            PhasePlan::Ppo { steps } => (0, steps),
            PhasePlan::Heads { .. } => (0, 0),
            PhasePlan::Hybrid { cycles, steps, .. } => steps.total(cycles),
        }
    }

    /// Steps of the task heads if the phase does not end early.
    fn heads_steps(&self) -> usize {
        match self.plan() {
            PhasePlan::Heads { steps } => steps,
            PhasePlan::Hybrid { cycles, heads, .. } => heads.saturating_mul(cycles),
            PhasePlan::Sft { .. } | PhasePlan::Ppo { .. } => 0,
        }
    }

    /// Steps of the phase if it does not end early.
    #[must_use]
    pub fn total_steps(&self) -> usize {
        let (sft, ppo) = self.steps_by_kind();
        sft.saturating_add(ppo).saturating_add(self.heads_steps())
    }

    /// PPO updates of the phase if it does not end early.
    #[must_use]
    pub fn ppo_updates(&self) -> usize {
        self.steps_by_kind().1
    }

    /// Whether the phase takes PPO updates.
    #[must_use]
    pub fn has_ppo(&self) -> bool {
        self.ppo_updates() > 0
    }

    /// Whether the phase learns from demonstrations.
    #[must_use]
    pub fn has_sft(&self) -> bool {
        self.steps_by_kind().0 > 0 || self.mix.is_some()
    }

    /// Whether the phase trains task heads.
    #[must_use]
    pub fn has_heads(&self) -> bool {
        self.heads_steps() > 0
    }

    pub(super) fn validate(&self, key: &str) -> Result<(), Problem> {
        self.keys_fit(key)?;
        let needed = if self.kind == PhaseKind::Hybrid { "cycles" } else { "steps" };
        match if self.kind == PhaseKind::Hybrid { self.cycles } else { self.steps } {
            None => {
                let text = format!("`{key}` lacks `{needed}`: say how long the phase is");
                return Err(Problem::new(key, text));
            }
            Some(0) => return Err(Problem::range(&format!("{key}.{needed}"), "0", "at least 1")),
            Some(count) if count > MAX_STEPS => {
                let allowed = format!("at most {MAX_STEPS}");
                return Err(Problem::range(
                    &format!("{key}.{needed}"),
                    &count.to_string(),
                    &allowed,
                ));
            }
            Some(_) => {}
        }
        if let Some(curriculum) = &self.curriculum {
            curriculum.validate(&format!("{key}.curriculum"))?;
        }
        if let Some(until) = &self.until {
            until.validate(&format!("{key}.until"))?;
        }
        if let Some(reference) = &self.reference {
            reference.validate().map_err(|error| Problem::in_section(key, &error.to_string()))?;
        }
        if let Some(mix) = &self.mix {
            self.validate_mix(mix, &format!("{key}.mix"))?;
        }
        if self.total_steps() == 0 {
            let text =
                format!("`{key}` has no SFT, heads or PPO steps in its cycles; give one of them");
            return Err(Problem::new(key, text));
        }
        Ok(())
    }

    fn validate_mix(&self, mix: &MixConfig, key: &str) -> Result<(), Problem> {
        mix.sft_coef.validate(&format!("{key}.sft_coef"))?;
        if mix.sft_coef.is_zero() {
            let allowed = "above 0 somewhere; remove `mix` to train without it";
            return Err(Problem::range(&format!("{key}.sft_coef"), "0", allowed));
        }
        if mix.sft_batch == Some(0) {
            return Err(Problem::range(&format!("{key}.sft_batch"), "0", "at least 1"));
        }
        if !self.has_ppo() {
            let text = format!("`{key}` adds the SFT loss to PPO updates, but the phase has none");
            return Err(Problem::new(key, text));
        }
        Ok(())
    }

    /// Refuses keys that a phase of this kind does not take.
    fn keys_fit(&self, key: &str) -> Result<(), Problem> {
        use PhaseKind::{Heads, Hybrid, Ppo, Sft};
        let given: [(&str, bool, &[PhaseKind]); 8] = [
            ("steps", self.steps.is_some(), &[Sft, Ppo, Heads]),
            ("cycles", self.cycles.is_some(), &[Hybrid]),
            ("sft_steps", self.sft_steps.is_some(), &[Hybrid]),
            ("heads_steps", self.heads_steps.is_some(), &[Hybrid]),
            ("ppo_steps", self.ppo_steps.is_some(), &[Hybrid]),
            ("mix", self.mix.is_some(), &[Hybrid]),
            ("curriculum", self.curriculum.is_some(), &[Hybrid]),
            ("reference", self.reference.is_some(), &[Ppo, Hybrid]),
        ];
        for (name, _, kinds) in given.iter().filter(|(_, given, _)| *given) {
            if kinds.contains(&self.kind) {
                continue;
            }
            let kinds: Vec<_> = kinds.iter().map(|kind| kind.name().to_owned()).collect();
            let own = if self.kind == Hybrid { "`cycles`" } else { "`steps`" };
            let (kinds, this) = (listed(&kinds, "and"), self.kind.name());
            let text = format!(
                "`{key}.{name}` belongs to phases of kind {kinds}, this one is `{this}`: remove it; \
                 the length of this phase is {own}"
            );
            return Err(Problem::new(&format!("{key}.{name}"), text));
        }
        let fixed = [("sft_steps", self.sft_steps), ("ppo_steps", self.ppo_steps)];
        let doubled = fixed.iter().find(|(_, steps)| steps.is_some() && self.curriculum.is_some());
        if let Some((name, _)) = doubled {
            let text = format!(
                "`{key}.{name}` and `{key}.curriculum` cannot be used together: the curriculum says \
                 how many steps a cycle has; remove one"
            );
            return Err(Problem::new(&format!("{key}.{name}"), text));
        }
        Ok(())
    }
}

/// More steps or cycles in a phase are a typing error.
const MAX_STEPS: usize = 100_000_000;

#[cfg(test)]
mod tests;
