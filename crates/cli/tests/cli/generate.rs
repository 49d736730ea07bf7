//! `hybrid generate`: what it prints, and what its options do.

use std::process::Stdio;

use hybrid_testing::fixtures::{golden, golden_json};
use hybrid_testing::tokenizer::EOS;
use serde_json::{Value, json};

use crate::support::{
    Outcome, assert_near, command, decoder, file, finish, hybrid, hybrid_fed, model_name,
    next_logprobs,
};

fn generate(args: &[&str]) -> Outcome {
    hybrid(&[&["generate", model_name()], args].concat())
}

/// One completion of "Once upon" as JSON.
fn one(args: &[&str]) -> Value {
    generate(&[&["--prompt", "Once upon", "--json"], args].concat()).json()
}

/// Options under which only the letters a to h are ever drawn.
const LETTERS: [&str; 16] = [
    "--logit-bias",
    "97=100",
    "--logit-bias",
    "98=100",
    "--logit-bias",
    "99=100",
    "--logit-bias",
    "100=100",
    "--logit-bias",
    "101=100",
    "--logit-bias",
    "102=100",
    "--logit-bias",
    "103=100",
    "--logit-bias",
    "104=100",
];

fn ids(completion: &Value) -> Vec<u32> {
    let ids = completion["token_ids"].as_array().unwrap();
    ids.iter().map(|id| u32::try_from(id.as_u64().unwrap()).unwrap()).collect()
}

fn text(completion: &Value) -> &str {
    completion["text"].as_str().unwrap()
}

#[test]
fn a_completion_has_the_agreed_fields() {
    let made = one(&[&LETTERS[..], &["--max-new-tokens", "12", "--seed", "3"]].concat());
    let keys: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["prompt", "text", "token_ids", "logprobs", "stop_reason"]);
    assert_eq!(made["prompt"], "Once upon");
    assert_eq!(made["stop_reason"], "length");
    // One token a byte: the continuation alone, not the prompt.
    let bytes: Vec<u32> = text(&made).bytes().map(u32::from).collect();
    assert_eq!((ids(&made), bytes.len()), (bytes, 12));
}

#[test]
fn logprobs_are_those_of_the_whole_vocabulary_before_bias_and_truncation() {
    for (temperature, options) in
        [(0.7, &["--temperature", "0.7", "--top-k", "5"][..]), (1.0, &["--greedy"])]
    {
        let made = one(&[&LETTERS[..], options, &["--max-new-tokens", "5"]].concat());
        let mut read: Vec<u32> = "Once upon".bytes().map(u32::from).collect();
        let decoder = decoder();
        assert_eq!(made["logprobs"].as_array().unwrap().len(), 5);
        for (id, logprob) in ids(&made).into_iter().zip(made["logprobs"].as_array().unwrap()) {
            assert_near(logprob, next_logprobs(&decoder, &read, temperature)[id as usize]);
            read.push(id);
        }
    }
}

#[test]
fn an_end_token_is_kept_as_an_id_and_not_as_text() {
    let bias = ["--logit-bias", "257=100", "--greedy", "--max-new-tokens", "3"];
    let made = one(&bias);
    assert_eq!(made["stop_reason"], "eos");
    assert_eq!((ids(&made), text(&made)), (vec![EOS], ""));
    assert_eq!(made["logprobs"].as_array().unwrap().len(), 1);

    let made = one(&[&bias[..], &["--ignore-eos"]].concat());
    assert_eq!(made["stop_reason"], "length");
    assert_eq!((ids(&made), text(&made)), (vec![EOS; 3], ""));
}

#[test]
fn an_end_token_that_is_not_marked_as_special_is_no_text_either() {
    let folder = crate::support::copy_of_model();
    let mut tokenizer = hybrid_testing::tokenizer::tokenizer_json();
    for token in tokenizer["added_tokens"].as_array_mut().unwrap() {
        token["special"] = json!(false);
    }
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    let model = folder.path().to_str().unwrap();
    let args = ["generate", model, "--prompt", "a", "--json", "--greedy", "--logit-bias"];
    let made = hybrid(&[&args[..], &["257=100"]].concat()).json();
    assert_eq!((&made["stop_reason"], text(&made)), (&json!("eos"), ""));
}

