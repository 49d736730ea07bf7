use burn::tensor::Device;
use hybrid_testing::models::{byte_tokenizer, tiny};
use hybrid_testing::{SAME_MODEL, assert_close};

mod rounded;

use super::*;
use crate::config;
use crate::metrics::Metrics;

/// A trainer of a tiny model; `extra` is TOML after the defaults of these tests.
fn trainer(extra: &str) -> HybridTrainer {
    let text = format!(
        "seed = 7\nmodel.base = \"given\"\ndata.train = \"given\"\nreward.type = \"length\"\n\
         train.max_length = 64\nrollout.batch_size = 4\nrollout.max_new_tokens = 6\n\
         ppo.minibatch_size = 4\n{extra}\n\
         [[phase]]\nkind = \"hybrid\"\ncycles = 4\n"
    );
    let config = config::parse(&text, std::path::Path::new("test.toml"), &[])
        .unwrap_or_else(|error| panic!("{error}"));
    HybridTrainer::new(config, tiny("llama", 11, &Device::flex()), byte_tokenizer(), 8).unwrap()
}

fn prompts() -> Vec<Prompt> {
    let texts = ["a", "what is it?", "one two", "the longest of all four prompts"];
    let prompt = |(id, text): (usize, &&str)| Prompt {
        id: id as u64,
        text: (*text).to_owned(),
        ids: text.bytes().map(u32::from).collect(),
        targets: Vec::new(),
        fields: serde_json::Map::new(),
    };
    texts.iter().enumerate().map(prompt).collect()
}

/// Plain gradient descent without clipping shows the gradient itself.
const SGD: &str = "optim = { optimizer = \"sgd\", lr = 1.0, scheduler = \"constant\", \
                   max_grad_norm = 0.0, weight_decay = 0.0 }\nppo.epochs = 1";

fn weights(trainer: &HybridTrainer) -> Vec<f32> {
    trainer.policy().decoder.values().into_values().flatten().collect()
}

fn with_reference(mut trainer: HybridTrainer) -> HybridTrainer {
    let reference = Reference::frozen(&trainer.policy().decoder);
    trainer.begin_phase(0, Some(reference), true);
    trainer
}

const SCORES: [Option<f64>; 4] = [Some(1.0), Some(-0.5), Some(0.25), Some(2.0)];

/// One PPO update on the rows in `order`, in micro-batches of `size`; the weights after it.
fn updated(order: &[usize], size: usize) -> Vec<f32> {
    let mut trainer = with_reference(trainer(&format!("{SGD}\ntrain.micro_batch = {size}")));
    let prompts = prompts();
    let responses = trainer.respond(&prompts).unwrap();
    let rows: Vec<&Prompt> = order.iter().map(|row| &prompts[*row]).collect();
    let answers: Vec<Response> = order.iter().map(|row| responses[*row].clone()).collect();
    let scores: Vec<Option<f64>> = order.iter().map(|row| SCORES[*row]).collect();
    trainer.ppo_step(&rows, &answers, &scores).unwrap();
    weights(&trainer)
}

#[test]
fn the_gradient_does_not_depend_on_the_order_of_rows_or_on_micro_batches() {
    let plain = updated(&[0, 1, 2, 3], 4);
    let start = weights(&trainer(SGD));
    assert!(plain.iter().zip(&start).any(|(a, b)| (a - b).abs() > 1e-3), "nothing was learnt");
    for (order, size) in [([0, 1, 2, 3], 1), ([3, 0, 2, 1], 4), ([2, 3, 1, 0], 3)] {
        assert_close(&updated(&order, size), &plain, 1e-5);
    }
}

