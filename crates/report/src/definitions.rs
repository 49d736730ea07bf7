//! What every metric key means: estimator, denominator, unit.
//!
//! There is one table, [`ALL`]. The page shows its sentences beside the curves, TensorBoard as
//! descriptions, and [`markdown`] makes `docs/metrics.md` of it.

mod table;

pub use self::table::ALL;

/// Which way a metric moves when training goes well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// Neither: the number describes, it does not judge.
    Neither,
}

/// One metric key and its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// The key in `metrics.jsonl`. A part in capitals, `NAME` in `reward/NAME`, stands for any text.
    pub key: &'static str,
    /// A few words for a heading or a legend.
    pub title: &'static str,
    /// The unit of the number; `1` for a pure number, `share` for a number in [0, 1].
    pub unit: &'static str,
    /// Which way is better.
    pub better: Better,
    /// What is computed, and by which estimator: one or two sentences.
    pub estimator: &'static str,
    /// What is averaged over, the denominator; `none` where nothing is.
    pub over: &'static str,
}

impl Definition {
    /// The text before the part in capitals, where there is one.
    fn prefix(&self) -> Option<&'static str> {
        let (prefix, name) = self.key.rsplit_once('/')?;
        let is_placeholder = !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase());
        is_placeholder.then(|| self.key.get(..prefix.len() + 1)).flatten()
    }

    /// What stands in `key` in the place of the part in capitals.
    pub fn name_in<'a>(&self, key: &'a str) -> Option<&'a str> {
        self.prefix().and_then(|prefix| key.strip_prefix(prefix))
    }

    /// The whole definition as one paragraph of plain text, without the marks of Markdown, and with
    /// the name that `key` has in the place of capitals.
    pub fn sentence(&self, key: &str) -> String {
        let mut text = self.estimator.replace('`', "");
        if let Some(name) = self.name_in(key) {
            text = text.replace("NAME", name);
        }
        if self.over != NONE {
            text += &format!(" Over: {}.", self.over);
        }
        text + &format!(" Unit: {}.", self.unit_in_words())
    }

    /// The unit as it reads in a sentence.
    pub fn unit_in_words(&self) -> &'static str {
        match self.unit {
            "1" => "none, a pure number",
            "share" => "a share in [0, 1]",
            unit => unit,
        }
    }
}

/// What [`Definition::over`] says where nothing is averaged.
const NONE: &str = "none";

/// The families of the table in order: the first part of the key, a heading and a sentence.
const FAMILIES: &[(&str, &str, &str)] = &[
    ("sft", "Supervised fine-tuning", "Written on every SFT step."),
    (
        "rollout",
        "Rollouts",
        "What the policy wrote before an update, written on every PPO step. Counted rows are the \
         completions that have a score and a token.",
    ),
    (
        "reward",
        "Reward components",
        "Written on every PPO step, one key for each leaf of the reward.",
    ),
    (
        "ppo",
        "PPO updates",
        "Written on every PPO step. A mean over an update weighs each completion token of counted \
         rows alike, in each minibatch and epoch that saw it; padding does not count. A value slot is a \
         token at which the critic learns. With `compat = \"trl\"` the estimators are TRL's instead.",
    ),
    (
        "heads",
        "Task heads",
        "Written on every step that trains task heads, for the task that it trains. NAME is the task.",
    ),
    ("kl", "Divergence", "How far the policy has moved, and by which phase."),
    ("eval", "Evaluation", "On held-out data: before, after, and every `[eval] every` steps."),
    ("optim", "Optimizer", "Written on every step."),
    ("time", "Time and memory", "Written on every step; differs from run to run."),
];

/// The definition of `key`, or `None` for a key this version does not know.
///
/// An exact key goes before a pattern: `eval/score_mean` before `eval/NAME`.
pub fn find(key: &str) -> Option<&'static Definition> {
    let exact = ALL.iter().find(|definition| definition.key == key);
    exact.or_else(|| {
        let fits = |definition: &&Definition| {
            let rest = definition.prefix().and_then(|prefix| key.strip_prefix(prefix));
            rest.is_some_and(|rest| !rest.is_empty())
        };
        ALL.iter().filter(fits).max_by_key(|definition| definition.key.len())
    })
}

/// The text of `docs/metrics.md`: one table a family, every key with its definition.
pub fn markdown() -> String {
    let mut page = String::from(HEAD);
    for (family, heading, sentence) in FAMILIES {
        page += &format!("\n## {heading}\n\n{sentence}\n\n{COLUMNS}");
        let is_member = |definition: &&Definition| {
            definition.key.split_once('/').is_some_and(|(first, _)| first == *family)
        };
        for definition in ALL.iter().filter(is_member) {
            page.push_str(&row(definition));
        }
    }
    page
}

const HEAD: &str = "# Metrics

Every key that a run writes to `metrics.jsonl`, with its estimator, its denominator and its unit. The
report and TensorBoard show the same sentences beside the curves.

This page is generated from `crates/report/src/definitions/table.rs`; a test compares the two. To
write it anew: `HYBRID_WRITE_DOCS=1 cargo test -p hybrid-report definitions`.

One line of `metrics.jsonl` is `{\"step\": 12, \"phase\": \"sft\", \"time_s\": 3.4, \"metrics\": {KEY: number}}`. A
number that does not exist, such as a mean over nothing, is `null`, never `NaN` and never a silent 0.
`t` counts the tokens of a completion, π is the policy that is trained, π_old the policy that
sampled, π_ref the frozen reference; log-probabilities are natural logarithms, at the temperature of
sampling. A part of a key in capitals stands for any name.
";

const COLUMNS: &str = "| key | what is computed | over | unit | better |\n|---|---|---|---|---|\n";

fn row(definition: &Definition) -> String {
    let better = match definition.better {
        Better::Higher => "higher",
        Better::Lower => "lower",
        Better::Neither => "–",
    };
    let cell = |text: &str| text.replace('|', "\\|");
    format!(
        "| `{}` | {} | {} | {} | {better} |\n",
        definition.key,
        cell(definition.estimator),
        cell(definition.over),
        definition.unit
    )
}

#[cfg(test)]
mod tests;
