//! The crates with tensors: a model, a step, two losses.

use anyhow::{Context, Result, ensure};
use burn::module::Param;
use burn::tensor::{Device, Distribution, Tensor};
use hybrid_data::batch::{Padding, TokenBatch};
use hybrid_data::encode::Encoded;
use hybrid_model::generate::{GenerateOptions, Verdict, generate};
use hybrid_model::init::{InitConfig, init};
use hybrid_model::sampling::SamplingConfig;
use hybrid_model::{Decoder, TokenInput, ValueHead};
use hybrid_optim::{OptimConfig, Stepper};
use hybrid_ppo::{
    End, Episode, LossInputs, Normaliser, PpoConfig, Score, ScoreMoments, Update, prepare,
};
use hybrid_sft::{SftBatch, SftConfig, SftStats};

const VOCAB: usize = 12;

fn tiny() -> Result<Decoder> {
    let sizes = InitConfig {
        model_type: "llama".to_owned(),
        vocab_size: VOCAB,
        hidden_size: 16,
        layers: 2,
        heads: 2,
        kv_heads: None,
        intermediate_size: None,
        context: 32,
        tie_embeddings: false,
    };
    Ok(init(&sizes.to_config()?, 3, &Device::flex()))
}

fn floats(values: &Tensor<1>) -> Result<Vec<f32>> {
    Ok(values.clone().into_data().try_into_vec_as::<f32>()?)
}

/// Log-probabilities of the next token after each of `ids`, `[t][v]`.
fn logprobs(decoder: &Decoder, ids: &[u32]) -> Result<Vec<Vec<f64>>> {
    let hidden = decoder.hidden(&TokenInput::single(ids, &decoder.device()), None);
    let logits = decoder.logits(hidden).into_data().try_into_vec_as::<f32>()?;
    let row = |logits: &[f32]| {
        let sum: f64 = logits.iter().map(|logit| f64::from(*logit).exp()).sum();
        logits.iter().map(|logit| f64::from(*logit) - sum.ln()).collect()
    };
    Ok(logits.chunks(VOCAB).map(row).collect())
}

/// Generation with a cache takes the tokens that whole passes without one find the most probable.
pub(crate) fn model() -> Result<String> {
    let decoder = tiny()?;
    let mut ids = vec![1, 7, 4];
    let options = GenerateOptions {
        max_new_tokens: 8,
        sampling: SamplingConfig { temperature: 0.0, ..SamplingConfig::default() },
        ..GenerateOptions::default()
    };
    let made = generate(&decoder, &[ids.clone()], &options, &mut |_, _| Verdict::Continue)?;
    let made = &made.first().context("nothing was generated")?.token_ids;
    for token in made {
        let rows = logprobs(&decoder, &ids)?;
        let last = rows.last().context("no logits")?;
        let best = (0..VOCAB).max_by(|a, b| last[*a].total_cmp(&last[*b]));
        ensure!(best == Some(*token as usize), "{made:?}: a full pass would take {best:?}");
        ids.push(*token);
    }
    let parameters = decoder.config().parameter_count();
    Ok(format!("{parameters} parameters write {made:?} after [1, 7, 4]"))
}

/// A linear map learns another one.
pub(crate) fn optim() -> Result<String> {
    let device = Device::flex().autodiff();
    let config = OptimConfig { lr: 0.05, weight_decay: Some(0.0), ..OptimConfig::default() };
    let steps = 300;
    let mut stepper = Stepper::new(&config, steps)?;
    let mut head = ValueHead::zeros(3, &device);
    let x: Tensor<2> = Tensor::random([64, 3], Distribution::Normal(0.0, 1.0), &device);
    let truth = |x: &Tensor<2>| {
        let weights: Tensor<1> = Tensor::from_floats([1.0, -2.0, 0.5], &device);
        (x.clone() * weights.unsqueeze::<2>()).sum_dim(1).reshape([64]) + 0.25
    };
    let mut loss = f32::NAN;
    for _ in 0..steps {
        let error = (head.values(x.clone()) - truth(&x)).square().mean();
        loss = floats(&error)?.first().copied().unwrap_or(f32::NAN);
        stepper.accumulate(&head, error.backward());
        head = stepper.step(head).0;
        stepper.advance(None);
    }
    ensure!(loss < 1e-3, "the loss is still {loss}");
    ensure!(stepper.lr().abs() < 1e-12, "a linear schedule ends at 0, not at {}", stepper.lr());
    Ok(format!("AdamW on a linear schedule: squared error {loss:.1e} after {steps} steps"))
}

