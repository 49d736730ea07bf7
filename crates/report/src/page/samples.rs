//! What the model wrote before and after, side by side.

use std::collections::BTreeMap;

use super::html::Escaped;
use super::number::number;
use crate::run::{Sample, Split, Target};

/// Pairs in view; the rest unfolds.
const SHOWN: usize = 6;
/// Pairs in the page.
const MOST_PAIRS: usize = 100;
/// Training samples in the page, spread over the run.
const MOST_TRAINING: usize = 24;
/// Characters of a prompt or response in the page.
const MOST_CHARACTERS: usize = 3000;

/// One prompt and its answers; at least one is there.
struct Pair<'a> {
    before: Option<&'a Sample>,
    after: Option<&'a Sample>,
}

/// The section of samples; says so where there are none.
pub(super) fn section(samples: &[Sample]) -> String {
    let mut html = String::from("<section id=\"samples\">\n<h2>Samples</h2>\n");
    let pairs = pairs(samples);
    let training: Vec<&Sample> = samples.iter().filter(|s| is_between(s)).collect();
    if pairs.is_empty() && training.is_empty() {
        return html + "<p class=\"none\">The run recorded no samples.</p>\n</section>\n";
    }
    html += &folded(&pairs.iter().take(MOST_PAIRS).map(pair_card).collect::<Vec<_>>());
    if pairs.len() > MOST_PAIRS {
        html += &left_out(pairs.len() - MOST_PAIRS);
    }
    if !training.is_empty() {
        let stride = training.len().div_ceil(MOST_TRAINING);
        let cards: String = training.iter().step_by(stride).map(|one| training_card(one)).collect();
        html += &format!("<details><summary>During training</summary>\n{cards}</details>\n");
    }
    html + "</section>\n"
}

fn is_between(sample: &Sample) -> bool {
    matches!(sample.split, Split::During | Split::Train)
}

/// Samples before and after, by prompt: the n-th answer to a prompt before training goes with the
/// n-th after it. Of several evaluations the first counts as before, the last as after.
fn pairs(samples: &[Sample]) -> Vec<Pair<'_>> {
    let of = |split: Split| samples.iter().filter(move |sample| sample.split == split);
    let first = of(Split::Before).map(|sample| sample.step).min();
    let last = of(Split::After).map(|sample| sample.step).max();
    let mut waiting: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
    for sample in of(Split::After).filter(|sample| Some(sample.step) == last) {
        waiting.entry(&sample.prompt).or_default().push(sample);
    }
    waiting.values_mut().for_each(|list| list.reverse());
    let mut take = |prompt: &str| waiting.get_mut(prompt).and_then(Vec::pop);
    let mut pairs: Vec<Pair<'_>> = of(Split::Before)
        .filter(|sample| Some(sample.step) == first)
        .map(|before| Pair { before: Some(before), after: take(&before.prompt) })
        .collect();
    let alone = of(Split::After)
        .filter(|sample| Some(sample.step) == last)
        .filter_map(|sample| take(&sample.prompt));
    pairs.extend(alone.map(|after| Pair { before: None, after: Some(after) }));
    pairs
}

fn folded(cards: &[String]) -> String {
    let (shown, hidden) = cards.split_at(cards.len().min(SHOWN));
    let mut html = shown.concat();
    if !hidden.is_empty() {
        let count = hidden.len();
        html += &format!(
            "<details><summary>{count} more prompts</summary>\n{}</details>\n",
            hidden.concat()
        );
    }
    html
}

fn left_out(count: usize) -> String {
    format!("<p class=\"none\">{count} more prompts are in <code>samples.jsonl</code>.</p>\n")
}

fn pair_card(pair: &Pair<'_>) -> String {
    let Some(any) = pair.before.or(pair.after) else { return String::new() };
    format!(
        "<article class=\"sample\">\n{}<div class=\"sides\">\n{}{}</div>\n</article>\n",
        question(any),
        side("Before", pair.before),
        side("After", pair.after)
    )
}

fn training_card(sample: &Sample) -> String {
    let name = format!("Step {}", number(sample.step as f64));
    format!(
        "<article class=\"sample\">\n{}<div class=\"sides one\">\n{}</div>\n</article>\n",
        question(sample),
        side(&name, Some(sample))
    )
}

fn question(sample: &Sample) -> String {
    let mut html =
        format!("<div class=\"prompt\"><h4>Prompt</h4><p>{}</p></div>\n", text(&sample.prompt));
    let target = match &sample.target {
        None => return html,
        Some(Target::One(target)) => target.clone(),
        Some(Target::Many(targets)) => targets.join("\n"),
    };
    html += &format!("<div class=\"prompt\"><h4>Target</h4><p>{}</p></div>\n", text(&target));
    html
}

fn side(name: &str, sample: Option<&Sample>) -> String {
    let Some(sample) = sample else {
        return format!(
            "<div class=\"side\"><h4>{name}</h4><p class=\"none\">not recorded</p></div>\n"
        );
    };
    let score = sample.score.map_or_else(|| "no score".to_owned(), score);
    let item = |of: &str, name: &str, value: Option<f64>| {
        let value = value.map_or_else(|| "none".to_owned(), self::score);
        format!("<li>{of}{} <b>{value}</b></li>", Escaped(name))
    };
    let components = sample.components.iter().map(|(name, value)| item("", name, *value));
    let judges = sample.judges.iter().map(|(name, value)| item("judge ", name, *value));
    let components: String = components.chain(judges).collect();
    let components = match components.as_str() {
        "" => components,
        _ => format!("<ul class=\"components\">{components}</ul>"),
    };
    format!(
        "<div class=\"side\"><h4>{name} <b class=\"score\">{score}</b></h4><p>{}</p>{components}</div>\n",
        match sample.response.trim() {
            "" => "<span class=\"none\">(empty)</span>".to_owned(),
            // A continuation begins with the space that parts it from its prompt.
            _ => text(sample.response.strip_prefix(' ').unwrap_or(&sample.response)),
        }
    )
}

fn score(value: f64) -> String {
    number((value * 1e3).round() / 1e3)
}

/// Text of a sample, cut where it is very long.
fn text(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        None => Escaped(text).to_string(),
        Some((end, _)) => {
            let (head, tail) = text.split_at(end);
            let left = tail.chars().count();
            format!("{}<span class=\"none\"> … {left} more characters</span>", Escaped(head))
        }
    }
}

#[cfg(test)]
mod tests;
