//! The reference of a phase: frozen where the configuration says, kept on disk for a resumed run.

use std::collections::BTreeMap;

use hybrid_model::Decoder;
use hybrid_ppo::config::ReferenceConfig;

use super::{Run, models};
use crate::error::HybridError;
use crate::reference::Reference;

/// Models by the names that `ppo.reference` has for them.
pub type NamedModels = BTreeMap<String, Decoder>;

impl Run {
    /// Freezes the reference of a phase, and arms its checks.
    pub(super) fn begin_phase(&mut self, phase: usize) -> Result<(), HybridError> {
        let is_adapted = self.trainer.policy().decoder.adapters().is_some();
        // Adapters add nothing when a run starts: it is the policy without them.
        if self.trainer.counters().steps == 0 && self.needs_run_start() && !is_adapted {
            self.keep(RUN_START)?;
        }
        let Some(wanted) = self.wanted(phase) else {
            self.trainer.begin_phase(phase, None, false);
            return Ok(());
        };
        let parts = wanted.parts();
        if parts.iter().any(|(part, _)| *part == ReferenceConfig::PhaseStart) {
            self.keep(&phase_start(phase))?;
        }
        let is_policy = parts.len() == 1
            && match wanted {
                ReferenceConfig::PhaseStart => true,
                ReferenceConfig::RunStart => self.trainer.counters().steps == 0,
                _ => false,
            };
        let reference = if is_policy {
            // The policy's tensors are shared until its first update.
            let decoder = &self.trainer.policy().decoder;
            match wanted {
                ReferenceConfig::RunStart => Reference::frozen(&decoder.without_adapters()),
                _ => Reference::frozen(decoder),
            }
        } else {
            self.load_reference(&parts, phase)?
        };
        self.trainer.begin_phase(phase, Some(reference), is_policy);
        Ok(())
    }

    /// Sets the reference of the phase in which a resumed run goes on, or ended.
    pub(super) fn restore_reference(&mut self) -> Result<(), HybridError> {
        let phases = self.trainer.config().phase.len();
        let phase = self.state.cursor.phase.min(phases.saturating_sub(1));
        let reference = match self.wanted(phase) {
            Some(wanted) => Some(self.load_reference(&wanted.parts(), phase)?),
            None => None,
        };
        self.trainer.set_reference(reference);
        Ok(())
    }

    /// What a phase measures KL against; `None` for one without PPO.
    fn wanted(&self, phase: usize) -> Option<ReferenceConfig> {
        let config = self.trainer.config();
        let settings = config.phase.get(phase).filter(|phase| phase.has_ppo())?;
        Some(settings.reference.as_ref().unwrap_or(&config.ppo.reference).clone())
    }

    fn needs_run_start(&self) -> bool {
        let phases = 0..self.trainer.config().phase.len();
        let parts = phases.filter_map(|phase| self.wanted(phase)).flat_map(|it| it.parts());
        parts.into_iter().any(|(part, _)| part == ReferenceConfig::RunStart)
    }

    fn keep(&self, name: &str) -> Result<(), HybridError> {
        models::keep(
            &self.dir.path().join(name),
            &self.trainer.policy().decoder,
            self.trainer.tokenizer(),
        )
    }

    fn load_reference(
        &self,
        parts: &[(ReferenceConfig, f64)],
        phase: usize,
    ) -> Result<Reference, HybridError> {
        let policy = &self.trainer.policy().decoder;
        let kept = |name: &str| models::recall(&self.dir.path().join(name), policy);
        let mut decoders = Vec::with_capacity(parts.len());
        for (part, weight) in parts {
            let decoder = match part {
                ReferenceConfig::PhaseStart => kept(&phase_start(phase))?,
                ReferenceConfig::RunStart if policy.adapters().is_some() => {
                    policy.without_adapters()
                }
                ReferenceConfig::RunStart => kept(RUN_START)?,
                ReferenceConfig::Model(name) => {
                    self.references.get(name).cloned().ok_or_else(|| {
                        HybridError::Missing(format!("the reference model `{name}` was not loaded"))
                    })?
                }
                ReferenceConfig::Weighted(_) => {
                    let problem = "a list of references within a list of references".to_owned();
                    return Err(HybridError::Missing(problem));
                }
            };
            decoders.push((decoder, *weight));
        }
        Ok(Reference::weighted(decoders))
    }
}

/// The weights at the start of the run, in its directory.
const RUN_START: &str = "references/run-start";

/// The weights at the start of a phase, in the run directory.
fn phase_start(phase: usize) -> String {
    format!("references/phase-{phase}")
}
