//! How time grows with tokens, with steps and with threads: `cargo xtask bench --scaling`.
//!
//! 1. [`fit`] — the straight line nearest to times, and the tenths of a long series.
//! 2. [`text`] — what is printed, the dated record, and the section of `docs/performance.md`.
//! 3. [`plot`] — the times of batches beside their straight lines.

mod fit;
mod plot;
mod text;

#[cfg(test)]
mod tests;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use self::fit::{Line, Tenth, tenths};
use super::machine::{self, Machine};
use super::program::{Measured, Programs, Varied};
use super::summary::median;
use super::{Options, record};
use crate::workspace::{Features, Workspace};

/// A case at several sizes of its batch.
struct Growth {
    case: &'static str,
    rows: &'static [usize],
    /// With which of them the largest is compared.
    base: usize,
    /// Rows that the repetitions of a process handle together, and the most repetitions.
    handled: usize,
    most: usize,
}

/// A training step, whose products grow with tokens, and decoding, which also reads all weights.
const GROWTHS: &[Growth] = &[
    Growth {
        case: "sft/gpt2-5.5m",
        rows: &[1, 2, 4, 8, 16, 32, 64],
        base: 8,
        handled: 192,
        most: 15,
    },
    Growth {
        case: "decode-b8/gpt2-small",
        rows: &[1, 2, 4, 8, 16, 32],
        base: 1,
        handled: 8,
        most: 2,
    },
];
/// Sizes of each that a trial measures.
const TRIAL_SIZES: usize = 3;

/// What is repeated for long: a case, its rows, and how often; in a trial less often.
const LONG: &str = "sft/gpt2-5.5m";
const LONG_ROWS: usize = 1;
const LONG_STEPS: usize = 2000;
const TRIAL_STEPS: usize = 20;

/// What runs with fewer and more threads, and its repetitions in a process.
const THREADED: &[(&str, usize)] =
    &[("sft/gpt2-small", 3), ("sft/gpt2-5.5m", 15), ("decode-b8/gpt2-small", 1)];

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq)]
struct Scaling {
    batches: Vec<Batches>,
    steps: Steps,
    /// Cases first, then what the machine's threads give together at all.
    threads: Vec<Threaded>,
}

/// A case at several sizes of its batch.
#[derive(Debug, Clone, PartialEq)]
struct Batches {
    case: String,
    /// Rows with which the largest batch is compared.
    base: usize,
    sizes: Vec<Size>,
}

/// One size of a batch.
#[derive(Debug, Clone, PartialEq)]
struct Size {
    rows: usize,
    /// Tokens of a repetition.
    tokens: f64,
    /// By round.
    seconds: Vec<f64>,
}

/// Many steps of one process.
#[derive(Debug, Clone, PartialEq)]
struct Steps {
    case: String,
    rows: usize,
    count: usize,
    tenths: Vec<Tenth>,
}

/// One piece of work with fewer and more threads.
#[derive(Debug, Clone, PartialEq)]
struct Threaded {
    work: String,
    unit: &'static str,
    /// Whether a gain is asked for; the machine's own is only what others stand beside.
    asked: bool,
    speeds: Vec<Speed>,
}

/// The speed with so many threads.
#[derive(Debug, Clone, PartialEq)]
struct Speed {
    threads: usize,
    /// By round; higher is faster.
    values: Vec<f64>,
}

/// Measures all three, prints them, writes the record and brings the page up to date.
///
/// # Errors
///
/// When the record is there already, when our program does not build or fails (then nothing is
/// written), or when a file cannot be written.
pub(super) fn run(workspace: &Workspace, features: &Features, options: &Options) -> Result<()> {
    let date = machine::today()?;
    let name = record::name(&date, &options.topic());
    if !options.trial {
        record::ensure_new(workspace.root(), &name)?;
    }
    let machine = Machine::read(workspace)?;
    let programs = Programs::new(workspace, features, options)?;
    let scaling = Scaling::measured(&programs, options)?;
    print!("{}", text::printed(&scaling));
    if options.trial {
        return Ok(());
    }
    let origin = options.origin(&date, &machine);
    record::create(workspace.root(), &name, &text::record(&origin, &scaling))?;
    text::update_page(workspace.root(), &scaling, &format!("[{date}](../{name})"))
}

impl Scaling {
    fn measured(programs: &Programs<'_>, options: &Options) -> Result<Self> {
        let batches = GROWTHS.iter().map(|growth| growth.measured(programs, options));
        Ok(Self {
            batches: batches.collect::<Result<_>>()?,
            steps: Steps::measured(programs, options.trial)?,
            threads: Threaded::measured(programs, options)?,
        })
    }
}

