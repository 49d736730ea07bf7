use std::path::Path;

use rand::SeedableRng;
use serde_json::Value;

use super::*;

/// One case of `golden/sampling.json`, written by `reference/sampling.py`.
struct Case {
    name: String,
    logits: Vec<f32>,
    ids: Vec<u32>,
    prompt_length: usize,
    config: SamplingConfig,
    tie_dependent: bool,
    expected: Vec<f32>,
}

impl Case {
    fn all() -> Vec<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/sampling.json");
        let golden: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let cases: Vec<Self> = golden["cases"].as_array().unwrap().iter().map(Self::of).collect();
        assert!(cases.len() >= 200, "only {} cases", cases.len());
        cases
    }

    fn of(case: &Value) -> Self {
        let row = |key: &str| {
            let logit = |value: &Value| value.as_f64().map_or(f32::NEG_INFINITY, |v| v as f32);
            case[key].as_array().unwrap().iter().map(logit).collect()
        };
        let ids = tokens(&case["ids"]);
        let mut config = SamplingConfig::default();
        for step in case["steps"].as_array().unwrap() {
            set(&mut config, step["step"].as_str().unwrap(), &step["value"], &ids);
        }
        Self {
            name: case["name"].as_str().unwrap().to_owned(),
            logits: row("logits"),
            prompt_length: case["prompt_length"].as_u64().unwrap() as usize,
            config,
            tie_dependent: case["tie_dependent"].as_bool().unwrap(),
            expected: row("expected"),
            ids,
        }
    }

    fn history(&self) -> History<'_> {
        let (prompt, completion) = self.ids.split_at(self.prompt_length);
        History { prompt, completion }
    }
}

fn tokens(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

fn set(config: &mut SamplingConfig, step: &str, value: &Value, ids: &[u32]) {
    let number = || value.as_f64().unwrap();
    match step {
        "temperature" => config.temperature = number(),
        "top_k" => config.top_k = value.as_u64().unwrap() as usize,
        "top_p" => config.top_p = number(),
        "min_p" => config.min_p = number(),
        "typical_p" => config.typical_p = number(),
        "repetition_penalty" => config.repetition_penalty = number(),
        "presence_penalty" => config.presence_penalty = number(),
        "frequency_penalty" => config.frequency_penalty = number(),
        "no_repeat_ngram_size" => config.no_repeat_ngram_size = value.as_u64().unwrap() as usize,
        "bad_words_ids" => {
            config.bad_words = value.as_array().unwrap().iter().map(tokens).collect();
        }
        // The reference also biases a sequence's last token where the tokens before it just came.
        "logit_bias" => {
            for pair in value.as_array().unwrap() {
                let sequence = tokens(&pair[0]);
                let (last, before) = sequence.split_last().unwrap();
                if ids.ends_with(before) {
                    *config.logit_bias.entry(*last).or_default() += pair[1].as_f64().unwrap();
                }
            }
        }
        other => panic!("unknown step {other}"),
    }
}

fn is_close(a: f32, b: f32) -> bool {
    let both_removed = a.is_infinite() && b.is_infinite() && a.signum() * b.signum() > 0.0;
    both_removed || (a - b).abs() <= 1e-5 * b.abs().max(1.0)
}

#[test]
fn processed_logits_equal_transformers() {
    for case in Case::all() {
        case.config.validate().unwrap();
        let (mut ours, mut theirs) = (case.logits.clone(), case.expected.clone());
        process(&mut ours, case.history(), &case.config);
        if case.tie_dependent {
            // Which of equal tokens stay is not defined, only how many.
            ours.sort_by(f32::total_cmp);
            theirs.sort_by(f32::total_cmp);
        }
        let equal = ours.len() == theirs.len()
            && ours.iter().zip(&theirs).all(|(ours, theirs)| is_close(*ours, *theirs));
        assert!(equal, "{}\nours   {ours:?}\ntheirs {theirs:?}", case.name);
    }
}

#[test]
fn a_chosen_token_is_one_that_transformers_keeps() {
    for case in Case::all().into_iter().filter(|case| !case.tie_dependent) {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..50 {
            let choice = choose(&case.logits, case.history(), &case.config, &mut rng).unwrap();
            let kept = case.expected[choice.token as usize];
            assert!(kept.is_finite(), "{}: token {}", case.name, choice.token);
        }
    }
}

const NO_HISTORY: History<'_> = History { prompt: &[], completion: &[] };

/// `softmax(logits / temperature)`, from the definition in `f64`.
fn softmax(logits: &[f32], temperature: f64) -> Vec<f64> {
    let weights: Vec<f64> = logits.iter().map(|l| (f64::from(*l) / temperature).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

fn varied_logits(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 37 % 101) as f32 * 0.7).sin() * 2.0).collect()
}