#[test]
fn a_mixed_step_adds_the_two_gradients() {
    let start = weights(&trainer(SGD));
    let demonstration =
        Encoded { ids: vec![65, 66, 67, 68], loss_mask: vec![false, true, true, true] };
    let delta = |weights: Vec<f32>| -> Vec<f32> {
        weights.iter().zip(&start).map(|(after, before)| after - before).collect()
    };
    let ppo = delta(updated(&[0, 1, 2, 3], 4));
    let mut supervised = trainer(SGD);
    supervised.sft_step(&[&demonstration]).unwrap();
    let sft = delta(weights(&supervised));

    let mut mixed = with_reference(trainer(SGD));
    let prompts = prompts();
    let responses = mixed.respond(&prompts).unwrap();
    let rows: Vec<&Prompt> = prompts.iter().collect();
    let mut next_batch = || vec![demonstration.clone()];
    let mut mix = Mix { sft_coef: 0.25, next_batch: &mut next_batch };
    mixed.mixed_step(&rows, &responses, &SCORES, &mut mix).unwrap();
    let expected: Vec<f32> = ppo.iter().zip(&sft).map(|(p, s)| p + 0.25 * s).collect();
    assert_close(&delta(weights(&mixed)), &expected, 1e-5);
}

/// Statistics of the second update of a phase, from what the sampler noted or from a pass of its own,
/// and the weights after it.
fn second_update(noted: bool, extra: &str) -> (Metrics, Vec<f32>) {
    let settings = SGD.replace("lr = 1.0", "lr = 0.05");
    let mut trainer = with_reference(trainer(&format!("{settings}\n{extra}")));
    let prompts = prompts();
    let rows: Vec<&Prompt> = prompts.iter().collect();
    let responses = trainer.respond(&prompts).unwrap();
    trainer.ppo_step(&rows, &responses, &SCORES).unwrap();
    let mut responses = trainer.respond(&prompts).unwrap();
    assert!(trainer.as_drawn(&trainer.sequences(&rows, &responses), &responses).is_some());
    if !noted {
        responses.iter_mut().for_each(|response| response.noted = None);
    }
    let stats = trainer.ppo_step(&rows, &responses, &SCORES).unwrap();
    (stats.metrics, weights(&trainer))
}

#[test]
fn what_the_sampler_noted_is_what_a_pass_would_say() {
    for extra in ["rollout.temperature = 0.7", "ppo.estimator = \"reinforce\""] {
        let ((ours, weights), (theirs, expected)) =
            (second_update(true, extra), second_update(false, extra));
        for (name, value) in theirs.iter() {
            let noted = ours.get(name).unwrap();
            // Without values nothing explains the returns.
            let neither = noted.is_nan() && value.is_nan();
            let near = (noted - value).abs() <= 1e-4 * value.abs().max(1.0);
            assert!(near || neither, "{name}: {noted}, {value}");
        }
        assert_close(&weights, &expected, 1e-4);
    }
}

#[test]
fn what_was_noted_before_an_update_is_measured_again() {
    let mut trainer = with_reference(trainer(SGD));
    let prompts = prompts();
    let rows: Vec<&Prompt> = prompts.iter().collect();
    let responses = trainer.respond(&prompts).unwrap();
    let as_drawn = |trainer: &HybridTrainer| {
        trainer.as_drawn(&trainer.sequences(&rows, &responses), &responses).is_some()
    };
    // The first update of a phase compares the two.
    assert!(!as_drawn(&trainer));
    trainer.ppo_step(&rows, &responses, &SCORES).unwrap();
    assert!(!as_drawn(&trainer));
}

#[test]
fn responses_in_another_order_than_their_prompts_are_refused() {
    let mut trainer = with_reference(trainer(""));
    let prompts = prompts();
    let mut responses = trainer.respond(&prompts).unwrap();
    responses.swap(1, 2);
    let rows: Vec<&Prompt> = prompts.iter().collect();
    let error = trainer.ppo_step(&rows, &responses, &SCORES).unwrap_err();
    assert!(matches!(error, HybridError::Misaligned { row: 1, prompt: 1, response: 2 }), "{error}");
    let error = trainer.ppo_step(&rows, &responses, &SCORES[..3]).unwrap_err();
    assert!(matches!(error, HybridError::Count { responses: 4, .. }), "{error}");
}

