//! `hybrid predict`: what a trained task head says of texts.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use hybrid::heads::predict::Query;
use hybrid::heads::{Prediction, Predictor, Task};
use hybrid_data::reader::Row;
use serde_json::{Map, Value, json};

use super::{count, reward};
use crate::device::DeviceChoice;
use crate::exit::BadInput;
use crate::model;
use crate::ui::Ui;

/// Arguments of `hybrid predict`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hybrid predict runs/mood --task sentiment --text \"A delight.\"
  hybrid predict runs/mood --task sentiment --input rows.jsonl > answers.jsonl
  hybrid predict runs/qa --question \"Who?\" --text \"Ada wrote it.\"

Rows are {\"text\": …}; a reward model of prompts also reads `prompt`, a tagger also `words`; rows for
questions are {\"question\": …, \"context\": …}. Every row comes back as one object, in order, with its
`id` where it has one: `label` and `probabilities`, `labels` and `probabilities`, `values`, `words`,
`tags` and `entities`, `reward`, or `answer`, `start`, `end` (in characters), `score` and `answerable`.")]
pub(crate) struct PredictArgs {
    /// The run directory, whose newest complete checkpoint is taken; or a checkpoint
    run: PathBuf,
    /// Which head answers; may be left out where the run has one
    #[arg(long, value_name = "NAME")]
    task: Option<String>,
    /// A text to ask about; may be repeated
    #[arg(long = "text", value_name = "TEXT", conflicts_with = "input")]
    texts: Vec<String>,
    /// What is asked about each --text, of a head that answers questions
    #[arg(long, value_name = "TEXT", conflicts_with = "input", requires = "texts")]
    question: Option<String>,
    /// Rows to ask about, JSON lines; `-` is standard input, which is also read where neither this
    /// nor --text is given
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Rows asked about at once
    #[arg(long, default_value_t = 256, value_name = "N", value_parser = count)]
    batch: usize,
    /// Most tokens that go through the model at once
    #[arg(long, default_value_t = 4096, value_name = "N", value_parser = count)]
    batch_tokens: usize,
    /// Where to run: cpu, ndarray, wgpu[:i], vulkan[:i] or cuda[:i]
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
}

pub(crate) fn run(args: &PredictArgs, ui: &Ui) -> Result<()> {
    if !args.run.is_dir() {
        return Err(BadInput::error(format!(
            "`{}` is no folder; name the run directory, which is `output.dir` of its configuration",
            args.run.display()
        )));
    }
    let checkpoint = model::weights_path(args.run.clone())?;
    let spinner = ui.spinner(&format!("loading {}", args.run.display()));
    let predictor = Predictor::load(&checkpoint, &args.device.open()?)?;
    spinner.finish_and_clear();
    let task = task(&predictor, args.task.as_deref())?;
    if !args.texts.is_empty() {
        let queries: Vec<(Query, Option<Value>)> = args
            .texts
            .iter()
            .map(|text| {
                let (text, question) = (text.clone(), args.question.clone());
                (Query { text, question, ..Query::default() }, None)
            })
            .collect();
        return answer(&predictor, task, &queries, args, ui);
    }
    let is_asked = predictor.tasks().get(task).is_some_and(Task::answers_questions);
    let mut batch = Vec::with_capacity(args.batch);
    for row in reward::open_rows(args.input.as_deref())? {
        batch.push(query(row?, is_asked)?);
        if batch.len() == args.batch {
            answer(&predictor, task, &batch, args, ui)?;
            batch.clear();
        }
    }
    answer(&predictor, task, &batch, args, ui)
}

/// The place of the task that was asked for.
pub(super) fn task(predictor: &Predictor, name: Option<&str>) -> Result<usize> {
    match (name, predictor.tasks()) {
        (Some(name), _) => Ok(predictor.task(name)?),
        (None, [_]) => Ok(0),
        (None, tasks) => {
            let known: Vec<String> = tasks.iter().map(|task| format!("`{}`", task.name)).collect();
            Err(BadInput::error(format!(
                "the run has several heads: choose one by `--task`, {}",
                known.join(", ")
            )))
        }
    }
}

/// What a row asks, and its id; of a head that answers questions where `is_asked`.
fn query(row: Row, is_asked: bool) -> Result<(Query, Option<Value>)> {
    let Row { at, mut columns } = row;
    let words = columns.remove("words").map(|words| {
        let list = words.as_array().map(|list| {
            list.iter().map(|word| word.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        list.flatten().ok_or_else(|| BadInput::error(format!("{at}: `words` is no list of texts")))
    });
    let words = words.transpose()?;
    let mut take = |name: &str| match columns.remove(name) {
        Some(Value::String(text)) => Ok(Some(text)),
        None | Some(Value::Null) => Ok(None),
        Some(_) => Err(BadInput::error(format!("{at}: `{name}` is no text"))),
    };
    let question = take("question")?;
    if is_asked && question.is_none() {
        return Err(BadInput::error(format!(
            "{at} has no `question`; a row is {{\"question\": …, \"context\": …}}"
        )));
    }
    let context = if is_asked { take("context")? } else { None };
    let text = match context.map_or_else(|| take("text"), |context| Ok(Some(context)))? {
        Some(text) => text,
        None if words.is_some() => String::new(),
        None if is_asked => {
            return Err(BadInput::error(format!(
                "{at} has no `context`; a row is {{\"question\": …, \"context\": …}}"
            )));
        }
        None => take("response")?.ok_or_else(|| {
            BadInput::error(format!("{at} has no `text`; a row is {{\"text\": …}}"))
        })?,
    };
    let prompt = take("prompt")?;
    Ok((Query { text, question, prompt, words }, columns.remove("id")))
}

fn answer(
    predictor: &Predictor,
    task: usize,
    asked: &[(Query, Option<Value>)],
    args: &PredictArgs,
    ui: &Ui,
) -> Result<()> {
    let queries: Vec<Query> = asked.iter().map(|(query, _)| query.clone()).collect();
    let predictions = predictor.predict(task, &queries, args.batch_tokens)?;
    let mut out = std::io::stdout().lock();
    for (prediction, (query, id)) in predictions.iter().zip(asked) {
        // A person who asks about a text or two reads a line each.
        if !ui.json && !args.texts.is_empty() {
            writeln!(out, "{}", line(prediction, &query.text))?;
            continue;
        }
        let mut object = Map::new();
        object.extend(id.clone().map(|id| ("id".to_owned(), id)));
        if let Value::Object(fields) = json!(prediction) {
            object.extend(fields);
        }
        writeln!(out, "{}", Value::Object(object))?;
    }
    Ok(())
}

/// A prediction as a person reads it.
fn line(prediction: &Prediction, text: &str) -> String {
    let share = |probabilities: &Map<String, Value>, label: &String| {
        let value = probabilities.get(label).and_then(Value::as_f64).unwrap_or(f64::NAN);
        format!("{label} {value:.3}")
    };
    let said = match prediction {
        Prediction::Class { label, probabilities } => share(probabilities, label),
        Prediction::Labels { labels, probabilities } if !labels.is_empty() => {
            labels.iter().map(|label| share(probabilities, label)).collect::<Vec<_>>().join(", ")
        }
        Prediction::Labels { .. } => "none".to_owned(),
        Prediction::Values { values } => {
            values.iter().map(|value| format!("{value:.4}")).collect::<Vec<_>>().join(", ")
        }
        Prediction::Tags { words, entities, .. } => {
            let entity = |entity: &hybrid_heads::tagging::Entity| {
                let words = words.get(entity.start..entity.end).unwrap_or_default();
                format!("{} {}", entity.kind, words.join(" "))
            };
            entities.iter().map(entity).collect::<Vec<_>>().join("; ")
        }
        Prediction::Answer { answer, score, .. } if !answer.is_empty() => {
            format!("{answer} {score:.3}")
        }
        Prediction::Answer { .. } => "no answer".to_owned(),
        Prediction::Reward { reward } => format!("{reward:.4}"),
    };
    format!("{said}\t{text}")
}
