//! Steps of the trainer that users have: SFT, and PPO updates with their rollout.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, ensure};
use burn::tensor::Device;
use hybrid::{HybridTrainer, Prompt, Reference, Response, RunConfig, Scorer};
use hybrid_data::encode::Encoded;
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::input::{Rows, TokenInput};
use hybrid_model::{Decoder, ValueHead};

use crate::case::{Case, Kind};
use crate::cost::Cost;
use crate::texts;
use crate::{Work, needed, timed};

/// An SFT step on all rows at once; every token counts.
pub(crate) fn sft(case: &Case, device: &Device) -> Result<Work> {
    let length = needed(case.length, "length", case)?;
    let phase = "[[phase]]\nkind = \"sft\"\nsteps = 1000\n";
    let config = config(case, length, phase)?;
    let decoder = case.decoder(0, device)?;
    let mut trainer = HybridTrainer::new(config, decoder, tokenizer(case)?, 1000)?;
    let mut batch = 0;
    let rows = case.clone();
    let run = move || {
        let examples: Vec<Encoded> = rows.ids(batch)?.into_iter().map(counted).collect();
        batch += 1;
        timed(|| {
            let stats = trainer.sft_step(&examples.iter().collect::<Vec<_>>())?;
            ensure!(stats.loss.is_finite(), "the loss is no number");
            trainer.advance(None);
            Ok(())
        })
    };
    Ok(Work { amount: case.rows * length, cost: Cost::of(case), run: Box::new(run) })
}

/// A PPO update: rollout, scores, measurements and all epochs.
pub(crate) fn ppo(case: &Case, device: &Device) -> Result<Work> {
    let (length, new) = (needed(case.length, "length", case)?, needed(case.new, "new", case)?);
    let shared = case.work == Kind::PpoShared;
    let critic = if shared { "shared" } else { "separate" };
    let (rows, epochs) = (case.rows, needed(case.epochs, "epochs", case)?);
    let tables = format!(
        "[rollout]\nbatch_size = {rows}\nmax_new_tokens = {new}\nignore_eos = true\n\
         [ppo]\nepochs = {epochs}\nminibatch_size = {rows}\ncritic = \"{critic}\"\n\
         [reward]\ntype = \"length\"\n[[phase]]\nkind = \"ppo\"\nsteps = 1000\n"
    );
    let config = config(case, length + new, &tables)?;
    let decoder = case.decoder(0, device)?;
    let mut trainer = HybridTrainer::new(config, decoder, tokenizer(case)?, 1000)?;
    trainer.begin_phase(0, Some(Reference::frozen(&trainer.policy().decoder)), true);
    let judge = if shared { Judge::words()? } else { Judge::network(case, device)? };
    let mut batch = 0;
    let rows = case.clone();
    let run = move || {
        let prompts = prompts(&rows, trainer.tokenizer(), batch)?;
        let prompts_of: Vec<&Prompt> = prompts.iter().collect();
        batch += 1;
        timed(|| {
            let responses = trainer.respond(&prompts)?;
            let scores = judge.scores(&prompts_of, &responses, batch as u64)?;
            let stats = trainer.ppo_step(&prompts_of, &responses, &scores)?;
            let tokens = rows.rows * (rows.length + rows.new);
            ensure!(stats.tokens == tokens, "{} tokens in place of {tokens}", stats.tokens);
            trainer.advance(None);
            Ok(())
        })
    };
    Ok(Work { amount: case.rows * new, cost: Cost::of(case), run: Box::new(run) })
}

/// The run's configuration: all rows at once, AdamW, the case's memory, what `tables` say.
fn config(case: &Case, max_length: usize, tables: &str) -> Result<RunConfig> {
    let rows = case.rows;
    // A string of JSON is one of TOML.
    let memory = serde_json::to_string(&case.memory)?;
    let text = format!(
        "seed = 1\n[model]\nbase = \"given\"\n[data]\ntrain = \"given\"\n\
         [train]\nbatch_size = {rows}\nmicro_batch = {rows}\nmax_length = {max_length}\n\
         memory = {memory}\n\
         [optim]\noptimizer = \"adamw\"\nlr = 1e-5\nscheduler = \"constant\"\n{tables}"
    );
    Ok(hybrid::config::parse(&text, Path::new("speed.toml"), &[])?)
}

/// A word for every id, so that any answer is a text.
fn tokenizer(case: &Case) -> Result<Tokenizer> {
    let words: Vec<String> = (0..case.network()?.vocab_size).map(word).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Ok(hybrid_testing::models::words(&words))
}

fn word(id: usize) -> String {
    format!("t{id}")
}

fn counted(ids: Vec<u32>) -> Encoded {
    Encoded { loss_mask: vec![true; ids.len()], ids }
}

fn prompts(case: &Case, tokenizer: &Tokenizer, batch: usize) -> Result<Vec<Prompt>> {
    let prompt = |(row, ids): (usize, Vec<u32>)| {
        let text = tokenizer.decode(&ids, false)?;
        let (targets, fields) = (Vec::new(), serde_json::Map::new());
        Ok(Prompt { id: (batch * case.rows + row) as u64, text, ids, targets, fields })
    };
    case.ids(batch)?.into_iter().enumerate().map(prompt).collect()
}

/// Who scores the answers.
enum Judge {
    /// A causal decoder of the policy's sizes with one output, on the last token.
    Network { decoder: Box<Decoder>, head: ValueHead },
    /// VADER on a list of words.
    Words(Scorer),
}

impl Judge {
    fn network(case: &Case, device: &Device) -> Result<Self> {
        let decoder = Box::new(case.decoder(1, device)?);
        let width = decoder.config().embedding_size;
        let weight = (0..width).map(|place| if place % 2 == 0 { 0.02 } else { -0.02 }).collect();
        let values =
            BTreeMap::from([("weight".to_owned(), weight), ("bias".to_owned(), vec![0.0])]);
        Ok(Self::Network { decoder, head: ValueHead::from_values(width, values, device)? })
    }

    fn words() -> Result<Self> {
        Ok(Self::Words(Scorer::new(texts::sentiment(word)?)))
    }

    fn scores(
        &self,
        prompts: &[&Prompt],
        responses: &[Response],
        step: u64,
    ) -> Result<Vec<Option<f64>>> {
        let (decoder, head) = match self {
            Self::Words(scorer) => {
                let scored = scorer.score(prompts, responses, step, true)?;
                return Ok(scored.into_iter().map(|scored| scored.score).collect());
            }
            Self::Network { decoder, head } => (decoder, head),
        };
        let rows: Vec<Vec<u32>> = prompts
            .iter()
            .zip(responses)
            .map(|(prompt, response)| [&prompt.ids[..], &response.completion_ids[..]].concat())
            .collect();
        let width = rows.first().map_or(0, Vec::len);
        ensure!(rows.iter().all(|row| row.len() == width), "the rows differ in length");
        let size = [rows.len(), width];
        let input = TokenInput::new(&rows.concat(), size, Rows::RightPadded, &decoder.device());
        let last = decoder.hidden(&input, None).slice_dim(1, width - 1..width).squeeze_dim::<2>(1);
        let scores = head.values(last).into_data();
        Ok(scores.iter::<f32>().map(|score| Some(f64::from(score))).collect())
    }
}
