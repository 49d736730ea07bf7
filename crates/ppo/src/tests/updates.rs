//! Two full updates of the tiny GPT-2: by `reference/ppo.py`, and by TRL's own trainer.

use std::collections::{BTreeMap, HashMap};

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Gradients, Tensor};
use hybrid_model::weights::{Checkpoint, load};
use hybrid_model::{Decoder, TokenInput};
use hybrid_testing::assert_close;
use hybrid_testing::fixtures::{golden, golden_json};
use serde_json::{Value, json};

use super::{assert_metrics, assert_near, config, constant, end, floats, ids, indices, read};
use crate::{
    End, Episode, KlController, LossInputs, LossSums, Normaliser, PpoConfig, Prepared, Score,
    ScoreMoments, Update, UpdateStats, ValueInputs, loss, prepare,
};

/// The values of every parameter, by name.
type Parameters = BTreeMap<String, Vec<f32>>;

/// A policy with a value head, on its own last hidden state or on a trunk of its own.
struct Network {
    policy: Decoder,
    critic: Option<Decoder>,
    head: Tensor<1>,
    temperature: f64,
}

/// What a network says of one row, over all tokens of its response.
struct Row {
    logprobs: Tensor<1>,
    entropy: Tensor<1>,
    values: Tensor<1>,
}

impl Network {
    fn open(head: &Value, separate_critic: bool, temperature: f64) -> Self {
        let device = Device::flex().autodiff();
        let checkpoint = Checkpoint::open(&golden("models/gpt2")).unwrap();
        let open = || load(&checkpoint, &device).unwrap();
        let head = constant(&floats(head)).require_grad();
        Self { policy: open(), critic: separate_critic.then(open), head, temperature }
    }

    fn row(&self, prompt: &[u32], response: &[u32]) -> Row {
        let n = response.len();
        let ids = [prompt, response].concat();
        let input = TokenInput::single(&ids, &self.head.device());
        let states =
            |decoder: &Decoder| decoder.hidden(&input, None).narrow(1, prompt.len() - 1, n);
        let hidden = states(&self.policy);
        let critic = self.critic.as_ref().map_or_else(|| hidden.clone(), states);
        let values = critic.squeeze_dim::<2>(0).matmul(self.head.clone().unsqueeze_dim(1));
        let logits = self.policy.logits(hidden).squeeze_dim::<2>(0) / self.temperature;
        let all = log_softmax(logits, 1);
        let entropy = -(all.clone().exp() * all.clone()).sum_dim(1).squeeze_dim::<1>(1);
        let chosen = input.ids.narrow(1, prompt.len(), n).reshape([n, 1]);
        let logprobs = all.gather(1, chosen).squeeze_dim::<1>(1);
        Row { logprobs, entropy, values: values.squeeze_dim::<1>(1) }
    }

    fn parameters(&self) -> Parameters {
        let mut all: Parameters = named("policy", self.policy.values());
        all.extend(self.critic.iter().flat_map(|critic| named("critic", critic.values())));
        all.insert("head".to_owned(), read(self.head.clone()));
        all
    }

    fn gradients(&self, gradients: &Gradients) -> Parameters {
        let mut all = named("policy", self.policy.gradients(gradients));
        let critic = self.critic.iter();
        all.extend(critic.flat_map(|critic| named("critic", critic.gradients(gradients))));
        all.insert("head".to_owned(), read(self.head.grad(gradients).unwrap()));
        all
    }

    fn set(&mut self, parameters: &Parameters) {
        let device = self.head.device();
        let part = |name: &str| -> HashMap<String, Vec<f32>> {
            let of = |(key, values): (&String, &Vec<f32>)| {
                Some((key.strip_prefix(name)?.strip_prefix('/')?.to_owned(), values.clone()))
            };
            parameters.iter().filter_map(of).collect()
        };
        self.policy = Decoder::from_values(self.policy.config(), part("policy"), &device);
        if let Some(critic) = &mut self.critic {
            *critic = Decoder::from_values(critic.config(), part("critic"), &device);
        }
        self.head = constant(&parameters["head"]).require_grad();
    }
}

fn named(name: &str, values: Parameters) -> Parameters {
    values.into_iter().map(|(key, values)| (format!("{name}/{key}"), values)).collect()
}

/// AdamW as PyTorch has it, betas 0.9 and 0.999.
struct AdamW {
    lr: f64,
    eps: f64,
    weight_decay: f64,
    steps: i32,
    moments: HashMap<String, Vec<(f64, f64)>>,
}

