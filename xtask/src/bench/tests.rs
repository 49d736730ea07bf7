use serde_json::json;

use super::case::Case;
use super::machine::{Machine, described};
use super::page::updated;
use super::program::Measured;
use super::summary::{Ceiling, PeerRuns, Summary, median};
use super::{chosen, plot, record};

const TABLE: &str = r#"{
  "models": {},
  "cases": [
    {"name": "sft/tiny", "work": "sft", "rows": 2, "length": 16,
     "peers": {"torch": {"speed": 1.2, "memory": 0.7}, "trl": {}}},
    {"name": "decode-b1/tiny", "work": "decode", "rows": 1, "length": 8, "new": 4,
     "roofline": 0.8, "peers": {"transformers": {}}}
  ]
}"#;

const PAGE: &str = "# Performance\n\nWords.\n\n\
    <!-- bench: begin, written by `cargo xtask bench --peers` -->\n\n\
    Nothing yet.\n\n<!-- bench: end -->\n\nMore words.\n";

fn table() -> Vec<Case> {
    Case::parse_all(TABLE).expect("the table is usable")
}

fn run(by: &str, seconds: f64, peak_mb: f64) -> Measured {
    let line = json!({"case": "x", "by": by, "seconds": seconds, "amount": 32, "flops": 4e9,
                      "bytes": null, "peak_mb": peak_mb});
    Measured::parse(&line).expect("a line")
}

/// Ours at 1, 2 and 4 s beside PyTorch at 3, 5 and 4 s.
fn summary() -> Summary {
    let case = table().remove(0);
    let torch = PeerRuns {
        runs: vec![
            run("torch 2", 3.0, 900.0),
            run("torch 2", 5.0, 1000.0),
            run("torch 2", 4.0, 1100.0),
        ],
        ..PeerRuns::new(case.peers[0].clone())
    };
    let trl = PeerRuns {
        skipped: Some("not installed: trl".to_owned()),
        ..PeerRuns::new(case.peers[1].clone())
    };
    let ours =
        vec![run("hybrid 0", 1.0, 300.0), run("hybrid 0", 4.0, 400.0), run("hybrid 0", 2.0, 500.0)];
    Summary { case, ours, peers: vec![torch, trl] }
}

const CEILING: Ceiling = Ceiling { gflops: 8.0, read_gb_s: 2.0 };

#[test]
fn the_committed_table_is_usable() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cases = Case::read_all(&root).expect("benches/cases.json");
    assert!(cases.len() > 10);
    let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len(), "a name comes twice");
    for case in &cases {
        let script = root.join("reference/bench").join(case.script());
        assert!(script.is_file(), "{} has no script", case.name);
        assert!(!case.peers.is_empty(), "{} has no peer", case.name);
    }
}

#[test]
fn cases_are_chosen_by_a_part_of_their_name_or_several() {
    let table = table();
    let names = |only| -> Vec<String> {
        let chosen = chosen(&table, only).unwrap();
        chosen.into_iter().map(|case| case.name.clone()).collect()
    };
    assert_eq!(names(None), ["sft/tiny", "decode-b1/tiny"]);
    assert_eq!(names(Some("decode")), ["decode-b1/tiny"]);
    assert_eq!(names(Some("decode-b1,sft")), ["sft/tiny", "decode-b1/tiny"]);
    assert!(chosen(&table, Some("b2")).unwrap_err().to_string().contains("sft/tiny"));
}

#[test]
fn a_misspelt_demand_is_an_error() {
    let text = TABLE.replace("\"memory\"", "\"memroy\"");
    let error = format!("{:#}", Case::parse_all(&text).expect_err("a misspelt key"));
    assert!(error.contains("memroy") && error.contains("speed"), "{error}");
}

/// The case that `json` says.
fn case(json: &serde_json::Value) -> anyhow::Result<Case> {
    let table = json!({ "models": {}, "cases": [json] });
    Case::parse_all(&table.to_string()).map(|mut cases| cases.remove(0))
}

