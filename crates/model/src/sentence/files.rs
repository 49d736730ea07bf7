//! A sentence encoder out of its directory: `modules.json` and what it names.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde_json::{Map, Value};

use super::{Function, SentenceEncoder, Step};
use crate::config::ConfigError;
use crate::config::reader::ConfigReader;
use crate::encoder;
use crate::family::scheme::{self, Part, Stored};
use crate::pooling::Pooling;
use crate::projection::Projection;
use crate::values;
use crate::weights::WeightsError;
use crate::weights::gather::{Expected, gather};
use crate::weights::load::read_json;
use crate::weights::safetensors::SafetensorsWeights;

/// A row of `modules.json`.
struct Module {
    /// The class, without the path to it.
    kind: String,
    folder: PathBuf,
}

impl SentenceEncoder {
    /// Reads a directory of sentence-transformers: a `Transformer`, a `Pooling`, then any `Dense` and
    /// `Normalize`. A directory without `modules.json` is an encoder whose states are averaged, as
    /// that library has it.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] naming the file: an unknown module or setting, or weights that do not fit.
    pub fn load(directory: &Path, device: &Device) -> Result<Self, WeightsError> {
        let list = directory.join("modules.json");
        if !list.exists() {
            return Ok(Self::new(encoder::load(directory, device)?, Pooling::Mean));
        }
        let modules = modules(&list, directory)?;
        let unsupported = |what: String| WeightsError::Unsupported { path: list.clone(), what };
        let [trunk, pooling, rest @ ..] = modules.as_slice() else {
            return Err(unsupported("needs a Transformer and a Pooling at least".to_owned()));
        };
        if (trunk.kind.as_str(), pooling.kind.as_str()) != ("Transformer", "Pooling") {
            return Err(unsupported(format!(
                "begins with {} and {}; expected Transformer and Pooling",
                trunk.kind, pooling.kind
            )));
        }
        let encoder = encoder::load(&trunk.folder, device)?;
        let (mut dense, mut steps) = (Vec::new(), Vec::new());
        let poolings = poolings(&pooling.folder, encoder.config().hidden_size)?;
        let mut width = poolings.len() * encoder.config().hidden_size;
        for module in rest {
            match module.kind.as_str() {
                "Normalize" => steps.push(Step::Normalise),
                "Dense" => {
                    let (layer, function) = load_dense(&module.folder, width, device)?;
                    width = layer.outputs();
                    dense.push(layer);
                    steps.push(Step::Dense(function));
                }
                other => {
                    return Err(unsupported(format!(
                        "the module `{other}` is not known; after the pooling, Dense and Normalize \
                         can be read"
                    )));
                }
            }
        }
        let max_tokens = max_tokens(directory, &trunk.folder, encoder.config().max_tokens)?;
        Ok(Self { encoder, dense, poolings, steps, max_tokens })
    }
}

fn modules(list: &Path, directory: &Path) -> Result<Vec<Module>, WeightsError> {
    let wrong = |index: usize| WeightsError::Unsupported {
        path: list.to_owned(),
        what: format!("entry {index} is no module; expected an object with `type` and `path`"),
    };
    let json = read_json(list)?;
    let entries = json.as_array().ok_or_else(|| WeightsError::Unsupported {
        path: list.to_owned(),
        what: "is not a list of modules".to_owned(),
    })?;
    let module = |(index, entry): (usize, &Value)| {
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        let (Some(kind), Some(path)) = (text("type"), text("path")) else {
            return Err(wrong(index));
        };
        let inside = Path::new(path)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        if !inside {
            return Err(wrong(index));
        }
        let kind = kind.rsplit('.').next().unwrap_or(kind).to_owned();
        Ok(Module { kind, folder: directory.join(path) })
    };
    entries.iter().enumerate().map(module).collect()
}

/// The configuration of one module, as an object.
fn configuration(folder: &Path) -> Result<(PathBuf, Map<String, Value>), WeightsError> {
    let file = folder.join("config.json");
    match read_json(&file)? {
        Value::Object(map) => Ok((file, map)),
        _ => Err(WeightsError::Config { path: file, source: ConfigError::NotAnObject }),
    }
}

/// The poolings in the order in which their vectors stand: the list's own, or that of the older keys.
fn poolings(folder: &Path, hidden_size: usize) -> Result<Vec<Pooling>, WeightsError> {
    let (file, map) = configuration(folder)?;
    let fail = |source| WeightsError::Config { path: file.clone(), source };
    let reader = ConfigReader::new(&map, "Pooling");
    let width = reader.opt_usize(&["embedding_dimension", "word_embedding_dimension"]);
    if let Some(width) = width.map_err(&fail)?
        && width != hidden_size
    {
        return Err(fail(ConfigError::Inconsistent(format!(
            "the pooling is of states {width} wide, those of the encoder are {hidden_size} wide"
        ))));
    }
    let named = |name: &str| {
        Pooling::from_name(name).ok_or_else(|| ConfigError::Unsupported {
            key: "pooling_mode".to_owned(),
            value: name.to_owned(),
            supported: format!("the known ones are {}", Pooling::ALL.map(Pooling::name).join(", ")),
        })
    };
    let found = match map.get("pooling_mode") {
        Some(Value::String(name)) => named(name).map(|pooling| vec![pooling]),
        Some(_) => reader
            .opt_str_list("pooling_mode")
            .and_then(|names| names.unwrap_or_default().into_iter().map(named).collect()),
        None => older_poolings(reader),
    };
    let found = found.map_err(&fail)?;
    if found.is_empty() {
        let what = "`pooling_mode` names no pooling".to_owned();
        return Err(fail(ConfigError::Inconsistent(what)));
    }
    Ok(found)
}

