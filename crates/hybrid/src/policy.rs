//! What a run trains: the decoder, and what estimates its values.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use hybrid_heads::balance::Uncertainty;
use hybrid_model::heads::{Freeze, TaskHeads};
use hybrid_model::value::ValueHead;
use hybrid_model::{Decoder, MultiHead, Trunk};

/// The trained parameters of a run, one module so that one optimizer holds them all.
///
/// Values come from [`Self::value_head`] on the decoder's own hidden states (a shared trunk), or
/// from a [`Critic`] with a trunk of its own. A run without PPO has neither. Task heads stand on the
/// decoder's states, too, where the run has any.
#[derive(Module, Debug)]
pub struct Policy {
    /// The language model.
    pub decoder: Decoder,
    /// Values from the decoder's hidden states.
    pub value_head: Option<ValueHead>,
    /// Values from a network of their own.
    pub critic: Option<Critic>,
    /// Task heads on the decoder.
    pub heads: Option<TaskHeads>,
    /// The noise of each task, where it weighs the losses.
    pub uncertainty: Option<Uncertainty>,
}

/// A value network with its own trunk.
#[derive(Module, Debug)]
pub struct Critic {
    /// The trunk.
    pub decoder: Decoder,
    /// From its hidden states to values.
    pub value_head: ValueHead,
}

/// Where values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueSource {
    /// Nowhere: nothing needs them.
    None,
    /// A head on the policy's trunk.
    Shared,
    /// A trunk of their own, which starts as a copy of the policy's.
    Separate,
}

impl Policy {
    /// A policy around `decoder`, on the device that records gradients for it. Of a decoder with
    /// adapters, and of a critic with a trunk of its own, only these are trained.
    #[must_use]
    pub fn new(decoder: Decoder, values: ValueSource) -> Self {
        let device = decoder.device().autodiff();
        let width = decoder.config().embedding_size;
        let head = || ValueHead::zeros(width, &device);
        let critic = (values == ValueSource::Separate)
            .then(|| Critic { decoder: tracked(decoder.clone()), value_head: head() });
        let value_head = (values == ValueSource::Shared).then(head);
        let decoder = tracked(decoder);
        Self { decoder, value_head, critic, heads: None, uncertainty: None }
    }

    /// The decoder with its task heads. They are the policy's own weights, not a copy, so a gradient
    /// of what they compute is one of the policy; `None` where it has no heads.
    #[must_use]
    pub fn with_heads(&self) -> Option<MultiHead> {
        let heads = self.heads.clone()?;
        Some(MultiHead::standing(Trunk::Decoder(self.decoder.clone()), heads))
    }

    /// Takes over decoder and heads of `model`, which record gradients from now on.
    pub(crate) fn take(&mut self, model: MultiHead) {
        let (trunk, heads) = model.frozen(Freeze::Nothing).into_parts();
        if let Trunk::Decoder(decoder) = trunk {
            self.decoder = decoder;
            self.heads = Some(heads);
        }
    }

    /// True where the policy can estimate values.
    #[must_use]
    pub fn has_values(&self) -> bool {
        self.value_head.is_some() || self.critic.is_some()
    }
}

/// The same decoder with parameters that record gradients: its adapters, or all where it has none.
pub(crate) fn tracked(decoder: Decoder) -> Decoder {
    let is_adapted = decoder.adapters().is_some();
    decoder.map(&mut Tracker { is_adapted, path: Vec::new() })
}

struct Tracker {
    is_adapted: bool,
    path: Vec<String>,
}

impl ModuleMapper for Tracker {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor) = (param.id, param.val());
        drop(param);
        let is_trained = !self.is_adapted || self.path.iter().any(|part| part == "adapters");
        // A detached leaf would still ask for its gradient.
        let tensor = tensor.autodiff().detach().set_require_grad(is_trained);
        Param::initialized(id, tensor)
    }
}
