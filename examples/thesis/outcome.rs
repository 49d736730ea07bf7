//! What the runs found: the table, the comparison seed by seed, the picture, the claims.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use hybrid::metrics::mean;
use hybrid::paired::compare;

use crate::Method;
use crate::svg::{self, Line, Panel};

/// What one measurement found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    /// Mean over all starts of sampled walks.
    pub(crate) optimality: f64,
    /// From the policy of the start, nats a walk.
    pub(crate) kl: f64,
    /// Of held-out random walks on the new map, a step.
    pub(crate) perplexity: f64,
}

/// A run: measurements from its start to its end.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) method: Method,
    pub(crate) points: Vec<Point>,
}

/// One of a point's numbers.
type Field = fn(&Point) -> f64;

const OPTIMALITY: Field = |point| point.optimality;
const KL: Field = |point| point.kl;
const PERPLEXITY: Field = |point| point.perplexity;

impl Outcome {
    pub(crate) fn line(&self) -> String {
        let numbers = |point: &Point| {
            format!(
                "optimality {:.3}  KL {:6.2}  perplexity {:6.2}",
                point.optimality, point.kl, point.perplexity
            )
        };
        let ends = self.points.first().zip(self.points.last());
        let ends = ends.map(|(first, last)| {
            format!("{:12} {}   (from {})", self.method.name(), numbers(last), numbers(first))
        });
        ends.unwrap_or_default()
    }
}

/// The last value of every seed, in their order.
fn finals(outcomes: &[Outcome], method: Method, field: Field) -> Vec<f64> {
    let own = outcomes.iter().filter(|outcome| outcome.method == method);
    own.filter_map(|outcome| outcome.points.last().map(field)).collect()
}

/// Prints mean and standard deviation over seeds, then the differences from `ppo` and `sequence`.
pub(crate) fn table(outcomes: &[Outcome]) {
    println!("\n| method | optimality | KL, nats a walk | perplexity of held-out walks |");
    println!("|---|---|---|---|");
    let start: Vec<Point> = outcomes.iter().filter_map(|run| run.points.first().copied()).collect();
    let of = |field: Field| spread(&start.iter().map(field).collect::<Vec<_>>());
    println!("| start | {} | {} | {} |", of(OPTIMALITY), of(KL), of(PERPLEXITY));
    for method in Method::ALL {
        let of = |field: Field| spread(&finals(outcomes, method, field));
        let (name, kl) = (method.name(), of(KL));
        println!("| {name} | {} | {kl} | {} |", of(OPTIMALITY), of(PERPLEXITY));
    }
    println!("\n| compared, seed by seed | optimality | ln perplexity |");
    println!("|---|---|---|");
    for other in [Method::Ppo, Method::Sequence] {
        for method in Method::ALL.into_iter().skip(2).filter(|method| *method != other) {
            let difference = |field: Field| {
                compare(&finals(outcomes, other, field), &finals(outcomes, method, field))
                    .map_or_else(
                        || "one seed only".to_owned(),
                        |pairs| {
                            let (low, high) = pairs.interval;
                            let (by, p) = (pairs.difference, pairs.p_value);
                            format!("{by:+.3} ({low:+.3} to {high:+.3}, p = {p:.1e})")
                        },
                    )
            };
            println!(
                "| {} against {} | {} | {} |",
                method.name(),
                other.name(),
                difference(OPTIMALITY),
                difference(|point| point.perplexity.ln())
            );
        }
    }
}

/// `mean ± deviation`, the latter with n − 1.
fn spread(values: &[f64]) -> String {
    let center = mean(values.iter().copied());
    let squares: f64 = values.iter().map(|value| (value - center).powi(2)).sum();
    format!("{center:.3} ± {:.3}", (squares / (values.len() as f64 - 1.0).max(1.0)).sqrt())
}

