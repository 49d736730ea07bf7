//! Where a run stands in its phases, and what comes next.

use serde::{Deserialize, Serialize};

use crate::config::{CycleSteps, MixConfig, PhaseConfig, PhasePlan, Plateau, Verdict};
use crate::metrics::Metrics;

/// The next step of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    /// An optimizer step on demonstrations.
    Sft,
    /// An optimizer step on the examples of task heads.
    Heads,
    /// A PPO update.
    Ppo,
    /// A PPO update with the supervised loss in it.
    Mixed {
        /// Its factor.
        sft_coef: f64,
        /// Demonstrations of one optimizer step; `None`: as many as a minibatch has rows.
        sft_batch: Option<usize>,
    },
}

/// A place in the phases of a run. Part of a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The phase, from 0; their number once the run is over.
    pub phase: usize,
    /// The cycle of the phase, from 0; phases of one kind are one cycle.
    cycle: usize,
    /// SFT and PPO steps left in the cycle; `None` before it has begun.
    left: Option<(usize, usize)>,
    /// Steps of the heads left in the cycle.
    #[serde(default)]
    heads_left: usize,
    /// PPO updates done in the phase.
    updates: usize,
    /// Measured progress of a curriculum that follows a metric.
    progress: f64,
    /// What the phase's end depends on.
    plateau: Plateau,
}

impl Cursor {
    /// True before the first step of a phase.
    #[must_use]
    pub fn at_phase_start(&self) -> bool {
        self.cycle == 0 && self.left.is_none()
    }

    /// True before the first step of a cycle.
    #[must_use]
    pub fn at_cycle_start(&self) -> bool {
        self.left.is_none()
    }

    /// Whether the present phase has both kinds of step, so that supervised steps are followed by
    /// rollouts.
    #[must_use]
    pub fn alternates(&self, phases: &[PhaseConfig]) -> bool {
        let is_supervised = |phase: &PhaseConfig| phase.has_sft() || phase.has_heads();
        phases.get(self.phase).is_some_and(|phase| phase.has_ppo() && is_supervised(phase))
    }

    /// What comes next, or `None` where the phase (or the run) is over.
    pub fn action(&mut self, phases: &[PhaseConfig]) -> Option<Action> {
        let phase = phases.get(self.phase)?;
        let plan = phase.plan();
        let cycles = cycles(&plan);
        while self.cycle < cycles {
            let (sft, ppo) = match self.left {
                Some(left) => left,
                None => {
                    self.heads_left = heads_of(&plan);
                    steps_of(&plan, self.cycle, self.progress)
                }
            };
            self.left = Some((sft, ppo));
            match (sft, self.heads_left, ppo) {
                (0, 0, 0) => {
                    self.cycle += 1;
                    self.left = None;
                }
                (0, 0, _) => return Some(self.ppo(phase, &plan)),
                (0, ..) => return Some(Action::Heads),
                _ => return Some(Action::Sft),
            }
        }
        None
    }

    fn ppo(&self, phase: &PhaseConfig, plan: &PhasePlan) -> Action {
        match plan {
            PhasePlan::Hybrid { mix: Some(MixConfig { sft_coef, sft_batch }), .. } => {
                let sft_coef = sft_coef.value(self.updates, phase.ppo_updates());
                Action::Mixed { sft_coef, sft_batch: *sft_batch }
            }
            _ => Action::Ppo,
        }
    }

    /// Takes note of a step that was done, with what it measured; true where the phase ends early.
    pub fn done(&mut self, action: Action, metrics: &Metrics, phases: &[PhaseConfig]) -> bool {
        if let Some((sft, ppo)) = &mut self.left {
            match action {
                Action::Sft => *sft = sft.saturating_sub(1),
                Action::Heads => self.heads_left = self.heads_left.saturating_sub(1),
                Action::Ppo | Action::Mixed { .. } => *ppo = ppo.saturating_sub(1),
            }
            if (*sft, self.heads_left, *ppo) == (0, 0, 0) {
                self.cycle += 1;
                self.left = None;
            }
        }
        self.updates += usize::from(matches!(action, Action::Ppo | Action::Mixed { .. }));
        self.observe(metrics, phases)
    }

    /// Takes note of measured metrics; true where the phase ends early.
    pub fn observe(&mut self, metrics: &Metrics, phases: &[PhaseConfig]) -> bool {
        let Some(phase) = phases.get(self.phase) else { return false };
        if let Some(measure) = phase.curriculum.as_ref().and_then(|it| it.by.as_ref())
            && let Some(value) = metrics.get(&measure.metric)
        {
            self.progress = self.progress.max(measure.progress(value));
        }
        let Some(until) = &phase.until else { return false };
        metrics
            .get(&until.metric)
            .is_some_and(|value| self.plateau.observe(value, until) != Verdict::Continue)
    }

    /// Moves on to the next phase.
    pub fn next_phase(&mut self) {
        *self = Self { phase: self.phase + 1, ..Self::default() };
    }
}

fn cycles(plan: &PhasePlan) -> usize {
    match plan {
        PhasePlan::Sft { .. } | PhasePlan::Ppo { .. } | PhasePlan::Heads { .. } => 1,
        PhasePlan::Hybrid { cycles, .. } => *cycles,
    }
}

/// Steps of the heads in every cycle.
fn heads_of(plan: &PhasePlan) -> usize {
    match plan {
        PhasePlan::Heads { steps } => *steps,
        PhasePlan::Hybrid { heads, .. } => *heads,
        PhasePlan::Sft { .. } | PhasePlan::Ppo { .. } => 0,
    }
}

/// SFT and PPO steps of a cycle.
fn steps_of(plan: &PhasePlan, cycle: usize, progress: f64) -> (usize, usize) {
    match plan {
        PhasePlan::Sft { steps } => (*steps, 0),
        PhasePlan::Ppo { steps } => (0, *steps),
        PhasePlan::Heads { .. } => (0, 0),
        PhasePlan::Hybrid { cycles, steps, .. } => {
            CycleSteps::of_cycle(steps, cycle, *cycles, progress)
        }
    }
}

#[cfg(test)]
mod tests;
