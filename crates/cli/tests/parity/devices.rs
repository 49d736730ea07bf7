//! The two devices of every comparison.

use std::fmt::Debug;
use std::sync::OnceLock;

use burn::tensor::Device;
use hybrid_kernels::is_fused;

use crate::numbers::{Numbers, difference};

/// Largest difference between two devices, relative to the largest value of the tensor where that
/// exceeds 1: sums in another order, and the device's own exponential.
pub(crate) const SAME_WORK: f64 = 2e-5;

/// Names the other device.
const VARIABLE: &str = "HYBRID_PARITY_DEVICE";

/// The name of the processor without the kernels.
pub(crate) const COMPOSED: &str = "composed";

/// What the other device is called.
pub(crate) fn other_name() -> String {
    let compiled = if cfg!(feature = "cuda") {
        "cuda"
    } else if cfg!(feature = "vulkan") {
        "vulkan"
    } else if cfg!(feature = "wgpu-untuned") {
        "wgpu"
    } else {
        COMPOSED
    };
    std::env::var(VARIABLE).unwrap_or_else(|_| compiled.to_owned())
}

/// The processor with its kernels, recording gradients.
fn processor() -> Device {
    Device::flex().autodiff()
}

/// The device that is held against it, recording gradients.
///
/// # Panics
///
/// When it is not compiled in or not there.
fn other() -> Device {
    static OTHER: OnceLock<Device> = OnceLock::new();
    let device = OTHER.get_or_init(|| {
        let name = other_name();
        open(&name).unwrap_or_else(|problem| panic!("{VARIABLE} = `{name}`: {problem}"))
    });
    device.clone()
}

fn open(name: &str) -> Result<Device, String> {
    if name == COMPOSED {
        return Ok(processor().gradient_checkpointing());
    }
    let (backend, index) = name.split_once(':').unwrap_or((name, "0"));
    let index: usize = index.parse().map_err(|_| format!("`{index}` is no device index"))?;
    let device = present(backend)?.into_iter().nth(index);
    let absent =
        "there is no such device; is its driver installed, and does VK_DRIVER_FILES name it?";
    Ok(device.ok_or(absent)?.autodiff())
}

#[cfg(feature = "accelerator")]
fn present(backend: &str) -> Result<Vec<Device>, String> {
    use burn::tensor::DeviceType;
    let kind = match backend {
        #[cfg(feature = "cuda")]
        "cuda" => DeviceType::Cuda,
        #[cfg(feature = "vulkan")]
        "vulkan" => DeviceType::Vulkan,
        #[cfg(feature = "wgpu-untuned")]
        "wgpu" => DeviceType::Wgpu,
        _ => return Err(not_compiled(backend)),
    };
    Ok(Device::enumerate(kind).into_vec())
}

#[cfg(not(feature = "accelerator"))]
fn present(backend: &str) -> Result<Vec<Device>, String> {
    Err(not_compiled(backend))
}

fn not_compiled(backend: &str) -> String {
    format!("is not compiled in; add `--features {backend}`, or say `{COMPOSED}`")
}

/// Does `work` on both devices, each of which records gradients, and holds the numbers against each
/// other. With `--nocapture` it tells how far they are apart.
#[track_caller]
pub(crate) fn same(what: &str, tolerance: f64, work: impl Fn(&Device) -> Numbers) {
    let (expected, ours) = (work(&processor()), work(&other()));
    let names =
        |numbers: &Numbers| numbers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&expected), "{what}");
    assert!(!ours.is_empty(), "{what}: nothing to compare");
    for ((name, ours), (_, expected)) in ours.iter().zip(&expected) {
        let apart = difference(ours, expected);
        println!("{what}: {name}: {apart:.1e}");
        let device = other_name();
        assert!(
            apart <= tolerance,
            "{what}: {name} is {apart:e} apart on {device}\n{ours:?}\nexpected {expected:?}"
        );
    }
}

/// Does `work` on both devices; what comes out has to be equal.
#[track_caller]
pub(crate) fn equal<T: PartialEq + Debug>(what: &str, work: impl Fn(&Device) -> T) {
    assert_eq!(work(&other()), work(&processor()), "{what} on {}", other_name());
}

#[test]
fn the_kernels_are_the_processors_and_the_other_device_is_there() {
    let (device, name) = (other(), other_name());
    println!("{name}: {device:?}");
    assert!(device.is_autodiff());
    assert!(is_fused(&processor()));
    assert_eq!(is_fused(&device), name == COMPOSED, "{name}");
}