/// The masked loss is the mean of `−log p` over the tokens that count.
pub(crate) fn sft() -> Result<String> {
    let decoder = tiny()?;
    let example = |ids: &[u32], prompt: usize| Encoded {
        ids: ids.to_vec(),
        loss_mask: (0..ids.len()).map(|place| place >= prompt).collect(),
    };
    let examples = [example(&[1, 5, 9, 2], 2), example(&[1, 3, 3, 8, 6, 2], 4)];
    let batch = TokenBatch::collate(&examples.iter().collect::<Vec<_>>(), Padding::default())?;
    let loss = hybrid_sft::loss(&decoder, SftBatch::from(&batch), &SftConfig::default(), 4.0)?;
    let found = SftStats::read(std::slice::from_ref(&loss))?.nll();
    let mut sum = 0.0;
    for example in &examples {
        let rows = logprobs(&decoder, &example.ids)?;
        for place in (1..example.ids.len()).filter(|place| example.loss_mask[*place]) {
            sum -= rows[place - 1][example.ids[place] as usize];
        }
    }
    ensure!((found - sum / 4.0).abs() < 1e-5, "{found}, by the definition {}", sum / 4.0);
    Ok(format!("loss {found:.4} over 4 of {} tokens", batch.lengths.iter().sum::<usize>()))
}

/// A policy of one choice out of four learns from scores alone which one is wanted.
pub(crate) fn ppo() -> Result<String> {
    let device = Device::flex().autodiff();
    let mut config = PpoConfig::default();
    config.kl.coef = 0.0;
    let mut logits = Param::from_tensor(Tensor::<1>::zeros([4], &device));
    let log_softmax = |logits: &Tensor<1>| burn::tensor::activation::log_softmax(logits.clone(), 0);
    let wanted = 2;
    for _ in 0..60 {
        let old = floats(&log_softmax(&logits.val()))?;
        // Every choice once, so nothing has to be drawn.
        let episode = |choice: usize| Episode {
            prompt_ids: vec![0],
            completion_ids: vec![choice as u32],
            logprobs: vec![old[choice]],
            ref_logprobs: vec![old[choice]],
            values: vec![0.0],
            score: Score::Terminal(Some(f64::from(u8::from(choice == wanted)))),
            end: End::Terminated,
        };
        let episodes: Vec<Episode> = (0..4).map(episode).collect();
        let prepared = prepare(&episodes, 0.0, &mut ScoreMoments::default(), &config)?;
        let advantages = prepared.advantages(&[0, 1, 2, 3], &config).concat();
        let mean = advantages.iter().sum::<f32>() / 4.0;
        ensure!(mean.abs() < 1e-6, "whitened advantages have a mean of {mean}");
        let constant = |values: &[f32]| Tensor::<1>::from_floats(values, &device);
        let current = log_softmax(&logits.val());
        let inputs = LossInputs {
            old_logprobs: constant(&old),
            ref_logprobs: constant(&old),
            advantages: constant(&advantages),
            weights: None,
            entropy: None,
            values: Some(hybrid_ppo::ValueInputs {
                values: constant(&[0.0; 4]),
                old_values: constant(&[0.0; 4]),
                returns: constant(
                    &prepared.rows.iter().flat_map(|row| row.returns.clone()).collect::<Vec<_>>(),
                ),
            }),
            padded_slots: None,
            logprobs: current,
        };
        let terms = Update { kl_coef: 0.0, normaliser: Normaliser::tokens(4), trains_policy: true };
        let loss = hybrid_ppo::loss(inputs, &terms, &config)?;
        let gradients = loss.total.backward();
        let gradient = logits.val().grad(&gradients).context("no gradient reached the policy")?;
        let stepped = logits.val().inner() - gradient * 0.5;
        logits = Param::from_tensor(stepped.autodiff().require_grad());
    }
    let chance = floats(&log_softmax(&logits.val()))?[wanted].exp();
    ensure!(chance > 0.9, "the wanted choice has a probability of {chance} only");
    Ok(format!("the wanted choice of four: probability 0.25 -> {chance:.3}"))
}