#[test]
fn log_probabilities_of_another_policy_stop_the_first_update() {
    let mut trainer = with_reference(trainer(""));
    let prompts = prompts();
    let mut responses = trainer.respond(&prompts).unwrap();
    responses[2].logprobs[0] += 0.01;
    let rows: Vec<&Prompt> = prompts.iter().collect();
    let error = trainer.ppo_step(&rows, &responses, &SCORES).unwrap_err();
    let HybridError::SelfCheck { row: 2, token: 0, by, .. } = error else { panic!("{error}") };
    assert!((by - 0.01).abs() < 1e-4, "{by}");
}

#[test]
fn a_reference_that_is_said_to_be_the_policy_but_is_not_stops_the_first_update() {
    let mut trainer = trainer("");
    let other = Reference::frozen(&tiny("llama", 12, &Device::flex()));
    trainer.begin_phase(0, Some(other), true);
    let prompts = prompts();
    let responses = trainer.respond(&prompts).unwrap();
    let rows: Vec<&Prompt> = prompts.iter().collect();
    let error = trainer.ppo_step(&rows, &responses, &SCORES).unwrap_err();
    assert!(matches!(error, HybridError::SelfCheck { .. }), "{error}");
}

#[test]
fn rows_without_a_score_stay_out_and_are_counted() {
    let scores = [Some(1.0), None, Some(f64::NAN), Some(2.0)];
    let mut all = with_reference(trainer(SGD));
    let prompts = prompts();
    let responses = all.respond(&prompts).unwrap();
    let rows: Vec<&Prompt> = prompts.iter().collect();
    all.ppo_step(&rows, &responses, &scores).unwrap();
    assert_eq!(all.counters().null_scores, 2);
    // The same as an update without them.
    let mut some = with_reference(trainer(SGD));
    let answers = some.respond(&prompts).unwrap();
    let kept = [answers[0].clone(), answers[3].clone()];
    some.ppo_step(&[&prompts[0], &prompts[3]], &kept, &[Some(1.0), Some(2.0)]).unwrap();
    assert_close(&weights(&all), &weights(&some), 1e-5);
}

#[test]
fn a_rollout_without_any_score_follows_the_policy_for_numbers_that_are_none() {
    let prompts = prompts();
    let rows: Vec<&Prompt> = prompts.iter().collect();
    let mut aborts = with_reference(trainer(""));
    let responses = aborts.respond(&prompts).unwrap();
    let error = aborts.ppo_step(&rows, &responses, &[None; 4]).unwrap_err();
    assert!(matches!(error, HybridError::NonFinite { step: 1, .. }), "{error}");

    let mut skips = with_reference(trainer("train.on_non_finite = \"skip\""));
    let before = weights(&skips);
    let responses = skips.respond(&prompts).unwrap();
    skips.ppo_step(&rows, &responses, &[None; 4]).unwrap();
    assert_eq!(skips.counters().skipped_updates, 1);
    assert_eq!(weights(&skips), before);
}

#[test]
fn a_trainer_that_was_saved_goes_on_bit_for_bit() {
    for extra in [
        "",
        "train.shared_optimizer = false",
        "ppo.critic = \"separate\"",
        "rollout.weights = \"int8\"",
        "train.memory = \"low\"",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut straight = with_reference(trainer(extra));
        let reference = straight.reference().cloned();
        let act = |trainer: &mut HybridTrainer| {
            let prompts = prompts();
            let rows: Vec<&Prompt> = prompts.iter().collect();
            let example = Encoded { ids: vec![65, 66, 67, 68], loss_mask: vec![true; 4] };
            trainer.sft_step(&[&example]).unwrap();
            trainer.advance(None);
            let responses = trainer.respond(&prompts).unwrap();
            trainer.ppo_step(&rows, &responses, &SCORES).unwrap();
            trainer.advance(None);
        };
        act(&mut straight);
        straight.save(folder.path()).unwrap();
        act(&mut straight);

        let mut resumed = trainer(extra);
        resumed.load(folder.path()).unwrap();
        resumed.set_reference(reference);
        act(&mut resumed);
        assert_eq!(resumed.counters(), straight.counters());
        assert_eq!(weights(&resumed), weights(&straight), "{extra}");
    }
}