#[test]
fn every_key_is_known_fits_the_work_and_has_a_value_of_its_own() {
    let refused = [
        (json!({"name": "a/b", "work": "sft", "memroy": "low"}), ["`a/b`", "`memroy`", "memory"]),
        (json!({"name": "a/b", "work": "sft", "memory": "lo"}), ["`memory`", "\"lo\"", "low"]),
        (json!({"name": "a/b", "work": "sft", "memory": 1}), ["`memory`", "1", "low"]),
        (
            json!({"name": "a/b", "work": "decode", "memory": "low"}),
            ["`memory`", "`decode`", "sft"],
        ),
        (
            json!({"name": "a/b", "work": "decode", "weights": "f16"}),
            ["`weights`", "f16", "bf16, int8"],
        ),
        (
            json!({"name": "a/b", "work": "sft", "weights": "int8"}),
            ["`weights`", "`sft`", "decode"],
        ),
        (json!({"name": "a/b", "work": "rewards"}), ["`a/b`", "`rewards`", "`reward`"]),
        (json!({"name": "a/b", "work": "rewards", "reward": "blue"}), ["`reward`", "blue", "bleu"]),
        (
            json!({"name": "a/b", "work": "bertscore", "reward": "bleu"}),
            ["`reward`", "`bertscore`", "rewards"],
        ),
    ];
    for (json, wanted) in refused {
        let error = format!("{:#}", case(&json).expect_err("a case that nobody can run"));
        for part in wanted {
            assert!(error.contains(part), "{json}: {error}");
        }
    }
    let low = json!({"name": "a/b", "work": "sft", "memory": "low"});
    assert!(!case(&low).expect("a case").is_rounded);
    let rounded = json!({"name": "a/b", "work": "decode", "weights": "bf16"});
    assert!(case(&rounded).expect("a case").is_rounded);
}

#[test]
fn work_on_texts_counts_pairs_and_has_a_script_of_its_own() {
    for work in ["embeddings", "bertscore", "rewards"] {
        let mut json = json!({"name": "a/b", "work": work, "rows": 200, "length": 60});
        if work == "rewards" {
            json["reward"] = json!("bleu");
        }
        let case = case(&json).expect("a case");
        assert_eq!((case.sizes.as_str(), case.script()), ("200 pairs", "texts.py"));
        let summary = Summary { case, ours: vec![run("hybrid 0", 4.0, 1.0)], peers: Vec::new() };
        assert_eq!(summary.unit(), "pairs/s");
        assert_eq!(summary.values(&summary.ours), [8.0]);
    }
    let start = case(&json!({"name": "a/b", "work": "start"})).expect("a case");
    assert_eq!(start.counted(), None);
}

#[test]
fn sizes_are_rows_times_tokens() {
    let sizes: Vec<String> = table().into_iter().map(|case| case.sizes).collect();
    assert_eq!(sizes, ["2 × 16", "1 × 8 + 4"]);
}

#[test]
fn medians() {
    assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    assert_eq!(median(Vec::new()), None);
}

#[test]
fn a_ratio_is_of_medians_and_above_one_where_ours_is_faster() {
    let summary = summary();
    // 4 s in the middle of theirs, 2 s in the middle of ours; 400 MB beside 1000 MB.
    assert_eq!(summary.ratio(&summary.peers[0]), Some(2.0));
    assert_eq!(summary.memory(&summary.peers[0]), Some(0.4));
    assert_eq!(summary.ratio(&summary.peers[1]), None);
    // 4 GFLOP in 2 s are 2 GFLOP/s of 8.
    assert_eq!(summary.share(&CEILING), Some((0.25, "products")));
    assert_eq!(summary.values(&summary.ours), [32.0, 8.0, 16.0]);
}

#[test]
fn the_nearer_ceiling_counts() {
    let reading = Measured { bytes: Some(3e9), ..run("hybrid 0", 2.0, 1.0) };
    // 1.5 GB/s of 2 are more than 2 GFLOP/s of 8.
    assert_eq!(CEILING.share(&reading), Some((0.75, "reading")));
}

#[test]
fn a_line_without_a_time_is_an_error() {
    for line in [json!({"by": "a", "amount": 1}), json!({"by": "a", "amount": 1, "seconds": 0})] {
        assert!(Measured::parse(&line).is_err(), "{line}");
    }
}

