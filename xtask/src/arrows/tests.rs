use super::*;

fn edge(from: &str, to: &str, section: Section) -> Edge {
    Edge { from: from.to_owned(), to: to.to_owned(), section }
}

const NORMAL: Section = Section::Normal { optional: false };
const OPTIONAL: Section = Section::Normal { optional: true };

#[track_caller]
fn check(from: &str, to: &str, section: Section, expected: Option<&str>) {
    let found = violations(&[edge(from, to, section)]);
    match expected {
        None => assert_eq!(found, Vec::<String>::new(), "{from} -> {to}"),
        Some(part) => assert!(
            matches!(found.as_slice(), [only] if only.contains(part)),
            "{from} -> {to}: {found:?} should say {part:?}"
        ),
    }
}

#[test]
fn the_arrows_of_the_contract_are_allowed() {
    for (from, to) in [
        ("data", "gguf"),
        ("model", "gguf"),
        ("model", "kernels"),
        ("optim", "kernels"),
        ("rewards", "data"),
        ("rewards", "measure"),
        ("heads", "measure"),
        ("sft", "data"),
        ("sft", "model"),
        ("ppo", "data"),
        ("ppo", "model"),
        ("hybrid", "rewards"),
        ("hybrid", "heads"),
        ("hybrid", "optim"),
        ("cli", "hybrid"),
        ("cli", "assets"),
        ("cli", "report"),
    ] {
        check(from, to, NORMAL, None);
    }
}

#[test]
fn a_forbidden_arrow_is_refused_with_its_reason() {
    check("sft", "ppo", NORMAL, Some("`sft` must not depend on `ppo`: the two algorithms"));
    check("ppo", "sft", NORMAL, Some("`ppo` must not depend on `sft`: the two algorithms"));
    check("ppo", "rewards", NORMAL, Some("PPO takes `scores`"));
    check("model", "data", NORMAL, Some("token ids"));
    check("heads", "model", NORMAL, Some("which network made them"));
    check("data", "model", NORMAL, Some("its row allows only gguf"));
    check("gguf", "data", NORMAL, Some("depends on no crate of the workspace"));
    check("hybrid", "cli", NORMAL, Some("`cli` is the program"));
    check("cli", "xtask", NORMAL, Some("automation"));
}

#[test]
fn rewards_reach_the_model_only_under_their_feature() {
    check("rewards", "model", OPTIONAL, None);
    check("rewards", "model", NORMAL, Some("only under its feature `neural`"));
}

#[test]
fn optional_does_not_excuse_a_forbidden_arrow() {
    check("ppo", "rewards", OPTIONAL, Some("PPO takes `scores`"));
}

#[test]
fn testing_is_for_tests_and_not_for_the_crates_it_is_made_of() {
    check("cli", "testing", NORMAL, Some("[dev-dependencies]"));
    check("cli", "testing", Section::Dev, None);
    check("sft", "testing", Section::Dev, None);
    check("data", "testing", Section::Dev, Some("two copies"));
    check("gguf", "testing", Section::Dev, Some("two copies"));
}

#[test]
fn a_test_may_not_use_what_its_crate_may_not() {
    check("model", "gguf", Section::Dev, None);
    check("model", "data", Section::Dev, Some("the tests of `model` must not use `data`"));
}

#[test]
fn a_crate_without_a_row_is_reported() {
    let found = unknown_crates(["data", "common"]);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("`common`"), "{found:?}");
    check("common", "data", NORMAL, Some("`common` has no row"));
}

#[test]
fn the_table_has_no_cycle() {
    for (from, to) in ALLOWED {
        if *to != ANY {
            assert!(!reaches(from, from), "`{from}` reaches itself");
        }
    }
}

fn graph(edges: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    edges.iter().map(|(from, to)| ((*from).to_owned(), owned(to))).collect()
}

#[test]
fn the_shortest_chain_is_named_even_in_a_graph_with_cycles() {
    let graph = graph(&[
        ("data", &["serde", "tokenizers"]),
        ("serde", &["derive"]),
        ("derive", &["serde", "data", "macros"]),
        ("macros", &["burn-core"]),
        ("tokenizers", &["burn-core"]),
    ]);
    let path = path_to(&graph, "data", |name| name.starts_with("burn"));
    assert_eq!(path.unwrap(), ["data", "tokenizers", "burn-core"]);
    assert_eq!(path_to(&graph, "serde", |name| name == "tokenizers").unwrap().len(), 4);
    assert_eq!(path_to(&graph, "data", |name| name == "candle"), None);
}

#[test]
fn the_markdown_has_a_line_for_every_crate() {
    let table = markdown();
    assert_eq!(table.lines().count(), ALLOWED.len() + 2);
    assert!(table.contains("| `rewards` | `data`, `measure`, `model` (feature `neural` only) |"));
    assert!(table.contains("| `gguf` | none |"));
}
