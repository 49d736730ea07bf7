mod every_key;

use std::path::Path;

use super::*;
use crate::config::{AnyConfig, parse_any};

const SMALL: &str = "model.base = \"m\"\n[[head]]\ntask = \"t\"\nkind = \"classification\"\n\
                     data.train = \"rows.jsonl\"\n[[phase]]\nkind = \"heads\"\nsteps = 3\n";

fn read(text: &str) -> Result<HeadsConfig, String> {
    match parse_any(text, Path::new("heads.toml"), &[]) {
        Ok(AnyConfig::Heads(config)) => Ok(config),
        Ok(AnyConfig::Language(_)) => Err("no run of heads".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// What is said of [`SMALL`] with a line changed or added.
fn refused(from: &str, to: &str) -> String {
    let text = SMALL.replacen(from, to, 1);
    assert_ne!(text, SMALL, "{from}");
    read(&text).unwrap_err()
}

#[test]
fn what_is_written_is_read_back() {
    let mut config = read(SMALL).unwrap();
    let more = [
        "heads.mixing = { temperature = { temperature = 2.0 } }",
        "heads.order = { join = { steps = 10 } }",
        "model.freeze = { below = 2 }",
        "model.lora = {}",
        "model.lora = { rank = 4, alpha = 8, targets = [\"query\", \"down\"], rslora = true }",
        "eval = { every = 5, patience = 2 }",
    ];
    for line in more {
        config = read(&format!("{line}\n{}", config.effective().unwrap())).unwrap_or(config);
        let again = read(&config.effective().unwrap()).unwrap();
        assert_eq!(again, config, "{line}");
    }
    let text = SMALL.replace(
        "kind = \"classification\"",
        "kind = \"classification\"\nlabels = [\"a\", \"b\"]\nclass_weights = [1.0, 2.0]\n\
         feedback = { coef = 0.5, reward = { type = \"exact_match\" } }",
    );
    let config = read(&text).unwrap();
    assert_eq!(read(&config.effective().unwrap()).unwrap(), config);
}

#[test]
fn wrong_keys_and_values_are_named() {
    for (from, to, expected) in [
        ("task = ", "tusk = \"x\"\ntask = ", "did you mean `head[0].task`"),
        ("model.base = \"m\"\n", "", "`model.base` is missing"),
        ("task = \"t\"", "task = \"a b\"", "`head[0].task`"),
        ("classification", "clasification", "did you mean `classification`"),
        ("data.train = \"rows.jsonl\"", "data.text = \"t\"", "`head[0].data.train` is missing"),
        ("classification", "multi_label", "`head[0].labels` is missing"),
        ("steps = 3", "steps = 0", "`phase[0].steps` is 0"),
        ("\"heads\"", "\"reward-model\"", "is none of kind `pairwise`"),
        ("\"heads\"", "\"stf\"", "`phase[0].kind`"),
        ("\"heads\"", "\"sft\"", "no phase trains the `[[head]]` of this run of a language model"),
        ("task = ", "label_smoothing = 1.0\ntask = ", "`head[0].label_smoothing` is 1"),
        ("task = ", "center_coef = 0.1\ntask = ", "belongs to heads of kind `pairwise`"),
        (
            "data.train",
            "data.pairs = { chosen = \"a\", rejected = \"b\" }\ndata.train",
            "of kind `pairwise`",
        ),
        ("task = ", "labels = [\"x\"]\ntask = ", "at least two"),
        ("task = ", "labels = [\"x\", \"x\"]\ntask = ", "both label 0 and label 1"),
        ("task = ", "weight = 0.0\ntask = ", "above 0 for some head"),
        ("task = ", "feedback.coef = 0.0\ntask = ", "`head[0].feedback.coef` is 0"),
        ("[[head]]", "eval.patience = 2\n[[head]]", "`eval.every` is 0"),
        ("[[head]]", "train.max_length = 2\n[[head]]", "`train.max_length` is 2"),
        ("[[head]]", "optim.warmup_steps = 9\n[[head]]", "at most the 3 steps"),
    ] {
        let error = refused(from, to);
        assert!(error.contains(expected), "{to}: {error}");
    }
    let pairwise = SMALL.replace("classification", "pairwise");
    for (more, expected) in [
        ("data.pairs = { chosen = \"a\", rejected = \"a\" }", "another label than `chosen`"),
        (
            "data.pairs = { chosen = \"a\", rejected = \"b\" }\ndata.prompt = \"q\"",
            "`head[0].data.prompt` is of rows that hold both answers",
        ),
    ] {
        let said =
            read(&pairwise.replace("data.train", &format!("{more}\ndata.train"))).unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
    let twice = SMALL.replace(
        "[[phase]]",
        "[[head]]\ntask = \"t\"\nkind = \"regression\"\ndata.train = \"x\"\n[[phase]]",
    );
    assert!(read(&twice).unwrap_err().contains("which another head is, too"));
}

#[test]
fn wrong_keys_of_spans_and_adapters_are_named() {
    for (from, to, expected) in [
        ("classification", "spam", "did you mean `span`"),
        (
            "kind = \"classification\"",
            "kind = \"span\"\npooling = \"cls\"",
            "answers are spans of tokens",
        ),
        (
            "kind = \"classification\"",
            "kind = \"span\"\ndata.clean_html = true",
            "move the places of answers",
        ),
        ("task = ", "overlap = 9\ntask = ", "belongs to heads of kind `span`, `span_or_none`"),
        (
            "kind = \"classification\"",
            "kind = \"span\"\nmax_answer = 0",
            "`head[0].max_answer` is 0",
        ),
        ("[[head]]", "model.lora.rank = 0\n[[head]]", "`model.lora.rank` is 0"),
        ("[[head]]", "model.lora.alpha = -1.0\n[[head]]", "`model.lora.alpha` is -1"),
        ("[[head]]", "model.lora.targets = []\n[[head]]", "`model.lora.targets` is empty"),
        ("[[head]]", "model.lora.targets = [\"quary\"]\n[[head]]", "did you mean `query`"),
        ("[[head]]", "model.lora.r = 8\n[[head]]", "`model.lora.r` is not known"),
        (
            "[[head]]",
            "model.freeze = \"trunk\"\nmodel.lora = {}\n[[head]]",
            "leaves nothing of it to train",
        ),
    ] {
        let error = refused(from, to);
        assert!(error.contains(expected), "{to}: {error}");
    }
}

#[test]
fn steps_belong_to_their_phases() {
    let text = format!("{SMALL}[[phase]]\nkind = \"heads\"\nsteps = 2\n");
    let config = read(&text).unwrap();
    assert_eq!(config.total_steps(), 5);
    let phases: Vec<usize> = (0..6).map(|step| config.phase_of(step)).collect();
    assert_eq!(phases, [0, 0, 0, 1, 1, 2]);
}

#[test]
fn the_recipes_are_good_configurations() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/heads");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let config = crate::config::load_any(&path, &[]);
        assert!(matches!(config, Ok(AnyConfig::Heads(_))), "{}: {config:?}", path.display());
        count += 1;
    }
    assert!(count >= 4, "{count} recipes");
}
