//! The speed of one piece of work, mostly on one model, to stand beside `reference/bench/`.
//!
//! ```text
//! cargo bench -p hybrid-cli --bench speed -- --case sft/gpt2-5.5m            criterion's statistics
//! cargo bench -p hybrid-cli --bench speed -- --case sft/gpt2-5.5m --json     a median, one JSON line
//! cargo bench -p hybrid-cli --bench speed -- --device cpu,vulkan --case prefill/gpt2-small
//! ```
//!
//! Without `--case` every case of `benches/cases.json` runs, without `--json` all those that can be
//! repeated. With `--json` the largest memory is that of the process so far, so it means something
//! only where one case was asked for. `cargo xtask bench` runs each in a process of its own.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of its own, which nothing depends on"
)]

mod case;
mod ceiling;
mod cost;
mod encoder;
mod inference;
mod texts;
mod training;

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Device;
use clap::Parser;
use criterion::{Criterion, Throughput};
use hybrid::config::RolloutWeights;
use hybrid::run::peak_memory;
use hybrid_model::ops::is_fused;
use serde_json::{Value, json};

use self::case::{Case, Kind, Table};
use self::cost::Cost;

#[path = "../../src/allocator.rs"]
mod allocator;
#[path = "../../src/threads.rs"]
mod threads;

/// Speed of one piece of work on one model.
#[derive(Debug, Parser)]
#[command(name = "speed")]
struct Options {
    /// The case, by its name in benches/cases.json, or `ceiling`
    #[arg(long)]
    case: Option<String>,
    /// Devices compiled in: cpu, or a backend's feature
    #[arg(long, value_delimiter = ',', default_value = "cpu")]
    device: Vec<String>,
    /// Prints medians as JSON lines
    #[arg(long)]
    json: bool,
    /// Measured repetitions, in place of the case's own
    #[arg(long)]
    repetitions: Option<usize>,
    /// Rows of a batch or pairs of texts, in place of the case's own
    #[arg(long)]
    rows: Option<usize>,
    /// A tiny model and short rows: only tries the case out
    #[arg(long)]
    trial: bool,
    /// When the process was started, in seconds since 1970; `start` counts from it
    #[arg(long, value_name = "SECONDS")]
    started: Option<f64>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// A case made ready on a device.
struct Work {
    /// Tokens that one repetition handles, or pairs of texts.
    amount: usize,
    /// What one repetition takes at the least, where a network runs.
    cost: Option<Cost>,
    /// Does it once; returns seconds.
    run: Box<dyn FnMut() -> Result<f64>>,
}

fn main() -> ExitCode {
    allocator::keep_pages();
    let options = Options::parse();
    match threads::within(|| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    for name in &options.device {
        let device = device(name).with_context(|| {
            format!("`{name}` is no device compiled in: cpu, or a backend's feature")
        })?;
        if options.case.as_deref() == Some("ceiling") {
            println!("{}", ceiling::measured(name, &device, options.trial)?);
            continue;
        }
        let mut cases = chosen(options)?;
        cases.retain(|case| {
            let can = case.weights == RolloutWeights::F32 || is_fused(&device);
            if !can {
                eprintln!("SKIPPED {}: `{name}` has no kernel for rounded weights", case.name);
            }
            can
        });
        if options.json {
            for case in &cases {
                println!("{}", line(case, name, &device, options)?);
            }
        } else {
            statistics(&cases, name, &device)?;
        }
    }
    Ok(())
}

/// The cases that are asked for, with the options of the command line in them.
fn chosen(options: &Options) -> Result<Vec<Case>> {
    let table = Table::read()?;
    let mut cases = table.cases(options.trial)?;
    if let Some(name) = &options.case {
        let known: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        let known = known.join(", ");
        cases.retain(|case| case.name == *name);
        ensure!(!cases.is_empty(), "no case `{name}` in benches/cases.json; there are: {known}");
    }
    for case in &mut cases {
        case.rows = options.rows.unwrap_or(case.rows).max(1);
        case.repetitions = options.repetitions.unwrap_or(case.repetitions).max(1);
    }
    Ok(cases)
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

fn prepared(case: &Case, device: &Device) -> Result<Work> {
    match case.work {
        Kind::Sft | Kind::Start => training::sft(case, device),
        Kind::Ppo | Kind::PpoShared => training::ppo(case, device),
        Kind::Prefill => inference::prefill(case, device),
        Kind::Logprobs => inference::logprobs(case, device),
        Kind::Decode | Kind::Generate => inference::decode(case, device),
        Kind::Embeddings => texts::by_encoder(case, "cosine_sts", device),
        Kind::Bertscore => texts::by_encoder(case, "bertscore", device),
        Kind::Rewards => texts::lexical(case),
    }
}

/// Runs a case and says what came out.
fn line(case: &Case, device: &str, place: &Device, options: &Options) -> Result<Value> {
    let mut work = prepared(case, place)?;
    let (mut runs, mut peaks) = (Vec::new(), Vec::new());
    if case.work == Kind::Start {
        let started = options.started.context("`start` needs `--started $(date +%s.%N)`")?;
        (work.run)()?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64();
        runs.push(now - started);
    } else {
        for _ in 0..case.warm_up {
            (work.run)()?;
        }
        for _ in 0..case.repetitions {
            runs.push((work.run)()?);
            peaks.push(peak_memory().map(|bytes| (bytes / 1e6).round()));
        }
    }
    Ok(json!({
        "case": case.name,
        "by": format!("hybrid {}", env!("CARGO_PKG_VERSION")),
        "device": device,
        "threads": rayon::current_num_threads(),
        "seconds": median(&runs),
        "peaks_mb": peaks,
        "runs": runs,
        "amount": work.amount,
        "flops": work.cost.map(|cost| cost.flops),
        "bytes": work.cost.and_then(|cost| cost.bytes),
        "peak_mb": peak_memory().map(|bytes| (bytes / 1e6).round()),
    }))
}

/// Criterion's statistics of every case that can be repeated.
fn statistics(cases: &[Case], device: &str, place: &Device) -> Result<()> {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(5));
    let mut failed = None;
    for case in cases.iter().filter(|case| case.work != Kind::Start) {
        let mut work = prepared(case, place)?;
        let mut group = criterion.benchmark_group(case.name.as_str());
        group.throughput(Throughput::Elements(work.amount as u64));
        group.bench_function(device, |bencher| {
            bencher.iter_custom(|count| {
                let mut total = 0.0;
                for _ in 0..count {
                    match (work.run)() {
                        Ok(seconds) => total += seconds,
                        Err(error) => failed = Some(error),
                    }
                }
                // Criterion divides by it.
                Duration::from_secs_f64(total.max(1e-9))
            });
        });
        group.finish();
        if let Some(error) = failed.take() {
            return Err(error.context(format!("case `{}`", case.name)));
        }
    }
    criterion.final_summary();
    Ok(())
}

/// The middle value, or the mean of the two in the middle.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) && middle > 0 {
        return (sorted[middle - 1] + sorted[middle]) / 2.0;
    }
    sorted.get(middle).copied().unwrap_or(f64::NAN)
}

/// Seconds that `work` takes.
fn timed(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

/// Refuses a case without what its work needs.
fn needed(value: usize, key: &str, case: &Case) -> Result<usize> {
    if value == 0 {
        bail!("`{key}` of case `{}` in benches/cases.json must be at least 1", case.name);
    }
    Ok(value)
}
