//! Rewards that a classifier measures where the spec names one as their `model`: `sentiment`,
//! `emotion`, `sarcasm`, `formality`, `toxicity`, `hate`, `offensiveness` and `bias`.
//!
//! Each knows under which names models have its label and which end of it is good; a spec may say
//! otherwise, key by key.

use super::readout::{Naming, Pick};
use super::{Config, LABEL, LABELS, LENGTH, Label, PROBLEM, SCORE, TASK, TEXT, build};
use crate::neural::{BATCH_TOKENS_PARAM, CACHE, DEVICE};
use crate::spec::form::{NetworkForm, keys_of, maker};
use crate::spec::info::Param;
use crate::spec::registry::{RegisterError, Registry};

/// A reward by name.
struct Named {
    name: &'static str,
    /// The form with a classifier, in whole sentences.
    about: &'static str,
    model: Param,
    /// The key that says what is wanted in the reward's own words, and its default.
    target: Option<(Param, fn() -> Label)>,
    invert: Param,
    /// Whether the opposite of the label is good.
    inverted: bool,
    naming: Naming,
    /// Parameters of the form without a classifier that read otherwise.
    reworded: &'static [Param],
}

/// Detoxify's labels, in the order of its models `original`, `unbiased` and `multilingual`, and of
/// those without the groups of people that are mentioned.
const DETOXIFY: [&[&str]; 3] = [
    &["toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack"],
    &[
        "toxicity",
        "severe_toxicity",
        "obscene",
        "identity_attack",
        "insult",
        "threat",
        "sexual_explicit",
    ],
    &[
        "toxicity",
        "severe_toxicity",
        "obscene",
        "identity_attack",
        "insult",
        "threat",
        "sexual_explicit",
        "male",
        "female",
        "homosexual_gay_or_lesbian",
        "christian",
        "jewish",
        "muslim",
        "black",
        "white",
        "psychiatric_or_mental_illness",
    ],
];

const MODEL_OR_FILE: Param = Param::new(
    "model",
    "a string or null",
    "a sequence classifier, named as for `classifier`, or the file of a trained model, as for `linear`, in place of the list",
);
const MODEL: Param = Param::new(
    "model",
    "a string or null",
    "a sequence classifier, named as for `classifier`, in place of the list",
);
const CLEAN: Param = Param::new(
    "invert",
    "true or false",
    "score 1 for clean text, by a classifier 1 − p; false scores how much of it there is, 0 for clean text",
);
const OPPOSITE: Param =
    Param::new("invert", "true or false", "score the opposite, by a classifier 1 − p");