#[test]
fn a_record_names_every_round_and_what_is_missing() {
    let machine = Machine {
        commit: "0123abc (clean)".to_owned(),
        hardware: "a processor".to_owned(),
        versions: "rustc".to_owned(),
    };
    let skipped = ["sft/tiny by trl: not installed: trl".to_owned()];
    let head = record::Head {
        origin: record::Origin {
            date: "2026-01-31",
            machine: &machine,
            command: "cargo xtask bench".to_owned(),
            threads: 2,
            rounds: 3,
        },
        ceiling: &CEILING,
        skipped: &skipped,
    };
    let text = record::text(&head, &[summary()]);
    let row = "| sft/tiny | tokens/s | 32.0 / 8.00 / 16.0 | torch | 10.7 / 6.40 / 8.00 | 2.00 | ≥ 1.2 | 400 / 1000 |";
    assert!(text.contains(row), "{text}");
    assert!(
        text.contains("| sft/tiny | tokens/s | 32.0 / 8.00 / 16.0 | trl | – | – | – | 400 / – |"),
        "{text}"
    );
    assert!(text.contains("- sft/tiny by trl: not installed: trl"), "{text}");
    assert!(text.contains("2026-01-31, 0123abc (clean)"), "{text}");
    assert!(text.contains("| sft/tiny | 25 % of products |"), "{text}");
}

#[test]
fn the_page_keeps_what_was_not_measured_again() {
    let (first, entries) =
        updated(PAGE, &table(), summary().entries(&CEILING, "[a](a.md)")).expect("a page");
    assert_eq!(entries.len(), 1, "a peer without a number has no row");
    assert!(
        first.starts_with("# Performance\n\nWords.\n\n") && first.ends_with("\n\nMore words.\n")
    );
    assert!(!first.contains("Nothing yet."));
    let row = "| sft/tiny | 2 × 16 | torch | 16.0 tokens/s | 8.00 tokens/s | 2.00 | ≥ 1.20 | 0.400 | ≤ 0.700 | \
               25 % of products | [a](a.md) |";
    assert!(first.contains(row), "{first}");

    let case = table().remove(1);
    let runs = vec![run("transformers 5", 1.0, 100.0)];
    let peers = vec![PeerRuns { runs, ..PeerRuns::new(case.peers[0].clone()) }];
    let other = Summary { case, ours: vec![run("hybrid 0", 4.0, 50.0)], peers };
    let (second, entries) =
        updated(&first, &table(), other.entries(&CEILING, "[b](b.md)")).expect("a page");
    assert!(second.contains(row), "{second}");
    assert_eq!(
        entries.iter().map(|e| e.work.as_str()).collect::<Vec<_>>(),
        ["sft/tiny", "decode-b1/tiny"]
    );
    assert_eq!(entries[1].ratio, Some(0.25));
    assert!(entries[1].share.ends_with("(asked: 80 %)"), "{}", entries[1].share);

    // The same again changes nothing; a case that went away leaves.
    assert_eq!(updated(&second, &table(), Vec::new()).expect("a page").0, second);
    assert_eq!(updated(&second, &table()[1..], Vec::new()).expect("a page").1.len(), 1);
}

#[test]
fn a_page_without_marks_is_an_error() {
    let error = updated("# Performance\n", &table(), Vec::new()).expect_err("no marks");
    assert!(format!("{error:#}").contains("bench: begin"), "{error:#}");
}

#[test]
fn bars_grow_with_the_ratio_and_are_told_apart() {
    let (_, entries) =
        updated(PAGE, &table(), summary().entries(&CEILING, "[a](a.md)")).expect("a page");
    let width = |ratio: f64| {
        let mut entries = entries.clone();
        entries[0].ratio = Some(ratio);
        entries[0].asked = Some(16.0);
        let svg = plot::drawn(&entries);
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("sft/tiny, torch"), "{svg}");
        let (_, rest) = svg.split_once("fill=\"white\"/>").expect("the ground");
        let (_, rest) = rest.split_once("width=\"").expect("a bar");
        rest.split_once('"').expect("a number").0.parse::<f64>().expect("a number")
    };
    assert!(width(2.0) > 1.0);
    // Logarithmic: twice the exponent is twice the bar.
    assert!((width(4.0) - 2.0 * width(2.0)).abs() < 0.2);
}

#[test]
fn a_machine_is_one_line() {
    let cpu = "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx2 avx512f\n";
    let line = described(cpu, "MemTotal:       25000000 kB\n", "0.52 0.58 0.59 1/467 1\n", 2);
    let start = "Some CPU, AVX2 AVX-512, 2 cores, 26 GB, ";
    assert!(line.starts_with(start), "{line}");
    assert!(line.ends_with("load 0.52 before the first measurement"), "{line}");
    assert!(described("", "", "", 1).contains("1 cores"));
}
