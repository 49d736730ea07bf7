//! Completions that take the places of those that ended.

use proptest::prelude::*;

use super::*;

/// Eight prompts of one to fifteen tokens.
fn many() -> Vec<Vec<u32>> {
    let prompt =
        |row: u32| (0..1 + (row * 7) % 16).map(|place| 1 + (place * 5 + row) % 45).collect();
    (0..8).map(prompt).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_number_of_slots_changes_no_token(
        family in 0..FAMILIES.len() + LONGROPE.len(),
        slots in 0..20_usize,
        samples in 1..4_usize,
        seed in 0..100_u64,
    ) {
        let name = FAMILIES.into_iter().chain(LONGROPE).nth(family).unwrap();
        let decoder = model(Path::new(name));
        let sampling = SamplingConfig { temperature: 0.8, ..SamplingConfig::default() };
        // Some ids end a row, so that rows end at different times.
        let eos_ids = vec![2, 9, 17, 30, 41];
        let options = GenerateOptions { samples, seed, sampling, eos_ids, ..greedy(14) };
        let together = run(&decoder, &many(), &options).unwrap();
        let options = GenerateOptions { slots: Some(slots), ..options };
        let mut seen = vec![Vec::new(); together.len()];
        let mut observe = |row: usize, choice: Choice| {
            seen[row].push(choice.token);
            Verdict::Continue
        };
        let ours = generate(&decoder, &many(), &options, &mut observe).unwrap();
        prop_assert_eq!(ours.len(), 8 * samples);
        for (row, (ours, together)) in ours.iter().zip(&together).enumerate() {
            assert_same(&format!("{name}, row {row}"), ours, together);
            prop_assert_eq!(&ours.token_ids, &seen[row]);
        }
    }
}

#[test]
fn a_cancelled_generation_begins_no_other_row() {
    let decoder = model(Path::new("llama_gqa"));
    let options = GenerateOptions { slots: Some(2), ..greedy(6) };
    let mut seen = 0;
    let mut observe = |_, _| {
        seen += 1;
        if seen == 3 { Verdict::Cancel } else { Verdict::Continue }
    };
    let rows = generate(&decoder, &many(), &options, &mut observe).unwrap();
    let lengths: Vec<usize> = rows.iter().map(|row| row.token_ids.len()).collect();
    assert_eq!(lengths, [2, 2, 0, 0, 0, 0, 0, 0]);
    assert!(rows.iter().all(|row| row.stop_reason == StopReason::Length));
}

#[test]
fn values_follow_their_rows_into_other_slots() {
    let decoder = model(Path::new("gpt2"));
    let head = ValueHead::zeros(decoder.config().embedding_size, &decoder.device());
    let mut nothing = |_, _| Verdict::Continue;
    let options = GenerateOptions { slots: Some(3), eos_ids: vec![9, 17, 30], ..greedy(7) };
    let rows = generate_with_values(&decoder, &head, &many(), &options, &mut nothing).unwrap();
    for row in rows {
        assert_eq!(row.values.map(|values| values.len()), Some(row.token_ids.len()));
    }
}

#[test]
fn every_row_may_fill_its_own_context_in_any_slot() {
    let decoder = tiny(11, 10);
    let prompts: Vec<Vec<u32>> = [1, 9, 4, 7, 2, 8].iter().map(|length| vec![3; *length]).collect();
    let all = run(&decoder, &prompts, &greedy(usize::MAX)).unwrap();
    for slots in 1..6 {
        let options = GenerateOptions { slots: Some(slots), ..greedy(usize::MAX) };
        let rows = run(&decoder, &prompts, &options).unwrap();
        for ((ours, theirs), prompt) in rows.iter().zip(&all).zip(&prompts) {
            assert_same(&format!("{slots} slots"), ours, theirs);
            assert_eq!(prompt.len() + ours.token_ids.len(), 10);
        }
    }
}