/// Two frontiers: optimality over KL, and over the perplexity of held-out walks.
pub(crate) fn draw(path: &Path, outcomes: &[Outcome], ceiling: f64) -> Result<()> {
    let panel = |title: &str, x: &str, field: Field| {
        let all = || outcomes.iter().flat_map(|run| &run.points).map(field);
        let (low, high) = (all().fold(f64::MAX, f64::min), all().fold(f64::MIN, f64::max));
        let mut lines = vec![Line {
            name: "ways of both maps".to_owned(),
            colour: "#888",
            dashed: true,
            dot: false,
            points: vec![(low, ceiling), (high, ceiling)],
        }];
        lines.extend(outcomes.iter().map(|run| Line {
            name: run.method.name(),
            colour: colour(run.method),
            dashed: false,
            dot: true,
            points: run.points.iter().map(|point| (field(point), point.optimality)).collect(),
        }));
        Panel {
            title: title.to_owned(),
            x: x.to_owned(),
            x_range: (low, high),
            y_range: (0.0, 1.0),
            lines,
        }
    };
    let panels = [
        panel("Optimality over KL from the start", "nats a walk", KL),
        panel("Optimality over perplexity of held-out walks", "ln perplexity a step", |point| {
            point.perplexity.ln()
        }),
    ];
    svg::write(path, &panels)
}

fn colour(method: Method) -> &'static str {
    match method {
        Method::Sft => "#7f8c8d",
        Method::Ppo => "#c0392b",
        Method::Sequence => "#e67e22",
        Method::Alternating => "#2980b9",
        Method::Mixed { sft_coef } if sft_coef < 0.5 => "#27ae60",
        Method::Mixed { .. } => "#8e44ad",
    }
}

/// What must hold: what `docs/results.md` says of the full runs or, with `small`, what runs of a few
/// units already show.
pub(crate) fn claims(outcomes: &[Outcome], ceiling: f64, small: bool) -> Result<()> {
    let of = |method, field| mean(finals(outcomes, method, field));
    let optimality = |method| of(method, OPTIMALITY);
    let perplexity = |method| of(method, PERPLEXITY);
    let start = outcomes.first().and_then(|run| run.points.first()).context("no runs")?;
    let (light, heavy) = (Method::Mixed { sft_coef: 0.1 }, Method::Mixed { sft_coef: 1.0 });
    let holds = |claim: bool, what: &str| ensure_claim(claim, what);
    holds(perplexity(Method::Sft) < start.perplexity / 2.0, "SFT teaches the new ways")?;
    holds(optimality(Method::Ppo) > 2.0 * start.optimality, "PPO teaches better walks")?;
    holds(
        perplexity(light) < perplexity(Method::Ppo),
        "demonstrations in the loss keep knowledge",
    )?;
    holds(perplexity(heavy) < perplexity(light), "a larger coefficient keeps more")?;
    if small {
        return Ok(());
    }
    holds(optimality(Method::Sft) < 0.5, "SFT is no better than its demonstrations")?;
    holds(optimality(Method::Ppo) > ceiling, "PPO finds ways that it was not shown")?;
    holds(optimality(light) > optimality(heavy), "a larger coefficient costs optimality")?;
    holds(optimality(heavy) > optimality(Method::Sft) + 0.1, "even so it beats SFT")?;
    let seeds = finals(outcomes, light, OPTIMALITY);
    let better = seeds.iter().zip(finals(outcomes, Method::Ppo, OPTIMALITY));
    holds(better.clone().all(|(mixed, ppo)| *mixed > ppo), "`mixed 0.1` beats `ppo`, every seed")?;
    let by = optimality(Method::Sequence) - optimality(light);
    holds(by.abs() < 0.03, "`mixed 0.1` is as good as `sequence`")?;
    let share = perplexity(light) / perplexity(Method::Sequence);
    holds(share < 0.7, "`mixed 0.1` forgets less than `sequence`")?;
    let lost = optimality(Method::Ppo) - optimality(Method::Alternating);
    holds(lost > 0.0, "turns of equal length cost optimality against `ppo`")
}

fn ensure_claim(claim: bool, what: &str) -> Result<()> {
    ensure!(claim, "this does not hold any more: {what}; see docs/results.md");
    Ok(())
}
