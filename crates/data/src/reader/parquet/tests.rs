use super::*;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/data/table.parquet");

/// The good file's footer with the row count of its first group replaced.
fn footer_with_rows(rows: i64) -> ParquetMetaData {
    let reader = SerializedFileReader::new(File::open(TABLE).expect("a good file"));
    let metadata = reader.expect("a good file").metadata().clone();
    let group = metadata.row_group(0).clone().into_builder().set_num_rows(rows).build();
    let groups = vec![group.expect("as many columns as before")];
    metadata.into_builder().set_row_groups(groups).build()
}

#[test]
fn a_footer_cannot_promise_more_than_the_file_holds() {
    let check = |rows, length| {
        let wrong = check_extents(&footer_with_rows(rows), length);
        wrong.map_err(|error| error.to_string())
    };
    assert_eq!(check(5, u64::MAX), Ok(()));
    insta::assert_snapshot!(check(i64::MAX, u64::MAX).expect_err("too many rows"), @"Parquet error: its footer promises more rows than a column has values");
    insta::assert_snapshot!(check(5, 1_000).expect_err("too short a file"), @"Parquet error: its footer points past its end");
}

#[test]
fn only_panics_inside_the_guard_are_caught_in_silence() {
    let path = Path::new("a.parquet");
    let outcome: Result<(), DataError> = guarded(path, || panic!("the decoder's {}", "words"));
    let message = outcome.expect_err("a caught panic").to_string();
    assert!(message.contains("the decoder's words"), "{message}");
    assert!(!GUARDED.get(), "the guard is lifted");
    assert_eq!(guarded(path, || Ok(5)).expect("no panic"), 5);
}
