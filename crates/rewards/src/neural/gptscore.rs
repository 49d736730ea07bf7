//! `gptscore`: how probable a text is after an instruction that names the aspect (Fu et al. 2023).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::batched::{Batched, Network};
use super::language_model::{LanguageModel, Passage, Start};
use super::template::{Text, needs, targets};
use super::{
    BATCH_TOKENS, BATCH_TOKENS_PARAM, CACHE, CACHED, DEVICE, LANGUAGE_MODEL, MAX_LENGTH, MODEL,
    check_sizes,
};
use crate::error::ParamError;
use crate::reward::Needs;
use crate::sample::Sample;
use crate::spec::info::{Evidence, Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// The places of both texts.
const PLACES: [&str; 4] = ["prompt", "response", "target", "aspect"];

/// Parameters of `gptscore`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    model: String,
    template: String,
    scored: String,
    aspect: String,
    max_length: Option<usize>,
    device: Option<String>,
    batch_tokens: usize,
    cache: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model: LANGUAGE_MODEL.to_owned(),
            template: "Write a {aspect} answer to the text.\nText: {prompt}\nAnswer:".to_owned(),
            scored: " {response}".to_owned(),
            aspect: "fluent and relevant".to_owned(),
            max_length: None,
            device: None,
            batch_tokens: BATCH_TOKENS,
            cache: CACHED,
        }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        check_sizes(self.max_length, self.batch_tokens, self.cache)
    }
}

const INFO: Info = Info {
    name: "gptscore",
    about: "The mean log-probability in nats of the tokens of one text (`scored`) after another (`template`), \
            by a causal language model: GPTScore (Fu et al. 2023) with equal weights. The first text asks \
            for what is wanted, the second is the response, or an answer about it such as ` Yes`.",
    range: (f64::NEG_INFINITY, 0.0),
    needs: &["prompt"],
    params: &[
        MODEL,
        Param::new(
            "template",
            "a string",
            "what is read before; `{prompt}`, `{response}`, `{target}` and `{aspect}` are filled in, `{{` and `}}` are braces",
        ),
        Param::new(
            "scored",
            "a string",
            "what is scored, with the same places; one of the two has `{response}`",
        ),
        Param::new("aspect", "a string", "what stands for `{aspect}`"),
        MAX_LENGTH,
        DEVICE,
        BATCH_TOKENS_PARAM,
        CACHE,
    ],
    evidence: Evidence::Unvalidated,
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, env| {
        let context = Text::parse("template", &config.template, &PLACES)?;
        let scored = Text::parse("scored", &config.scored, &PLACES)?;
        if !context.has("response") && !scored.has("response") {
            let reason =
                "neither `template` nor `scored` has `{response}`, so all rows would score alike";
            return Err(ParamError::new("", reason));
        }
        let model = env.language_model(&config.model, config.device.as_deref())?;
        let limit = model.limit(config.max_length);
        let (batch_tokens, cache) = (config.batch_tokens, config.cache);
        let network = GptScore { model, context, scored, aspect: config.aspect, limit };
        Ok(Batched::new(network, batch_tokens, cache))
    })
}

struct GptScore {
    model: Arc<LanguageModel>,
    context: Text,
    scored: Text,
    aspect: String,
    limit: usize,
}

impl Network for GptScore {
    type Input = Passage;

    fn needs(&self) -> Needs {
        needs(&[&self.context, &self.scored])
    }

    fn inputs(&self, sample: &Sample<'_>) -> Result<Vec<Passage>, String> {
        // Spaces around a place are tokens, too: they would score where nothing was said.
        if sample.response.is_empty() {
            return Ok(Vec::new());
        }
        let passage = |target: &str| {
            let values = [
                ("prompt", sample.prompt),
                ("response", sample.response),
                ("target", target),
                ("aspect", self.aspect.as_str()),
            ];
            let (context, scored) = (self.context.fill(&values), self.scored.fill(&values));
            self.model.passage(&context, &scored, Start::Own, self.limit)
        };
        let passages = targets(sample, &self.needs()).into_iter().map(passage);
        passages.filter_map(Result::transpose).collect()
    }

    fn length(&self, input: &Passage) -> usize {
        input.ids().len()
    }

    fn run(&self, inputs: &[&Passage]) -> Vec<f64> {
        self.model.mean_logprobs(inputs)
    }
}
