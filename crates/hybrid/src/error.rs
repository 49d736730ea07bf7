//! What can go wrong in a run.

use std::path::PathBuf;

use hybrid_model::generate::GenerateError;

/// A run that cannot start, or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HybridError {
    /// Prompts, responses and scores that do not belong together.
    #[error(
        "response {row} answers prompt {response}, but stands beside prompt {prompt}: prompts, \
         responses and scores must come in one order"
    )]
    Misaligned {
        /// The place, from 0.
        row: usize,
        /// The prompt that stands there.
        prompt: u64,
        /// The prompt the response was given to.
        response: u64,
    },
    /// Lists of unlike length.
    #[error("{responses} responses came with {what}: one for each response is needed")]
    Count {
        /// Responses given.
        responses: usize,
        /// What there were too many or too few of, with their number.
        what: String,
    },
    /// A response, prompt or demonstration that nothing can be learnt from.
    #[error("{what} {id} {problem}")]
    Unusable {
        /// `prompt`, `response to prompt`, `demonstration`.
        what: &'static str,
        /// Its number.
        id: u64,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A run without something that it needs.
    #[error("{0}")]
    Missing(String),
    /// One of the identities that hold at the first update of a phase does not.
    #[error(
        "the self-check at the first update of phase {phase} failed: {check} differ by up to \
         {by:.3e} nats, more than the tolerance {tolerance:.1e} (`train.check_tolerance`); row {row}, \
         token {token}. {remedy}"
    )]
    SelfCheck {
        /// The phase, from 0.
        phase: usize,
        /// Which two numbers should agree.
        check: &'static str,
        /// Largest difference.
        by: f64,
        /// What would be accepted.
        tolerance: f64,
        /// Where.
        row: usize,
        /// Where in its completion.
        token: usize,
        /// What it may come from.
        remedy: &'static str,
    },
    /// A loss or gradient that is no number.
    #[error(
        "{what} at step {step} is not finite; nothing was updated. Lower `optim.lr`, clip gradients \
         with `optim.max_grad_norm`, or go on without such steps with `train.on_non_finite = \"skip\"`"
    )]
    NonFinite {
        /// The loss, the gradient, or all scores.
        what: &'static str,
        /// The step of the run.
        step: u64,
    },
    /// A state of another run.
    #[error("the checkpoint `{}` cannot be resumed here: {reason}", path.display())]
    Resume {
        /// The checkpoint.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file or folder of the run directory.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A row of a file without what a task needs.
    #[error("{at} {problem}")]
    Row {
        /// Where it stands.
        at: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Labels, targets or settings of a head.
    #[error("a head cannot be trained or measured")]
    Heads(#[from] hybrid_heads::HeadsError),
    /// Heads that cannot stand on their trunk.
    #[error("the heads cannot stand on the model")]
    HeadConfig(#[from] hybrid_model::heads::HeadConfigError),
    /// Adapters that do not fit their trunk.
    #[error("the adapters of `model.lora` do not fit the model")]
    Lora(#[from] hybrid_model::lora::LoraError),
    /// A head that `transformers` has no class for.
    #[error("the head cannot be exported")]
    Export(#[from] hybrid_model::heads::ExportError),
    /// A text that the model cannot read.
    #[error("the model cannot read a text")]
    Text(#[from] hybrid_model::RowError),
    /// Weights that do not merge.
    #[error(transparent)]
    Merge(#[from] crate::merge::MergeError),
    /// The run's configuration.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// A run directory or checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] crate::checkpoint::CheckpointError),
    /// The run directory.
    #[error(transparent)]
    RunDir(#[from] crate::run_dir::RunDirError),
    /// Records and batches.
    #[error("the data cannot be used")]
    Data(#[from] hybrid_data::error::DataError),
    /// Records that do not become tokens.
    #[error("a record cannot be encoded")]
    Encode(#[from] hybrid_data::encode::EncodeError),
    /// Tokens that do not become text.
    #[error("tokens cannot be decoded")]
    Tokenizer(#[from] hybrid_data::tokenizer::TokenizerError),
    /// Generation.
    #[error("the policy cannot answer")]
    Generate(#[from] GenerateError),
    /// Weights in or out.
    #[error("the model's weights cannot be read or written")]
    Weights(#[from] hybrid_model::weights::WeightsError),
    /// Scores.
    #[error("the responses cannot be scored")]
    Reward(#[from] hybrid_rewards::RewardError),
    /// The optimizer.
    #[error("the optimizer cannot work")]
    Optim(#[from] hybrid_optim::OptimError),
    /// The supervised loss.
    #[error("the supervised loss cannot be computed")]
    Sft(#[from] hybrid_sft::SftError),
    /// The PPO settings.
    #[error("the PPO update cannot be computed")]
    Ppo(#[from] hybrid_ppo::PpoError),
}

impl HybridError {
    /// True where the input or the configuration is at fault, false where the run's numbers, the
    /// machine or a caller's programming are.
    ///
    /// A program exits with 2 for the first and 1 for the second.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Misaligned { .. }
            | Self::Count { .. }
            | Self::SelfCheck { .. }
            | Self::NonFinite { .. }
            | Self::Io { .. } => false,
            Self::Unusable { .. }
            | Self::Missing(_)
            | Self::Resume { .. }
            | Self::Row { .. }
            | Self::HeadConfig(_)
            | Self::Lora(_)
            | Self::Export(hybrid_model::heads::ExportError::NoClass { .. })
            | Self::Text(_)
            | Self::Encode(_)
            | Self::Tokenizer(_) => true,
            Self::Heads(error) => error.is_bad_input(),
            Self::Export(_) => false,
            Self::Merge(error) => error.is_bad_input(),
            Self::Config(error) => error.is_bad_input(),
            Self::Checkpoint(error) => error.is_bad_input(),
            Self::RunDir(error) => error.is_bad_input(),
            Self::Data(error) => error.is_bad_input(),
            Self::Generate(error) => {
                !matches!(error, GenerateError::NoToken { .. } | GenerateError::Device { .. })
            }
            Self::Weights(error) => error.is_bad_input(),
            Self::Reward(error) => error.is_bad_input(),
            Self::Optim(error) => error.is_bad_input(),
            Self::Sft(error) => error.is_bad_input(),
            Self::Ppo(error) => error.is_bad_input(),
        }
    }
}