/// Pearson's statistic of the drawn counts.
fn chi_square(counts: &[usize], probabilities: &[f64]) -> f64 {
    let draws: usize = counts.iter().sum();
    let term = |(count, p): (&usize, &f64)| {
        let expected = p * draws as f64;
        if expected > 0.0 { (*count as f64 - expected).powi(2) / expected } else { 0.0 }
    };
    counts.iter().zip(probabilities).map(term).sum()
}

fn draw_counts(logits: &[f32], config: &SamplingConfig, draws: usize) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut counts = vec![0; logits.len()];
    for _ in 0..draws {
        counts[choose(logits, NO_HISTORY, config, &mut rng).unwrap().token as usize] += 1;
    }
    counts
}

#[test]
fn draws_follow_the_probabilities() {
    let logits = varied_logits(20);
    for temperature in [0.6, 1.0, 1.7] {
        let config = SamplingConfig { temperature, ..SamplingConfig::default() };
        let counts = draw_counts(&logits, &config, 20_000);
        let statistic = chi_square(&counts, &softmax(&logits, temperature));
        // The 99.9 % quantile with 19 degrees of freedom.
        assert!(statistic < 43.8, "temperature {temperature}: {statistic} of {counts:?}");
        let other = chi_square(&counts, &softmax(&logits, temperature * 1.2));
        assert!(other > 43.8, "the bound tells other distributions apart, got {other}");
    }
}

#[test]
fn truncated_draws_follow_the_renormalised_probabilities() {
    let logits = varied_logits(20);
    let config = SamplingConfig { top_k: 6, ..SamplingConfig::default() };
    let counts = draw_counts(&logits, &config, 20_000);
    let mut probabilities = softmax(&logits, 1.0);
    let mut sorted = probabilities.clone();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let kept: f64 = sorted[..6].iter().sum();
    for (p, count) in probabilities.iter_mut().zip(&counts) {
        let stays = *p >= sorted[5];
        assert!(stays || *count == 0, "a removed token was drawn");
        *p = if stays { *p / kept } else { 0.0 };
    }
    // The 99.9 % quantile with 5 degrees of freedom.
    assert!(chi_square(&counts, &probabilities) < 20.5, "{counts:?}");
}

#[test]
fn the_same_seed_draws_the_same_tokens() {
    let logits = varied_logits(300);
    let config = SamplingConfig { top_p: 0.9, ..SamplingConfig::default() };
    let draws = |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let one = |_| choose(&logits, NO_HISTORY, &config, &mut rng).unwrap().token;
        (0..40).map(one).collect::<Vec<_>>()
    };
    assert_eq!(draws(5), draws(5));
    assert_ne!(draws(5), draws(6));
}

/// The nucleus by its definition: tokens by falling probability until `p` is reached.
#[test]
fn the_nucleus_of_a_large_vocabulary_is_its_definition() {
    let logits: Vec<f32> = (0..5000_u32)
        .map(|i| (f64::from(i.wrapping_mul(2_654_435_761) % 10_007) / 900.0) as f32)
        .collect();
    for p in [0.05, 0.3, 0.7, 0.9, 0.99] {
        let probabilities = softmax(&logits, 1.0);
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
        let mut sum = 0.0;
        let mut kept = 0;
        while sum < p {
            sum += probabilities[order[kept]];
            kept += 1;
        }
        let mut processed = logits.clone();
        process(
            &mut processed,
            NO_HISTORY,
            &SamplingConfig { top_p: p, ..SamplingConfig::default() },
        );
        for (rank, index) in order.into_iter().enumerate() {
            let is_kept = processed[index].is_finite();
            // Equal logits at the border: any of them may stay.
            let at_border = (rank as isize - kept as isize).abs() < 3;
            assert!(at_border || is_kept == (rank < kept), "p {p}: rank {rank} of {kept}");
        }
        let count = processed.iter().filter(|logit| logit.is_finite()).count();
        assert!(count.abs_diff(kept) <= 1, "p {p}: {count} tokens instead of {kept}");
    }
}

