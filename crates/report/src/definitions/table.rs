//! The table of metric keys.

use super::Better::{Higher, Lower, Neither};
use super::{Better, Definition};

/// Every metric key that a run writes, in the order of `docs/metrics.md`.
pub const ALL: &[Definition] = &[
    // Supervised fine-tuning.
    define("sft/loss", "SFT loss", "nats/token", Lower)
        .is("Negative log-probability of the next token, before label smoothing and z-loss. In a \
             mixed step: the mean over its optimizer updates, before `sft/coef`.")
        .over("counted tokens of the optimizer update's whole batch"),
    define("sft/perplexity", "SFT perplexity", "1", Lower)
        .is("exp(sft/loss): as uncertain as a fair choice among so many tokens.")
        .over("counted tokens of the step's whole batch"),
    define("sft/tokens", "SFT tokens", "tokens", Neither)
        .is("Counted tokens of the step: those whose loss is taken.")
        .over("none"),
    define("sft/coef", "SFT coefficient", "1", Neither)
        .is("The coefficient of the SFT loss inside a PPO update, in mixed phases.")
        .over("none"),
    // Rollouts.
    define("rollout/score_mean", "Score", "reward", Higher)
        .is("Mean score of the sampled completions as the reward function gave it, before \
             normalising, clipping and KL.")
        .over("counted rows"),
    define("rollout/score_std", "Score spread", "reward", Neither)
        .is("Standard deviation of the scores, population form.")
        .over("counted rows"),
    define("rollout/score_min", "Lowest score", "reward", Higher)
        .is("The lowest score of the rollout.")
        .over("none"),
    define("rollout/score_max", "Highest score", "reward", Higher)
        .is("The highest score of the rollout.")
        .over("none"),
    define("rollout/processed_score_mean", "Processed score", "reward", Higher)
        .is("Mean score after normalising, clipping and the penalty for a missing end: what PPO \
             is given.")
        .over("counted rows"),
    define("rollout/reward_mean", "Return of a completion", "reward", Higher)
        .is("Mean of the processed score and the KL penalty of the reward together, the sum of a \
             completion's rewards.")
        .over("counted rows"),
    define("rollout/kl_reward", "KL penalty in the reward", "reward", Higher)
        .is("What the KL takes from a completion's reward: −ppo/kl_coef · Σ_t KL; 0 where the KL \
             stands in the loss.")
        .over("counted rows"),
    define("rollout/ref_kl", "KL to the reference", "nats/completion", Neither)
        .is("Σ_t (log π_old − log π_ref) of each sampled completion, the k1 estimate of KL(π_old \
             ‖ π_ref), clipped as configured. The adaptive controller follows it.")
        .over("counted rows"),
    define("rollout/ref_kl_token", "KL to the reference per token", "nats/token", Neither)
        .is("The same KL summed over all completions together.")
        .over("completion tokens of counted rows"),
    define("rollout/entropy", "Entropy of the policy", "nats/token", Neither)
        .is("Entropy of the full next-token distribution of the policy that sampled.")
        .over("completion tokens"),
    define("rollout/sequence_entropy", "Entropy of completions", "nats/completion", Neither)
        .is("−Σ_t log π_old of each sampled completion: an estimate of the entropy of whole \
             completions.")
        .over("counted rows"),
    define("rollout/completion_tokens_mean", "Completion length", "tokens", Neither)
        .is("Mean number of tokens of a completion, a produced end token included.")
        .over("counted rows"),
    define("rollout/truncated_fraction", "Truncated completions", "share", Neither)
        .is("Share of completions that the length limit ended, not an end token or a stop string.")
        .over("counted rows"),
    define("rollout/rows", "Completions", "completions", Neither)
        .is("Completions that were sampled for the update.")
        .over("none"),
    define("rollout/null_rows", "Completions without score", "completions", Lower)
        .is("Completions with a null or non-finite score, or no token; they stay out of losses, \
             whitening and means.")
        .over("none"),
    // Reward components.
    define("reward/NAME", "Component NAME", "reward", Higher)
        .is("Mean of the reward's leaf NAME, after its own post-processing and before its weight.")
        .over("completions on which the leaf gave a number"),
    // PPO updates.
    define("ppo/policy_loss", "Policy loss", "reward", Neither)
        .is("Clipped surrogate, mean of max(−A·ratio, −A·clip(ratio)), before other terms. Its \
             gradient matters, its level does not: with whitened advantages it starts near 0.")
        .over("counted tokens of all minibatches and epochs"),
    define("ppo/value_loss", "Value loss", "reward²", Lower)
        .is("½·(V − return)², of the larger of the clipped and the unclipped error where values \
             are clipped; before its coefficient.")
        .over("value slots of all minibatches and epochs"),
    define("ppo/entropy", "Entropy in updates", "nats/token", Neither)
        .is("Entropy of the full next-token distribution of the policy being updated, before its \
             coefficient.")
        .over("counted tokens of all minibatches and epochs"),
    define("ppo/approx_kl", "KL of the update", "nats/token", Neither)
        .is("(ratio − 1) − log ratio with ratio = π/π_old: the k3 estimate of KL(π_old ‖ π).")
        .over("counted tokens of all minibatches and epochs"),
    define("ppo/ref_kl", "KL to the reference in updates", "nats/token", Neither)
        .is("log π − log π_ref weighted by the ratio: the k1 estimate of KL(π ‖ π_ref) while the \
             policy moves.")
        .over("counted tokens of all minibatches and epochs"),
    define("ppo/kl_loss", "KL in the loss", "nats/token", Neither)
        .is("The KL term of the loss by the configured estimator, weighted by the ratio, before \
             its coefficient.")
        .over("counted tokens of all minibatches and epochs"),
    define("ppo/kl_coef", "KL coefficient", "1", Neither)
        .is("The coefficient of the KL penalty that this update used; moved by the adaptive \
             controller.")
        .over("none"),
    define("ppo/clip_fraction", "Clipped ratios", "share", Neither)
        .is("Share of tokens where the clipped surrogate was the larger, so that the policy got \
             no gradient.")
        .over("counted tokens of all minibatches and epochs"),
    define("ppo/value_clip_fraction", "Clipped values", "share", Neither)
        .is("Share of value slots where the clipped value error was the larger.")
        .over("value slots of all minibatches and epochs"),
    define("ppo/explained_variance", "Explained variance", "1", Higher)
        .is("1 − Var(return − V)/Var(return) with the values of the rollout: 1 is a perfect \
             critic, 0 as good as a constant, below 0 worse. Null where all returns are equal or \
             there is no critic.")
        .over("value slots of the rollout"),
    define("ppo/ratio_mean", "Mean ratio", "1", Neither)
        .is("Mean of ratio = π/π_old; near 1 in a healthy update.")
        .over("counted tokens of all minibatches and epochs"),
    define("ppo/ratio_variance", "Variance of the ratio", "1", Neither)
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
        .over("completion tokens of counted rows"),
    define("ppo/advantage_std", "Advantage spread", "reward", Neither)
        .is("Standard deviation of the advantages before whitening, population form.")
        .over("completion tokens of counted rows"),
    define("ppo/return_mean", "Return", "reward", Neither)
        .is("Mean return, advantage + value before whitening.")
        .over("value slots of the rollout"),
    define("ppo/value_mean", "Value", "reward", Neither)
        .is("Mean value of the critic at the time of sampling; null without a critic.")
        .over("value slots of the rollout"),
    define("ppo/optimizer_steps", "Optimizer updates", "updates", Neither)
        .is("Optimizer updates of the step.")
        .over("none"),
    define("ppo/skipped_minibatches", "Skipped minibatches", "minibatches", Lower)
        .is("Minibatches left out because their mean ratio exceeded `max_ratio`.")
        .over("none"),
    define("ppo/stopped_early", "Stopped early", "1", Neither)
        .is("1 where `target_kl` ended the update before its last epoch, otherwise 0.")
        .over("none"),
    // Task heads.
    define("heads/loss/NAME", "Loss of NAME", "1", Lower)
        .is("The supervised loss of the task NAME before its weight: cross-entropy in nats, or the squared \
             error of numbers.")
        .over("targets of the step's whole batch, by their class weights"),
    define("heads/reward/NAME", "Reward of NAME", "reward", Higher)
        .is("Mean reward of the predictions of the task NAME, where it learns from rewards.")
        .over("examples of the step"),
    define("heads/gradient_cosine_min", "Least cosine of gradients", "1", Neither)
        .is("The smallest cosine of two tasks' gradients of the trunk, before surgery; below 0 they \
             conflict.")
        .over("none"),
    define("heads/min_norm", "Norm of MGDA's direction", "1", Lower)
        .is("Norm of the convex combination of the tasks' gradients of least norm; 0 where no step \
             makes one task better and none worse.")
        .over("none"),
    define("heads/trained_parameters", "Trained numbers", "parameters", Neither)
        .is("Numbers of trunk and heads that the run changes, written once before the first step.")
        .over("none"),
    define("heads/parameters", "Numbers in all", "parameters", Neither)
        .is("Numbers of trunk and heads, written once before the first step.")
        .over("none"),
    // Divergence.
    define("kl/total", "KL, all phases", "nats/completion", Neither)
        .is("`rollout/ref_kl` under its own name: the distance to the reference by whatever moved \
             the policy, SFT and PPO together.")
        .over("counted rows"),
    define("kl/sft_drift", "KL by supervised steps", "nats/completion", Neither)
        .is("Σ_t (log π − log π_before) of sampled completions, where π_before is the policy \
             before the steps of SFT and of task heads in the cycle: the k1 estimate of how far those \
             moved it.")
        .over("completions"),
    // Evaluation.
    define("eval/score_mean", "Score, held out", "reward", Higher)
        .is("Mean score of completions of held-out prompts, drawn with a fixed seed.")
        .over("completions with a score"),
    define("eval/score_nulls", "Held-out completions without score", "completions", Lower)
        .is("Completions of held-out prompts whose score is null.")
        .over("none"),
    define("eval/ref_kl", "KL to the reference, held out", "nats/completion", Neither)
        .is("Σ_t (log π − log π_ref) of completions of held-out prompts sampled at temperature 1, \
             the k1 estimate of KL(π ‖ π_ref).")
        .over("completions"),
    define("eval/distinct_2", "Distinct-2", "share", Higher)
        .is("Different pairs of neighbouring tokens as a share of all pairs (Li et al. 2016, \
             arXiv 1510.03055), so that 1 is no repetition; the mean over blocks of 512 tokens, \
             because the share falls with the number of tokens.")
        .over("blocks of held-out completions"),
    define("eval/completion_tokens_mean", "Completion length, held out", "tokens", Neither)
        .is("Mean number of tokens of a completion of a held-out prompt.")
        .over("completions"),
    define("eval/sft_loss", "SFT loss, held out", "nats/token", Lower)
        .is("Negative log-probability of the next token on validation data, without smoothing.")
        .over("counted tokens of the validation data"),
    define("eval/perplexity", "Perplexity, held out", "1", Lower)
        .is("exp(eval/sft_loss): as uncertain as a fair choice among so many tokens.")
        .over("counted tokens of the validation data"),
    define("eval/score", "Score of the heads, held out", "1", Higher)
        .is("Mean of the tasks' own metrics: accuracy, macro F1, minus the squared error, entity F1.")
        .over("tasks with held-out rows"),
    define("eval/accuracy/NAME", "Accuracy of NAME", "share", Higher)
        .is("Share of right predictions of the task NAME; of preferences, of pairs whose better text has the higher reward.")
        .over("held-out rows of the task"),
    define("eval/accuracy_low/NAME", "Accuracy's lower end of NAME", "share", Higher)
        .is("Lower end of Wilson's 95 % interval of the accuracy of the task NAME.")
        .over("held-out rows of the task"),
    define("eval/accuracy_high/NAME", "Accuracy's upper end of NAME", "share", Higher)
        .is("Upper end of Wilson's 95 % interval of the accuracy of the task NAME.")
        .over("held-out rows of the task"),
    define("eval/f1_macro/NAME", "Macro F1 of NAME", "share", Higher)
        .is("Mean over classes of the F1 of the task NAME; several labels at a threshold of ½.")
        .over("classes"),
    define("eval/f1_micro/NAME", "Micro F1 of NAME", "share", Higher)
        .is("F1 of all labels of the task NAME counted together.")
        .over("held-out labels of the task"),
    define("eval/mcc/NAME", "Matthews correlation of NAME", "1", Higher)
        .is("Matthews correlation coefficient of the task NAME, in [-1, 1].")
        .over("held-out rows of the task"),
    define("eval/auc/NAME", "AUC of NAME", "share", Higher)
        .is("Area under the ROC curve of the task NAME; with several classes or labels the mean of each against the rest.")
        .over("classes"),
    define("eval/loss/NAME", "Loss of NAME", "nats", Lower)
        .is("Negative log-likelihood of the labels or preferences of the task NAME.")
        .over("held-out rows of the task"),
    define("eval/calibration_error/NAME", "Calibration error of NAME", "share", Lower)
        .is("Expected difference between confidence and accuracy of the task NAME, in ten bins of equal width.")
        .over("held-out rows of the task"),
    define("eval/subset_accuracy/NAME", "Subset accuracy of NAME", "share", Higher)
        .is("Share of rows of the task NAME all of whose labels are right.")
        .over("held-out rows of the task"),
    define("eval/mae/NAME", "Absolute error of NAME", "1", Lower)
        .is("Mean absolute error of the numbers or shares of the task NAME.")
        .over("held-out numbers of the task"),
    define("eval/mse/NAME", "Squared error of NAME", "1", Lower)
        .is("Mean squared error of the numbers of the task NAME.")
        .over("held-out numbers of the task"),
    define("eval/r2/NAME", "R² of NAME", "1", Higher)
        .is("1 minus the squared error of the task NAME over the variance of its targets.")
        .over("held-out numbers of the task"),
    define("eval/pearson/NAME", "Pearson correlation of NAME", "1", Higher)
        .is("Pearson's correlation of predicted and known numbers of the task NAME; of several labels the mean.")
        .over("held-out numbers of the task"),
    define("eval/spearman/NAME", "Spearman correlation of NAME", "1", Higher)
        .is("Spearman's rank correlation of predicted and known numbers of the task NAME.")
        .over("held-out numbers of the task"),
    define("eval/answer_f1/NAME", "F1 of the answers of NAME", "share", Higher)
        .is("F1 of the words of each answer of the task NAME with the best of the right ones, by SQuAD's \
             comparison; where there is none, 1 for saying so.")
        .over("held-out questions of the task"),
    define("eval/answer_exact/NAME", "Exact answers of NAME", "share", Higher)
        .is("Share of the answers of the task NAME that are a right one, by SQuAD's comparison.")
        .over("held-out questions of the task"),
    define("eval/answer_exact_low/NAME", "Exact answers of NAME, lower end", "share", Higher)
        .is("The lower end of Wilson's 95 % interval of `eval/answer_exact/NAME`.")
        .over("held-out questions of the task"),
    define("eval/answer_exact_high/NAME", "Exact answers of NAME, upper end", "share", Higher)
        .is("The upper end of the same interval.")
        .over("held-out questions of the task"),
    define("eval/answer_f1_best/NAME", "Best F1 of the answers of NAME", "share", Higher)
        .is("`eval/answer_f1/NAME` by the threshold of *no answer* that is best on these questions, as the best F1 \
             of SQuAD 2's evaluation; where some may have no answer.")
        .over("held-out questions of the task"),
    define("eval/none_above/NAME", "Threshold of no answer of NAME", "logits", Neither)
        .is("That threshold: by how much the sum of logits of *no answer* must exceed that of the best answer. \
             That of the last measurement is kept for `hybrid predict`.")
        .over("held-out questions of the task"),
    define("eval/answered_f1/NAME", "F1 of NAME where there is an answer", "share", Higher)
        .is("`eval/answer_f1/NAME` of questions that have an answer, where some may have none.")
        .over("held-out questions of the task with an answer"),
    define("eval/unanswered_exact/NAME", "NAME right to say nothing", "share", Higher)
        .is("Share of the questions of the task NAME without an answer of which it says so.")
        .over("held-out questions of the task without an answer"),
    define("eval/entity_f1/NAME", "Entity F1 of NAME", "share", Higher)
        .is("F1 of the entities of the task NAME, kind and both ends right, as seqeval counts.")
        .over("held-out entities of the task"),
    define("eval/entity_precision/NAME", "Entity precision of NAME", "share", Higher)
        .is("Share of the entities found by the task NAME that are right.")
        .over("found entities"),
    define("eval/entity_recall/NAME", "Entity recall of NAME", "share", Higher)
        .is("Share of the entities of the task NAME that were found.")
        .over("held-out entities of the task"),
    define("eval/word_accuracy/NAME", "Word accuracy of NAME", "share", Higher)
        .is("Share of words of the task NAME with the right tag.")
        .over("held-out words of the task"),
    define("eval/lead/NAME", "Lead of NAME", "reward", Higher)
        .is("Mean lead of the better text's reward in the task NAME.")
        .over("held-out pairs of the task"),
    define("eval/reward_mean/NAME", "Mean reward of NAME", "reward", Neither)
        .is("Mean reward of all texts of the task NAME.")
        .over("held-out texts of the task"),
    define("eval/rows/NAME", "Rows of NAME", "rows", Neither)
        .is("Held-out rows of the task NAME that were measured.")
        .over("none"),
    define("eval/judge/NAME", "Judge NAME", "reward", Higher)
        .is("Mean score that the judge NAME of `eval.judges` gave the completions of held-out prompts, \
             the same that `eval/score_mean` is of. Nothing learns from it: where the score rises and \
             the judge does not, the policy has found a hole in the reward.")
        .over("completions to which the judge gave a score"),
    define("eval/judge_nulls/NAME", "Completions that judge NAME did not score", "completions", Lower)
        .is("Completions of held-out prompts to which the judge NAME gave no score.")
        .over("none"),
    define("eval/reward/NAME", "Component NAME, held out", "reward", Higher)
        .is("Mean of the reward's leaf NAME on completions of held-out prompts.")
        .over("completions on which the leaf gave a number"),
    // Optimizer.
    define("optim/lr", "Learning rate", "1", Neither)
        .is("The learning rate of the step, of the first parameter group.")
        .over("none"),
    define("optim/grad_norm", "Gradient norm", "1", Neither)
        .is("Euclidean norm of all gradients together, before clipping, of the step's last \
             optimizer update. Null where the update was skipped because it was not finite.")
        .over("none"),
    // Time and memory.
    define("time/tokens_per_second", "Throughput", "tokens/s", Higher)
        .is("Tokens of the step, prompts and completions, by its wall-clock time: rollout, \
             scoring and updates together.")
        .over("seconds of the step"),
    define("time/rollout_tokens_per_second", "Throughput of sampling", "tokens/s", Higher)
        .is("Completion tokens by the wall-clock time of drawing them.")
        .over("seconds of sampling"),
    define("time/step_s", "Time of a step", "s", Lower)
        .is("Wall-clock time of the step.")
        .over("none"),
    define("time/peak_memory_mb", "Peak memory", "MB", Lower)
        .is("The most main memory that the process has held so far, in millions of bytes.")
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
