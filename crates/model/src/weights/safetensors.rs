//! Tensors out of safetensors files, one or several, by memory map.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hybrid_gguf::MappedFile;
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorInfo};

use super::{TensorSpec, WeightSource, WeightsError};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// Bytes before the header: its length.
const PREFIX: usize = 8;

/// The weights of a Hugging Face directory.
#[derive(Debug)]
pub struct SafetensorsWeights {
    files: Vec<File>,
    /// Tensor name to index in `files`.
    owner: BTreeMap<String, usize>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    bytes: MappedFile,
    data_start: usize,
    metadata: Metadata,
}

impl SafetensorsWeights {
    /// Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] when neither is there, or a file is damaged.
    pub fn open(directory: &Path) -> Result<Self, WeightsError> {
        let single = directory.join(SINGLE);
        let index = directory.join(INDEX);
        let paths = if single.exists() {
            vec![single]
        } else if index.exists() {
            shards(directory, &index)?
        } else {
            let reason = if directory.join("pytorch_model.bin").exists() {
                "its weights are a `pytorch_model.bin`, which only Python can read: save it with \
                 `save_pretrained` of today's `transformers`"
            } else {
                "it lacks `model.safetensors`"
            };
            return Err(WeightsError::NotAModel { path: directory.to_owned(), reason });
        };
        let files = paths.iter().map(|path| File::open(path)).collect::<Result<Vec<_>, _>>()?;
        let mut owner = BTreeMap::new();
        for (index, file) in files.iter().enumerate() {
            for name in file.metadata.tensors().into_keys() {
                if let Some(other) = owner.insert(name.clone(), index) {
                    let other = files.get(other).map(|file| file.path.clone()).unwrap_or_default();
                    return Err(WeightsError::Unsupported {
                        path: file.path.clone(),
                        what: format!(
                            "`{name}` is also in `{}`; a tensor must be in one shard only",
                            other.display()
                        ),
                    });
                }
            }
        }
        Ok(Self { files, owner })
    }

    fn find(&self, name: &str) -> Option<(&File, &TensorInfo)> {
        let file = self.files.get(*self.owner.get(name)?)?;
        Some((file, file.metadata.info(name)?))
    }
}

impl WeightSource for SafetensorsWeights {
    fn tensors(&self) -> Vec<TensorSpec> {
        let spec = |name: &String| {
            let (_, info) = self.find(name)?;
            Some(TensorSpec { name: name.clone(), shape: info.shape.clone() })
        };
        self.owner.keys().filter_map(spec).collect()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, WeightsError> {
        let (file, info) = self.find(name).ok_or_else(|| WeightsError::Mismatch {
            path: self.files.first().map(|file| file.path.clone()).unwrap_or_default(),
            list: format!("  missing: {name}"),
        })?;
        let (start, end) = info.data_offsets;
        let cut = || WeightsError::Safetensors {
            path: file.path.clone(),
            reason: format!("`{name}` lies outside the file"),
        };
        let bytes = file.bytes.get(file.data_start + start..file.data_start + end);
        convert(bytes.ok_or_else(cut)?, info.dtype).ok_or_else(|| WeightsError::Unsupported {
            path: file.path.clone(),
            what: format!(
                "`{name}` has type {:?}; weights must be F32, F16, BF16 or F64",
                info.dtype
            ),
        })
    }
}

fn convert(bytes: &[u8], dtype: Dtype) -> Option<Vec<f32>> {
    let halves = |bytes: &[u8], to_f32: fn(u16) -> f32| {
        let (pairs, _) = bytes.as_chunks::<2>();
        pairs.iter().map(|pair| to_f32(u16::from_le_bytes(*pair))).collect()
    };
    match dtype {
        Dtype::F32 => {
            let (words, _) = bytes.as_chunks::<4>();
            Some(words.iter().map(|word| f32::from_le_bytes(*word)).collect())
        }
        Dtype::F16 => Some(halves(bytes, |bits| half::f16::from_bits(bits).to_f32())),
        Dtype::BF16 => Some(halves(bytes, |bits| half::bf16::from_bits(bits).to_f32())),
        Dtype::F64 => {
            let (words, _) = bytes.as_chunks::<8>();
            Some(words.iter().map(|word| f64::from_le_bytes(*word) as f32).collect())
        }
        _ => None,
    }
}

impl File {
    fn open(path: &Path) -> Result<Self, WeightsError> {
        let bytes = MappedFile::open(path).map_err(|source| WeightsError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        let damaged = |source: safetensors::SafeTensorError| WeightsError::Safetensors {
            path: path.to_owned(),
            reason: source.to_string(),
        };
        let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
        Ok(Self { path: path.to_owned(), bytes, data_start: PREFIX + header, metadata })
    }
}

/// The files named by an index, each once.
fn shards(directory: &Path, index: &Path) -> Result<Vec<PathBuf>, WeightsError> {
    let json = super::load::read_json(index)?;
    let wrong = |what: String| WeightsError::Unsupported { path: index.to_owned(), what };
    let map = json
        .get("weight_map")
        .and_then(serde_json::Value::as_object)
        .ok_or_else(|| wrong("lacks `weight_map`, the object from tensor to file".to_owned()))?;
    let mut names: Vec<&str> = Vec::new();
    for (tensor, file) in map {
        let file = file.as_str().filter(|name| is_plain_file_name(name)).ok_or_else(|| {
            wrong(format!("`weight_map` gives {file} for `{tensor}`, expected a file name"))
        })?;
        names.push(file);
    }
    names.sort_unstable();
    names.dedup();
    Ok(names.into_iter().map(|name| directory.join(name)).collect())
}

fn is_plain_file_name(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!(components.next(), Some(std::path::Component::Normal(_)))
        && components.next().is_none()
}
