//! `compression_ratio`: how little a text repeats itself, judged by how badly it compresses.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::{SCOPE, Scope, by_group};
use crate::column::Column;
use crate::error::RewardError;
use crate::reward::{Needs, Reward, score_rows};
use crate::sample::{Context, Sample};
use crate::spec::info::Info;
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// Parameters of `compression_ratio`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    scope: Scope,
}

impl Params for Config {}

const INFO: Info = Info {
    name: "compression_ratio",
    about: "Bytes after DEFLATE / bytes before, at most 1 (Shaib et al. 2024, turned round): near 1 \
            for varied text, near 0 for repetition; 0 for no text. Short texts score 1.",
    params: &[SCOPE],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| Ok(config))
}

/// Compressed over raw size; `None` only where the compressor fails, which memory alone can cause.
fn ratio(text: &str) -> Option<f64> {
    if text.is_empty() {
        return Some(0.0);
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).ok()?;
    let packed = encoder.finish().ok()?.len();
    Some((packed as f64 / text.len() as f64).min(1.0))
}

impl Reward for Config {
    fn needs(&self) -> Needs {
        Needs { group: self.scope == Scope::Group, ..Needs::default() }
    }

    fn score(&self, batch: &[Sample<'_>], context: &Context<'_>) -> Result<Column, RewardError> {
        Ok(Column::of(match self.scope {
            Scope::Row => score_rows(batch, context, |row| ratio(row.response)),
            // NaN becomes "no score".
            Scope::Group => by_group(batch, |texts| ratio(&texts.join("\n")).unwrap_or(f64::NAN)),
        }))
    }
}
