//! The reference of a phase: frozen where the configuration says, kept on disk for a resumed run.

use std::collections::BTreeMap;

use hybrid_model::Decoder;
use hybrid_ppo::config::ReferenceConfig;

use super::Run;
use crate::error::HybridError;
use crate::reference::Reference;

/// Models by the names that `ppo.reference` has for them.
pub type NamedModels = BTreeMap<String, Decoder>;

impl Run {
    /// Freezes the reference of a phase, and arms its checks.
    pub(super) fn begin_phase(&mut self, phase: usize) -> Result<(), HybridError> {
        let reference = self.reference_of(phase, true)?;
        self.trainer.begin_phase(phase, reference);
        Ok(())
    }

    /// Sets the reference of the phase in which a resumed run goes on.
    pub(super) fn restore_reference(&mut self) -> Result<(), HybridError> {
        let phases = self.trainer.config().phase.len();
        let phase = self.state.cursor.phase.min(phases.saturating_sub(1));
        let reference = self.reference_of(phase, false)?;
        self.trainer.set_reference(reference);
        Ok(())
    }

    fn reference_of(&self, phase: usize, starts: bool) -> Result<Option<Reference>, HybridError> {
        let config = self.trainer.config();
        let Some(settings) = config.phase.get(phase).filter(|phase| phase.has_ppo()) else {
            return Ok(None);
        };
        let wanted = settings.reference.as_ref().unwrap_or(&config.ppo.reference);
        let parts = wanted.parts();
        let mut decoders = Vec::with_capacity(parts.len());
        for (part, weight) in &parts {
            decoders.push((self.frozen(part, phase, starts)?, *weight));
        }
        let is_policy = parts.len() == 1
            && match wanted {
                ReferenceConfig::PhaseStart => true,
                ReferenceConfig::RunStart => self.trainer.counters().steps == 0,
                _ => false,
            };
        let reference = Reference::weighted(decoders);
        Ok(Some(if is_policy && starts { reference.of_the_policy() } else { reference }))
    }

    /// One frozen model.
    fn frozen(
        &self,
        part: &ReferenceConfig,
        phase: usize,
        starts: bool,
    ) -> Result<Decoder, HybridError> {
        let policy = &self.trainer.policy().decoder;
        let own = |name: &str, begins: bool| {
            if begins {
                self.dir.replace_model(name, policy, self.trainer.tokenizer())?;
                // The policy's tensors are shared until its first update.
                return Ok(policy.clone());
            }
            self.dir.load_model(name, &policy.device())
        };
        match part {
            ReferenceConfig::PhaseStart => own(&format!("references/phase-{phase}"), starts),
            ReferenceConfig::RunStart => {
                let begins = starts && self.trainer.counters().steps == 0;
                own("references/run-start", begins)
            }
            ReferenceConfig::Model(name) => {
                self.references.get(name).cloned().ok_or_else(|| {
                    HybridError::Missing(format!("the reference model `{name}` was not loaded"))
                })
            }
            ReferenceConfig::Weighted(_) => {
                Err(HybridError::Missing("a list of references within a list".to_owned()))
            }
        }
    }
}
