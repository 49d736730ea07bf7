//! The reward–KL frontier: the exact curve, and where each run ended.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::Point;
use crate::svg::{self, Line, Panel};
use crate::world::{Exact, Task, optimum};

/// One panel a reward, side by side; the runs may come in any order.
pub(crate) fn write(path: &Path, points: &[Point]) -> Result<()> {
    let rewards: BTreeSet<&str> = points.iter().map(|point| point.task.as_str()).collect();
    let panels: Vec<Panel> = rewards
        .into_iter()
        .filter_map(|reward| {
            let own: Vec<&Point> = points.iter().filter(|point| point.task == reward).collect();
            panel(reward, &own)
        })
        .collect();
    svg::write(path, &panels)
}

/// `None` for a table from outside, whose rewards are not known here.
fn panel(reward: &str, points: &[&Point]) -> Option<Panel> {
    let rewards = Task::named(reward)?.rewards;
    // Every run starts at its own reference; the curve is that of the first.
    let reference = &points.first()?.found.reference_log_probabilities;
    let curve: Vec<Exact> = (0..120)
        .map(|step| 10.0_f64.powf(-1.6 + 2.6 * f64::from(step) / 119.0))
        .map(|beta| Exact::of(&optimum(reference, &rewards, beta).0, reference, &rewards))
        .collect();
    let most = |of: fn(&Exact) -> f64| curve.iter().map(of).fold(0.1, f64::max);
    let exact = Line {
        name: "exact".to_owned(),
        colour: "#333",
        dashed: false,
        dot: false,
        points: curve.iter().map(|point| (point.kl, point.reward)).collect(),
    };
    let ends = points.iter().map(|point| {
        let (name, colour) = match point.estimator.as_str() {
            "gae" => ("PPO", "#c0392b"),
            "a2c" => ("A2C", "#2980b9"),
            _ => ("REINFORCE", "#27ae60"),
        };
        Line {
            name: name.to_owned(),
            colour,
            dashed: false,
            dot: true,
            points: vec![(point.found.policy.kl, point.found.policy.reward)],
        }
    });
    Some(Panel {
        title: format!("E[r] of `{reward}`"),
        x: "KL(π ‖ π_ref), nats".to_owned(),
        x_range: (0.0, most(|point| point.kl)),
        y_range: (0.0, 1.05 * most(|point| point.reward)),
        lines: std::iter::once(exact).chain(ends).collect(),
    })
}