#[test]
fn a_stop_text_ends_the_completion_and_is_cut_off() {
    let base = [&LETTERS[..], &["--max-new-tokens", "60", "--seed", "11"]].concat();
    let whole = one(&base);
    let (near, far) = (&text(&whole)[20..23], &text(&whole)[40..43]);
    let stops = ["--stop", far, "--stop", "zzz", "--stop", near];
    let made = one(&[&base[..], &stops].concat());
    assert_eq!(made["stop_reason"], "stop");
    // Letters are tokens, so the text after each is a prefix of the whole.
    let prefixes = (1..).map(|end| &text(&whole)[..end]);
    let (end, start) = prefixes
        .map(|prefix| (prefix.len(), prefix.find(near).into_iter().chain(prefix.find(far)).min()))
        .find_map(|(end, start)| Some((end, start?)))
        .unwrap();
    assert_eq!(text(&made), &text(&whole)[..start]);
    assert_eq!(ids(&made), ids(&whole)[..end]);
    assert_eq!(made["logprobs"].as_array().unwrap().len(), end);

    // The text that streams to stdout is the same.
    let printed = generate(&[&["--prompt", "Once upon"], &base[..], &stops].concat()).data();
    assert_eq!(printed, format!("{}\n", text(&made)));
}

#[test]
fn a_seed_repeats_a_completion_and_another_seed_does_not() {
    let [first, again, other] = ["5", "5", "6"].map(|seed| one(&["--seed", seed]));
    assert_eq!(first, again);
    assert_ne!(first["token_ids"], other["token_ids"]);
}

#[test]
fn samples_of_a_prompt_differ_and_stand_together() {
    let (_folder, path) = file("p.jsonl", "{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}\n");
    let args = ["--input", &path, "--num-samples", "3", "--batch-size", "1", "--json"];
    let made = generate(&args).json_lines();
    let prompts: Vec<&str> = made.iter().map(|made| made["prompt"].as_str().unwrap()).collect();
    assert_eq!(prompts, ["a", "a", "a", "b", "b", "b"]);
    let mut distinct: Vec<Vec<u32>> = made.iter().map(ids).collect();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 6);

    // The size of a batch changes speed, not what is drawn.
    let args = ["--input", &path, "--num-samples", "3", "--batch-size", "2", "--json"];
    let together = generate(&args).json_lines();
    assert_eq!(
        together.iter().map(ids).collect::<Vec<_>>(),
        made.iter().map(ids).collect::<Vec<_>>()
    );
}

#[test]
fn prompts_of_a_file_are_answered_in_order_and_as_if_alone() {
    let prompts = ["x", "a longer prompt than the others", "né", "two words", "!"];
    let lines: Vec<String> = prompts.iter().map(|p| json!({ "prompt": p }).to_string()).collect();
    let (_folder, path) = file("p.jsonl", &lines.join("\n"));
    let base = ["--greedy", "--max-new-tokens", "10", "--json"];
    let made = generate(&[&base[..], &["--input", &path, "--batch-size", "2"]].concat());
    let alone = prompts.map(|prompt| generate(&[&base[..], &["--prompt", prompt]].concat()).json());
    assert_eq!(made.json_lines().iter().map(ids).collect::<Vec<_>>(), alone.each_ref().map(ids));

    let args = [&["generate", model_name(), "--input", "-"], &base[..]].concat();
    let fed = hybrid_fed(&args, &lines.join("\n")).json_lines();
    assert_eq!(fed.iter().map(ids).collect::<Vec<_>>(), alone.each_ref().map(ids));
    let order: Vec<&str> = fed.iter().map(|made| made["prompt"].as_str().unwrap()).collect();
    assert_eq!(order, prompts);
}

#[test]
fn several_completions_as_text_name_their_prompts() {
    let (_folder, path) = file("p.jsonl", "{\"prompt\": \"ab\"}\n{\"prompt\": \"cd\"}\n");
    let bias = ["--logit-bias", "104=100", "--greedy", "--max-new-tokens", "2"];
    let printed = generate(&[&["--input", &path], &bias[..]].concat()).data();
    assert_eq!(printed, "ab →hh\n\ncd →hh\n\n");
}

#[test]
fn a_chat_prompt_is_what_the_template_makes_of_one_message() {
    // The log-probabilities tell prompts apart even where they are answered alike.
    let ask = |args: &[&str]| {
        let base = ["--greedy", "--max-new-tokens", "6", "--json"];
        let made = generate(&[&base[..], args].concat()).json();
        (made["token_ids"].clone(), made["logprobs"].clone())
    };
    let user = json!({ "role": "user", "content": "hi" });
    let answer = json!({ "role": "assistant", "content": "ho" });
    let chat = ask(&["--chat", "--prompt", "hi"]);
    // A last answer is left out: it is what the model is asked for.
    for messages in [json!([user]), json!([user, answer])] {
        let (_folder, path) = file("m.jsonl", &json!({ "messages": messages }).to_string());
        assert_eq!(chat, ask(&["--input", &path]));
    }
    assert_eq!(chat, ask(&["--raw", "--prompt", "<user>hi<assistant>"]));
    assert_ne!(chat, ask(&["--prompt", "hi"]));
    assert_ne!(chat, ask(&["--prompt", "<user>hi <assistant>"]));
}

