use proptest::prelude::*;

use super::*;

/// Where a token stands: its row's sample and its place in that sample; None for padding.
type Place = Option<(u32, usize)>;

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
                    let id = segments[row * total + column];
                    let earlier = columns.iter().rev().map_while(|place| place.filter(|p| p.0 == id));
                    Some((id, earlier.count()))
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
        for query in past..total {
            let index = row % n * t + query - past;
            let expected = places[query].map_or(0, |(_, position)| position);
            assert_eq!(positions[index], expected, "position of row {row}, column {query}");
            // What padding sees does not matter.
            let Some((sample, position)) = places[query] else { continue };
            for (key, place) in places.iter().enumerate() {
                let seen = place.is_some_and(|(other, earlier)| {
                    let near = window.is_none_or(|window| position < earlier + window);
                    other == sample && earlier <= position && key <= query && near
                });
                let ours = match &blocked {
                    None => true,
                    Some((rows, values)) => {
                        !values[(row % rows * t + query - past) * total + key]
                    }
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
fn a_sample_that_comes_again_is_another() {
    // Segments are told apart by where the id changes for positions, by the id for what is seen;
    // an id that comes again after another would mix the two, so batches never repeat one.
    let segments = vec![5, 5, 2, 2, 2, 9];
    let input = input(Rows::Packed { segments }, 1, 6);
    assert_eq!(input.positions(0), (1, vec![0, 1, 0, 1, 2, 0]));
}

#[test]
#[should_panic(expected = "packed rows cannot follow cached columns")]
fn packed_rows_do_not_go_with_a_cache() {
    let _ = input(Rows::Packed { segments: vec![0] }, 1, 1).blocked(3, Attends::Everything);
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
        starts in prop::collection::vec(any::<bool>(), 18),
    ) {
        let total = past + t;
        check(&Rows::RightPadded, b, past, total, window);
        let pads = pads[..b].iter().map(|pad| (*pad).min(total)).collect();
        check(&Rows::LeftPadded { pads }, b, past, total, window);
        let mut segments = Vec::new();
        for row in starts.chunks(6).take(b) {
            let mut id = 3;
            for start in &row[..t] {
                id += u32::from(*start);
                segments.push(id);
            }
        }
        check(&Rows::Packed { segments }, b, 0, t, window);
    }
}
