//! The table of metric keys.

use super::Better::{Higher, Lower, Neither};
use super::{Better, Definition};

/// Every metric key that a run writes, in the order of `docs/metrics.md`.
pub const ALL: &[Definition] = &[
    // Supervised fine-tuning.
    define("sft/loss", "SFT loss", "nats/token", Lower)
        .is("Negative log-probability of the next token, before label smoothing and z-loss.")
        .over("counted tokens of the step's whole batch"),
    define("sft/total_loss", "SFT objective", "nats/token", Lower)
        .is("What is minimised: the loss with label smoothing, plus the z-loss times its coefficient.")
        .over("counted tokens of the step's whole batch"),
    define("sft/tokens", "SFT tokens", "tokens", Neither)
        .is("Counted tokens of the step: those whose loss is taken.")
        .over("none"),
    // Rollouts.
    define("rollout/score_mean", "Score", "reward", Higher)
        .is("Mean score of the sampled completions as the reward function gave it, before clipping, scaling and KL.")
        .over("episodes with a score"),
    define("rollout/score_std", "Score spread", "reward", Neither)
        .is("Standard deviation of the scores, with Bessel's correction.")
        .over("episodes with a score, less one"),
    define("rollout/null_scores", "Episodes without score", "episodes", Lower)
        .is("Episodes whose score is null or not finite; they stay out of losses and whitening.")
        .over("none"),
    define("rollout/reward_mean", "Return of an episode", "reward", Higher)
        .is("Mean over episodes of the summed per-token rewards, the KL penalty included where it is part of the reward.")
        .over("episodes with a score"),
    define("rollout/ref_kl", "KL to the reference", "nats/episode", Neither)
        .is("Σ_t (log π_old − log π_ref) of each sampled completion, the k1 estimate of KL(π_old ‖ π_ref).")
        .over("episodes"),
    define("rollout/entropy", "Entropy of the policy", "nats/token", Neither)
        .is("Entropy of the full next-token distribution of the policy that sampled.")
        .over("completion tokens"),
    define("rollout/completion_tokens_mean", "Completion length", "tokens", Neither)
        .is("Mean number of tokens of a completion, a produced end token included.")
        .over("episodes"),
    define("rollout/completion_tokens_min", "Shortest completion", "tokens", Neither)
        .is("Tokens of the shortest completion.")
        .over("none"),
    define("rollout/completion_tokens_max", "Longest completion", "tokens", Neither)
        .is("Tokens of the longest completion.")
        .over("none"),
    define("rollout/terminated_fraction", "Completions that end", "share", Neither)
        .is("Share of completions that ended by an end token or a stop string, not by the length limit.")
        .over("episodes"),
    define("rollout/episodes", "Episodes", "episodes", Neither)
        .is("Completions that were sampled for the update.")
        .over("none"),
    // Reward components.
    define("reward/NAME", "Component NAME", "reward", Higher)
        .is("Mean of the reward's leaf NAME, after its own post-processing and before its weight.")
        .over("episodes on which the leaf gave a number"),
    // PPO updates.
    define("ppo/policy_loss", "Policy loss", "reward", Neither)
        .is("Clipped surrogate, mean of max(−A·ratio, −A·clip(ratio)), before other terms. Its gradient matters, its level does not: with whitened advantages it starts near 0.")
        .over("counted tokens of all minibatches and epochs"),
    define("ppo/value_loss", "Value loss", "reward²", Lower)
        .is("½·(V − return)², of the larger of the clipped and the unclipped error where values are clipped; before its coefficient.")
        .over("counted tokens of all minibatches and epochs"),
    define("ppo/entropy", "Entropy in updates", "nats/token", Neither)
        .is("Entropy of the full next-token distribution of the policy being updated, before its coefficient.")
        .over("counted tokens of all minibatches and epochs"),
    define("ppo/approx_kl", "KL of the update", "nats/token", Neither)
        .is("(ratio − 1) − log ratio with ratio = π/π_old: the k3 estimate of KL(π_old ‖ π).")
        .over("counted tokens of all minibatches and epochs"),
    define("ppo/kl_loss", "KL in the loss", "nats/token", Neither)
        .is("The KL term of the loss by the configured estimator, before its coefficient.")
        .over("counted tokens of all minibatches and epochs"),
    define("ppo/kl_coef", "KL coefficient", "1", Neither)
        .is("The coefficient of the KL penalty that this update used; moved by the adaptive controller.")
        .over("none"),
    define("ppo/clip_fraction", "Clipped ratios", "share", Neither)
        .is("Share of tokens where the clipped surrogate was the larger, so that the policy got no gradient.")
        .over("counted tokens of all minibatches and epochs"),
    define("ppo/value_clip_fraction", "Clipped values", "share", Neither)
        .is("Share of tokens where the clipped value error was the larger.")
        .over("counted tokens of all minibatches and epochs"),
    define("ppo/explained_variance", "Explained variance", "1", Higher)
        .is("1 − Var(return − V)/Var(return) with the values of the rollout: 1 is a perfect critic, 0 as good as a constant, below 0 worse. Null where all returns are equal.")
        .over("counted tokens of the rollout"),
    define("ppo/ratio_mean", "Ratio", "1", Neither)
        .is("Mean of ratio = π/π_old; near 1 in a healthy update.")
        .over("counted tokens of all minibatches and epochs"),
    define("ppo/ratio_var", "Variance of the ratio", "1", Neither)
        .is("Population variance of ratio = π/π_old.")
        .over("counted tokens of all minibatches and epochs"),
    define("ppo/ratio_min", "Smallest ratio", "1", Neither)
        .is("Smallest ratio = π/π_old of any counted token.")
        .over("none"),
    define("ppo/ratio_max", "Largest ratio", "1", Neither)
        .is("Largest ratio = π/π_old of any counted token.")
        .over("none"),
    define("ppo/advantage_mean", "Advantage", "reward", Neither)
        .is("Mean advantage before whitening.")
        .over("counted tokens of the rollout"),
    define("ppo/advantage_std", "Advantage spread", "reward", Neither)
        .is("Standard deviation of the advantages before whitening.")
        .over("counted tokens of the rollout"),
    define("ppo/return_mean", "Return", "reward", Neither)
        .is("Mean return, advantage + value before whitening.")
        .over("counted tokens of the rollout"),
    define("ppo/value_mean", "Value", "reward", Neither)
        .is("Mean value of the critic at the time of sampling.")
        .over("counted tokens of the rollout"),
    define("ppo/epochs", "Epochs", "epochs", Neither)
        .is("Passes over the rollout, fewer than configured where `target_kl` stopped the update.")
        .over("none"),
    define("ppo/skipped_minibatches", "Skipped minibatches", "minibatches", Lower)
        .is("Minibatches left out because a ratio was above `max_ratio`, or a number was not finite.")
        .over("none"),
    define("ppo/sft_loss", "SFT loss inside PPO", "nats/token", Lower)
        .is("Negative log-probability of demonstrations mixed into the update, before `sft_coef`.")
        .over("counted tokens of the mixed batches"),
    define("ppo/sft_coef", "SFT coefficient", "1", Neither)
        .is("The coefficient of the SFT loss inside this PPO update.")
        .over("none"),
    // Divergence.
    define("kl/total", "KL to the run's start", "nats/episode", Neither)
        .is("Σ_t (log π − log π_start) of sampled completions, the k1 estimate of the KL from the model with which the run began; all phases together.")
        .over("episodes"),
    define("kl/sft_drift", "KL by SFT steps", "nats/episode", Neither)
        .is("Change of the k1 estimate of the KL to the reference over the SFT steps of a cycle.")
        .over("episodes"),
    // Evaluation.
    define("eval/score_mean", "Score, held out", "reward", Higher)
        .is("Mean score of completions of held-out prompts, with a fixed seed.")
        .over("completions with a score"),
    define("eval/score_std", "Score spread, held out", "reward", Neither)
        .is("Standard deviation of the scores of held-out completions, with Bessel's correction.")
        .over("completions with a score, less one"),
    define("eval/ref_kl", "KL to the reference, held out", "nats/episode", Lower)
        .is("Σ_t (log π − log π_ref) of completions sampled at temperature 1, the k1 estimate of KL(π ‖ π_ref).")
        .over("completions of held-out prompts"),
    define("eval/distinct_2", "Distinct-2", "share", Higher)
        .is("Different pairs of neighbouring tokens as a share of all such pairs, over all completions cut to an equal number of tokens: 1 is no repetition.")
        .over("pairs of neighbouring tokens"),
    define("eval/completion_tokens_mean", "Completion length, held out", "tokens", Neither)
        .is("Mean number of tokens of a completion of a held-out prompt.")
        .over("completions"),
    define("eval/sft_loss", "SFT loss, held out", "nats/token", Lower)
        .is("Negative log-probability of the next token on validation data, without smoothing.")
        .over("counted tokens of the validation data"),
    define("eval/perplexity", "Perplexity, held out", "1", Lower)
        .is("exp(eval/sft_loss): as uncertain as a fair choice among so many tokens.")
        .over("counted tokens of the validation data"),
    define("eval/reward/NAME", "Component NAME, held out", "reward", Higher)
        .is("Mean of the reward's leaf NAME on completions of held-out prompts.")
        .over("completions on which the leaf gave a number"),
    // Optimizer.
    define("optim/lr", "Learning rate", "1", Neither)
        .is("The learning rate of this step, of the first parameter group.")
        .over("none"),
    define("optim/value_head_lr", "Learning rate of the value head", "1", Neither)
        .is("The learning rate of this step, of the value head's parameter group.")
        .over("none"),
    define("optim/grad_norm", "Gradient norm", "1", Neither)
        .is("Euclidean norm of all gradients together, before clipping; the mean over the step's updates.")
        .over("optimizer updates of the step"),
    define("optim/clipped_fraction", "Clipped gradients", "share", Neither)
        .is("Share of the step's updates whose gradient norm was above `max_grad_norm`.")
        .over("optimizer updates of the step"),
    define("optim/skipped_updates", "Skipped updates", "updates", Lower)
        .is("Updates left out so far because loss or gradient was not finite.")
        .over("none"),
    // Time and memory.
    define("time/tokens_per_second", "Throughput", "tokens/s", Higher)
        .is("Tokens of the step, prompts and completions, by its wall-clock time: rollout, scoring and updates together.")
        .over("seconds of the step"),
    define("time/step_s", "Step", "s", Lower).is("Wall-clock time of the step.").over("none"),
    define("time/rollout_s", "Rollout", "s", Lower)
        .is("Wall-clock time of sampling completions and their log-probabilities.")
        .over("none"),
    define("time/reward_s", "Scoring", "s", Lower)
        .is("Wall-clock time of the reward function.")
        .over("none"),
    define("time/update_s", "Update", "s", Lower)
        .is("Wall-clock time of forward and backward passes and the optimizer.")
        .over("none"),
    define("memory/resident_bytes", "Resident memory", "bytes", Lower)
        .is("Main memory that the process holds at the end of the step.")
        .over("none"),
    define("memory/peak_bytes", "Peak memory", "bytes", Lower)
        .is("The most main memory that the process has held so far.")
        .over("none"),
];

const fn define(
    key: &'static str,
    title: &'static str,
    unit: &'static str,
    better: Better,
) -> Definition {
    Definition { key, title, unit, better, estimator: "", over: "" }
}

impl Definition {
    const fn is(self, estimator: &'static str) -> Self {
        Self { estimator, ..self }
    }

    const fn over(self, over: &'static str) -> Self {
        Self { over, ..self }
    }
}