#[test]
fn text_is_printed_byte_for_byte() {
    // 27 is the escape character: a filter for colours would swallow it.
    let args = ["--prompt", "a", "--logit-bias", "27=100", "--greedy", "--max-new-tokens", "2"];
    assert_eq!(generate(&args).data(), "\u{1b}\u{1b}\n");
    let twice = generate(&[&args[..], &["--num-samples", "2"]].concat()).data();
    assert_eq!(twice, "a →\u{1b}\u{1b}\n\n".repeat(2));
}

#[test]
fn rows_of_the_embedding_without_a_token_are_never_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let device = burn::tensor::Device::flex();
    let config = hybrid_model::init::InitConfig {
        model_type: "llama".to_owned(),
        vocab_size: 4096,
        hidden_size: 8,
        layers: 1,
        heads: 2,
        kv_heads: None,
        intermediate_size: Some(16),
        context: 64,
        tie_embeddings: true,
    };
    let decoder = hybrid_model::init::init(&config.to_config().unwrap(), 1, &device);
    hybrid_model::weights::save(&decoder, folder.path()).unwrap();
    let tokenizer = hybrid_testing::tokenizer::tokenizer_json().to_string();
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer).unwrap();
    let model = folder.path().to_str().unwrap();
    let args = ["generate", model, "--prompt", "a", "--ignore-eos", "--max-new-tokens", "40"];
    let made = hybrid(&[&args[..], &["--json"]].concat()).json();
    assert_eq!(ids(&made).len(), 40);
    // Drawn from all 4096 rows, all 40 below 258 would be a matter of 258^40 in 4096^40.
    assert!(ids(&made).iter().all(|id| *id < 258), "{made}");
    let logprob = made["logprobs"][0].as_f64().unwrap();
    assert!(logprob < -(258_f64.ln()) - 1.0, "{logprob} is over the tokens alone");
}

#[test]
fn gguf_models_continue_with_the_most_probable_token_of_their_python_twins() {
    for name in ["llama", "llama3", "llama_spm", "qwen2", "qwen3", "gemma2", "gemma3"] {
        let golden_texts = golden_json(&format!("gguf/{name}.json"));
        let (mut prompts, mut expected) = (Vec::new(), Vec::new());
        for case in golden_texts["texts"].as_array().unwrap() {
            let Some(logits) = case["logits"].as_array().filter(|_| case["ids"] != json!([]))
            else {
                continue;
            };
            let logits: Vec<f64> = logits.iter().map(|logit| logit.as_f64().unwrap()).collect();
            let mut order: Vec<usize> = (0..logits.len()).collect();
            order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
            // A tie within the tolerance may go either way.
            if logits[order[0]] - logits[order[1]] > 1e-3 {
                prompts.push(json!({ "prompt": case["text"] }).to_string());
                expected.push(vec![u32::try_from(order[0]).unwrap()]);
            }
        }
        assert!(expected.len() > 5, "{name}");
        let (_folder, path) = file("p.jsonl", &prompts.join("\n"));
        let model = golden(&format!("gguf/{name}.gguf"));
        let args = ["--input", &path, "--greedy", "--max-new-tokens", "1", "--json"];
        let made = hybrid(&[&["generate", model.to_str().unwrap()], &args[..]].concat());
        assert_eq!(made.json_lines().iter().map(ids).collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let (_folder, path) = file("p.jsonl", &"{\"prompt\": \"a\"}\n".repeat(20));
    for args in [
        &["generate", model_name(), "--input", &path, "--max-new-tokens", "2", "--json"][..],
        &["generate", model_name(), "--prompt", "a", "--greedy"],
        &["assets", "list"],
        &["assets", "list", "--json"],
        &["devices"],
    ] {
        let mut child = command(args).spawn().unwrap();
        drop(child.stdout.take());
        let Outcome { code, stderr, .. } = finish(child);
        assert_eq!((code, stderr.as_str()), (0, ""), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure_and_not_bad_input() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = command(&["generate", model_name(), "--prompt", "a", "--json"]);
    let Outcome { code, stderr, .. } = finish(command.stdout(Stdio::from(full)).spawn().unwrap());
    assert_eq!(code, 1);
    assert!(stderr.starts_with("error: ") && stderr.contains("No space left"), "{stderr}");
}
