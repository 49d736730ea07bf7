//! Which curves share a picture, and in which order.

use std::collections::HashSet;

use super::chart::{Frame, figure};
use super::html::Escaped;
use crate::run::{Point, Run};

/// A picture: its heading and the keys it shows where a run has them. All of one unit.
struct Panel {
    title: &'static str,
    keys: &'static [&'static str],
    /// Whether long curves get a moving average; not where numbers are set, not measured.
    smooth: bool,
}

const fn panel(title: &'static str, keys: &'static [&'static str]) -> Panel {
    Panel { title, keys, smooth: true }
}

const fn exact(title: &'static str, keys: &'static [&'static str]) -> Panel {
    Panel { title, keys, smooth: false }
}

/// The sections in order; components of the reward and unknown keys come from the run.
const SECTIONS: &[(&str, &[Panel])] = &[
    (
        "Loss",
        &[
            panel("SFT loss", &["sft/loss", "eval/sft_loss"]),
            panel("Policy loss", &["ppo/policy_loss"]),
            panel("Value loss", &["ppo/value_loss"]),
        ],
    ),
    (REWARD, &[panel(SCORE, &["rollout/score_mean", "eval/score_mean"])]),
    (
        "Divergence",
        &[
            panel("KL to the reference", &["rollout/ref_kl", "eval/ref_kl"]),
            panel("KL, total and by SFT", &["kl/total", "kl/sft_drift"]),
            panel("KL of the update", &["ppo/approx_kl"]),
            exact("KL coefficient", &["ppo/kl_coef"]),
            panel("KL of rounding", &["rollout/mismatch_kl"]),
        ],
    ),
    (
        "Policy and critic",
        &[
            panel("Entropy", &["rollout/entropy", "ppo/entropy"]),
            panel("Clip fraction", &["ppo/clip_fraction", "ppo/value_clip_fraction"]),
            panel("Explained variance", &["ppo/explained_variance"]),
        ],
    ),
    (
        "Completions",
        &[
            panel(
                "Completion length",
                &["rollout/completion_tokens_mean", "eval/completion_tokens_mean"],
            ),
            panel("Truncated completions", &["rollout/truncated_fraction"]),
            exact("Distinct-2", &["eval/distinct_2"]),
        ],
    ),
    (
        "Optimizer, speed and memory",
        &[
            exact("Learning rate", &["optim/lr"]),
            panel("Gradient norm", &["optim/grad_norm"]),
            panel("Throughput", &["time/tokens_per_second", "time/rollout_tokens_per_second"]),
            panel("Time of a step", &["time/step_s"]),
            exact("Peak memory", &["time/peak_memory_mb"]),
        ],
    ),
];

const REWARD: &str = "Reward";
/// The picture that the judges share with the score which is trained on.
const SCORE: &str = "Score";
/// What the keys of judges begin with.
const JUDGE: &str = "eval/judge/";

/// Components in one picture; more would not be told apart.
const MOST_COMPONENTS: usize = 5;

/// Pictures of keys that belong nowhere else.
const MOST_OTHERS: usize = 120;

/// All pictures of the run, under headings; a heading without a picture is left out.
pub(super) fn sections(run: &Run, frame: &Frame) -> String {
    if run.curves.is_empty() {
        return "<section id=\"curves\"><h2>Curves</h2>\n<p class=\"none\">No step has been \
                recorded yet.</p></section>\n"
            .to_owned();
    }
    let mut html = String::from("<div id=\"curves\">\n");
    for (heading, panels) in SECTIONS {
        let mut figures: String = panels.iter().map(|panel| draw(panel, run, frame)).collect();
        if *heading == REWARD {
            figures += &components(run, "reward/", "Components", frame);
            figures += &components(run, "eval/reward/", "Components, held out", frame);
        }
        html += &section(heading, &figures, "");
    }
    html += &others(run, frame);
    html + "</div>\n"
}

fn section(heading: &str, figures: &str, note: &str) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let heading = Escaped(heading);
    format!(
        "<section class=\"curves\">\n<h2>{heading}</h2>\n<div class=\"charts\">\n{figures}</div>\n\
         {note}</section>\n"
    )
}

fn draw(panel: &Panel, run: &Run, frame: &Frame) -> String {
    let keys = panel.keys.iter();
    let mut curves: Vec<(&str, &[Point])> =
        keys.filter_map(|key| Some((*key, run.curves.get(*key)?.as_slice()))).collect();
    let mut title = panel.title;
    if panel.title == SCORE {
        let judges = curves_of(run, JUDGE);
        title = if judges.is_empty() { title } else { "Score and judges" };
        curves.extend(judges);
    }
    figure(title, &curves, panel.smooth, frame)
}

/// The curves whose keys begin with `prefix`.
fn curves_of<'a>(run: &'a Run, prefix: &str) -> Vec<(&'a str, &'a [Point])> {
    let own = run.curves.iter().filter(|(key, _)| key.starts_with(prefix));
    own.map(|(key, points)| (key.as_str(), points.as_slice())).collect()
}

/// Pictures of the keys that begin with `prefix`, a few curves in each.
fn components(run: &Run, prefix: &str, title: &str, frame: &Frame) -> String {
    let curves = curves_of(run, prefix);
    let groups = curves.len().div_ceil(MOST_COMPONENTS);
    let pictures = curves.chunks(MOST_COMPONENTS).enumerate().map(|(index, few)| match groups {
        1 => figure(title, few, true, frame),
        _ => figure(&format!("{title} {} of {groups}", index + 1), few, true, frame),
    });
    pictures.collect()
}

/// Pictures of the keys that no panel names, one each.
fn others(run: &Run, frame: &Frame) -> String {
    let named: HashSet<&str> = SECTIONS
        .iter()
        .flat_map(|(_, panels)| panels.iter())
        .flat_map(|panel| panel.keys)
        .copied()
        .collect();
    let drawn = ["reward/", "eval/reward/", JUDGE];
    let is_drawn = |key: &str| drawn.iter().any(|prefix| key.starts_with(prefix));
    let rest: Vec<(&String, &Vec<Point>)> = run
        .curves
        .iter()
        .filter(|(key, _)| !named.contains(key.as_str()) && !is_drawn(key))
        .collect();
    let shown = rest.iter().take(MOST_OTHERS);
    let figures: String = shown
        .map(|(key, points)| {
            let title = super::chart::title_of(key);
            figure(&title, &[(key.as_str(), points.as_slice())], true, frame)
        })
        .collect();
    let note = match rest.len().saturating_sub(MOST_OTHERS) {
        0 => String::new(),
        left => {
            format!("<p class=\"none\">{left} more keys are in <code>metrics.jsonl</code>.</p>\n")
        }
    };
    section("Further metrics", &figures, &note)
}
