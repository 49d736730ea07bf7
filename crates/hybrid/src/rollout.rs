//! From prompts to responses: the policy's own answers, as they were drawn.

use hybrid_data::tokenizer::{Growing, Tokenizer};
use hybrid_model::Decoder;
use hybrid_model::generate::{GenerateOptions, Verdict, generate, generate_with_values};
use hybrid_model::sampling::Choice;
use hybrid_model::value::ValueHead;

use crate::error::HybridError;
use crate::prompt::{Prompt, Response};

/// How responses are drawn.
#[derive(Debug, Clone)]
pub struct RespondOptions {
    /// Sampling, limits, samples per prompt and the seed.
    pub generate: GenerateOptions,
    /// Prompts continued at once; where one's answers have ended, the next takes their places. At
    /// least 1.
    pub batch_size: usize,
    /// Texts that end a response and are cut off it.
    pub stop: Vec<String>,
    /// What becomes [`Response::noted`].
    pub note: Option<Note>,
}

/// What is noted of every token.
#[derive(Debug, Clone)]
pub struct Note {
    /// [`crate::prompt::Noted::version`].
    pub version: u64,
    /// Values by this head, which reads the decoder's hidden states.
    pub value_head: Option<ValueHead>,
}

/// Answers every prompt; the samples of one prompt come together, in the order of the prompts.
///
/// Response `i` draws from random stream `generate.first_stream + i`, so neither the batch size nor
/// the other prompts change it.
///
/// # Errors
///
/// [`HybridError::Generate`] for prompts that are empty or too long, or logits without a number.
pub fn respond(
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    prompts: &[Prompt],
    options: &RespondOptions,
) -> Result<Vec<Response>, HybridError> {
    let samples = options.generate.samples;
    let version = options.note.as_ref().map(|note| note.version);
    let value_head = options.note.as_ref().and_then(|note| note.value_head.as_ref());
    let rows = || prompts.iter().flat_map(move |prompt| std::iter::repeat_n(prompt, samples));
    let mut growing: Vec<Growing<'_>> =
        rows().map(|prompt| Growing::new(tokenizer, &prompt.ids)).collect();
    let mut observe = |row: usize, choice: Choice| {
        let stopped =
            growing.get_mut(row).is_some_and(|text| text.push(choice.token, &options.stop));
        if stopped { Verdict::StopRow } else { Verdict::Continue }
    };
    let ids: Vec<Vec<u32>> = prompts.iter().map(|prompt| prompt.ids.clone()).collect();
    let slots = Some(options.batch_size.saturating_mul(samples));
    let generate_options = GenerateOptions { slots, ..options.generate.clone() };
    let completions = match value_head {
        Some(head) => generate_with_values(decoder, head, &ids, &generate_options, &mut observe)?,
        None => generate(decoder, &ids, &generate_options, &mut observe)?,
    };
    let made = rows().zip(completions).zip(growing);
    let response = |((prompt, completion), growing): ((&Prompt, _), Growing<'_>)| {
        Response::new(prompt.id, completion, growing.finish(), version)
    };
    Ok(made.map(response).collect())
}