const NAMED: [Named; 8] = [
    Named {
        name: "sentiment",
        about: "With a classifier as `model` (such as \
                `hf:cardiffnlp/twitter-roberta-base-sentiment-latest` or \
                `hf:distilbert/distilbert-base-uncased-finetuned-sst-2-english`), the probability \
                of the label that is called as the target.",
        model: Param::new(
            "model",
            "a string or null",
            "a sequence classifier, named as for `classifier`; or the file of a trained model, as for `linear`, whose probability p of positive text takes VADER's place, 2p − 1 being its compound",
        ),
        target: Some((
            Param::new(
                "target",
                "one of `positive`, `negative` or `neutral`",
                "what scores high; by a classifier, the label of this name, unless `label` says another",
            ),
            || Label::One(Pick::Name("positive".to_owned())),
        )),
        invert: OPPOSITE,
        inverted: false,
        naming: Naming { names: &[], independent: false, layouts: &[] },
        reworded: &[],
    },
    Named {
        name: "emotion",
        about: "With a classifier as `model` (such as \
                `hf:j-hartmann/emotion-english-distilroberta-base`, or \
                `hf:SamLowe/roberta-base-go_emotions`, whose emotions do not exclude each other), \
                the probability of the emotions that are asked for: of any of them, or of the \
                likeliest where they are independent.",
        model: MODEL,
        target: Some((
            Param::new(
                "target",
                "a list of strings",
                "the emotions that score, by the names of the lexicon or of the classifier's labels",
            ),
            || Label::Any(vec![Pick::Name("joy".to_owned())]),
        )),
        invert: OPPOSITE,
        inverted: false,
        naming: Naming { names: &[], independent: false, layouts: &[] },
        reworded: &[Param::new(
            "lexicon",
            "a path or null",
            "a file of lines with a word, a tab, an emotion and, with another tab, a weight from 0 (NRC EmoLex's form); required unless `model` is given",
        )],
    },
    Named {
        name: "sarcasm",
        about: "With a classifier as `model` (such as `hf:cardiffnlp/twitter-roberta-base-irony`), \
                the probability of its label `sarcasm`, `sarcastic`, `irony` or `ironic`.",
        model: Param::new(
            "model",
            "a string or null",
            "the file of a trained model, as for `linear`, or a sequence classifier, named as for `classifier`; required",
        ),
        target: None,
        invert: OPPOSITE,
        inverted: false,
        naming: Naming {
            names: &["sarcasm", "sarcastic", "irony", "ironic"],
            independent: false,
            layouts: &[],
        },
        reworded: &[],
    },
    Named {
        name: "formality",
        about: "With a classifier as `model` (such as `hf:s-nlp/roberta-base-formality-ranker`), the \
                probability of its label `formal`.",
        model: Param::new(
            "model",
            "a string or null",
            "a sequence classifier, named as for `classifier`, in place of the six features",
        ),
        target: None,
        invert: OPPOSITE,
        inverted: false,
        naming: Naming { names: &["formal"], independent: false, layouts: &[] },
        reworded: &[],
    },
    Named {
        name: "toxicity",
        about: "With a classifier as `model` (such as `hf:unitary/toxic-bert`, or another in \
                Detoxify's layout), 1 − the probability of its label `toxicity` or `toxic`; more \
                than two labels do not exclude each other, and have Detoxify's names where the \
                model has numbers only.",
        model: MODEL_OR_FILE,
        target: None,
        invert: CLEAN,
        inverted: true,
        naming: Naming { names: &["toxicity", "toxic"], independent: true, layouts: &DETOXIFY },
        reworded: &[],
    },
    Named {
        name: "hate",
        about: "With a classifier as `model` (such as \
                `hf:facebook/roberta-hate-speech-dynabench-r4-target`), 1 − the probability of its \
                label `hate`, `hateful` or `hate_speech`.",
        model: MODEL_OR_FILE,
        target: None,
        invert: CLEAN,
        inverted: true,
        naming: Naming {
            names: &["hate", "hateful", "hate_speech"],
            independent: false,
            layouts: &[],
        },
        reworded: &[],
    },
    Named {
        name: "offensiveness",
        about: "With a classifier as `model` (such as \
                `hf:cardiffnlp/twitter-roberta-base-offensive`), 1 − the probability of its label \
                `offensive`.",
        model: MODEL_OR_FILE,
        target: None,
        invert: CLEAN,
        inverted: true,
        naming: Naming { names: &["offensive"], independent: false, layouts: &[] },
        reworded: &[],
    },
    Named {
        name: "bias",
        about: "With a classifier as `model`, 1 − the probability of its label `biased` or `bias`; \
                of one of regard, such as `hf:sasha/regardv3`, set `label` to `negative`.",
        model: MODEL,
        target: None,
        invert: CLEAN,
        inverted: true,
        naming: Naming { names: &["biased", "bias"], independent: false, layouts: &[] },
        reworded: &[
            Param::new(
                "lexicon",
                "a path or null",
                "a file of judging words, one a line, each with an optional tab and weight of either sign; required unless `model` is given",
            ),
            Param::new(
                "identity_terms",
                "a path or null",
                "a file of lines with a word for people, a tab and the group's name; required unless `model` is given",
            ),
        ],
    },
];

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    NAMED.iter().try_for_each(|named| registry.network_form(form(named)))
}

fn form(named: &'static Named) -> NetworkForm {
    let Named { name, about, model, target, invert, inverted, ref naming, reworded } = *named;
    let (target, wanted) = target.map(|(target, wanted)| (target, wanted())).unzip();
    let mut params = vec![model];
    params.extend(target);
    params.extend([TASK, LABEL, LABELS, PROBLEM, TEXT, SCORE, invert]);
    params.extend([LENGTH, DEVICE, BATCH_TOKENS_PARAM, CACHE]);
    let defaults = keys_of(&Config { target: wanted, invert: inverted, ..Config::default() });
    let make = maker(params.clone(), defaults.clone(), move |config: Config, env| {
        build(config, naming, env)
    });
    NetworkForm { name, about, reworded, params, defaults, make }
}
