use std::path::Path;

use hybrid_data::encode::Side;
use hybrid_data::error::RowLocation;
use hybrid_data::template::Message;
use hybrid_testing::models::byte_tokenizer;
use serde_json::Map;

use super::*;
use crate::config;

/// Examples of at most 64 tokens, prompts of at most 58.
fn config() -> RunConfig {
    let text = "model.base = \"given\"\ndata.train = \"given\"\nreward.type = \"length\"\n\
                train.max_length = 64\nrollout.max_new_tokens = 6\nrollout.batch_size = 4\n\
                ppo.minibatch_size = 4\n[[phase]]\nkind = \"hybrid\"\ncycles = 1\n";
    config::parse(text, Path::new("feed.toml"), &[]).unwrap()
}

fn record(place: usize, kind: RecordKind) -> Record {
    let source = RowLocation::line(Path::new("rows.jsonl"), place as u64 + 1);
    Record { source, kind, fields: Map::new() }
}

/// Records of every kind in turn, of 0 to 100 bytes and an answer.
fn of_all_kinds(count: usize) -> Vec<Record> {
    let kind = |place: usize| {
        let (text, answer) = ("abcd efgh ".repeat(place % 11), format!("answer {place}"));
        match place % 4 {
            0 => RecordKind::Text(text),
            1 => RecordKind::Prompt(text),
            2 => RecordKind::PromptCompletion { prompt: text, completion: answer },
            _ => RecordKind::Messages(vec![
                Message::new("user", &text),
                Message::new("assistant", &answer),
            ]),
        }
    };
    (0..count).map(|place| record(place, kind(place))).collect()
}

#[test]
fn demonstrations_are_those_of_one_record_after_the_other() {
    let (tokenizer, records) = (byte_tokenizer(), of_all_kinds(2_500));
    let options = EncodeOptions { max_length: Some(64), ..EncodeOptions::default() };
    let encoder = Encoder::new(&tokenizer, options).unwrap();
    let mut expected = Vec::new();
    let (mut shown, mut left_out) = (0, 0);
    for record in &records {
        if matches!(record.kind, RecordKind::Prompt(_)) {
            continue;
        }
        shown += 1;
        match encoder.record(record) {
            Ok(example) => expected.push(example),
            Err(_) => left_out += 1,
        }
    }
    // Empty texts, and answers behind more than there is room for.
    assert_eq!(expected.len() + left_out, shown);
    assert!(left_out > 100 && expected.len() > 1_000, "{left_out} of {shown}");
    assert_eq!(demonstrations(&records, &tokenizer, &config()).unwrap(), expected);
}

#[test]
fn long_prompts_can_be_cut_in_place_of_their_completions() {
    let (tokenizer, records) = (byte_tokenizer(), of_all_kinds(500));
    let pairs: Vec<Record> =
        records.into_iter().filter(|record| prompt_and_completion(record).is_some()).collect();
    let mut config = config();
    let ends = |example: &Encoded, completion: &str| {
        let text = tokenizer.decode(&example.ids, true).unwrap();
        text.ends_with(completion) && example.ids.len() <= 64
    };
    assert!(demonstrations(&pairs, &tokenizer, &config).unwrap().len() < pairs.len());
    config.train.truncation_side = Side::Prompt;
    let whole = demonstrations(&pairs, &tokenizer, &config).unwrap();
    assert_eq!(whole.len(), pairs.len());
    for (example, record) in whole.iter().zip(&pairs) {
        let (_, completion) = prompt_and_completion(record).unwrap();
        assert!(ends(example, completion), "{completion}: {example:?}");
    }
}

/// What a record of that kind holds.
fn prompt_and_completion(record: &Record) -> Option<(&str, &str)> {
    match &record.kind {
        RecordKind::PromptCompletion { prompt, completion } => Some((prompt, completion)),
        _ => None,
    }
}

#[test]
fn prompts_are_those_of_one_record_after_the_other() {
    let (tokenizer, records) = (byte_tokenizer(), of_all_kinds(2_500));
    let options = EncodeOptions { max_length: Some(58), ..EncodeOptions::default() };
    let encoder = Encoder::new(&tokenizer, options).unwrap();
    let mut expected = Vec::new();
    for (record, id) in records.iter().zip(100_u64..) {
        let ids = encoder.prompt(record).unwrap();
        if !ids.is_empty() {
            expected.push((id, ids));
        }
    }
    let found = prompts(&records, &tokenizer, &config(), 100).unwrap();
    assert!(found.len() < records.len());
    assert_eq!(
        found.into_iter().map(|prompt| (prompt.id, prompt.ids)).collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn the_first_record_in_order_that_cannot_be_read_is_named() {
    let text = |place| record(place, RecordKind::Text(format!("text {place}")));
    let mut records: Vec<Record> = (0..2_500).map(text).collect();
    // Conversations, of which a tokenizer without a template knows nothing.
    for place in [1_899, 1_399, 2_300] {
        records[place].kind = RecordKind::Messages(vec![Message::new("user", "hi")]);
    }
    let tokenizer = Tokenizer::bytes().unwrap();
    let refused = [
        demonstrations(&records, &tokenizer, &config()).unwrap_err(),
        prompts(&records, &tokenizer, &config(), 0).unwrap_err(),
    ];
    for error in refused {
        let HybridError::Encode(EncodeError::Record { location, .. }) = error else {
            panic!("{error:?}")
        };
        assert_eq!(location.line, 1_400);
    }
}
