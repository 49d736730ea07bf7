//! A causal language model with its tokenizer: how probable is a text, which of a few tokens comes
//! next.

use std::error::Error;
use std::path::Path;

use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::choice::{Choice, choose};
use hybrid_model::perplexity::{Scored, nll_sums};
use hybrid_model::weights::{self, Checkpoint};
use hybrid_model::{Decoder, Device};

/// A decoder and the tokenizer it was trained with.
#[derive(Debug)]
pub struct LanguageModel {
    decoder: Decoder,
    tokenizer: Tokenizer,
    prefix: Vec<u32>,
}

/// What stands before every text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The tokenizer's BOS token where it has one, whether or not it writes it by itself.
    Bos,
    /// What the tokenizer itself writes before a text.
    Own,
    /// Nothing.
    Nothing,
}

/// A text as tokens, some of which are scored: those from `first` on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    ids: Vec<u32>,
    first: usize,
}

impl Passage {
    /// All tokens, those before the scored ones included.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// How many tokens are scored; at least one.
    #[must_use]
    pub fn scored(&self) -> usize {
        self.ids.len() - self.first
    }
}

/// A text as tokens, and the tokens of which one follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub(crate) ids: Vec<u32>,
    pub(crate) options: Vec<u32>,
}

impl LanguageModel {
    /// Reads a Hugging Face folder or a `.gguf` file onto `device`.
    ///
    /// # Errors
    ///
    /// One sentence that names the path: no model, a broken one, or a tokenizer that is not its own.
    pub fn load(path: &Path, device: &Device) -> Result<Self, String> {
        let checkpoint = Checkpoint::open(path).map_err(|error| whole(&error))?;
        let tokenizer = Tokenizer::from_path(path).map_err(|error| whole(&error))?;
        let (tokens, rows) = (tokenizer.vocab_size(), checkpoint.config().vocab_size);
        if tokens > rows {
            return Err(format!(
                "the tokenizer of `{}` knows {tokens} tokens, but the model's embedding has only \
                 {rows} rows: they belong to different models",
                path.display()
            ));
        }
        let decoder = weights::load(&checkpoint, device).map_err(|error| whole(&error))?;
        let (prefix, _) = tokenizer.affixes().map_err(|error| whole(&error))?;
        Ok(Self { decoder, tokenizer, prefix })
    }

    /// The tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The most tokens that are read: `wanted`, but never more than the model's context.
    #[must_use]
    pub fn limit(&self, wanted: Option<usize>) -> usize {
        let context = self.decoder.config().max_positions;
        wanted.map_or(context, |wanted| wanted.min(context))
    }

    /// `text` after `context`, of which the tokens of `text` are scored; `None` where none is left.
    ///
    /// The two are encoded one by one, so that a token ends between them, as it does where a model
    /// answers a prompt. Over `limit` tokens the beginning of the context is cut off, then the end of the
    /// text. A token before which nothing stands is read and not scored.
    ///
    /// # Errors
    ///
    /// The tokenizer's own, in one sentence.
    pub fn passage(
        &self,
        context: &str,
        text: &str,
        start: Start,
        limit: usize,
    ) -> Result<Option<Passage>, String> {
        let encode = |text: &str| self.tokenizer.encode(text, false).map_err(|error| whole(&error));
        let (mut before, mut scored) = (encode(context)?, encode(text)?);
        let mut ids: Vec<u32> = match start {
            Start::Bos => self.tokenizer.bos().into_iter().collect(),
            Start::Own => self.prefix.clone(),
            Start::Nothing => Vec::new(),
        };
        scored.truncate(limit.saturating_sub(ids.len()));
        let room = limit.saturating_sub(ids.len() + scored.len());
        before.drain(..before.len().saturating_sub(room));
        ids.append(&mut before);
        let first = ids.len().max(1);
        ids.append(&mut scored);
        Ok((first < ids.len()).then_some(Passage { ids, first }))
    }

    /// Mean log-probability of each passage's scored tokens, in nats.
    #[must_use]
    pub fn mean_logprobs(&self, passages: &[&Passage]) -> Vec<f64> {
        let rows: Vec<Scored<'_>> = passages
            .iter()
            .map(|passage| Scored {
                ids: &passage.ids,
                predicted: passage.first..passage.ids.len(),
            })
            .collect();
        let sums = nll_sums(&self.decoder, &rows);
        passages.iter().zip(sums).map(|(passage, sum)| -sum / passage.scored() as f64).collect()
    }

    /// `text` as the beginning of each of several endings, which differ in one token.
    ///
    /// Text and ending are encoded together; what all of them begin with is what is read, and each
    /// option is the first token after that.
    ///
    /// # Errors
    ///
    /// Where two endings have the same next token, one has none, or the tokenizer fails.
    pub fn question(
        &self,
        text: &str,
        endings: &[String],
        start: Start,
    ) -> Result<Question, String> {
        let before = match start {
            Start::Bos => self.tokenizer.bos().into_iter().collect(),
            Start::Own => self.prefix.clone(),
            Start::Nothing => Vec::new(),
        };
        let encode = |ending: &String| {
            let ids = self.tokenizer.encode(&format!("{text}{ending}"), false);
            let ids = ids.map_err(|error| whole(&error))?;
            Ok([before.as_slice(), &ids].concat())
        };
        let rows: Vec<Vec<u32>> = endings.iter().map(encode).collect::<Result<_, String>>()?;
        let first = rows.first().cloned().unwrap_or_default();
        let common = |row: &Vec<u32>| first.iter().zip(row).take_while(|(a, b)| a == b).count();
        let shared = rows.iter().skip(1).map(common).min().unwrap_or(first.len());
        let option = |(row, ending): (&Vec<u32>, &String)| {
            let next = row.get(shared).copied();
            next.ok_or_else(|| format!("another label begins with the tokens of {ending:?}"))
        };
        let options: Vec<u32> = rows.iter().zip(endings).map(option).collect::<Result<_, _>>()?;
        for (at, next) in options.iter().enumerate() {
            if let Some(same) = options.iter().take(at).position(|other| other == next) {
                let names = [endings.get(same), endings.get(at)];
                let [one, other] = names.map(|name| name.map(String::as_str).unwrap_or_default());
                return Err(format!("{one:?} and {other:?} begin with the same token"));
            }
        }
        let ids = first.get(..shared).unwrap_or(&first).to_vec();
        if ids.is_empty() {
            return Err("nothing stands before the labels".to_owned());
        }
        Ok(Question { ids, options })
    }

    /// Probability of each option of each question, given that it is one of them.
    #[must_use]
    pub fn choose(&self, questions: &[&Question]) -> Vec<Vec<f64>> {
        let rows: Vec<Choice<'_>> = questions
            .iter()
            .map(|question| Choice { ids: &question.ids, options: &question.options })
            .collect();
        choose(&self.decoder, &rows)
    }
}

/// An error with its causes, in one sentence.
pub(super) fn whole(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
