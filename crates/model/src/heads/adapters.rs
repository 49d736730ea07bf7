//! Heads on a trunk that learns through low-rank adapters.

use super::{Freeze, MultiHead};
use crate::lora::{LoraConfig, LoraError, LoraPlan};
use crate::values;

/// How much of a model is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterCounts {
    /// Numbers that change.
    pub trained: usize,
    /// All numbers.
    pub all: usize,
}

impl MultiHead {
    /// The same heads on a trunk with new adapters, by `seed`, in the layers that `freeze` leaves;
    /// they add nothing yet. See [`Self::frozen`] for what is trained.
    ///
    /// # Errors
    ///
    /// [`LoraError`] where the adapters do not fit the trunk.
    pub fn adapted(
        mut self,
        config: &LoraConfig,
        freeze: Freeze,
        seed: u64,
    ) -> Result<Self, LoraError> {
        let slots = self.trunk.slots();
        let first_layer = match freeze {
            Freeze::Nothing => 0,
            Freeze::Below(first) => first,
            Freeze::Trunk => self.trunk.layers(),
        };
        let plan = LoraPlan { config: config.clone(), first_layer };
        plan.check(&slots)?;
        self.trunk.attach(&plan, &mut plan.fresh(&slots, seed))?;
        Ok(self)
    }

    /// Which projections of the trunk have adapters.
    #[must_use]
    pub fn adapters(&self) -> Option<&LoraPlan> {
        self.trunk.adapters()
    }

    /// How much of it is trained, where its device records gradients.
    #[must_use]
    pub fn counts(&self) -> ParameterCounts {
        let (trained, all) = values::counts(self);
        ParameterCounts { trained, all }
    }
}