#[test]
fn the_logprob_is_log_softmax_at_the_temperature_before_truncation() {
    let logits = [2.0_f32, -1.0, 0.5, f32::NEG_INFINITY, 80.0, 79.0];
    let history = History { prompt: &[4], completion: &[4, 5] };
    for (temperature, used) in [(0.0, 1.0), (0.5, 0.5), (1.0, 1.0), (3.0, 3.0)] {
        let config = SamplingConfig {
            temperature,
            top_k: 3,
            repetition_penalty: 40.0,
            ..SamplingConfig::default()
        };
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for _ in 0..20 {
            let choice = choose(&logits, history, &config, &mut rng).unwrap();
            let expected = softmax(&logits, used)[choice.token as usize].ln();
            let difference = (f64::from(choice.logprob) - expected).abs();
            assert!(difference <= 1e-5 * expected.abs().max(1.0), "{choice:?}, not {expected}");
        }
    }
}

#[test]
fn greedy_takes_the_first_of_the_largest_and_draws_nothing() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let before = rng.clone();
    let logits = [0.0, 3.0, 3.0, -1.0];
    let choice = choose(&logits, NO_HISTORY, &SamplingConfig::greedy(), &mut rng).unwrap();
    assert_eq!(choice.token, 1);
    assert_eq!(rng, before);
}

#[test]
fn a_tiny_temperature_is_nearly_greedy() {
    for temperature in [1e-3, 1e-30, 1e-200, 1e-320] {
        let config = SamplingConfig { temperature, ..SamplingConfig::default() };
        config.validate().unwrap();
        let logits = [1.0, 900.0, -5.0, f32::NEG_INFINITY, 899.0];
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let choice = choose(&logits, NO_HISTORY, &config, &mut rng).unwrap();
        assert_eq!(choice.token, 1, "temperature {temperature}");
        assert!(choice.logprob.abs() <= 1e-6, "{choice:?}");
    }
}

#[test]
fn logits_without_a_distribution_choose_nothing() {
    const NONE: f32 = f32::NEG_INFINITY;
    let unusable: [&[f32]; 6] = [
        &[],
        &[0.0, f32::NAN, 1.0],
        &[f32::NAN, NONE],
        &[1.0, f32::INFINITY],
        &[NONE, NONE],
        &[f32::INFINITY, f32::NAN],
    ];
    for logits in unusable {
        for config in [SamplingConfig::default(), SamplingConfig::greedy()] {
            let mut rng = ChaCha8Rng::seed_from_u64(0);
            assert_eq!(choose(logits, NO_HISTORY, &config, &mut rng), None, "{logits:?}");
        }
    }
}

#[test]
fn when_every_token_is_forbidden_nothing_is_chosen() {
    let all = SamplingConfig {
        temperature: 0.7,
        top_k: 2,
        top_p: 0.5,
        min_p: 0.1,
        typical_p: 0.5,
        ..SamplingConfig::default()
    };
    let words = SamplingConfig { bad_words: vec![vec![0], vec![1], vec![2]], ..all.clone() };
    let bias = (0..3).map(|token| (token, f64::NEG_INFINITY)).collect();
    let bias = SamplingConfig { logit_bias: bias, ..all.clone() };
    let ngrams = SamplingConfig { no_repeat_ngram_size: 1, ..all };
    let history = History { prompt: &[0, 1], completion: &[2] };
    for config in [words, bias, ngrams] {
        config.validate().unwrap();
        for temperature in [0.0, 0.7, 1e-60] {
            let config = SamplingConfig { temperature, ..config.clone() };
            let mut rng = ChaCha8Rng::seed_from_u64(0);
            assert_eq!(choose(&[1.0, 2.0, 3.0], history, &config, &mut rng), None, "{config:?}");
        }
    }
}

#[test]
fn tokens_outside_the_vocabulary_change_nothing() {
    let config = SamplingConfig {
        repetition_penalty: 2.0,
        presence_penalty: 1.0,
        no_repeat_ngram_size: 1,
        bad_words: vec![vec![99]],
        logit_bias: BTreeMap::from([(u32::MAX, 5.0)]),
        ..SamplingConfig::default()
    };
    let mut logits = [1.0, 2.0];
    process(&mut logits, History { prompt: &[50], completion: &[60] }, &config);
    assert_eq!(logits.map(f32::to_bits), [1.0_f32, 2.0].map(f32::to_bits));
}

