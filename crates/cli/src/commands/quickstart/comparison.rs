//! What the quickstart changed, with how sure that is.

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::Result;
use hybrid::paired::{self, Paired};
use serde_json::{Map, Value, json};

use super::head::Scoring;
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
pub(super) fn print(finished: &Finished, scoring: Option<&Scoring>, ui: &Ui) -> Result<()> {
    let outcome = &finished.outcome;
    let pairs = held_out::read(&outcome.run_dir)?;
    let paired = compare(&pairs, |answer| answer.score);
    let judges = judged(&pairs);
    let mut out = std::io::stdout().lock();
    if ui.json {
        let mut line = summary::as_json(outcome);
        line.insert("paired".to_owned(), paired.as_ref().map_or(Value::Null, as_json));
        if let Some(scoring) = scoring {
            let judge = |(name, paired): &(String, Paired)| (name.clone(), as_json(paired));
            let judges: Map<String, Value> = judges.iter().map(judge).collect();
            line.insert("judges".to_owned(), Value::Object(judges));
            line.insert("heads".to_owned(), json!(scoring.run.display().to_string()));
        }
        return Ok(writeln!(out, "{}", Value::Object(line))?);
    }
    let samples = pairs.iter().map(|pair| pair.before.len()).max().unwrap_or(0);
    match &paired {
        Some(paired) => {
            writeln!(out, "{}", score_lines("held-out sentiment", SENTIMENT, paired, samples))?;
        }
        None => writeln!(out, "there are no held-out scores to compare")?,
    }
    for (name, paired) in &judges {
        let of = format!("judge, {name}");
        writeln!(out, "{}", score_lines(&of, "never trained on", paired, samples))?;
    }
    if let Some(scoring) = scoring {
        writeln!(out, "reward                {}", scoring.describe())?;
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

/// What the score is.
const SENTIMENT: &str = "from 0 (negative) to 1 (positive)";

/// A score of the same prompts before and after.
fn compare(pairs: &[Pair], score: impl Fn(&Answer) -> Option<f64>) -> Option<Paired> {
    let means = pairs.iter().filter_map(|pair| pair.means(&score));
    let (before, after): (Vec<f64>, Vec<f64>) = means.unzip();
    paired::compare(&before, &after)
}

/// The same by each judge.
fn judged(pairs: &[Pair]) -> Vec<(String, Paired)> {
    let answers = pairs.iter().flat_map(|pair| pair.before.iter().chain(&pair.after));
    let names: BTreeSet<&String> = answers.flat_map(|answer| answer.judges.keys()).collect();
    let compared = |name: &String| {
        let said = |answer: &Answer| answer.judges.get(name).copied().flatten();
        Some((name.clone(), compare(pairs, said)?))
    };
    names.into_iter().filter_map(compared).collect()
}

fn as_json(paired: &Paired) -> Value {
    json!({
        "prompts": paired.count, "before": paired.before, "after": paired.after,
        "difference": paired.difference, "interval": [paired.interval.0, paired.interval.1],
        "p_value": paired.p_value,
    })
}

/// A score before and after, and the difference with its interval.
fn score_lines(name: &str, scale: &str, paired: &Paired, samples: usize) -> String {
    let Paired { count, before, after, difference, interval: (low, high), p_value } = paired;
    let p = if *p_value < 1e-4 { format!("{p_value:.1e}") } else { format!("{p_value:.4}") };
    format!(
        "{name:<20}  {before:.3} → {after:.3}  {scale}, {count} prompts × {samples} answers\n\
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
