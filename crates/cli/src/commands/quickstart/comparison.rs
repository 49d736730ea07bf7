//! What the quickstart changed, with how sure that is.

use std::io::Write;

use anyhow::Result;
use hybrid::paired::{self, Paired};
use serde_json::{Value, json};

use super::held_out::{self, Answer, Pair};
use crate::training::{Finished, summary};
use crate::ui::Ui;

#[cfg(test)]
mod tests;

/// Prompts whose answers are shown.
const SHOWN: usize = 3;
/// Characters of a text that are shown.
const WIDTH: usize = 160;

/// Prints the comparison, or `train`'s line with it as `paired`.
pub(super) fn print(finished: &Finished, ui: &Ui) -> Result<()> {
    let outcome = &finished.outcome;
    let pairs = held_out::read(&outcome.run_dir)?;
    let (before, after): (Vec<f64>, Vec<f64>) = pairs.iter().filter_map(Pair::means).unzip();
    let paired = paired::compare(&before, &after);
    let mut out = std::io::stdout().lock();
    if ui.json {
        let mut line = summary::as_json(outcome);
        line.insert("paired".to_owned(), paired.as_ref().map_or(Value::Null, as_json));
        return Ok(writeln!(out, "{}", Value::Object(line))?);
    }
    let samples = pairs.iter().map(|pair| pair.before.len()).max().unwrap_or(0);
    match &paired {
        Some(paired) => writeln!(out, "{}", score_lines(paired, samples))?,
        None => writeln!(out, "there are no held-out scores to compare")?,
    }
    let metrics = |name: &str| (outcome.before.get(name), outcome.after.get(name));
    writeln!(out, "SFT validation loss   {}  nats a token", change(metrics("eval/sft_loss"), 3))?;
    if let Some(kl) = outcome.after.get("eval/ref_kl") {
        writeln!(out, "KL                    {kl:.2}  nats a response, against the start of PPO")?;
    }
    writeln!(out, "distinct-2            {}", change(metrics("eval/distinct_2"), 3))?;
    for pair in pairs.iter().take(SHOWN) {
        writeln!(out, "{}", sample_lines(pair))?;
    }
    writeln!(out, "\nsteps   {}", outcome.steps)?;
    Ok(writeln!(out, "report  {}", finished.report.display())?)
}

fn as_json(paired: &Paired) -> Value {
    json!({
        "prompts": paired.count, "before": paired.before, "after": paired.after,
        "difference": paired.difference, "interval": [paired.interval.0, paired.interval.1],
        "p_value": paired.p_value,
    })
}

/// The sentiment before and after, and the difference with its interval.
fn score_lines(paired: &Paired, samples: usize) -> String {
    let Paired { count, before, after, difference, interval: (low, high), p_value } = paired;
    let p = if *p_value < 1e-4 { format!("{p_value:.1e}") } else { format!("{p_value:.4}") };
    format!(
        "held-out sentiment    {before:.3} → {after:.3}  from 0 (negative) to 1 (positive), {count} \
         prompts × {samples} answers\n\
         difference            {difference:+.3}  95 % interval {low:+.3} to {high:+.3}, p = {p} \
         (paired t-test over prompts)"
    )
}

fn change((before, after): (Option<f64>, Option<f64>), decimals: usize) -> String {
    let number = |value: Option<f64>| {
        value.map_or_else(|| "–".to_owned(), |value| format!("{value:.decimals$}"))
    };
    format!("{} → {}", number(before), number(after))
}

/// A prompt with its first answer before and after.
fn sample_lines(pair: &Pair) -> String {
    let prompt = pair.before.first().or(pair.after.first()).map_or("", |answer| &answer.prompt);
    let line = |when: &str, answer: Option<&Answer>| {
        let score = answer.and_then(|answer| answer.score);
        let score = score.map_or_else(|| "  – ".to_owned(), |score| format!("{score:.2}"));
        let text = answer.map_or_else(String::new, |answer| one_line(&answer.response));
        format!("\n  {when:<6} {score}  {text}")
    };
    format!(
        "\n{}{}{}",
        one_line(prompt),
        line("before", pair.before.first()),
        line("after", pair.after.first())
    )
}

/// The start of a text on one line, without what could move a terminal's cursor.
fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let words: Vec<String> =
        text.split_whitespace().map(|word| word.chars().map(plain).collect()).collect();
    let line = words.join(" ");
    if line.chars().count() <= WIDTH {
        return line;
    }
    line.chars().take(WIDTH).chain(['…']).collect()
}