#[test]
fn settings_out_of_range_are_named() {
    type Change = fn(&mut SamplingConfig, f64);
    let fields: [(&str, Change, &[f64], &[f64]); 8] = [
        ("temperature", |c, v| c.temperature = v, &[0.0, 1e-9, 5.0], &[-0.1, 1e39]),
        ("top_p", |c, v| c.top_p = v, &[1e-9, 1.0], &[0.0, -1.0, 1.000_001]),
        ("min_p", |c, v| c.min_p = v, &[0.0, 1.0], &[-1e-9, 1.1]),
        ("typical_p", |c, v| c.typical_p = v, &[0.2, 1.0], &[0.0, 2.0]),
        ("repetition_penalty", |c, v| c.repetition_penalty = v, &[0.5, 3.0], &[0.0, -1.0]),
        ("presence_penalty", |c, v| c.presence_penalty = v, &[-2.0, 2.0], &[1e300]),
        ("frequency_penalty", |c, v| c.frequency_penalty = v, &[-2.0, 2.0], &[-1e300]),
        (
            "logit_bias",
            |c, v| c.logit_bias = BTreeMap::from([(0, 0.0), (1, v)]),
            &[-100.0, f64::NEG_INFINITY],
            &[1e300],
        ),
    ];
    for (name, change, good, bad) in fields {
        for value in good {
            let mut config = SamplingConfig::default();
            change(&mut config, *value);
            assert_eq!(config.validate(), Ok(()), "{name} = {value}");
        }
        for value in bad.iter().chain(&[f64::NAN, f64::INFINITY]) {
            let mut config = SamplingConfig::default();
            change(&mut config, *value);
            let error = config.validate().unwrap_err();
            assert_eq!((error.field, error.value), (name, value.to_string()));
        }
    }
    let words = SamplingConfig { bad_words: vec![vec![1], vec![]], ..SamplingConfig::default() };
    let message = words.validate().unwrap_err().to_string();
    assert_eq!(message, "`bad_words` is a word without tokens, must be words of tokens");
    let error = SamplingConfig { top_p: 1.5, ..SamplingConfig::default() }.validate().unwrap_err();
    assert_eq!(error.to_string(), "`top_p` is 1.5, must be in (0, 1]");
}

#[test]
fn each_setting_is_a_truncation_a_penalty_or_neither() {
    let plain = SamplingConfig { temperature: 0.3, ..SamplingConfig::default() };
    assert!(!plain.is_truncated() && !plain.is_penalised());
    let truncations = [
        SamplingConfig::greedy(),
        SamplingConfig { top_k: 4, ..plain.clone() },
        SamplingConfig { top_p: 0.99, ..plain.clone() },
        SamplingConfig { min_p: 0.01, ..plain.clone() },
        SamplingConfig { typical_p: 0.99, ..plain.clone() },
    ];
    for config in truncations {
        assert!(config.is_truncated() && !config.is_penalised(), "{config:?}");
    }
    let penalties = [
        SamplingConfig { repetition_penalty: 1.1, ..plain.clone() },
        SamplingConfig { presence_penalty: -0.1, ..plain.clone() },
        SamplingConfig { frequency_penalty: 0.1, ..plain.clone() },
        SamplingConfig { no_repeat_ngram_size: 3, ..plain.clone() },
        SamplingConfig { bad_words: vec![vec![1]], ..plain.clone() },
        SamplingConfig { logit_bias: BTreeMap::from([(1, 0.5)]), ..plain },
    ];
    for config in penalties {
        assert!(config.is_penalised() && !config.is_truncated(), "{config:?}");
    }
}

#[test]
fn penalties_are_in_the_recorded_probability() {
    let logits = varied_logits(12);
    let config = SamplingConfig {
        temperature: 0.7,
        presence_penalty: 1.5,
        bad_words: vec![vec![2]],
        ..SamplingConfig::default()
    };
    let history = History { prompt: &[1], completion: &[4, 7] };
    let sampler = Sampler { config: &config, forbidden: &[9], record_behaviour: true };
    let mut shaped = logits.clone();
    shaped[4] -= 1.5;
    shaped[7] -= 1.5;
    for removed in [2, 9] {
        shaped[removed] = f32::NEG_INFINITY;
    }
    let expected = softmax(&shaped, 0.7);
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..40 {
        let drawn = sampler.choose(&logits, history, &mut rng).unwrap();
        let behaviour = drawn.behaviour.unwrap();
        assert_eq!(behaviour.kept, KeptSet::Without(vec![2, 9]));
        let expected = expected[drawn.choice.token as usize].ln();
        assert!((f64::from(behaviour.logprob) - expected).abs() < 1e-5);
    }
}