impl AdamW {
    fn new(lr: &Value, eps: &Value, weight_decay: f64) -> Self {
        let (lr, eps) = (lr.as_f64().unwrap(), eps.as_f64().unwrap());
        Self { lr, eps, weight_decay, steps: 0, moments: HashMap::new() }
    }

    fn step(&mut self, network: &mut Network, gradients: &Parameters) {
        let mut parameters = network.parameters();
        self.steps += 1;
        let (first, second) = (1.0 - 0.9_f64.powi(self.steps), 1.0 - 0.999_f64.powi(self.steps));
        for (name, values) in &mut parameters {
            let gradient = &gradients[name];
            let moments = self.moments.entry(name.clone());
            let moments = moments.or_insert_with(|| vec![(0.0, 0.0); values.len()]);
            for ((value, g), (m, v)) in values.iter_mut().zip(gradient).zip(moments) {
                let g = f64::from(*g);
                *m = 0.9 * *m + 0.1 * g;
                *v = 0.999 * *v + 0.001 * g * g;
                let kept = f64::from(*value) * (1.0 - self.lr * self.weight_decay);
                let step = self.lr * (*m / first) / ((*v / second).sqrt() + self.eps);
                *value = (kept - step) as f32;
            }
        }
        network.set(&parameters);
    }
}

fn add(sum: &mut Parameters, part: Parameters) {
    for (name, part) in part {
        let sum = sum.entry(name).or_insert_with(|| vec![0.0; part.len()]);
        sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
}

/// A rollout that is already sampled, and how its rows are read.
struct Rollout<'a> {
    config: &'a PpoConfig,
    prompts: Vec<Vec<u32>>,
    responses: Vec<Vec<u32>>,
    episodes: Vec<Episode>,
    prepared: Prepared,
}

impl Rollout<'_> {
    /// The loss of some rows; in TRL's mode over the critic's slots and padded entropies.
    fn loss(&self, network: &Network, rows: &[usize], update: &Update) -> crate::PpoLoss {
        let new: Vec<Row> = rows
            .iter()
            .map(|row| network.row(&self.prompts[*row], &self.responses[*row]))
            .collect();
        let tokens = |row: &usize| self.episodes[*row].len();
        let slots = |row: &usize| self.prepared.rows[*row].returns.len();
        let cat = |part: &dyn Fn(&Row, &usize) -> Tensor<1>| {
            Tensor::cat(new.iter().zip(rows).map(|(new, row)| part(new, row)).collect(), 0)
        };
        let flat = |part: &dyn Fn(&usize) -> Vec<f32>| {
            constant(&rows.iter().flat_map(part).collect::<Vec<f32>>())
        };
        let is_trl = self.config.is_trl();
        let entropy = |new: &Row, row: &usize| {
            let len = if is_trl { self.responses[*row].len() } else { tokens(row) };
            new.entropy.clone().narrow(0, 0, len)
        };
        let padded = rows.iter().map(|row| self.responses[*row].len()).sum();
        let inputs = LossInputs {
            logprobs: cat(&|new, row| new.logprobs.clone().narrow(0, 0, tokens(row))),
            old_logprobs: flat(&|row| self.episodes[*row].logprobs.clone()),
            ref_logprobs: flat(&|row| self.episodes[*row].ref_logprobs.clone()),
            advantages: constant(&self.prepared.advantages(rows, self.config).concat()),
            weights: None,
            entropy: Some(cat(&entropy)),
            values: Some(ValueInputs {
                values: cat(&|new, row| new.values.clone().narrow(0, 0, slots(row))),
                old_values: flat(&|row| self.prepared.rows[*row].old_values.clone()),
                returns: flat(&|row| self.prepared.rows[*row].returns.clone()),
            }),
            padded_slots: is_trl.then_some(padded),
        };
        loss(inputs, update, self.config).unwrap()
    }
}

