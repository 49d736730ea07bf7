use serde_json::json;

use super::*;
use crate::tokenizer::segments::tests::tokenizer;

fn windows(first: &str, second: &str, limit: usize, overlap: usize) -> Vec<Window> {
    tokenizer(json!({})).encode_windows(first, second, limit, overlap).unwrap()
}

#[test]
fn a_pair_that_fits_is_one_row() {
    let rows = windows("10 11", "12  13", 99, 4);
    let whole = tokenizer(json!({})).encode_segments("10 11", Some("12  13"), 99).unwrap();
    assert_eq!((rows.len(), &rows[0].segments), (1, &whole));
    assert_eq!(rows[0].context, 4..6);
    assert_eq!(rows[0].offsets, [0..0, 0..0, 0..0, 0..0, 0..2, 4..6, 0..0]);
}

#[test]
fn a_long_second_text_is_read_in_windows_that_overlap() {
    let text = "10 11 12 13 14 15 16";
    let rows = windows("19", text, 8, 1);
    let ids: Vec<&[u32]> = rows.iter().map(|row| row.segments.ids.as_slice()).collect();
    let expected: [&[u32]; 2] = [&[1, 19, 2, 10, 11, 12, 13, 2], &[1, 19, 2, 13, 14, 15, 16, 2]];
    assert_eq!(ids, expected);
    for row in &rows {
        assert_eq!(row.segments.types, [0, 0, 0, 1, 1, 1, 1, 1]);
        for place in row.context.clone() {
            let word: u32 = text[row.offsets[place].clone()].parse().unwrap();
            assert_eq!(word, row.segments.ids[place]);
        }
    }
    // At most half of a window is read twice, so that each brings something new.
    let rows = windows("19", text, 8, 99);
    let firsts: Vec<u32> = rows.iter().map(|row| row.segments.ids[3]).collect();
    assert_eq!(firsts, [10, 12, 14]);
}

#[test]
fn a_long_first_text_leaves_half_of_the_room() {
    let rows = windows("10 11 12 13 14", "15 16", 7, 0);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].segments.ids, [1, 10, 11, 2, 15, 16, 2]);
    assert!(windows("10", "11", 3, 0).is_empty());
    let empty = windows("10", "", 9, 0);
    assert_eq!((empty.len(), empty[0].context.len()), (1, 0));
}
