//! How tokens are chosen and when to stop: options that `generate` and `chat` share.

use anyhow::Result;
use clap::Args;
use hybrid_model::generate::GenerateOptions;
use hybrid_model::sampling::{SamplingConfig, SamplingError};

use crate::exit::BadInput;
use crate::model::Loaded;

/// How tokens are chosen and when to stop.
#[derive(Debug, Clone, Args)]
pub(crate) struct DecodingArgs {
    /// Most new tokens of a completion
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub(crate) max_new_tokens: usize,
    /// Choose the most probable token every time
    #[arg(long, conflicts_with_all = ["temperature", "top_k", "top_p", "min_p", "typical_p"])]
    greedy: bool,
    /// Logits are divided by it; 0 is greedy
    #[arg(long, default_value_t = 1.0, value_name = "T", allow_negative_numbers = true)]
    temperature: f64,
    /// Keep the K most probable tokens; 0 keeps all
    #[arg(long, default_value_t = 0, value_name = "K")]
    top_k: usize,
    /// Keep the most probable tokens up to this mass
    #[arg(long, default_value_t = 1.0, value_name = "P", allow_negative_numbers = true)]
    top_p: f64,
    /// Keep tokens at least this share as probable as the best
    #[arg(long, default_value_t = 0.0, value_name = "P", allow_negative_numbers = true)]
    min_p: f64,
    /// Keep the tokens of typical surprise up to this mass
    #[arg(long, default_value_t = 1.0, value_name = "P", allow_negative_numbers = true)]
    typical_p: f64,
    /// Penalty on tokens seen before; 1 is none
    #[arg(long, default_value_t = 1.0, value_name = "X", allow_negative_numbers = true)]
    repetition_penalty: f64,
    /// Penalty on tokens generated before
    #[arg(long, default_value_t = 0.0, value_name = "X", allow_negative_numbers = true)]
    presence_penalty: f64,
    /// Penalty for each time a token was generated
    #[arg(long, default_value_t = 0.0, value_name = "X", allow_negative_numbers = true)]
    frequency_penalty: f64,
    /// Forbid n-grams of this length to repeat; 0 allows all
    #[arg(long, default_value_t = 0, value_name = "N")]
    no_repeat_ngram_size: usize,
    /// Words that must not appear; may be given several times
    #[arg(long, value_name = "TEXT")]
    bad_words: Vec<String>,
    /// TOKEN_ID=BIAS added to a token's logit; may be given several times
    #[arg(long, value_name = "ID=X", value_parser = parse_bias)]
    logit_bias: Vec<(u32, f64)>,
    /// End a completion at this text, which is left out; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub(crate) stop: Vec<String>,
    /// Go on past the end token
    #[arg(long)]
    pub(crate) ignore_eos: bool,
    /// Seed of the random numbers
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

fn parse_bias(text: &str) -> Result<(u32, f64), String> {
    let wrong = || format!("`{text}` is not TOKEN_ID=BIAS, such as 504=-2.5");
    let (id, bias) = text.split_once('=').ok_or_else(wrong)?;
    Ok((id.trim().parse().map_err(|_| wrong())?, bias.trim().parse().map_err(|_| wrong())?))
}

impl DecodingArgs {
    /// Checks what can be checked before a model is there.
    pub(crate) fn check(&self) -> Result<()> {
        self.sampling().validate().map_err(flag)?;
        if self.stop.iter().any(String::is_empty) {
            return Err(BadInput::error("`--stop` is empty; give the text to stop at"));
        }
        if self.bad_words.iter().any(String::is_empty) {
            return Err(BadInput::error(
                "`--bad-words` is empty; give a word that must not appear",
            ));
        }
        Ok(())
    }

    /// The library's options for one model.
    pub(crate) fn options(&self, loaded: &Loaded) -> Result<GenerateOptions> {
        let Loaded { decoder, tokenizer } = loaded;
        let rows = decoder.config().vocab_size;
        if let Some((id, _)) = self.logit_bias.iter().find(|(id, _)| *id as usize >= rows) {
            return Err(BadInput::error(format!(
                "`--logit-bias` names token {id}, but the model has only {rows}, from 0 on"
            )));
        }
        let mut sampling = self.sampling();
        let encode = |word: &String| tokenizer.encode(word, false);
        sampling.bad_words = self.bad_words.iter().map(encode).collect::<Result<_, _>>()?;
        // Embeddings are padded to round sizes: a row that no token stands for says nothing.
        let ids = (0..rows).filter_map(|id| u32::try_from(id).ok());
        let forbidden = ids.filter(|id| tokenizer.token(*id).is_none()).collect();
        sampling.validate().map_err(flag)?;
        Ok(GenerateOptions {
            max_new_tokens: self.max_new_tokens,
            sampling,
            eos_ids: if self.ignore_eos { Vec::new() } else { tokenizer.eos_ids().to_vec() },
            forbidden,
            seed: self.seed,
            ..GenerateOptions::default()
        })
    }

    /// The settings, without what needs a tokenizer.
    fn sampling(&self) -> SamplingConfig {
        SamplingConfig {
            temperature: if self.greedy { 0.0 } else { self.temperature },
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            typical_p: self.typical_p,
            repetition_penalty: self.repetition_penalty,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            no_repeat_ngram_size: self.no_repeat_ngram_size,
            bad_words: Vec::new(),
            logit_bias: self.logit_bias.iter().copied().collect(),
        }
    }
}

/// The library's complaint about a field as one about its option.
fn flag(error: SamplingError) -> anyhow::Error {
    let SamplingError { field, value, allowed } = error;
    BadInput::error(format!("`--{}` is {value}, must be {allowed}", field.replace('_', "-")))
}