#[test]
fn truncated_sampling_trains_the_renormalised_policy() {
    // With the kept sets the sampler's log-probabilities equal the trainer's; the checks would stop
    // the first update otherwise.
    for sampling in ["top_k = 4", "top_p = 0.6", "min_p = 0.99", "typical_p = 0.5"] {
        let rollout = format!("rollout.{sampling}");
        let mut trainer = with_reference(trainer(&rollout));
        let prompts = prompts();
        let responses = trainer.respond(&prompts).unwrap();
        assert!(responses.iter().any(|response| response.kept.is_some()), "{sampling}");
        let rows: Vec<&Prompt> = prompts.iter().collect();
        let stats = trainer.ppo_step(&rows, &responses, &SCORES).unwrap();
        let ratio = stats.metrics.get("ppo/ratio_max").unwrap();
        assert!(ratio.is_finite(), "{sampling}: {ratio}");
        assert!(stats.metrics.get("rollout/ref_kl").unwrap().abs() < SAME_MODEL);
    }
}

#[test]
fn packed_demonstrations_give_the_same_step_in_fewer_rows() {
    let example = |ids: &[u32]| Encoded { ids: ids.to_vec(), loss_mask: vec![true; ids.len()] };
    let examples = [example(&[65, 66, 67]), example(&[70, 71, 72, 73, 74]), example(&[80, 81])];
    let examples: Vec<&Encoded> = examples.iter().collect();
    let step = |extra: &str| {
        let mut trainer = trainer(&format!("{SGD}\n{extra}"));
        let batches = trainer.sft_batches(&examples).unwrap().len();
        trainer.sft_step(&examples).unwrap();
        (batches, weights(&trainer))
    };
    let (padded, alone) = step("train.micro_batch = 1");
    let (packed, together) = step("train.micro_batch = 1\ntrain.packing = true");
    assert_eq!((padded, packed), (3, 1));
    assert_close(&together, &alone, 1e-5);
}

/// Every trained value: of the decoder, the value head and the critic.
fn all_weights(trainer: &HybridTrainer) -> Vec<f32> {
    let policy = trainer.policy();
    let critic = policy.critic.as_ref();
    let heads = policy.value_head.iter().chain(critic.map(|critic| &critic.value_head));
    let decoders = std::iter::once(&policy.decoder).chain(critic.map(|critic| &critic.decoder));
    let decoders = decoders.flat_map(|decoder| decoder.values().into_values().flatten());
    decoders.chain(heads.flat_map(|head| head.to_values().into_values().flatten())).collect()
}

/// That `step` moves the weights alike in normal and in little memory, and moves many.
#[track_caller]
fn assert_same_step(settings: &str, step: &dyn Fn(&mut HybridTrainer)) {
    let moves = |memory: &str| -> Vec<f32> {
        let settings = format!("{settings}\ntrain.memory = \"{memory}\"");
        let mut trainer = with_reference(trainer(&settings));
        let before = all_weights(&trainer);
        step(&mut trainer);
        all_weights(&trainer).iter().zip(before).map(|(after, before)| after - before).collect()
    };
    let (normal, low) = (moves("normal"), moves("low"));
    let moved = normal.iter().filter(|by| by.abs() > 1e-5).count();
    // Adapters are a few hundred values.
    let least = if settings.contains("lora") { 100 } else { 500 };
    assert!(moved > least, "{settings}: {moved} of {} weights moved", normal.len());
    // Moves are differences of weights, some of them near 1.
    let largest = normal.iter().fold(0.0_f32, |largest, by| largest.max(by.abs()));
    for (index, (a, b)) in low.iter().zip(&normal).enumerate() {
        let close = (a - b).abs() <= 1e-5 * largest + 2e-7;
        assert!(close, "{settings}: weight {index} moves by {a}, expected {b}");
    }
}

