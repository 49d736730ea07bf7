//! A run as a person sees it: one bar with the few numbers that matter, a line a measurement.

use std::time::{Duration, Instant};

use hybrid::run::StepReport;
use hybrid::{Metrics, Observer};
use indicatif::ProgressBar;

use super::events::Events;
use crate::interrupt;
use crate::ui::Ui;

/// Draws the bar, writes TensorBoard events, and says when the run should end early.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    phases: Vec<&'static str>,
    log_every: u64,
    events: Option<Events>,
    deadline: Option<Instant>,
    /// The newest value of each number in the bar.
    shown: Vec<(&'static Shown, f64)>,
}

/// What a run has ahead.
#[derive(Debug)]
pub(super) struct Plan {
    /// Steps if it does not end early.
    pub(super) steps: usize,
    /// The kind of each phase.
    pub(super) phases: Vec<&'static str>,
    /// Steps between two lines of its log.
    pub(super) log_every: usize,
}

/// A number in the bar.
#[derive(Debug)]
struct Shown {
    metric: &'static str,
    label: &'static str,
    decimals: usize,
}

const SHOWN: &[Shown] = &[
    Shown { metric: "sft/loss", label: "SFT loss", decimals: 3 },
    Shown { metric: "rollout/score_mean", label: "score", decimals: 3 },
    Shown { metric: "rollout/ref_kl", label: "KL", decimals: 2 },
    Shown { metric: "optim/grad_norm", label: "gradient", decimals: 2 },
    Shown { metric: "time/tokens_per_second", label: "tokens/s", decimals: 0 },
];

impl Progress {
    /// For a run of which `done` steps are done; at most `limit` long from now on.
    pub(super) fn new(
        plan: Plan,
        done: u64,
        events: Option<Events>,
        limit: Option<Duration>,
        ui: &Ui,
    ) -> Self {
        let bar = ui.steps("starting", plan.steps as u64);
        bar.set_position(done);
        bar.enable_steady_tick(Duration::from_millis(500));
        Self {
            bar,
            phases: plan.phases,
            log_every: plan.log_every.max(1) as u64,
            events,
            deadline: limit.and_then(|limit| Instant::now().checked_add(limit)),
            shown: Vec::new(),
        }
    }

    /// Takes the bar off the screen.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn message(&self, phase: usize) -> String {
        let kind = self.phases.get(phase).copied().unwrap_or_default();
        let numbers = self
            .shown
            .iter()
            .map(|(shown, value)| format!(" · {} {value:.*}", shown.label, shown.decimals));
        format!("{kind} {}{}", phase + 1, numbers.collect::<String>())
    }

    /// Keeps the newest value of every number of the bar, in their order.
    fn keep(&mut self, metrics: &Metrics) {
        let known = std::mem::take(&mut self.shown);
        self.shown = SHOWN
            .iter()
            .filter_map(|shown| {
                let before = known.iter().find(|(other, _)| other.metric == shown.metric);
                let value = metrics.get(shown.metric).or(before.map(|(_, value)| *value))?;
                Some((shown, value))
            })
            .collect();
    }
}

impl Observer for Progress {
    fn step(&mut self, report: &StepReport<'_>) {
        self.keep(report.metrics);
        self.bar.set_message(self.message(report.phase));
        self.bar.set_position(report.step);
        if report.step.is_multiple_of(self.log_every)
            && let Some(events) = &mut self.events
        {
            events.write(report.step, report.metrics);
        }
    }

    fn evaluation(&mut self, when: &str, step: u64, metrics: &Metrics) {
        if let Some(events) = &mut self.events {
            events.write(step, metrics);
        }
        let named = |(name, value): (&str, f64)| {
            let name = name.strip_prefix("eval/")?;
            Some(format!("  {name} {value:.4}"))
        };
        let numbers: String = metrics.iter().filter_map(named).collect();
        if !numbers.is_empty() {
            self.bar.println(format!("step {step}, {when}:{numbers}"));
        }
    }

    fn working(&mut self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    fn is_interrupted(&self) -> bool {
        interrupt::is_asked()
    }

    fn is_out_of_time(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}
