//! The reward–KL frontier: the exact curve, and where each run ended.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::Found;
use crate::world::{Exact, optimum, reward_table};

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 300.0;
const MARGIN: f64 = 48.0;

/// One panel a reward, side by side.
pub(crate) fn write(path: &Path, points: &[(String, String, Found)]) -> Result<()> {
    let mut rewards: Vec<&String> = points.iter().map(|(reward, ..)| reward).collect();
    rewards.dedup();
    let width = WIDTH * rewards.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\"><rect width=\"100%\" height=\"100%\" \
         fill=\"white\"/>"
    );
    for (panel, reward) in rewards.iter().enumerate() {
        let own: Vec<_> = points.iter().filter(|(name, ..)| name == *reward).collect();
        panel_of(&mut svg, panel as f64 * WIDTH, reward, &own)?;
    }
    svg.push_str("</svg>\n");
    std::fs::write(path, svg).with_context(|| format!("cannot write `{}`", path.display()))
}

fn panel_of(
    svg: &mut String,
    left: f64,
    reward: &str,
    points: &[&(String, String, Found)],
) -> Result<()> {
    let Some(((rewards, _), (_, _, first))) = reward_table(reward).zip(points.first().copied())
    else {
        return Ok(());
    };
    // Every run starts at its own reference; the curve is that of the first.
    let reference = &first.reference_log_probabilities;
    let curve: Vec<Exact> = (0..120)
        .map(|step| 10.0_f64.powf(-1.6 + 2.6 * f64::from(step) / 119.0))
        .map(|beta| Exact::of(&optimum(reference, &rewards, beta).0, reference, &rewards))
        .collect();
    let right = curve.iter().map(|point| point.kl).fold(0.1, f64::max);
    let top = curve.iter().map(|point| point.reward).fold(0.1, f64::max);
    let x = |kl: f64| left + MARGIN + (WIDTH - 1.5 * MARGIN) * kl / right;
    let y = |reward: f64| HEIGHT - MARGIN - (HEIGHT - 1.6 * MARGIN) * reward / top;
    let line: Vec<String> =
        curve.iter().map(|point| format!("{:.1},{:.1}", x(point.kl), y(point.reward))).collect();
    let (zero, end, base) = (x(0.0), x(right), y(0.0));
    writeln!(
        svg,
        "<path d=\"M{zero} {} V{base} H{end}\" fill=\"none\" stroke=\"#888\"/>\
         <polyline points=\"{}\" fill=\"none\" stroke=\"#333\" stroke-width=\"1.5\"/>\
         <text x=\"{zero}\" y=\"20\" font-weight=\"bold\">{reward}</text>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"end\">KL {right:.1} nats</text>\
         <text x=\"{zero}\" y=\"34\" fill=\"#666\">E[r], up to {top:.2}</text>",
        y(top),
        line.join(" "),
        end,
        base + 16.0
    )?;
    for (_, estimator, found) in points {
        let colour = match estimator.as_str() {
            "gae" => "#c0392b",
            "a2c" => "#2980b9",
            _ => "#27ae60",
        };
        writeln!(
            svg,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"{colour}\" fill-opacity=\"0.7\">\
             <title>{estimator}</title></circle>",
            x(found.policy.kl),
            y(found.policy.reward)
        )?;
    }
    for (row, (name, colour)) in
        [("PPO", "#c0392b"), ("A2C", "#2980b9"), ("REINFORCE", "#27ae60")].iter().enumerate()
    {
        let (cx, cy) = (end - 90.0, base - 20.0 - 16.0 * row as f64);
        writeln!(
            svg,
            "<circle cx=\"{cx}\" cy=\"{cy}\" r=\"4\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"{}\">{name}</text>",
            cx + 8.0,
            cy + 4.0
        )?;
    }
    Ok(())
}
