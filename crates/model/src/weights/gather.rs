//! From stored tensors to the values of every parameter.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use rayon::prelude::*;

use super::layout::ParameterSource;
use super::{TensorSpec, WeightSource, WeightsError};

/// What a module needs of a checkpoint.
pub(crate) struct Expected<'a> {
    /// The prefix of tensor names that checkpoints of the base model leave out.
    pub(crate) prefix: &'a str,
    /// Its parameters, and the tensors that fill them.
    pub(crate) parameters: &'a [ParameterSource],
    /// The name under which older files hold a tensor.
    pub(crate) older_name: fn(&str) -> Option<String>,
    /// Which tensors may be there without being read.
    pub(crate) is_ignorable: &'a dyn Fn(&str) -> bool,
}

/// The values of every expected parameter, by its path in the module tree.
///
/// `path` is what errors name.
///
/// # Errors
///
/// [`WeightsError::Mismatch`] with every missing, extra or misshapen tensor at once;
/// [`WeightsError::NotFinite`] for a broken checkpoint; read errors.
pub(crate) fn gather(
    path: &Path,
    source: &dyn WeightSource,
    expected: &Expected<'_>,
) -> Result<HashMap<String, Vec<f32>>, WeightsError> {
    let names = resolve(path, expected, &source.tensors())?;
    let read = |parameter: &ParameterSource| -> Result<(String, Vec<f32>), WeightsError> {
        Ok((parameter.parameter.clone(), assemble(path, source, parameter, &names)?))
    };
    expected.parameters.par_iter().map(read).collect()
}

/// Fills one parameter from its stored pieces.
fn assemble(
    path: &Path,
    source: &dyn WeightSource,
    parameter: &ParameterSource,
    names: &BTreeMap<String, String>,
) -> Result<Vec<f32>, WeightsError> {
    let width = parameter.shape.last().copied().unwrap_or(1);
    let read = |tensor: &str| -> Result<Vec<f32>, WeightsError> {
        let stored = source.read(names.get(tensor).map_or(tensor, String::as_str))?;
        let count = stored.iter().filter(|value| !value.is_finite()).count();
        if count > 0 {
            let (path, tensor) = (path.to_owned(), tensor.to_owned());
            return Err(WeightsError::NotFinite { path, tensor, count });
        }
        Ok(stored)
    };
    if let [piece] = parameter.pieces.as_slice()
        && piece.is_whole()
    {
        return read(&piece.tensor);
    }
    let mut values = vec![0.0; parameter.shape.iter().product()];
    for piece in &parameter.pieces {
        piece.fill(&mut values, width, &read(&piece.tensor)?);
    }
    Ok(values)
}

/// Finds each needed tensor's stored name, with or without the base model's prefix.
fn resolve(
    path: &Path,
    expected: &Expected<'_>,
    stored: &[TensorSpec],
) -> Result<BTreeMap<String, String>, WeightsError> {
    let shapes: HashMap<&str, &[usize]> =
        stored.iter().map(|spec| (spec.name.as_str(), spec.shape.as_slice())).collect();
    let find = |tensor: &str| -> Option<&str> {
        let older = (expected.older_name)(tensor);
        let names = [Some(tensor), older.as_deref()];
        let short = |name: &str| name.strip_prefix(expected.prefix).unwrap_or(name).to_owned();
        let found = |name: &str| shapes.get_key_value(name).map(|(name, _)| *name);
        names.into_iter().flatten().find_map(|name| found(name).or_else(|| found(&short(name))))
    };
    let mut names = BTreeMap::new();
    let mut used = BTreeSet::new();
    let mut faults = Vec::new();
    for source in expected.parameters {
        for piece in &source.pieces {
            let found = find(&piece.tensor);
            let shape = piece.stored_shape(&source.shape);
            match found {
                None => faults.push(format!("  missing: {} {shape:?}", piece.tensor)),
                Some(name) if shapes[name] != shape => faults
                    .push(format!("  misshapen: {name} is {:?}, expected {shape:?}", shapes[name])),
                Some(name) => {
                    names.insert(piece.tensor.clone(), name.to_owned());
                }
            }
            used.extend(found);
        }
    }
    let extra =
        shapes.keys().filter(|name| !used.contains(*name) && !(expected.is_ignorable)(name));
    let mut extra: Vec<String> = extra.map(|name| format!("  extra: {name}")).collect();
    extra.sort_unstable();
    faults.extend(extra);
    if faults.is_empty() {
        return Ok(names);
    }
    Err(WeightsError::Mismatch { path: path.to_owned(), list: shortened_list(faults) })
}

fn shortened_list(mut faults: Vec<String>) -> String {
    const LIMIT: usize = 30;
    let total = faults.len();
    faults.truncate(LIMIT);
    if total > LIMIT {
        faults.push(format!("  and {} more", total - LIMIT));
    }
    faults.join("\n")
}
