use std::path::Path;

use clap::Parser;

use super::fit::{Line, Tenth, tenths};
use super::text::{BEGIN, END};
use super::{
    Batches, GROWTHS, LONG, Scaling, Size, Speed, Steps, THREADED, TRIAL_SIZES, Threaded, plot,
    text, thread_counts,
};
use crate::bench::case::Case;
use crate::bench::machine::Machine;
use crate::bench::record::Origin;
use crate::bench::{Options, page};

#[derive(Debug, Parser)]
struct CommandLine {
    #[command(flatten)]
    options: Options,
}

fn parsed(args: &[&str]) -> Result<Options, String> {
    let words = ["bench", "--scaling"].iter().chain(args);
    let line = CommandLine::try_parse_from(words).map_err(|error| error.to_string())?;
    Ok(line.options)
}

/// On the line of 0.5 s and 0.01 s a token, but for the middle one, which rounds put around 10 % above.
fn batches() -> Batches {
    let size = |rows: usize, seconds: &[f64]| Size {
        rows,
        tokens: 50.0 * rows as f64,
        seconds: seconds.to_vec(),
    };
    let sizes =
        vec![size(1, &[1.0, 1.0, 1.0]), size(2, &[1.2, 1.65, 1.9]), size(4, &[2.5, 2.4, 2.6])];
    Batches { case: "sft/tiny".to_owned(), base: 1, sizes }
}

fn straight() -> Batches {
    let mut batches = batches();
    batches.sizes[1].seconds = vec![1.5];
    batches
}

fn threaded(work: &str, asked: bool, one: &[f64], two: &[f64]) -> Threaded {
    let speed = |threads: usize, values: &[f64]| Speed { threads, values: values.to_vec() };
    let speeds = vec![speed(1, one), speed(2, two)];
    Threaded { work: work.to_owned(), unit: "tokens/s", asked, speeds }
}

