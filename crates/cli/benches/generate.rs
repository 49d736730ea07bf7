//! Prefill, log-probabilities and decoding of a GPT-2-small shape, on any device compiled in.
//!
//! ```text
//! cargo bench -p hybrid-cli --bench generate -- --device cpu            criterion's statistics
//! cargo bench -p hybrid-cli --bench generate -- --device cpu --json     medians, one JSON line
//! ```
//!
//! The work is that of `reference/bench/generate.py`, whose line it is printed beside.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a program of its own, which nothing depends on"
)]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use criterion::{Criterion, Throughput};
use hybrid_model::Decoder;
use hybrid_model::generate::{GenerateOptions, Verdict, generate};
use hybrid_model::init::{InitConfig, init};
use hybrid_model::input::{Rows, TokenInput};
use hybrid_model::perplexity::{Scored, nll_sums};
use hybrid_model::sampling::SamplingConfig;

#[path = "../src/allocator.rs"]
mod allocator;

const PREFILL: usize = 512;
const PROMPT: usize = 64;
const NEW: usize = 64;

/// One piece of work and the tokens it handles.
struct Workload {
    name: String,
    tokens: usize,
    run: Box<dyn Fn(&Decoder)>,
}

fn main() -> ExitCode {
    allocator::keep_pages();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |flag: &str| {
        let place = args.iter().position(|arg| arg == flag)?;
        args.get(place + 1).cloned()
    };
    let name = value("--device").unwrap_or_else(|| "cpu".to_owned());
    let Some(device) = device(&name) else {
        eprintln!("error: `{name}` is no device compiled in: cpu, or a backend's feature");
        return ExitCode::from(2);
    };
    let tiny = value("--size").as_deref() == Some("tiny");
    let repetitions = value("--repetitions").and_then(|n| n.parse().ok()).unwrap_or(5);
    let decoder = init(&shape(tiny), 0, &device);
    let workloads = workloads();
    if args.iter().any(|arg| arg == "--json") {
        print_medians(&name, tiny, &decoder, &workloads, repetitions);
    } else {
        measure(&name, &decoder, &workloads);
    }
    ExitCode::SUCCESS
}

fn device(name: &str) -> Option<Device> {
    match name {
        #[cfg(feature = "flex")]
        "cpu" => Some(Device::flex()),
        #[cfg(feature = "ndarray")]
        #[expect(deprecated, reason = "kept selectable while burn has it")]
        "ndarray" => Some(Device::ndarray()),
        #[cfg(feature = "wgpu")]
        "wgpu" => Some(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "vulkan")]
        "vulkan" => Some(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "cuda")]
        "cuda" => Some(Device::cuda(0_usize)),
        _ => None,
    }
}

/// GPT-2 small, or a model that only tries the benchmark out.
fn shape(tiny: bool) -> hybrid_model::DecoderConfig {
    let sizes = InitConfig {
        model_type: "gpt2".to_owned(),
        vocab_size: if tiny { 512 } else { 50_257 },
        hidden_size: if tiny { 64 } else { 768 },
        layers: if tiny { 2 } else { 12 },
        heads: if tiny { 4 } else { 12 },
        kv_heads: None,
        intermediate_size: None,
        context: 1024,
        tie_embeddings: true,
    };
    sizes.to_config().expect("the sizes of GPT-2 small are consistent")
}

/// Ids that every model here has.
fn ids(batch: usize, length: usize) -> Vec<Vec<u32>> {
    let row = |row: usize| (0..length).map(|i| ((i * 37 + row * 101) % 500) as u32).collect();
    (0..batch).map(row).collect()
}

fn workloads() -> Vec<Workload> {
    let mut workloads = Vec::new();
    for batch in [1, 4] {
        let rows: Vec<u32> = ids(batch, PREFILL).concat();
        workloads.push(Workload {
            name: format!("prefill_b{batch}x{PREFILL}"),
            tokens: batch * PREFILL,
            run: Box::new(move |decoder| {
                let input =
                    TokenInput::new(&rows, [batch, PREFILL], Rows::RightPadded, &decoder.device());
                let hidden = decoder.hidden(&input, None).slice_dim(1, PREFILL - 1..PREFILL);
                drop(decoder.logits(hidden).into_data());
            }),
        });
    }
    let rows = ids(4, 128);
    workloads.push(Workload {
        name: "logprobs_b4x128".to_owned(),
        tokens: 4 * 128,
        run: Box::new(move |decoder| {
            let scored: Vec<Scored<'_>> =
                rows.iter().map(|ids| Scored { ids, predicted: 1..128 }).collect();
            drop(nll_sums(decoder, &scored));
        }),
    });
    for batch in [1, 8] {
        let prompts = ids(batch, PROMPT);
        workloads.push(Workload {
            name: format!("generate_b{batch}_whole"),
            tokens: batch * NEW,
            run: Box::new(move |decoder| {
                let options = GenerateOptions {
                    max_new_tokens: NEW,
                    sampling: SamplingConfig::greedy(),
                    ..GenerateOptions::default()
                };
                let made = generate(decoder, &prompts, &options, &mut |_, _| Verdict::Continue);
                drop(made.expect("finite logits"));
            }),
        });
    }
    workloads
}

fn measure(device: &str, decoder: &Decoder, workloads: &[Workload]) {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(5));
    let mut group = criterion.benchmark_group(device);
    for workload in workloads {
        group.throughput(Throughput::Elements(workload.tokens as u64));
        group.bench_function(&workload.name, |bencher| bencher.iter(|| (workload.run)(decoder)));
    }
    group.finish();
    criterion.final_summary();
}

fn print_medians(
    device: &str,
    tiny: bool,
    decoder: &Decoder,
    workloads: &[Workload],
    repetitions: usize,
) {
    let median = |workload: &Workload| {
        (workload.run)(decoder);
        let mut seconds: Vec<f64> = (0..repetitions.max(1))
            .map(|_| {
                let start = Instant::now();
                (workload.run)(decoder);
                start.elapsed().as_secs_f64()
            })
            .collect();
        seconds.sort_by(f64::total_cmp);
        let rate = workload.tokens as f64 / seconds[seconds.len() / 2];
        (rate * 100.0).round() / 100.0
    };
    let rates: BTreeMap<&str, f64> =
        workloads.iter().map(|workload| (workload.name.as_str(), median(workload))).collect();
    let line = serde_json::json!({
        "device": device,
        "shape": if tiny { "gpt2-tiny" } else { "gpt2-small" },
        "threads": std::thread::available_parallelism().map_or(1, usize::from),
        "repetitions": repetitions,
        "tokens_per_second": rates,
    });
    println!("{line}");
}
