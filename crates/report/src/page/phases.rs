//! The shaded bands: which phase ran when.

use serde_json::{Value, json};

use crate::run::Band;

/// A band narrower than this share of the run is no band but a stripe.
const NARROWEST: f64 = 0.012;

/// Different colours that the style sheet has for bands.
const COLOURS: usize = 5;

/// One shaded stretch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shade {
    /// What the phase is called; several labels joined by ` + ` where they alternate too quickly to
    /// be told apart.
    pub(super) label: String,
    /// The first step, inclusive.
    pub(super) first: u64,
    /// The last step, inclusive.
    pub(super) last: u64,
    /// Which of the style sheet's colours.
    pub(super) colour: usize,
}

/// The bands of a run, with stripes joined and a colour for each label.
pub(super) fn shades(phases: &[Band]) -> Vec<Shade> {
    let (Some(first), Some(last)) = (phases.first(), phases.last()) else { return Vec::new() };
    let span = last.last.saturating_sub(first.first) as f64 + 1.0;
    let is_stripe =
        |band: &Band| (band.last.saturating_sub(band.first) as f64 + 1.0) < span * NARROWEST;
    let mut names: Vec<String> = Vec::new();
    let mut shades = Vec::new();
    for group in phases.chunk_by(|a, b| is_stripe(a) && is_stripe(b)) {
        let (Some(from), Some(to)) = (group.first(), group.last()) else { continue };
        let label = joined(group);
        let known = names.iter().position(|name| *name == label);
        let colour = known.unwrap_or_else(|| {
            names.push(label.clone());
            names.len() - 1
        });
        shades.push(Shade { label, first: from.first, last: to.last, colour: colour % COLOURS });
    }
    shades
}

/// The different labels of a group, sorted: which stripe comes first says nothing.
fn joined(group: &[Band]) -> String {
    let mut labels: Vec<&str> = group.iter().map(|band| band.label.as_str()).collect();
    labels.sort_unstable();
    labels.dedup();
    labels.join(" + ")
}

/// The bands for the page's script: `[[first, last, label], …]`.
pub(super) fn as_json(shades: &[Shade]) -> Value {
    shades.iter().map(|shade| json!([shade.first, shade.last, shade.label])).collect()
}

#[cfg(test)]
mod tests;
