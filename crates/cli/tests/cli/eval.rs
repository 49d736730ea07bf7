//! `hybrid eval`: perplexity against a computation token by token.

use serde_json::{Value, json};

use crate::support::{Outcome, assert_near, decoder, file, hybrid, model_name, next_logprobs};

fn eval(path: &str, args: &[&str]) -> Outcome {
    hybrid(&[&["eval", model_name(), "--data", path], args].concat())
}

fn report(content: &str, args: &[&str]) -> Value {
    let (_folder, path) = file("rows.jsonl", content);
    eval(&path, &[args, &["--json"]].concat()).json()
}

fn bytes(text: &str) -> Vec<u32> {
    text.bytes().map(u32::from).collect()
}

/// `−log p` of the last of `ids` after the others.
fn nll_of_last(ids: &[u32]) -> f64 {
    let (last, before) = ids.split_last().unwrap();
    -next_logprobs(&decoder(), before, 1.0)[*last as usize]
}

fn assert_report(report: &Value, examples: usize, nlls: &[f64]) {
    let mean = nlls.iter().sum::<f64>() / nlls.len() as f64;
    assert_eq!(report["examples"], examples);
    assert_eq!(report["tokens"], nlls.len());
    assert_near(&report["nll"], mean);
    let perplexity = report["perplexity"].as_f64().unwrap();
    assert!((perplexity / mean.exp() - 1.0).abs() < 1e-4, "{perplexity}");
}

#[test]
fn a_text_counts_every_token_but_its_first() {
    let rows =
        "{\"text\": \"Hello, world\"}\n{\"text\": \"\"}\n{\"text\": \"x\"}\n{\"text\": \"né\"}";
    let report = report(rows, &[]);
    let keys: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["examples", "tokens", "nll", "perplexity", "rewards"]);
    assert_eq!(report["rewards"], json!({}));
    let nlls = |text: &str| {
        let ids = bytes(text);
        (2..=ids.len()).map(|end| nll_of_last(&ids[..end])).collect::<Vec<_>>()
    };
    // The rows without a predicted token are no examples.
    assert_report(&report, 2, &[nlls("Hello, world"), nlls("né")].concat());
}

#[test]
fn a_bos_of_the_tokenizer_predicts_the_first_token() {
    let folder = crate::support::copy_of_model();
    let mut config = hybrid_testing::tokenizer::tokenizer_config();
    config["add_bos_token"] = json!(true);
    std::fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
    let (_rows, path) = file("rows.jsonl", "{\"text\": \"hey\"}");
    let model = folder.path().to_str().unwrap();
    let report = hybrid(&["eval", model, "--data", &path, "--json"]).json();
    let ids = [vec![hybrid_testing::tokenizer::BOS], bytes("hey")].concat();
    let nlls: Vec<f64> = (2..=4).map(|end| nll_of_last(&ids[..end])).collect();
    assert_report(&report, 1, &nlls);
}

#[test]
fn a_prompt_is_read_and_its_completion_counted() {
    let rows = "{\"prompt\": \"2+2=\", \"completion\": \"four\"}\n\
                {\"prompt\": \"\", \"completion\": \"ab\"}\n{\"prompt\": \"a\", \"completion\": \"\"}";
    let ids = bytes("2+2=four");
    let mut nlls: Vec<f64> = (5..=8).map(|end| nll_of_last(&ids[..end])).collect();
    nlls.push(nll_of_last(&bytes("ab")));
    assert_report(&report(rows, &[]), 2, &nlls);
}

#[test]
fn a_conversation_counts_each_of_its_answers() {
    let turn = |role: &str, content: &str| json!({ "role": role, "content": content });
    let turns =
        [turn("user", "a"), turn("assistant", "b"), turn("user", "c"), turn("assistant", "de")];
    let mut ids = Vec::new();
    let mut nlls = Vec::new();
    for (piece, counts) in [
        ("<user>a<assistant>", false),
        ("b\u{1}", true),
        ("<user>c<assistant>", false),
        ("de\u{1}", true),
    ] {
        for byte in piece.bytes() {
            ids.push(if byte == 1 { hybrid_testing::tokenizer::EOS } else { u32::from(byte) });
            nlls.extend(counts.then(|| nll_of_last(&ids)));
        }
    }
    let row = json!({ "messages": turns }).to_string();
    assert_report(&report(&row, &[]), 1, &nlls);
    // Both answers are in one window, so a limit of one leaves them both.
    assert_report(&report(&row, &["--limit", "1"]), 1, &nlls);
}

#[test]
fn windows_slide_over_a_long_text() {
    let text = "The quick brown fox jumps over it";
    let ids = bytes(text);
    let row = json!({ "text": text }).to_string();
    for (length, stride) in [(8, 8), (8, 3), (16, 1), (10, 7)] {
        // A token is predicted in the first window that holds it, if it is not the window's first.
        let nlls: Vec<f64> = (1..ids.len())
            .filter_map(|token| {
                let window = (0..).map(|n| n * stride).find(|begin| token < begin + length)?;
                (window < token).then(|| nll_of_last(&ids[window..=token]))
            })
            .collect();
        let (length, stride) = (length.to_string(), stride.to_string());
        let options = ["--max-length", &length, "--stride", &stride];
        assert_report(&report(&row, &options), 1, &nlls);
        // However many rows a batch has.
        assert_report(&report(&row, &[&options[..], &["--batch-tokens", "1"]].concat()), 1, &nlls);
    }
}

#[test]
fn a_limit_takes_the_first_windows() {
    let rows = "{\"text\": \"abcdefgh\"}\n{\"text\": \"ijkl\"}\n{\"text\": \"mnop\"}";
    let report = |limit| report(rows, &["--max-length", "4", "--limit", limit]);
    let nlls = |pieces: &[&str]| {
        let of = |piece: &&str| {
            let ids = bytes(piece);
            (2..=ids.len()).map(|end| nll_of_last(&ids[..end])).collect::<Vec<_>>()
        };
        pieces.iter().flat_map(of).collect::<Vec<_>>()
    };
    assert_report(&report("1"), 1, &nlls(&["abcd"]));
    assert_report(&report("3"), 2, &nlls(&["abcd", "efgh", "ijkl"]));
    assert_eq!(report("0")["tokens"], 0);
}

#[test]
fn no_token_is_no_number() {
    let (_folder, path) = file("rows.jsonl", "{\"text\": \"\"}");
    let report = eval(&path, &["--json"]).data();
    let expected =
        "{\"examples\":0,\"tokens\":0,\"nll\":null,\"perplexity\":null,\"rewards\":{}}\n";
    assert_eq!(report, expected);
    let report = eval(&path, &[]).data();
    let expected = "examples    0\ntokens      0\nnll         –\nperplexity  –\n";
    assert_eq!(report, expected);
}

#[test]
fn people_get_four_lines() {
    let (_folder, path) = file("text.txt", "Hello");
    let printed = eval(&path, &[]).data();
    let report = eval(&path, &["--json"]).json();
    let (nll, perplexity) =
        (report["nll"].as_f64().unwrap(), report["perplexity"].as_f64().unwrap());
    let expected = format!(
        "examples    1\ntokens      4\nnll         {nll:.4} nats per token\nperplexity  \
         {perplexity:.4}\n"
    );
    assert_eq!(printed, expected);
}