/// One switch a pooling; none means the mean.
fn older_poolings(reader: ConfigReader<'_>) -> Result<Vec<Pooling>, ConfigError> {
    let mut found = Vec::new();
    for pooling in Pooling::ALL {
        let key = match pooling {
            Pooling::Cls => "pooling_mode_cls_token",
            Pooling::Max => "pooling_mode_max_tokens",
            Pooling::Mean => "pooling_mode_mean_tokens",
            Pooling::MeanSqrtLen => "pooling_mode_mean_sqrt_len_tokens",
            Pooling::WeightedMean => "pooling_mode_weightedmean_tokens",
            Pooling::LastToken => "pooling_mode_lasttoken",
        };
        if reader.bool_or(key, false)? {
            found.push(pooling);
        }
    }
    Ok(if found.is_empty() { vec![Pooling::Mean] } else { found })
}

fn load_dense(
    folder: &Path,
    width: usize,
    device: &Device,
) -> Result<(Projection, Function), WeightsError> {
    let (file, map) = configuration(folder)?;
    let fail = |source| WeightsError::Config { path: file.clone(), source };
    let reader = ConfigReader::new(&map, "Dense");
    let (inputs, outputs, bias, function) = dense_settings(reader).map_err(&fail)?;
    if inputs != width {
        return Err(fail(ConfigError::Inconsistent(format!(
            "`in_features` is {inputs}, the vectors before it are {width} wide"
        ))));
    }
    let part = [Part::new("linear".to_owned(), outputs)];
    let parameters = scheme::linear("linear", inputs, &part, bias, Stored::OutIn);
    let expected = Expected {
        prefix: "",
        parameters: &parameters,
        older_name: |_| None,
        is_ignorable: &|_| false,
    };
    let found = gather(folder, &SafetensorsWeights::open(folder)?, &expected)?;
    let own = |(path, values): (String, Vec<f32>)| {
        (path.strip_prefix("linear.").unwrap_or(&path).to_owned(), values)
    };
    let layer = Projection::blank(inputs, outputs, bias, device);
    Ok((values::fill(layer, found.into_iter().map(own).collect(), device), function))
}

fn dense_settings(reader: ConfigReader<'_>) -> Result<(usize, usize, bool, Function), ConfigError> {
    crate::family::refuse(reader, "use_residual")?;
    let name = reader.opt_str(&["activation_function"])?.unwrap_or("Tanh");
    let function = match name.rsplit('.').next().unwrap_or(name) {
        "Identity" => Function::Identity,
        "Tanh" => Function::Tanh,
        "ReLU" => Function::Relu,
        "GELU" => Function::Gelu,
        "Sigmoid" => Function::Sigmoid,
        _ => {
            return Err(ConfigError::Unsupported {
                key: "activation_function".to_owned(),
                value: name.to_owned(),
                supported: "the known ones are Identity, Tanh, ReLU, GELU and Sigmoid".to_owned(),
            });
        }
    };
    let sizes = (reader.usize(&["in_features"])?, reader.usize(&["out_features"])?);
    if sizes.1 == 0 || sizes.1 > crate::config::MAX_SIZE {
        let what =
            format!("`out_features` is {}, must be 1 to {}", sizes.1, crate::config::MAX_SIZE);
        return Err(ConfigError::Inconsistent(what));
    }
    Ok((sizes.0, sizes.1, reader.bool_or("bias", true)?, function))
}

/// `max_seq_length` of the folder or of the trunk's, at most the encoder's positions.
fn max_tokens(directory: &Path, trunk: &Path, positions: usize) -> Result<usize, WeightsError> {
    for folder in [trunk, directory] {
        let file = folder.join("sentence_bert_config.json");
        if !file.exists() {
            continue;
        }
        let json = read_json(&file)?;
        let map = json.as_object().cloned().unwrap_or_default();
        let found = ConfigReader::new(&map, "Transformer").opt_usize(&["max_seq_length"]);
        match found.map_err(|source| WeightsError::Config { path: file.clone(), source })? {
            Some(0) => {
                let what = "`max_seq_length` is 0, must be at least 1".to_owned();
                let source = ConfigError::Inconsistent(what);
                return Err(WeightsError::Config { path: file, source });
            }
            Some(length) => return Ok(length.min(positions)),
            None => {}
        }
    }
    Ok(positions)
}
