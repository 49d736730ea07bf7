use proptest::prelude::*;

use super::*;

/// Where a token stands: which sample of its row, and its place in that; None for padding.
type Place = Option<(usize, usize)>;

/// The places of all columns, cached ones included, told from the layout alone.
fn places(rows: &Rows, b: usize, total: usize) -> Vec<Vec<Place>> {
    let mut places = Vec::new();
    for row in 0..b {
        let mut columns: Vec<Place> = Vec::new();
        for column in 0..total {
            columns.push(match rows {
                Rows::RightPadded => Some((0, column)),
                Rows::LeftPadded { pads } if column < pads[row] => None,
                Rows::LeftPadded { pads } => Some((0, column - pads[row])),
                Rows::Packed { segments } => {
                    let ids = &segments[row * total..(row + 1) * total];
                    let run = ids[..=column].iter().rev().take_while(|id| **id == ids[column]);
                    let changes = ids[..=column].windows(2).filter(|pair| pair[0] != pair[1]);
                    Some((changes.count(), run.count() - 1))
                }
            });
        }
        places.push(columns);
    }
    places
}

fn input(rows: Rows, b: usize, t: usize) -> TokenInput {
    let ids: Vec<u32> = (0..b * t).map(|id| id as u32).collect();
    TokenInput::new(&ids, [b, t], rows, &Device::flex())
}

/// Positions and blocked keys against their definition, with `past` of `total` columns cached.
fn check(rows: &Rows, b: usize, past: usize, total: usize, window: Option<usize>) {
    let t = total - past;
    let input = input(rows.clone(), b, t);
    let places = places(rows, b, total);
    let (n, positions) = input.positions(past);
    assert!(n == b || n == 1, "{n} rows of positions");
    assert_eq!(positions.len(), n * t);
    let attends = window.map_or(Attends::Everything, |window| Attends::Nearby { window });
    let blocked = input.blocked(past, attends).map(|mask| {
        let [rows, one, queries, keys] = mask.dims();
        assert_eq!((one, queries, keys), (1, t, total));
        let values: Vec<bool> = mask.into_data().iter().collect();
        (rows, values)
    });
    for (row, places) in places.iter().enumerate() {
        for (query, place) in places.iter().enumerate().skip(past) {
            let index = row % n * t + query - past;
            let expected = place.map_or(0, |(_, position)| position);
            assert_eq!(positions[index], expected, "position of row {row}, column {query}");
            // What padding sees does not matter.
            let Some((sample, position)) = *place else { continue };
            for (key, place) in places.iter().enumerate() {
                let seen = place.is_some_and(|(other, earlier)| {
                    let near =
                        window.is_none_or(|window| position < earlier.saturating_add(window));
                    other == sample && earlier <= position && key <= query && near
                });
                let ours = match &blocked {
                    None => true,
                    Some((rows, values)) => !values[(row % rows * t + query - past) * total + key],
                };
                assert_eq!(ours, seen, "row {row}: does {query} see {key} ({window:?})");
            }
        }
    }
}

#[test]
fn one_query_without_padding_or_window_needs_no_mask() {
    let one = |rows: Rows| input(rows, 1, 1);
    assert!(one(Rows::RightPadded).blocked(5, Attends::Everything).is_none());
    assert!(one(Rows::LeftPadded { pads: vec![0] }).blocked(5, Attends::Everything).is_none());
    assert!(one(Rows::RightPadded).blocked(5, Attends::Nearby { window: 6 }).is_none());
    assert!(one(Rows::RightPadded).blocked(5, Attends::Nearby { window: 5 }).is_some());
    assert!(one(Rows::LeftPadded { pads: vec![1] }).blocked(5, Attends::Everything).is_some());
}

#[test]
fn rows_alike_share_one_mask_and_one_row_of_positions() {
    let input = input(Rows::RightPadded, 3, 4);
    assert_eq!(input.positions(2), (1, vec![2, 3, 4, 5]));
    assert_eq!(input.blocked(2, Attends::Everything).unwrap().dims(), [1, 1, 4, 6]);
}

#[test]
fn a_row_of_padding_alone_is_at_position_zero_and_sees_nothing() {
    let input = input(Rows::LeftPadded { pads: vec![3, 1] }, 2, 3);
    assert_eq!(input.positions(0), (2, vec![0, 0, 0, 0, 0, 1]));
    let blocked = input.blocked(0, Attends::Everything).unwrap().into_data();
    let blocked: Vec<bool> = blocked.iter().collect();
    assert_eq!(blocked[..9], [true; 9]);
}

#[test]
fn a_sample_is_a_run_of_equal_ids() {
    let input = input(Rows::Packed { segments: vec![5, 5, 2, 2, 2, 5] }, 1, 6);
    assert_eq!(input.positions(0), (1, vec![0, 1, 0, 1, 2, 0]));
    let blocked = input.blocked(0, Attends::Everything).unwrap().into_data();
    let blocked: Vec<bool> = blocked.iter().collect();
    // The last token's id was there before: another sample all the same.
    assert_eq!(blocked[5 * 6..], [true, true, true, true, true, false]);
}

#[test]
fn a_window_of_any_width_is_legal() {
    check(&Rows::RightPadded, 1, 3, 7, Some(usize::MAX));
    check(&Rows::LeftPadded { pads: vec![2, 0] }, 2, 3, 7, Some(usize::MAX));
}

#[test]
#[should_panic(expected = "one pad count a row")]
fn a_layout_of_other_rows_is_the_callers_mistake() {
    let _ = input(Rows::LeftPadded { pads: vec![0] }, 2, 1);
}

proptest! {
    #[test]
    fn positions_and_masks_follow_their_definition(
        b in 1usize..4,
        t in 1usize..7,
        past in 0usize..6,
        window in prop::option::of(1usize..9),
        pads in prop::collection::vec(0usize..12, 3),
        segments in prop::collection::vec(0u32..3, 18),
    ) {
        let total = past + t;
        check(&Rows::RightPadded, b, past, total, window);
        let pads = pads[..b].iter().map(|pad| (*pad).min(total)).collect();
        check(&Rows::LeftPadded { pads }, b, past, total, window);
        let segments = segments[..b * t].to_vec();
        check(&Rows::Packed { segments }, b, 0, t, window);
    }
}