#[test]
fn a_supervised_step_is_the_same_in_little_memory() {
    let example = |ids: &[u32]| Encoded { ids: ids.to_vec(), loss_mask: vec![true; ids.len()] };
    let examples =
        [example(&[65, 66, 67, 65]), example(&[70, 71, 72, 73, 74, 70]), example(&[80, 81])];
    let step = |trainer: &mut HybridTrainer| {
        let examples: Vec<&Encoded> = examples.iter().collect();
        trainer.sft_step(&examples).unwrap();
    };
    let losses = "sft.label_smoothing = 0.1\nsft.z_loss_coef = 1e-2";
    let packed = "train.packing = true";
    for extra in ["", losses, "train.micro_batch = 1", packed, &format!("{packed}\n{losses}")] {
        assert_same_step(&format!("{SGD}\n{extra}"), &step);
    }
}

#[test]
fn ppo_updates_are_the_same_in_little_memory() {
    // A value head starts at zero: only the second update reaches what stands below it.
    let step = |trainer: &mut HybridTrainer| {
        let prompts = prompts();
        let rows: Vec<&Prompt> = prompts.iter().collect();
        let responses = trainer.respond(&prompts).unwrap();
        for _ in 0..2 {
            trainer.ppo_step(&rows, &responses, &SCORES).unwrap();
        }
    };
    let settings = SGD.replace("lr = 1.0", "lr = 0.5");
    let critic = "ppo.critic = \"separate\"";
    for extra in [
        "",
        "train.micro_batch = 1",
        critic,
        &format!("{critic}\ntrain.micro_batch = 3"),
        &format!("{critic}\nppo.critic_warmup_steps = 1"),
        "ppo.critic_warmup_steps = 1",
        "ppo.estimator = \"reinforce\"\nppo.entropy_coef = 0.1",
        "ppo.truncated = \"bootstrap\"\nppo.kl.placement = \"loss\"",
        "rollout.top_k = 4",
        "model.lora.rank = 2",
        &format!("{critic}\nmodel.lora.rank = 2"),
    ] {
        assert_same_step(&format!("{settings}\n{extra}"), &step);
    }
}

#[test]
fn only_the_value_head_learns_while_it_warms_up_in_little_memory() {
    let mut trainer = with_reference(trainer(&format!(
        "{SGD}\nppo.critic_warmup_steps = 1\ntrain.memory = \"low\""
    )));
    let (trunk, all) = (weights(&trainer), all_weights(&trainer));
    let prompts = prompts();
    let rows: Vec<&Prompt> = prompts.iter().collect();
    let responses = trainer.respond(&prompts).unwrap();
    trainer.ppo_step(&rows, &responses, &SCORES).unwrap();
    assert_eq!(weights(&trainer), trunk);
    assert_ne!(all_weights(&trainer), all);
}

#[test]
fn a_score_for_each_token_enters_where_it_is_told() {
    use hybrid_ppo::Score;
    let step = |score_at: &str, per_token: bool| {
        let extra = format!(
            "{SGD}\nppo.score_at = \"{score_at}\"\nppo.whiten_advantages = false\nppo.gae_lambda = 1.0"
        );
        let mut trainer = with_reference(trainer(&extra));
        let prompts = prompts();
        let responses = trainer.respond(&prompts).unwrap();
        let rows: Vec<&Prompt> = prompts.iter().collect();
        let score = |response: &Response| match per_token {
            // All of it on the first token.
            true => {
                let mut scores = vec![0.0; response.completion_ids.len()];
                scores[0] = 1.0;
                Score::PerToken(scores)
            }
            false => Score::Terminal(Some(1.0)),
        };
        let scores: Vec<Score> = responses.iter().map(score).collect();
        let stats = trainer.ppo_step(&rows, &responses, &scores).unwrap();
        let tokens: usize = responses.iter().map(|response| response.completion_ids.len()).sum();
        let share = responses.len() as f64 / tokens as f64;
        (stats.metrics.get("ppo/return_mean").unwrap(), share, weights(&trainer))
    };
    let whole = step("last", false);
    assert!((whole.0 - 1.0).abs() < 1e-6, "every token leads to the score: {}", whole.0);
    assert_eq!(whole, step("last", true), "the sum stands on the last token");
    // Paid on the first token, no other token's return holds the score.
    let (mean, share, weights) = step("per_token", true);
    assert!((mean - share).abs() < 1e-6, "{mean} and {share}");
    assert_ne!(weights, whole.2);
}