#[test]
fn two_updates_are_those_of_the_reference() {
    let golden = golden_json("ppo.json")["updates"].take();
    let config = config(&golden["config"]);
    let temperature = golden["temperature"].as_f64().unwrap();
    let mut network = Network::open(&golden["head"], false, temperature);
    let reference = Network::open(&golden["head"], false, temperature);
    let decay = golden["weight_decay"].as_f64().unwrap();
    let mut optimizer = AdamW::new(&golden["lr"], &golden["eps"], decay);
    let mut controller = KlController::new(&config.kl, 1000);
    let expected = golden["expected"].as_array().unwrap();
    let rounds = golden["rounds"].as_array().unwrap();
    let mut moments = ScoreMoments::default();
    for (given, expected) in rounds.iter().zip(expected) {
        let rollout = sampled(given, &network, &reference, &controller, &mut moments, &config);
        let mut stats = UpdateStats::default();
        for order in given["orders"].as_array().unwrap() {
            for rows in indices(order).chunks(config.minibatch_size) {
                let tokens = rows.iter().map(|row| rollout.episodes[*row].len()).sum();
                let normaliser = Normaliser::tokens(tokens);
                let update = Update { kl_coef: controller.coef(), normaliser, trains_policy: true };
                let found = rollout.loss(&network, rows, &update);
                stats.add(LossSums::read(found.sums).unwrap());
                let gradients = network.gradients(&found.total.backward());
                optimizer.step(&mut network, &gradients);
            }
        }
        let mut metrics = rollout.prepared.stats.metrics();
        metrics.extend(stats.metrics(&config));
        assert_metrics(&metrics, &expected["metrics"], 2e-4);
        controller.update(rollout.prepared.stats.ref_kl, rollout.episodes.len());
        assert_near("coef", controller.coef(), expected["kl_coef"].as_f64().unwrap(), 1e-5);
    }
    check_final(&network, &golden["rounds"][1], &golden["final"], 2e-4);
}

fn sampled<'a>(
    given: &Value,
    network: &Network,
    reference: &Network,
    controller: &KlController,
    moments: &mut ScoreMoments,
    config: &'a PpoConfig,
) -> Rollout<'a> {
    let lists = |name: &str| given[name].as_array().unwrap().iter().map(ids).collect::<Vec<_>>();
    let (prompts, responses) = (lists("prompts"), lists("responses"));
    let episode = |index: usize| {
        let (prompt, response) = (&prompts[index], &responses[index]);
        let old = network.row(prompt, response);
        Episode {
            prompt_ids: prompt.clone(),
            completion_ids: response.clone(),
            logprobs: read(old.logprobs),
            ref_logprobs: read(reference.row(prompt, response).logprobs),
            values: read(old.values),
            score: Score::Terminal(given["scores"][index].as_f64()),
            end: end(&given["ends"][index]),
        }
    };
    let episodes: Vec<Episode> = (0..prompts.len()).map(episode).collect();
    let prepared = prepare(&episodes, controller.coef(), moments, config).unwrap();
    Rollout { config, prompts, responses, episodes, prepared }
}

/// Compares a trained network with log-probabilities and values of some rows.
fn check_final(network: &Network, rows: &Value, expected: &Value, tolerance: f64) {
    let lists = |name: &str| rows[name].as_array().unwrap().iter().map(ids);
    for (index, (prompt, response)) in lists("prompts").zip(lists("responses")).enumerate() {
        let row = network.row(&prompt, &response);
        assert_close(&read(row.logprobs), &floats(&expected["logprobs"][index]), tolerance);
        assert_close(&read(row.values), &floats(&expected["values"][index]), tolerance);
    }
}

#[test]
fn two_updates_are_those_of_trl() {
    let golden = golden_json("ppo_trl.json");
    for case in golden["cases"].as_array().unwrap() {
        println!("{}", case["name"]);
        check_trl(case, golden["eos"].as_u64().unwrap());
    }
}

fn trl_config(settings: &Value) -> PpoConfig {
    config(&json!({
        "compat": "trl",
        "epochs": settings["num_ppo_epochs"],
        "minibatch_size": 8,
        "clip_range": settings["cliprange"],
        "value_clip_range": settings["cliprange_value"],
        "value_coef": settings["vf_coef"],
        "gamma": settings["gamma"],
        "gae_lambda": settings["lam"],
        "kl": { "coef": settings["kl_coef"], "estimator": settings["kl_estimator"] },
        "whiten_rewards": settings["whiten_rewards"],
        "missing_eos_penalty": settings["missing_eos_penalty"],
        "critic": "separate",
    }))
}

