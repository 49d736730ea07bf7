//! Medians, ratios, and shares of what the machine can do.

use std::fmt::Write;

use super::case::{Case, Peer};
use super::page::Entry;
use super::program::Measured;

/// What the machine can do at most, as measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ceiling {
    /// Billions of operations a second in f32 products.
    pub(super) gflops: f64,
    /// Billions of bytes a second that are read.
    pub(super) read_gb_s: f64,
}

impl Ceiling {
    /// The higher of two measurements.
    pub(super) fn max(&self, other: &Self) -> Self {
        Self {
            gflops: self.gflops.max(other.gflops),
            read_gb_s: self.read_gb_s.max(other.read_gb_s),
        }
    }

    pub(super) fn sentence(&self) -> String {
        format!(
            "the ceiling: {:.0} GFLOP/s of f32 products, {:.1} GB/s of reading",
            self.gflops, self.read_gb_s
        )
    }

    /// The share of the nearer ceiling that a measurement reached, and which it is.
    pub(super) fn share(&self, measured: &Measured) -> Option<(f64, &'static str)> {
        let rate = |amount: Option<f64>| amount.map(|amount| amount / measured.seconds / 1e9);
        let products = rate(measured.flops).map(|rate| (rate / self.gflops, "products"));
        let reading = rate(measured.bytes).map(|rate| (rate / self.read_gb_s, "reading"));
        let shares = products.into_iter().chain(reading);
        shares.filter(|(share, _)| share.is_finite()).max_by(|a, b| a.0.total_cmp(&b.0))
    }
}

/// All rounds of a peer on a case.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PeerRuns {
    pub(super) peer: Peer,
    pub(super) runs: Vec<Measured>,
    /// Why there are no more.
    pub(super) skipped: Option<String>,
}

impl PeerRuns {
    pub(super) fn new(peer: Peer) -> Self {
        Self { peer, runs: Vec::new(), skipped: None }
    }
}

/// All rounds of a case.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Summary {
    pub(super) case: Case,
    pub(super) ours: Vec<Measured>,
    pub(super) peers: Vec<PeerRuns>,
}

impl Summary {
    /// What is counted a second, in each round, or seconds where one waits for an event.
    pub(super) fn values(&self, runs: &[Measured]) -> Vec<f64> {
        let is_wait = self.case.counted().is_none();
        let of = |run: &Measured| if is_wait { run.seconds } else { run.amount / run.seconds };
        runs.iter().map(of).collect()
    }

    pub(super) fn unit(&self) -> &'static str {
        self.case.counted().unwrap_or("s")
    }

    /// How many times as fast ours is, from medians.
    pub(super) fn ratio(&self, peer: &PeerRuns) -> Option<f64> {
        let seconds =
            |runs: &[Measured]| median(runs.iter().map(|run| run.seconds).collect::<Vec<_>>());
        Some(seconds(&peer.runs)? / seconds(&self.ours)?)
    }

    /// Our peak memory as a share of the peer's.
    pub(super) fn memory(&self, peer: &PeerRuns) -> Option<f64> {
        Some(peak(&self.ours)? / peak(&peer.runs)?)
    }

    /// The share of the ceiling in the middle round.
    pub(super) fn share(&self, ceiling: &Ceiling) -> Option<(f64, &'static str)> {
        let mut runs = self.ours.clone();
        runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        ceiling.share(runs.get(runs.len() / 2)?)
    }

    /// For the terminal: a line for ours and one for each peer.
    pub(super) fn text(&self, ceiling: &Ceiling) -> String {
        let mut text = String::new();
        let unit = self.unit();
        let shown = |value: Option<f64>| value.map_or("–".to_owned(), number);
        let ours = shown(median(self.values(&self.ours)));
        let share = self.share(ceiling).map_or(String::new(), |(share, of)| {
            format!(", {:.0} % of the ceiling of {of}", 100.0 * share)
        });
        let memory = shown(peak(&self.ours));
        let name = &self.case.name;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}: {ours} {unit}, {memory} MB{share}");
        for peer in &self.peers {
            let theirs = shown(median(self.values(&peer.runs)));
            let (ratio, memory) = (shown(self.ratio(peer)), shown(self.memory(peer)));
            let who = &peer.peer.name;
            let _ = writeln!(
                text,
                "  beside {who}: {theirs} {unit}; {ratio} × as fast, {memory} × its memory"
            );
        }
        text
    }

    /// The rows of the page: one for each peer that was measured.
    pub(super) fn entries(&self, ceiling: &Ceiling, record: &str) -> Vec<Entry> {
        let share = self.share(ceiling).map_or(String::new(), |(share, of)| {
            let asked = self
                .case
                .roofline
                .map_or(String::new(), |asked| format!(" (asked: {:.0} %)", 100.0 * asked));
            format!("{:.0} % of {of}{asked}", 100.0 * share)
        });
        let unit = self.unit();
        let shown =
            |runs: &[Measured]| median(self.values(runs)).map(|x| format!("{} {unit}", number(x)));
        let measured = self.peers.iter().filter(|peer| !peer.runs.is_empty());
        measured
            .map(|peer| Entry {
                work: self.case.name.clone(),
                sizes: self.case.sizes.clone(),
                peer: peer.peer.name.clone(),
                ours: shown(&self.ours).unwrap_or_default(),
                theirs: shown(&peer.runs).unwrap_or_default(),
                ratio: self.ratio(peer),
                asked: peer.peer.speed,
                memory: self.memory(peer),
                asked_memory: peer.peer.memory,
                share: share.clone(),
                record: record.to_owned(),
            })
            .collect()
    }
}

/// The largest memory of the median round, in megabytes.
pub(super) fn peak(runs: &[Measured]) -> Option<f64> {
    median(runs.iter().filter_map(|run| run.peak_mb).collect())
}

/// The middle value, or the mean of the two in the middle; of nothing there is none.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if !values.len().is_multiple_of(2) {
        return Some(upper);
    }
    let lower = *values.get(values.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

/// A number with three digits or more.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
