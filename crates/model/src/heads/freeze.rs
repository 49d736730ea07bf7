//! Which part of a trunk is trained.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::MultiHead;

/// What of the trunk keeps its weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freeze {
    /// Nothing: all of it is trained.
    #[default]
    Nothing,
    /// All of it: the heads are trained.
    Trunk,
    /// The embeddings and the layers below this one, from 0: the layers from it on are trained.
    Below(usize),
}

impl MultiHead {
    /// The same module, in which what `freeze` names records no gradient and all else does, where
    /// its device records any. Of a trunk with adapters only these record gradients, whatever
    /// `freeze` leaves.
    #[must_use]
    pub fn frozen(self, freeze: Freeze) -> Self {
        if !self.device().is_autodiff() {
            return self;
        }
        let is_adapted = self.adapters().is_some();
        self.map(&mut Freezer { freeze, is_adapted, path: Vec::new() })
    }
}

struct Freezer {
    freeze: Freeze,
    is_adapted: bool,
    path: Vec<String>,
}

impl Freezer {
    fn is_frozen(&self) -> bool {
        if self.path.first().is_none_or(|part| part != "trunk") {
            return false;
        }
        match self.freeze {
            Freeze::Trunk => true,
            _ if self.is_adapted => !self.path.iter().any(|part| part == "adapters"),
            Freeze::Nothing => false,
            Freeze::Below(first) => {
                let layers = self.path.iter().position(|part| part == "layers" || part == "blocks");
                let number = layers.and_then(|place| self.path.get(place + 1)?.parse().ok());
                // What stands after the layers, as a last norm, is above them.
                let is_above = self.path.iter().any(|part| part == "final_norm");
                number.map_or(!is_above, |number: usize| number < first)
            }
        }
    }
}

impl ModuleMapper for Freezer {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor) = (param.id, param.val());
        drop(param);
        // A detached leaf would still ask for its gradient.
        Param::initialized(id, tensor.detach().set_require_grad(!self.is_frozen()))
    }
}
