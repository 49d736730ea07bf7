//! Whether a tensor's values lie in this process's memory, and how they get out and back uncopied.

use burn::tensor::{DType, Device, Tensor, TensorData};

/// Values one task works on: large enough to hide the task's cost, small enough for a core's cache.
pub(crate) const CHUNK: usize = 16_384;

/// True where every tensor is f32 on the CPU backend, so that [`take`] and [`give`] copy nothing.
pub(crate) fn resident(tensors: &[&Tensor<1>]) -> bool {
    tensors.iter().all(|tensor| tensor.dtype() == DType::F32 && tensor.device() == Device::flex())
}

/// The values of a resident tensor; moved where the tensor was their only owner, else copied.
pub(crate) fn take(tensor: Tensor<1>) -> TensorData {
    tensor.into_data()
}

/// The tensor of values that [`take`] gave out.
pub(crate) fn give(data: TensorData, device: &Device) -> Tensor<1> {
    Tensor::from_data(data, (device, DType::F32))
}

/// The values as a slice.
#[expect(clippy::expect_used, reason = "`resident` admits nothing but f32")]
pub(crate) fn slice(data: &TensorData) -> &[f32] {
    data.as_slice().expect("resident values are f32")
}

/// The values as a slice to write to.
#[expect(clippy::expect_used, reason = "`resident` admits nothing but f32")]
pub(crate) fn slice_mut(data: &mut TensorData) -> &mut [f32] {
    data.as_mut_slice().expect("resident values are f32")
}