fn check_trl(case: &Value, eos: u64) {
    let settings = &case["settings"];
    let config = trl_config(settings);
    let temperature = settings["temperature"].as_f64().unwrap() + 1e-7;
    let mut network = Network::open(&case["score_head"], true, temperature);
    let reference = Network::open(&case["score_head"], true, temperature);
    let mut optimizer = AdamW::new(&settings["learning_rate"], &settings["adam_epsilon"], 0.0);
    for given in case["updates"].as_array().unwrap() {
        let rollout = trl_rollout(given, eos, &network, &reference, &config);
        check_trl_rollout(&rollout, given);
        let mut stats = UpdateStats::default();
        for order in given["orders"].as_array().unwrap() {
            let mut sum = Parameters::new();
            let order = indices(order);
            let parts: Vec<&[usize]> = order.chunks(4).collect();
            for rows in &parts {
                let tokens = rows.iter().map(|row| rollout.episodes[*row].len()).sum();
                let returns = |row: &usize| rollout.prepared.rows[*row].returns.len();
                let slots = rows.iter().map(returns).sum();
                let normaliser = Normaliser::mean_of_means(tokens, slots, parts.len());
                let update = Update { kl_coef: config.kl.coef, normaliser, trains_policy: true };
                let found = rollout.loss(&network, rows, &update);
                stats.add(LossSums::read(found.sums).unwrap());
                add(&mut sum, network.gradients(&found.total.backward()));
            }
            optimizer.step(&mut network, &sum);
        }
        check_trl_metrics(&rollout, &stats, &given["metrics"]);
    }
    check_final(&network, &case["updates"][1], &case["final"], 3e-4);
}

fn trl_rollout<'a>(
    given: &Value,
    eos: u64,
    network: &Network,
    reference: &Network,
    config: &'a PpoConfig,
) -> Rollout<'a> {
    let lists = |name: &str| given[name].as_array().unwrap().iter().map(ids).collect::<Vec<_>>();
    let (prompts, responses) = (lists("prompts"), lists("responses"));
    let episode = |index: usize| {
        let (prompt, response) = (&prompts[index], &responses[index]);
        let n = given["sequence_lengths"][index].as_u64().unwrap() as usize + 1;
        let old = network.row(prompt, response);
        let head = |tensor: Tensor<1>, len: usize| read(tensor.narrow(0, 0, len));
        let terminated = response[..n].iter().any(|id| u64::from(*id) == eos);
        // TRL's scores are recorded after the penalty.
        let penalty = if terminated { 0.0 } else { config.missing_eos_penalty.unwrap_or(0.0) };
        Episode {
            prompt_ids: prompt.clone(),
            completion_ids: response[..n].to_vec(),
            logprobs: head(old.logprobs, n),
            ref_logprobs: head(reference.row(prompt, response).logprobs, n),
            values: head(old.values, (n + 1).min(response.len())),
            score: Score::Terminal(given["scores"][index].as_f64().map(|score| score + penalty)),
            end: if terminated { End::Terminated } else { End::Truncated },
        }
    };
    let episodes: Vec<Episode> = (0..prompts.len()).map(episode).collect();
    let mut moments = ScoreMoments::default();
    let prepared = prepare(&episodes, config.kl.coef, &mut moments, config).unwrap();
    Rollout { config, prompts, responses, episodes, prepared }
}

fn check_trl_rollout(rollout: &Rollout<'_>, given: &Value) {
    for (index, (episode, row)) in rollout.episodes.iter().zip(&rollout.prepared.rows).enumerate() {
        let check = |found: &[f32], name: &str| {
            let expected = floats(&given[name][index]);
            assert_close(found, &expected[..found.len()], 3e-4);
        };
        check(&episode.logprobs, "logprobs");
        check(&episode.ref_logprobs, "ref_logprobs");
        check(&row.old_values, "values");
        check(&row.rewards, "rewards");
        check(&row.returns, "returns");
        check(&row.advantages, "advantages");
    }
}

fn check_trl_metrics(rollout: &Rollout<'_>, stats: &UpdateStats, expected: &Value) {
    let mut found = rollout.prepared.stats.metrics();
    found.extend(stats.metrics(rollout.config));
    let names = [
        ("objective/kl", "rollout/ref_kl"),
        ("objective/entropy", "rollout/sequence_entropy"),
        ("objective/non_score_reward", "rollout/kl_reward"),
        ("objective/rlhf_reward", "rollout/reward_mean"),
        ("objective/scores", "rollout/processed_score_mean"),
        ("policy/approxkl_avg", "ppo/approx_kl"),
        ("policy/clipfrac_avg", "ppo/clip_fraction"),
        ("policy/entropy_avg", "ppo/entropy"),
        ("loss/policy_avg", "ppo/policy_loss"),
        ("loss/value_avg", "ppo/value_loss"),
        ("val/clipfrac_avg", "ppo/value_clip_fraction"),
        ("val/ratio", "ppo/ratio_mean"),
        ("val/ratio_var", "ppo/ratio_variance"),
    ];
    let renamed: serde_json::Map<String, Value> =
        names.iter().map(|(trl, ours)| ((*ours).to_owned(), expected[*trl].clone())).collect();
    assert_metrics(&found, &Value::Object(renamed), 3e-4);
}
