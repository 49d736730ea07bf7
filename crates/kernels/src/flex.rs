//! From burn's tensors to slices of its CPU backend and back, with gradients of our own.

pub(crate) mod columns;
pub(crate) mod product;
pub(crate) mod rows;
pub(crate) mod table;
pub(crate) mod vector;

use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops::Deref;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::{
    Autodiff, BackendTensor, DispatchAutodiffContext, DispatchDevice, DispatchKindConversion,
    DispatchTensor, Flex, TensorMetadata,
};
use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_flex::FlexTensor;

/// Values a thread works on at a time where an operation has no rows of its own: 64 KiB.
pub(crate) const PIECE: usize = 16 * 1024;

/// Whether the kernels run on this device.
pub(crate) fn holds(device: &Device) -> bool {
    matches!(device.clone().without_autodiff().as_dispatch(), DispatchDevice::Flex(_))
}

/// The values of a tensor, row-major; shared where they already lie so.
#[derive(Debug, Clone)]
pub(crate) struct Values(FlexTensor);

impl Values {
    fn new(tensor: &FlexTensor) -> Self {
        Self(tensor.to_contiguous())
    }

    /// The values of a tensor that carries no gradient; `None` off this backend.
    pub(crate) fn of<const D: usize>(tensor: Tensor<D>) -> Option<Self> {
        Operand::new(tensor.into_dispatch()).map(|operand| Self::new(operand.primitive()))
    }

    /// A tensor of the same shape.
    pub(crate) fn like(&self, values: Vec<f32>) -> FlexTensor {
        FlexTensor::from_data(TensorData::new(values, self.0.layout().shape().clone()))
    }
}

impl Deref for Values {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // A contiguous tensor of this type always has a slice.
        self.0.as_slice::<f32>().unwrap_or(&[])
    }
}

/// The tensor as the backend holds it, however it lies, without gradients; `None` off this backend.
pub(crate) fn view<const D: usize>(tensor: Tensor<D>) -> Option<FlexTensor> {
    match Operand::new(tensor.into_dispatch())? {
        Operand::Plain(tensor) => Some(tensor),
        Operand::Recorded(_) => None,
    }
}

/// A tensor of the backend from its values.
pub(crate) fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// One input: plain, or with a place in the autodiff graph.
enum Operand {
    Plain(FlexTensor),
    Recorded(burn::backend::tensor::FloatTensor<Autodiff<Flex>>),
}

impl Operand {
    fn new(tensor: DispatchTensor) -> Option<Self> {
        if tensor.dtype() != DType::F32 {
            return None;
        }
        if tensor.autodiff == DispatchAutodiffContext::Disabled {
            let tensor = <DispatchTensor as DispatchKindConversion<Flex>>::try_into_backend(tensor);
            return match tensor.ok()? {
                BackendTensor::Float(tensor) => Some(Self::Plain(tensor)),
                _ => None,
            };
        }
        // Fails where gradients are checkpointed: there the composed operations serve.
        let tensor =
            <DispatchTensor as DispatchKindConversion<Autodiff<Flex>>>::try_into_backend(tensor);
        match tensor.ok()? {
            BackendTensor::Float(tensor) => Some(Self::Recorded(tensor)),
            _ => None,
        }
    }

    fn primitive(&self) -> &FlexTensor {
        match self {
            Self::Plain(tensor) => tensor,
            Self::Recorded(tensor) => tensor.primitive(),
        }
    }

    fn is_recorded(&self) -> bool {
        matches!(self, Self::Recorded(_))
    }

    fn is_tracked(&self) -> bool {
        matches!(self, Self::Recorded(tensor) if tensor.is_tracked())
    }

    fn into_guard(self) -> NodeGuard {
        match self {
            Self::Plain(tensor) => {
                burn::backend::tensor::FloatTensor::<Autodiff<Flex>>::new(tensor).node()
            }
            Self::Recorded(tensor) => tensor.node(),
        }
    }
}

/// The inputs of a fused operation.
pub(crate) struct Inputs<const N: usize> {
    /// Their values.
    pub(crate) values: [Values; N],
    /// Whether a backward pass will come.
    pub(crate) is_tracked: bool,
    guards: Option<[NodeGuard; N]>,
}

impl<const N: usize> Inputs<N> {
    /// `None` where an input is not on this backend, is not of 32-bit floats or belongs to a graph
    /// that checkpoints.
    pub(crate) fn new(tensors: [DispatchTensor; N]) -> Option<Self> {
        let operands: Vec<Operand> =
            tensors.into_iter().map(Operand::new).collect::<Option<_>>()?;
        Self::of(operands)
    }

    fn of(operands: Vec<Operand>) -> Option<Self> {
        let operands: [Operand; N] = operands.try_into().ok()?;
        let is_recorded = operands.iter().any(Operand::is_recorded);
        Some(Self {
            values: operands.each_ref().map(|operand| Values::new(operand.primitive())),
            is_tracked: operands.iter().any(Operand::is_tracked),
            guards: is_recorded.then(|| operands.map(Operand::into_guard)),
        })
    }

    /// As [`Inputs::new`]; `None` also where an input would have to be copied to lie row-major.
    pub(crate) fn in_place(tensors: [DispatchTensor; N]) -> Option<Self> {
        let operands: Vec<Operand> =
            tensors.into_iter().map(Operand::new).collect::<Option<_>>()?;
        if operands.iter().any(|operand| !operand.primitive().is_contiguous()) {
            return None;
        }
        Self::of(operands)
    }

    /// Gives the output its place in the graph. `saved` is dropped where no gradient is wanted.
    pub(crate) fn finish<F: Fused<N>, const D: usize>(
        self,
        output: FlexTensor,
        saved: F::Saved,
    ) -> Tensor<D> {
        let Some(guards) = self.guards else { return Tensor::from_primitive::<Flex>(output) };
        let node = Node::<F>(PhantomData).prepare::<NoCheckpointing>(guards);
        let recorded = match node.compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(saved, output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        };
        Tensor::from_primitive::<Autodiff<Flex>>(recorded)
    }
}

/// The backward pass of a fused operation of `N` inputs.
pub(crate) trait Fused<const N: usize>: Debug + Send + Sized + 'static {
    /// What the forward pass leaves for it.
    type Saved: Clone + Debug + Send + 'static;

    /// Gradients of the inputs, from that of the output. Those not `wanted` may be left out.
    fn backward(saved: Self::Saved, gradient: Values, wanted: [bool; N])
    -> [Option<FlexTensor>; N];
}

#[derive(Debug)]
struct Node<F>(PhantomData<F>);

impl<const N: usize, F: Fused<N>> Backward<Flex, N> for Node<F> {
    type State = F::Saved;

    fn backward(self, ops: Ops<F::Saved, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = Values::new(&grads.consume::<Flex>(&ops.node));
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let gradients = F::backward(ops.state, gradient, wanted);
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                grads.register::<Flex>(parent.id, gradient);
            }
        }
    }
}
