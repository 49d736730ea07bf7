//! Rewards over what a model writes: the prompts of the data, its answers, and what they score.

use std::io::Write;

use anyhow::{Context, Result};
use hybrid::feed::prompts_within;
use hybrid::rollout::{RespondOptions, respond};
use hybrid::scorer::{Scored, Scorer};
use hybrid::{Prompt, Response};
use hybrid_data::record::{Record, RecordKind};
use hybrid_data::view::View;
use hybrid_rewards::column::{Running, Summary};
use hybrid_rewards::{RewardTree, Sample};
use serde_json::{Map, Value, json};

use super::EvalArgs;
use crate::commands::reward::{number, read_spec};
use crate::device::DeviceChoice;
use crate::exit::BadInput;
use crate::model::Loaded;
use crate::training::parts;
use crate::ui::Ui;

/// What the whole reward is called beside its components.
const SCORE: &str = "score";

/// The reward that `--reward` describes.
pub(super) fn build(spec: &str, device: DeviceChoice, ui: &Ui) -> Result<RewardTree> {
    let tree = parts::reward(&read_spec("--reward", spec)?, device, ui)?;
    let is_alone = tree.leaves().len() == 1 && tree.name() == SCORE;
    if !is_alone && tree.leaves().iter().any(|(path, _)| path == SCORE) {
        return Err(BadInput::error(format!(
            "`--reward`: a component is called `{SCORE}`, as the whole is in the report; give it \
             another `name`"
        )));
    }
    Ok(tree)
}

/// Prompts, the answers to which a reward can score.
pub(super) struct Asked {
    tree: RewardTree,
    prompts: Vec<Prompt>,
}

impl Asked {
    /// Makes prompts of the records, each checked against what the reward reads.
    pub(super) fn new(
        tree: RewardTree,
        records: &[Record],
        args: &EvalArgs,
        loaded: &Loaded,
    ) -> Result<Self> {
        let openings = openings(records, args);
        let context = loaded.decoder.config().max_positions;
        let room = context.saturating_sub(args.decoding.max_new_tokens).max(1);
        let prompts = prompts_within(&openings, &loaded.tokenizer, room, 0)?;
        if prompts.is_empty() {
            return Err(BadInput::error(format!(
                "`--reward`: `{}` has nothing to continue; expected a prompt, a conversation, or a \
                 text of more than {} words (`--prompt-words`)",
                args.data, args.prompt_words
            )));
        }
        for prompt in &prompts {
            let Some(lack) = tree.missing(&sample(prompt)) else { continue };
            let record = usize::try_from(prompt.id).ok().and_then(|id| openings.get(id));
            let at = record.map(|record| record.source.to_string()).unwrap_or_default();
            return Err(BadInput::error(format!("{at} {lack}")));
        }
        Ok(Self { tree, prompts })
    }

    /// Draws the answers and sums up their scores.
    pub(super) fn measure(
        self,
        args: &EvalArgs,
        loaded: &Loaded,
        ui: &Ui,
    ) -> Result<Map<String, Value>> {
        let Self { tree, prompts } = self;
        let mut generate = args.decoding.options(loaded)?;
        generate.samples = args.num_samples;
        let (batch_size, stop) = (args.batch_size, args.decoding.stop.clone());
        let mut options = RespondOptions { generate, batch_size, stop, note: None };
        let bar = ui.steps("answers", prompts.len() as u64);
        let mut responses: Vec<Response> = Vec::with_capacity(prompts.len() * args.num_samples);
        for batch in prompts.chunks(batch_size) {
            responses.extend(respond(&loaded.decoder, &loaded.tokenizer, batch, &options)?);
            options.generate.first_stream = responses.len() as u64;
            bar.inc(batch.len() as u64);
        }
        bar.finish_and_clear();
        let asked: Vec<&Prompt> = prompts
            .iter()
            .flat_map(|prompt| std::iter::repeat_n(prompt, args.num_samples))
            .collect();
        // All answers are one batch: what compares them compares them all.
        let scored = Scorer::new(tree).score(&asked, &responses, 0, false);
        Ok(summary(&scored.context("`--reward`")?))
    }
}

/// The records with what should be continued as their prompt.
fn openings(records: &[Record], args: &EvalArgs) -> Vec<Record> {
    let view = View { prompt_words: Some(args.prompt_words), ..View::default() };
    let is_joined = args.data == super::WIKITEXT;
    let records = records.iter().flat_map(|record| match &record.kind {
        RecordKind::Text(text) if is_joined => lines(text, record),
        _ => vec![record.clone()],
    });
    let limit = args.limit.unwrap_or(usize::MAX);
    records.filter_map(|record| view.apply(record)).take(limit).collect()
}

/// The lines of joined articles, without their headings.
fn lines(text: &str, record: &Record) -> Vec<Record> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('='))
        .map(|line| Record { kind: RecordKind::Text(line.to_owned()), ..record.clone() })
        .collect()
}

/// What a reward reads of a prompt before it is answered.
fn sample(prompt: &Prompt) -> Sample<'_> {
    Sample {
        prompt: &prompt.text,
        targets: &prompt.targets,
        token_ids: Some(&[]),
        fields: &prompt.fields,
        ..Sample::of_response(prompt.id, "")
    }
}

/// Mean, deviation and null count of the whole and of each component.
fn summary(scored: &[Scored]) -> Map<String, Value> {
    let mut columns: Vec<(&str, Running)> = vec![(SCORE, Running::default())];
    for row in scored {
        let leaves = row.components.iter().map(|(name, value)| (name.as_str(), *value));
        // A leaf of that name is the whole.
        let leaves = leaves.filter(|(name, _)| *name != SCORE);
        for (place, (name, value)) in std::iter::once((SCORE, row.score)).chain(leaves).enumerate()
        {
            match columns.get_mut(place) {
                Some((_, running)) => running.extend(&[value]),
                None => {
                    let mut running = Running::default();
                    running.extend(&[value]);
                    columns.push((name, running));
                }
            }
        }
    }
    let line = |(name, running): (&str, Running)| {
        let Summary { mean, std, null: nulls, .. } = running.summary();
        (name.to_owned(), json!({ "mean": mean, "std": std, "null": nulls }))
    };
    columns.into_iter().map(line).collect()
}

/// A line a reward, for people.
pub(super) fn print(rewards: &Map<String, Value>, out: &mut impl Write) -> std::io::Result<()> {
    for (name, line) in rewards {
        let value = |key: &str| line.get(key).and_then(Value::as_f64);
        let null = line.get("null").and_then(Value::as_u64).unwrap_or(0);
        let (mean, std) = (number(value("mean")), number(value("std")));
        writeln!(out, "reward      {name}: mean {mean}, std {std}, null {null}")?;
    }
    Ok(())
}