impl Growth {
    /// All sizes, and again in every round.
    fn measured(&self, programs: &Programs<'_>, options: &Options) -> Result<Batches> {
        let count = if options.trial { TRIAL_SIZES } else { self.rows.len() };
        let size = |rows: &usize| Size { rows: *rows, tokens: 0.0, seconds: Vec::new() };
        let mut sizes: Vec<Size> = self.rows.iter().take(count).map(size).collect();
        for round in 1..=options.rounds {
            println!("{} by rows, round {round} of {}", self.case, options.rounds);
            for size in &mut sizes {
                let repetitions = (self.handled / size.rows).clamp(1, self.most);
                let varied = Varied {
                    rows: Some(size.rows),
                    repetitions: (!options.trial).then_some(repetitions),
                    threads: None,
                };
                let (tokens, seconds) = process(programs, self.case, varied)?;
                size.tokens = tokens;
                size.seconds.push(seconds);
            }
        }
        Ok(Batches { case: self.case.to_owned(), base: self.base, sizes })
    }
}

impl Batches {
    /// Tokens, and the median of seconds, of each size.
    fn points(&self) -> Vec<(f64, f64)> {
        let point = |size: &Size| Some((size.tokens, median(size.seconds.clone())?));
        self.sizes.iter().filter_map(point).collect()
    }

    /// The straight line nearest to all sizes.
    fn line(&self) -> Option<Line> {
        Line::nearest(&self.points())
    }

    /// How many times the tokens of the base the largest batch has, and how many times as long it takes.
    fn growth(&self) -> Option<(f64, f64)> {
        let base = self.sizes.iter().find(|size| size.rows == self.base)?;
        let largest = self.sizes.last()?;
        let seconds = |size: &Size| median(size.seconds.clone());
        Some((largest.tokens / base.tokens, seconds(largest)? / seconds(base)?))
    }
}

impl Steps {
    fn measured(programs: &Programs<'_>, trial: bool) -> Result<Self> {
        let count = if trial { TRIAL_STEPS } else { LONG_STEPS };
        println!("{count} steps of {LONG}");
        let repetitions = Some(count);
        let varied = Varied { rows: Some(LONG_ROWS), repetitions, threads: None };
        let line = programs.ours_varied(LONG, varied)?;
        let numbers = |key: &str| -> Vec<f64> {
            let values = line.get(key).and_then(Value::as_array);
            values.into_iter().flatten().filter_map(Value::as_f64).collect()
        };
        let seconds = numbers("runs");
        ensure!(seconds.len() == count, "`{LONG}` ran {} of {count} steps", seconds.len());
        // Empty where the system does not tell.
        let tenths = tenths(&seconds, &numbers("peaks_mb"));
        Ok(Self { case: LONG.to_owned(), rows: LONG_ROWS, count, tenths })
    }

    /// How many times as long a step of the last tenth takes as one of the first.
    fn drift(&self) -> Option<f64> {
        Some(self.tenths.last()?.seconds / self.tenths.first()?.seconds)
    }
}

impl Threaded {
    /// All cases with all numbers of threads, and again in every round.
    fn measured(programs: &Programs<'_>, options: &Options) -> Result<Vec<Self>> {
        let counts = thread_counts(options.threads());
        let new = |work: &str, unit: &'static str, asked: bool| {
            let speeds = counts.iter().map(|&threads| Speed { threads, values: Vec::new() });
            Self { work: work.to_owned(), unit, asked, speeds: speeds.collect() }
        };
        let mut cases: Vec<Self> =
            THREADED.iter().map(|(case, _)| new(case, "tokens/s", true)).collect();
        let mut products = new("products of large matrices", "GFLOP/s", false);
        let mut reading = new("reading memory", "GB/s", false);
        for round in 1..=options.rounds {
            println!("{counts:?} threads, round {round} of {}", options.rounds);
            for (case, (name, repetitions)) in cases.iter_mut().zip(THREADED) {
                for speed in &mut case.speeds {
                    let varied = Varied {
                        rows: None,
                        repetitions: (!options.trial).then_some(*repetitions),
                        threads: Some(speed.threads),
                    };
                    let (tokens, seconds) = process(programs, name, varied)?;
                    speed.values.push(tokens / seconds);
                }
            }
            for (products, reading) in products.speeds.iter_mut().zip(&mut reading.speeds) {
                let ceiling = programs.our_ceiling(Some(products.threads))?;
                products.values.push(ceiling.gflops);
                reading.values.push(ceiling.read_gb_s);
            }
        }
        cases.extend([products, reading]);
        Ok(cases)
    }

    /// How many times as fast it is as with one thread, from medians.
    fn gain(&self, speed: &Speed) -> Option<f64> {
        let one = self.speeds.iter().find(|speed| speed.threads == 1)?;
        Some(median(speed.values.clone())? / median(one.values.clone())?)
    }
}

/// One, then twice as many again and again, and at last `most`.
fn thread_counts(most: usize) -> Vec<usize> {
    let doubled = std::iter::successors(Some(1_usize), |count| count.checked_mul(2));
    let mut counts: Vec<usize> = doubled.take_while(|count| *count < most).collect();
    counts.push(most);
    counts
}

/// Tokens of a repetition in one process of ours, and the median of its seconds.
fn process(programs: &Programs<'_>, case: &str, varied: Varied) -> Result<(f64, f64)> {
    let line = programs.ours_varied(case, varied)?;
    let measured = Measured::parse(&line).with_context(|| format!("our program on `{case}`"))?;
    Ok((measured.amount, measured.seconds))
}
