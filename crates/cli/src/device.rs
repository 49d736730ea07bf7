//! The only place that names a backend: from `--device` to a burn device.

use std::fmt;
use std::str::FromStr;

use anyhow::Result;
use burn::tensor::Device;

use crate::exit::BadInput;

/// A backend as the user writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backend {
    Cpu,
    NdArray,
    Wgpu,
    Vulkan,
    Cuda,
}

const BACKENDS: [Backend; 5] =
    [Backend::Cpu, Backend::NdArray, Backend::Wgpu, Backend::Vulkan, Backend::Cuda];

impl Backend {
    fn name(self) -> &'static str {
        match self {
            Backend::Cpu => "cpu",
            Backend::NdArray => "ndarray",
            Backend::Wgpu => "wgpu",
            Backend::Vulkan => "vulkan",
            Backend::Cuda => "cuda",
        }
    }

    /// The cargo feature that compiles it in.
    fn feature(self) -> &'static str {
        if self == Backend::Cpu { "flex" } else { self.name() }
    }

    fn is_compiled(self) -> bool {
        match self {
            Backend::Cpu => cfg!(feature = "flex"),
            Backend::NdArray => cfg!(feature = "ndarray"),
            Backend::Wgpu => cfg!(feature = "wgpu-untuned"),
            Backend::Vulkan => cfg!(feature = "vulkan"),
            Backend::Cuda => cfg!(feature = "cuda"),
        }
    }
}

/// Where the run happens: `cpu`, `ndarray`, `wgpu[:i]`, `vulkan[:i]` or `cuda[:i]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeviceChoice {
    backend: Backend,
    index: Option<usize>,
}

impl Default for DeviceChoice {
    /// The processor.
    fn default() -> Self {
        Self { backend: Backend::Cpu, index: None }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "{}:{index}", self.backend.name()),
            None => f.write_str(self.backend.name()),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, index) = match text.split_once(':') {
            Some((name, index)) => (name, Some(index)),
            None => (text, None),
        };
        let backend = BACKENDS.into_iter().find(|backend| backend.name() == name);
        let expected = "expected cpu, ndarray, wgpu[:i], vulkan[:i] or cuda[:i]";
        let backend = backend.ok_or_else(|| format!("no device is called `{text}`; {expected}"))?;
        let takes_index = !matches!(backend, Backend::Cpu | Backend::NdArray);
        let index = match index {
            None => None,
            Some(_) if !takes_index => return Err(format!("`{name}` takes no index")),
            Some(index) => {
                Some(index.parse().map_err(|_| format!("`{index}` is no device index"))?)
            }
        };
        Ok(Self { backend, index })
    }
}

impl DeviceChoice {
    /// The device, opened.
    ///
    /// # Errors
    ///
    /// [`BadInput`] when the backend is not compiled in or has no such device.
    pub(crate) fn open(self) -> Result<Device> {
        if !self.backend.is_compiled() {
            let feature = self.backend.feature();
            return Err(BadInput::error(format!(
                "`{self}` is not compiled in; rebuild with `--features {feature}`"
            )));
        }
        open(self).ok_or_else(|| {
            BadInput::error(format!("there is no device `{self}`; `hybrid devices` lists what is"))
        })
    }
}

/// The features of the backends that are compiled in.
pub(crate) fn features() -> Vec<&'static str> {
    BACKENDS.into_iter().filter(|backend| backend.is_compiled()).map(Backend::feature).collect()
}

fn open(choice: DeviceChoice) -> Option<Device> {
    match choice.backend {
        #[cfg(feature = "flex")]
        Backend::Cpu => Some(Device::flex()),
        #[cfg(feature = "ndarray")]
        #[expect(deprecated, reason = "kept selectable while burn has it")]
        Backend::NdArray => Some(Device::ndarray()),
        #[cfg(feature = "accelerator")]
        backend => present(backend).into_iter().nth(choice.index.unwrap_or(0)),
        #[cfg(not(all(feature = "flex", feature = "ndarray", feature = "accelerator")))]
        #[cfg_attr(
            feature = "accelerator",
            expect(unreachable_patterns, reason = "which backends are left depends on features")
        )]
        _ => None,
    }
}

/// Devices of a backend that has an index, in the order of their indices.
#[cfg(feature = "accelerator")]
fn present(backend: Backend) -> Vec<Device> {
    use burn::tensor::DeviceType;
    let kind = match backend {
        #[cfg(feature = "wgpu-untuned")]
        Backend::Wgpu => DeviceType::Wgpu,
        #[cfg(feature = "vulkan")]
        Backend::Vulkan => DeviceType::Vulkan,
        #[cfg(feature = "cuda")]
        Backend::Cuda => DeviceType::Cuda,
        _ => return Vec::new(),
    };
    // A driver library that is not there makes the backend panic instead of listing nothing.
    std::panic::catch_unwind(|| Device::enumerate(kind).into_vec()).unwrap_or_default()
}

/// One line of `hybrid devices`.
#[derive(Debug, serde::Serialize)]
pub(crate) struct DeviceRow {
    /// As `--device` takes it.
    pub(crate) device: String,
    /// Whether this binary contains the backend.
    pub(crate) compiled: bool,
    /// Whether the device is there.
    pub(crate) present: bool,
    /// What it is, or how to get it.
    pub(crate) note: String,
}

/// Every backend, compiled in or not, and its devices.
pub(crate) fn list() -> Vec<DeviceRow> {
    BACKENDS.into_iter().flat_map(rows).collect()
}

fn rows(backend: Backend) -> Vec<DeviceRow> {
    let row = |device: String, present, note: String| DeviceRow {
        device,
        compiled: backend.is_compiled(),
        present,
        note,
    };
    let name = backend.name().to_owned();
    if !backend.is_compiled() {
        let note = format!("rebuild with --features {}", backend.feature());
        return vec![row(name, false, note)];
    }
    match backend {
        Backend::Cpu => {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            vec![row(name, true, format!("{threads} threads, f32"))]
        }
        Backend::NdArray => vec![row(name, true, "slower; for comparison, f32".to_owned())],
        Backend::Wgpu | Backend::Vulkan | Backend::Cuda => indexed_rows(backend, name, &row),
    }
}

#[cfg(feature = "accelerator")]
fn indexed_rows(
    backend: Backend,
    name: String,
    row: &dyn Fn(String, bool, String) -> DeviceRow,
) -> Vec<DeviceRow> {
    let devices = present(backend);
    if devices.is_empty() {
        return vec![row(name, false, "no driver or device was found".to_owned())];
    }
    let numbered = devices.iter().enumerate();
    numbered.map(|(i, device)| row(format!("{name}:{i}"), true, format!("{device:?}"))).collect()
}

#[cfg(not(feature = "accelerator"))]
fn indexed_rows(
    _backend: Backend,
    name: String,
    row: &dyn Fn(String, bool, String) -> DeviceRow,
) -> Vec<DeviceRow> {
    vec![row(name, false, String::new())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_parse_as_they_print() {
        for text in ["cpu", "ndarray", "wgpu", "wgpu:1", "vulkan:0", "cuda:3"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        for text in ["", "gpu", "cpu:0", "cuda:", "cuda:-1", "cuda:x"] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_backend_that_is_not_compiled_in_names_its_feature() {
        for row in list().iter().filter(|row| !row.compiled) {
            let choice: DeviceChoice = row.device.parse().unwrap();
            let error = choice.open().unwrap_err().to_string();
            assert!(error.contains("--features"), "{error}");
        }
    }
}
