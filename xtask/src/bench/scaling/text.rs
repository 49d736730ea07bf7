//! What is printed, the dated record, and the section of `docs/performance.md`.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;

use super::{Batches, Scaling, Size, Steps, Tenth, Threaded, plot};
use crate::bench::page;
use crate::bench::record::Origin;
use crate::bench::summary::{median, number};

pub(super) const BEGIN: &str = "<!-- scaling: begin, written by `cargo xtask bench --scaling` -->";
pub(super) const END: &str = "<!-- scaling: end -->";
const PLOT: &str = "docs/scaling.svg";
const NOTHING: &str = "–";

/// How many times as fast two threads are to be as one.
const ASKED_OF_TWO: f64 = 1.8;

/// One result: of what, what was measured, what is asked for.
struct Finding {
    what: String,
    measured: String,
    asked: String,
}

/// For the terminal: a line for each result.
pub(super) fn printed(scaling: &Scaling) -> String {
    let line = |finding: Finding| format!("{}: {}\n", finding.what, finding.measured);
    findings(scaling).into_iter().map(line).collect()
}

/// Puts the results in the place of those of the page, and draws them.
///
/// # Errors
///
/// When the page is not there or lacks its marks, or when a file cannot be written.
pub(super) fn update_page(root: &Path, scaling: &Scaling, record: &str) -> Result<()> {
    page::rewrite(root, PLOT, |old| {
        Ok((updated(old, scaling, record)?, plot::drawn(&scaling.batches)))
    })
}

/// The page with these results.
pub(super) fn updated(page: &str, scaling: &Scaling, record: &str) -> Result<String> {
    let [before, _, after] = page::parted(page, BEGIN, END)?;
    let row =
        |found: Finding| format!("| {} | {} | {} |\n", found.what, found.measured, found.asked);
    let rows: String = findings(scaling).into_iter().map(row).collect();
    let head = "| what | measured | asked |\n|---|---|---|\n";
    let picture = "![Seconds of a batch by its tokens, beside straight lines](scaling.svg)";
    Ok(format!("{before}{BEGIN}\n\n{head}{rows}\n{picture}\n\nRecord: {record}.\n\n{END}{after}"))
}

fn findings(scaling: &Scaling) -> Vec<Finding> {
    let batches = scaling.batches.iter().map(of_batches);
    let threads = scaling.threads.iter().flat_map(of_threads);
    batches.chain([of_steps(&scaling.steps)]).chain(threads).collect()
}

fn of_batches(batches: &Batches) -> Finding {
    let rows = |size: Option<&Size>| size.map_or(0, |size| size.rows);
    let (first, last) = (rows(batches.sizes.first()), rows(batches.sizes.last()));
    let mut measured = batches.line().map_or(NOTHING.to_owned(), |line| {
        let percent = 100.0 * line.largest_departure(&batches.points());
        format!("at most {percent:.1} % off a straight line")
    });
    if let Some((tokens, seconds)) = batches.growth() {
        measured.push_str(&format!(
            "; {tokens:.0} times the tokens of a batch of {} take {seconds:.2} times as long",
            batches.base
        ));
    }
    let what = format!("`{}`, {first} to {last} rows", batches.case);
    Finding { what, measured, asked: "a straight line".to_owned() }
}

fn of_steps(steps: &Steps) -> Finding {
    let mut measured = steps.drift().map_or(NOTHING.to_owned(), |drift| {
        format!("a step of the last tenth takes {drift:.3} times as long as one of the first")
    });
    let peak = |tenth: Option<&Tenth>| tenth.and_then(|tenth| tenth.peak_mb);
    if let (Some(first), Some(last)) = (peak(steps.tenths.first()), peak(steps.tenths.last())) {
        measured.push_str(&format!(
            "; peak memory {first:.0} MB after the first, {last:.0} MB at the end"
        ));
    }
    let what = format!("`{}`, {} steps with batches of {}", steps.case, steps.count, steps.rows);
    Finding { what, measured, asked: "flat".to_owned() }
}

fn of_threads(threaded: &Threaded) -> Vec<Finding> {
    let more = threaded.speeds.iter().filter(|speed| speed.threads > 1);
    more.map(|speed| Finding {
        what: format!("{}, {} threads", quoted(threaded), speed.threads),
        measured: threaded.gain(speed).map_or(NOTHING.to_owned(), |gain| {
            format!("{gain:.2} times as fast as with one thread")
        }),
        asked: asked(threaded, speed.threads),
    })
    .collect()
}

fn quoted(threaded: &Threaded) -> String {
    if threaded.asked { format!("`{}`", threaded.work) } else { threaded.work.clone() }
}

fn asked(threaded: &Threaded, threads: usize) -> String {
    let asked = threaded.asked && threads == 2;
    if asked { format!("≥ {ASKED_OF_TWO}") } else { NOTHING.to_owned() }
}