fn scaling() -> Scaling {
    let seconds: Vec<f64> = (1..=20).map(|step| 0.1 + 0.01 * f64::from(step)).collect();
    let peaks: Vec<f64> = (1..=20).map(|step| 200.0 + f64::from(step)).collect();
    let tenths = tenths(&seconds, &peaks);
    Scaling {
        batches: vec![batches(), straight()],
        steps: Steps { case: "sft/tiny".to_owned(), rows: 1, count: 20, tenths },
        threads: vec![
            threaded("sft/tiny", true, &[10.0, 12.0, 11.0], &[22.0, 20.0, 24.0]),
            threaded("reading memory", false, &[8.0], &[10.0]),
        ],
    }
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[test]
fn a_straight_line_is_found_and_nothing_departs_from_it() {
    let points: Vec<(f64, f64)> =
        [128.0, 256.0, 1024.0, 8192.0].map(|x| (x, 0.02 + 0.0002 * x)).to_vec();
    let line = Line::nearest(&points).expect("a line");
    assert!(near(line.intercept, 0.02) && near(line.slope, 0.0002), "{line:?}");
    assert!(line.largest_departure(&points) < 1e-9);
}

#[test]
fn no_other_line_has_less_squares_of_departures() {
    let points: [(f64, f64); 5] = [(1.0, 0.3), (2.0, 0.5), (4.0, 0.8), (8.0, 1.9), (16.0, 3.1)];
    let squares = |intercept: f64, slope: f64| -> f64 {
        points.iter().map(|(x, y)| ((y - intercept - slope * x) / y).powi(2)).sum()
    };
    let Line { intercept, slope } = Line::nearest(&points).expect("a line");
    let least = squares(intercept, slope);
    for way in 0..16 {
        let turn = f64::from(way) * std::f64::consts::TAU / 16.0;
        let other = squares(intercept + 1e-3 * turn.cos(), slope + 1e-3 * turn.sin());
        assert!(other > least, "{other} is below {least}");
    }
}

#[test]
fn a_departure_is_a_share_of_the_line() {
    let line = Line { intercept: 1.0, slope: 2.0 };
    // 3, 5 and 7 on the line.
    let points = [(1.0, 3.0), (2.0, 5.5), (3.0, 5.6)];
    assert!(near(line.departure(points[1]), 0.1));
    assert!(near(line.departure(points[2]), -0.2));
    assert!(near(line.largest_departure(&points), 0.2));
}

#[test]
fn there_is_no_line_through_one_size_or_through_no_time() {
    assert_eq!(Line::nearest(&[(5.0, 1.0), (5.0, 2.0)]), None);
    assert_eq!(Line::nearest(&[(5.0, 1.0)]), None);
    assert_eq!(Line::nearest(&[]), None);
    assert_eq!(Line::nearest(&[(1.0, 0.0), (2.0, 1.0)]), None);
}

#[test]
fn tenths_hold_every_step_once() {
    let seconds: Vec<f64> = (1..=25).map(f64::from).collect();
    let parts = tenths(&seconds, &[]);
    assert_eq!(parts.len(), 10);
    let mut next = 1;
    for part in &parts {
        assert_eq!(part.first, next);
        // Seconds are the numbers of the steps, so their median is the middle between first and last.
        assert!(near(part.seconds, (part.first + part.last) as f64 / 2.0), "{part:?}");
        assert_eq!(part.peak_mb, None);
        next = part.last + 1;
    }
    assert_eq!(next, 26);
}

#[test]
fn a_tenth_ends_with_its_memory() {
    let peaks: Vec<f64> = (1..=20).map(f64::from).collect();
    let parts = tenths(&[3.0; 20], &peaks);
    let last = Tenth { first: 19, last: 20, seconds: 3.0, peak_mb: Some(20.0) };
    assert_eq!(parts.last(), Some(&last));
    assert_eq!(parts[0].peak_mb, Some(2.0));
}

#[test]
fn fewer_steps_than_tenths_leave_some_out() {
    assert!(tenths(&[], &[]).is_empty());
    let parts = tenths(&[1.0, 2.0, 3.0], &[]);
    let steps: Vec<[usize; 2]> = parts.iter().map(|part| [part.first, part.last]).collect();
    assert_eq!(steps, [[1, 1], [2, 2], [3, 3]]);
}

#[test]
fn threads_double_up_to_what_there_is() {
    assert_eq!(thread_counts(1), [1]);
    assert_eq!(thread_counts(2), [1, 2]);
    assert_eq!(thread_counts(6), [1, 2, 4, 6]);
    assert_eq!(thread_counts(8), [1, 2, 4, 8]);
}

#[test]
fn a_gain_is_of_medians() {
    let scaling = scaling();
    let [sft, reading] = &scaling.threads[..] else { panic!("two") };
    // 22 in the middle with two threads, 11 with one.
    assert_eq!(sft.gain(&sft.speeds[1]), Some(2.0));
    assert_eq!(sft.gain(&sft.speeds[0]), Some(1.0));
    assert_eq!(reading.gain(&reading.speeds[1]), Some(1.25));
}

#[test]
fn the_largest_batch_is_compared_with_the_base() {
    // 1, 1.65 and 2.5 s in the middle.
    assert_eq!(batches().growth(), Some((4.0, 2.5)));
    let other = Batches { base: 2, ..straight() };
    let (tokens, seconds) = other.growth().expect("a base");
    assert!(near(tokens, 2.0) && near(seconds, 2.5 / 1.5));
    assert_eq!(Batches { base: 3, ..batches() }.growth(), None);
}

#[test]
fn a_record_has_every_round_and_every_tenth() {
    let machine = Machine {
        commit: "0123abc (clean)".to_owned(),
        hardware: "a processor".to_owned(),
        versions: "rustc".to_owned(),
    };
    let origin = Origin {
        date: "2026-01-31",
        machine: &machine,
        command: "cargo xtask bench --scaling".to_owned(),
        threads: 2,
        rounds: 3,
    };
    let text = text::record(&origin, &scaling());
    for line in [
        "- date, commit: 2026-01-31, 0123abc (clean)",
        "The line: 500 ms, and 10000 ms for each thousand tokens.",
        // Steps 1 and 2 take 110 and 120 ms, 19 and 20 take 290 and 300.
        "| 1–2 | 115 | 202 |",
        "| 19–20 | 295 | 220 |",
        "| `sft/tiny` | 2 | tokens/s | 22.0 / 20.0 / 24.0 | 22.0 | 2.00 | ≥ 1.8 |",
        "| reading memory | 2 | tokens/s | 10.0 | 10.0 | 1.25 | – |",
    ] {
        assert!(text.lines().any(|own| own == line), "no `{line}` in {text}");
    }
    assert!(text.contains("| 2 | 100 | 1200 / 1650 / 1900 | 60.6 | "), "{text}");
    // On the straight line 100 tokens take 1500 ms.
    assert!(text.contains("| 2 | 100 | 1500 | 66.7 | 1500 | "), "{text}");
    let last = text.lines().rev().find(|line| line.starts_with('#')).expect("a heading");
    assert!(last.contains("what explains the numbers"), "{last}");
}

#[test]
fn the_page_changes_between_its_marks_only() {
    let old =
        format!("# Performance\n\nWords.\n\n{BEGIN}\n\nNothing yet.\n\n{END}\n\nMore words.\n");
    let new = text::updated(&old, &scaling(), "[a](a.md)").expect("a page");
    assert!(new.starts_with("# Performance\n\nWords.\n\n") && new.ends_with("\n\nMore words.\n"));
    assert!(!new.contains("Nothing yet.") && new.contains("Record: [a](a.md)."), "{new}");
    for row in [
        "| `sft/tiny`, 1 to 4 rows | at most 0.0 % off a straight line; 4 times the tokens of a batch of 1 take \
         2.50 times as long | a straight line |",
        // 295 of 115 ms.
        "| `sft/tiny`, 20 steps with batches of 1 | a step of the last tenth takes 2.565 times as long as one of \
         the first; peak memory 202 MB after the first, 220 MB at the end | flat |",
        "| `sft/tiny`, 2 threads | 2.00 times as fast as with one thread | ≥ 1.8 |",
        "| reading memory, 2 threads | 1.25 times as fast as with one thread | – |",
    ] {
        assert!(new.lines().any(|own| own == row), "no `{row}` in {new}");
    }
    assert_eq!(text::updated(&new, &scaling(), "[a](a.md)").expect("a page"), new);

    let error = text::updated("# Performance\n", &scaling(), "").expect_err("no marks");
    assert!(format!("{error:#}").contains("scaling: begin"), "{error:#}");
}

#[test]
fn points_on_the_line_are_drawn_on_it() {
    let svg = plot::drawn(&[straight()]);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(svg.contains("sft/tiny: at most 0.0 % off the line"), "{svg}");
    let number = |text: &str| text.parse::<f64>().expect("a number");
    let after = |text: &str, key: &str| {
        let (_, rest) = text.split_once(key).expect("a key");
        number(rest.split(['"', ' ']).next().expect("a value"))
    };
    let line = svg.lines().find(|line| line.contains('L')).expect("the line");
    let (_, path) = line.split_once('M').expect("a start");
    let numbers: Vec<f64> =
        path.split(['"', ' ', 'L']).filter(|t| !t.is_empty()).take(4).map(number).collect();
    let [x0, y0, x1, y1] = numbers[..] else { panic!("two ends: {line}") };
    let circles: Vec<[f64; 2]> = svg
        .lines()
        .filter(|line| line.contains("<circle"))
        .map(|line| [after(line, "cx=\""), after(line, "cy=\"")])
        .collect();
    assert_eq!(circles.len(), 3);
    for [x, y] in circles {
        let on_line = y0 + (y1 - y0) * (x - x0) / (x1 - x0);
        assert!((y - on_line).abs() < 0.1, "{y} beside {on_line}");
    }
}

#[test]
fn ticks_are_round_and_reach_as_far_as_the_values() {
    assert_eq!(plot::ticks(8600.0), [0.0, 2000.0, 4000.0, 6000.0, 8000.0]);
    assert_eq!(plot::ticks(10.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
    for most in [0.037, 0.9, 1.6, 3.3, 11.0, 2100.0] {
        let ticks = plot::ticks(most);
        assert!((2..=6).contains(&ticks.len()), "{most}: {ticks:?}");
        let step = ticks[1];
        let last = ticks[ticks.len() - 1];
        assert!(last <= most && last + step > most, "{most}: {ticks:?}");
    }
    assert!(plot::ticks(0.0).is_empty());
}

#[test]
fn what_makes_no_sense_beside_it_is_refused() {
    for args in [&["--peers", "python3"][..], &["--only", "sft"], &["--device", "cuda"]] {
        let error = parsed(args).expect_err("refused");
        assert!(error.contains("--scaling") && error.contains(args[0]), "{error}");
    }
    let options = parsed(&["--trial", "--rounds", "2", "--threads", "3"]).expect("options");
    assert!(options.scaling && options.trial);
    assert_eq!(options.topic(), "scaling-cpu");
    assert_eq!(options.typed(), "--scaling --rounds 2 --threads 3");
    assert_eq!(parsed(&["--topic", "other"]).expect("options").topic(), "other");
}

#[test]
fn what_is_measured_and_where_it_is_shown_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cases = Case::read_all(&root).expect("benches/cases.json");
    let names = GROWTHS.iter().map(|growth| growth.case).chain([LONG]);
    for name in names.chain(THREADED.iter().map(|(case, _)| *case)) {
        assert!(cases.iter().any(|case| case.name == name), "no case `{name}`");
    }
    for growth in GROWTHS {
        assert!(growth.rows.contains(&growth.base), "{}", growth.case);
        assert!(growth.rows.len() > TRIAL_SIZES, "{}", growth.case);
    }
    let text = std::fs::read_to_string(root.join(page::PAGE)).expect("the page");
    assert!(page::parted(&text, BEGIN, END).is_ok());
}
