//! The head of the page: what ran, for how long, through which phases, and what came of it.

use super::chart::{Frame, definition_of, title_of};
use super::html::{Escaped, with_definition};
use super::number::{duration, number, three_digits};
use crate::definitions::{self, Better};
use crate::run::Run;

/// The numbers of the headline, with what stands in where a run has none.
const HEADLINE: &[&[&str]] = &[
    &["eval/score_mean", "rollout/score_mean"],
    &["eval/ref_kl", "rollout/ref_kl"],
    &["eval/distinct_2"],
    &["eval/sft_loss", "sft/loss"],
];

/// Name, a line of facts, the links, the phases.
pub(super) fn header(run: &Run, frame: &Frame) -> String {
    let facts: Vec<String> =
        facts(run).iter().map(|fact| format!("<li>{}</li>", Escaped(fact))).collect();
    format!(
        "<header>\n<p class=\"brand\">hybrid · training report</p>\n<h1>{}</h1>\n\
         <ul class=\"facts\">{}</ul>\n<nav aria-label=\"Sections\"><a href=\"#headline\">Overview</a> \
         <a href=\"#curves\">Curves</a> <a href=\"#samples\">Samples</a> <a \
         href=\"#configuration\">Configuration</a> <a href=\"#definitions\">Definitions</a></nav>\n{}\
         </header>\n",
        Escaped(&run.name),
        facts.join(""),
        timeline(frame)
    )
}

fn facts(run: &Run) -> Vec<String> {
    let mut facts = Vec::new();
    let model = run.settings.get("model").and_then(|model| model.get("base"));
    facts.extend(model.and_then(toml::Value::as_str).map(str::to_owned));
    let seed = run.settings.get("seed").and_then(toml::Value::as_integer);
    facts.extend(seed.map(|seed| format!("seed {seed}")));
    facts.extend(run.steps.map(|(_, last)| format!("{} steps", number(last as f64))));
    facts.push(duration(run.seconds));
    let device = run.env.get("device").and_then(serde_json::Value::as_str);
    facts.extend(device.map(str::to_owned));
    if run.is_torn {
        facts.push("stopped while writing: the last, half line was left out".to_owned());
    }
    facts
}

/// The phases as one bar, with their names and steps.
fn timeline(frame: &Frame) -> String {
    if frame.bands.is_empty() {
        return String::new();
    }
    let mut bar = String::new();
    let mut legend = String::new();
    let mut named: Vec<&str> = Vec::new();
    for band in &frame.bands {
        let left = frame.steps.place(band.first as f64) * 100.0;
        let width = frame.steps.place(band.last as f64 + 1.0) * 100.0 - left;
        let steps = format!("{} to {}", band.first, band.last);
        let label = Escaped(&band.label);
        bar += &format!(
            "<rect class=\"phase p{}\" x=\"{left:.2}\" y=\"0\" width=\"{:.2}\" height=\"4\"><title>\
             {label}: steps {steps}</title></rect>",
            band.colour,
            width.max(0.15),
        );
        if !named.contains(&band.label.as_str()) {
            named.push(&band.label);
            legend += &format!("<li><i class=\"p{}\"></i>{label}</li>", band.colour);
        }
    }
    format!(
        "<div class=\"timeline\"><svg viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"Phases of the run\">{bar}</svg><ul>{legend}</ul></div>\n"
    )
}

/// The first and the last value of the numbers that matter.
pub(super) fn headline(run: &Run) -> String {
    let judges = run.curves.keys().filter(|key| key.starts_with("eval/judge/"));
    let judges = judges.filter_map(|key| tile(run, key));
    let mut own = HEADLINE.iter().filter_map(|keys| keys.iter().find_map(|key| tile(run, key)));
    // What nothing learns from stands beside what is learnt from.
    let tiles: String = own.next().into_iter().chain(judges).chain(own).collect();
    if tiles.is_empty() {
        return String::new();
    }
    format!(
        "<section id=\"headline\">\n<h2>Before and after</h2>\n<div class=\"tiles\">\n{tiles}</div>\n\
         </section>\n"
    )
}

fn tile(run: &Run, key: &str) -> Option<String> {
    let definition = definitions::find(key)?;
    let points = run.curves.get(key)?;
    let mut numbers = points.iter().filter_map(|point| Some((point.step, point.value?)));
    let first = numbers.next()?;
    let last = numbers.next_back().unwrap_or(first);
    let heading = with_definition(
        &Escaped(&title_of(key)).to_string(),
        &format!("{key}\n{}", definition_of(key)),
    );
    let unit = match definition.unit {
        "1" | "share" | "reward" => "",
        unit => unit,
    };
    Some(format!(
        "<div class=\"tile\"><h3>{heading}</h3>\n<p class=\"change\"><span class=\"from\">{}</span> \
         <span class=\"arrow\" aria-label=\"to\">→</span> <strong>{}</strong> <span \
         class=\"unit\">{unit}</span></p>\n<p class=\"delta {}\">{}</p></div>\n",
        coarse(first.1),
        coarse(last.1),
        judgement(definition.better, last.1 - first.1),
        difference(first, last)
    ))
}

fn judgement(better: Better, change: f64) -> &'static str {
    match better {
        _ if change.abs() < f64::EPSILON => "",
        Better::Higher if change > 0.0 => "good",
        Better::Lower if change < 0.0 => "good",
        Better::Neither => "",
        Better::Higher | Better::Lower => "bad",
    }
}

fn difference(first: (u64, f64), last: (u64, f64)) -> String {
    let (from, to) = (number(first.0 as f64), number(last.0 as f64));
    if from == to {
        return format!("<span>measured once, at step {from}</span>");
    }
    let change = last.1 - first.1;
    let sign = if change > 0.0 { "+" } else { "" };
    format!("{sign}{} <span>from step {from} to {to}</span>", coarse(change))
}

/// `value` to three significant digits.
fn coarse(value: f64) -> String {
    number(three_digits(value))
}