/// The whole file.
pub(super) fn record(origin: &Origin<'_>, scaling: &Scaling) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, origin, scaling);
    text
}

fn write(text: &mut String, origin: &Origin<'_>, scaling: &Scaling) -> std::fmt::Result {
    let Origin { date, machine, command, threads, rounds } = origin;
    writeln!(
        text,
        "# Time by tokens, steps and threads\n\n\
         - date, commit: {date}, {}\n\
         - machine: {}\n\
         - versions: {}\n\
         - model and work: the cases of `benches/cases.json`, random weights, f32\n\
         - ours: `cargo bench -p hybrid-cli --bench speed -- --json --case CASE --rows ROWS`, by `{command}`\n\
         - a process for each number, {threads} threads where nothing else is said (`RAYON_NUM_THREADS`); \
         {rounds} rounds, sizes and threads in turn; a number is the median of the process's repetitions after \
         its warm-up\n",
        machine.commit, machine.hardware, machine.versions,
    )?;
    writeln!(text, "## Tokens\n")?;
    for batches in &scaling.batches {
        write_batches(text, batches)?;
    }
    write_steps(text, &scaling.steps)?;
    write_threads(text, &scaling.threads)?;
    writeln!(text, "## What is not measured, and what explains the numbers\n\n{NOTES}")
}

fn write_batches(text: &mut String, batches: &Batches) -> std::fmt::Result {
    let (points, line) = (batches.points(), batches.line());
    writeln!(
        text,
        "`{}`:\n\n| rows | tokens | ms, by round | tokens/s | ms on the line | off it |\n\
         |---|---|---|---|---|---|",
        batches.case
    )?;
    for (size, point) in batches.sizes.iter().zip(&points) {
        let (tokens, seconds) = *point;
        let on_line = line.map_or(NOTHING.to_owned(), |line| number(1e3 * line.at(tokens)));
        let off = line
            .map_or(NOTHING.to_owned(), |line| format!("{:+.1} %", 100.0 * line.departure(*point)));
        writeln!(
            text,
            "| {} | {tokens:.0} | {} | {} | {on_line} | {off} |",
            size.rows,
            by_round(&size.seconds, 1e3),
            number(tokens / seconds),
        )?;
    }
    writeln!(text)?;
    if let Some(line) = line {
        let (fixed, each) = (number(1e3 * line.intercept), number(1e6 * line.slope));
        writeln!(text, "The line: {fixed} ms, and {each} ms for each thousand tokens.")?;
    }
    writeln!(text, "In all, {}.\n", of_batches(batches).measured)
}

fn write_steps(text: &mut String, steps: &Steps) -> std::fmt::Result {
    writeln!(
        text,
        "## Steps\n\n{} steps of `{}` with batches of {}, one after the other in one process:\n\n\
         | steps | ms, median | peak MB so far |\n|---|---|---|",
        steps.count, steps.case, steps.rows
    )?;
    for tenth in &steps.tenths {
        let peak = tenth.peak_mb.map_or(NOTHING.to_owned(), number);
        let middle = number(1e3 * tenth.seconds);
        writeln!(text, "| {}–{} | {middle} | {peak} |", tenth.first, tenth.last)?;
    }
    writeln!(text, "\nIn all, {}.\n", of_steps(steps).measured)
}

fn write_threads(text: &mut String, threads: &[Threaded]) -> std::fmt::Result {
    writeln!(
        text,
        "## Threads\n\n| what | threads | unit | by round | median | times as fast as one thread | asked |\n\
         |---|---|---|---|---|---|---|"
    )?;
    for threaded in threads {
        for speed in &threaded.speeds {
            let shown = |value: Option<f64>| value.map_or(NOTHING.to_owned(), number);
            writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} |",
                quoted(threaded),
                speed.threads,
                threaded.unit,
                by_round(&speed.values, 1.0),
                shown(median(speed.values.clone())),
                shown(threaded.gain(speed)),
                asked(threaded, speed.threads)
            )?;
        }
    }
    writeln!(text)
}

fn by_round(values: &[f64], factor: f64) -> String {
    let values: Vec<String> = values.iter().map(|value| number(factor * value)).collect();
    values.join(" / ")
}

/// What holds of every record; what explains its own numbers is added by hand.
const NOTES: &str = "\
- The line is the one with the least squares of departures as a share of the times; what no token takes (the \
optimizer's pass over all weights, in decoding the reading of them) is its time at no tokens.
- Decoding leaves the time of the prompt out, and its tokens are those made after the first.
- Peak memory never falls, so it grows where anything is kept from step to step.
- The last two rows of the threads are what the machine's threads give together at all: large products, and reading \
a gigabyte. Two hardware threads of one core are not two cores.
- The long series of steps ran once.";
