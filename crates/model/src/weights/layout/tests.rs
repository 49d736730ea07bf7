use proptest::prelude::*;

use super::*;

#[test]
fn by_head_puts_all_queries_before_all_keys_before_all_values() {
    // Two heads of three rows each: GPT-NeoX stores for each head its query, key and value rows.
    let stored = ["q0", "k0", "v0", "q1", "k1", "v1"].map(|name| [name; 3]).concat();
    let columns = Columns::ByHead { heads: 2, head_dim: 3 };
    let mut ours = [""; 18];
    for (feature, name) in stored.into_iter().enumerate() {
        ours[columns.ours(feature)] = name;
    }
    assert_eq!(ours.to_vec(), ["q0", "q1", "k0", "k1", "v0", "v1"].map(|name| [name; 3]).concat());
    // Within a head the order is kept.
    assert_eq!((0..3).map(|i| columns.ours(9 + i)).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!((0..3).map(|i| columns.ours(3 + i)).collect::<Vec<_>>(), [6, 7, 8]);
}

#[test]
fn a_transposed_piece_is_the_transpose_in_its_columns() {
    let piece = Piece::transposed("t".to_owned(), 1, 2, Columns::InOrder);
    assert_eq!(piece.stored_shape(&[3, 4]), [2, 3]);
    let mut parameter = vec![0.0; 12];
    piece.fill(&mut parameter, 4, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    #[rustfmt::skip]
    let expected = [
        0.0, 1.0, 4.0, 0.0,
        0.0, 2.0, 5.0, 0.0,
        0.0, 3.0, 6.0, 0.0,
    ];
    assert_eq!(parameter, expected.to_vec());
}

/// Pieces that fill a parameter `[inputs, width]` side by side, or a vector of `width`.
fn pieces(parts: &[(usize, usize)], by_head: bool, vector: bool) -> (Vec<Piece>, usize) {
    let mut first = 0;
    let mut made = Vec::new();
    for (heads, head_dim) in parts {
        let (features, columns) = if by_head {
            let columns = Columns::ByHead { heads: *heads, head_dim: *head_dim };
            (3 * heads * head_dim, columns)
        } else {
            (heads * head_dim, Columns::InOrder)
        };
        let make = if vector { Piece::slice } else { Piece::transposed };
        made.push(make(format!("t{first}"), first, features, columns));
        first += features;
    }
    (made, first)
}

proptest! {
    #[test]
    fn extract_undoes_fill_and_fill_undoes_extract(
        parts in prop::collection::vec((1usize..5, 1usize..9), 1..4),
        inputs in 1usize..70,
        by_head: bool,
        vector: bool,
    ) {
        let (pieces, width) = pieces(&parts, by_head, vector);
        let shape = if vector { vec![width] } else { vec![inputs, width] };
        let size: usize = shape.iter().product();
        let mut parameter = vec![f32::NAN; size];
        let mut next = 0.0;
        let mut stored = Vec::new();
        for piece in &pieces {
            let size: usize = piece.stored_shape(&shape).iter().product();
            let values: Vec<f32> = (0..size).map(|i| next + i as f32).collect();
            next += size as f32;
            piece.fill(&mut parameter, width, &values);
            stored.push(values);
        }
        // Every place is filled, each with another value.
        let mut sorted = parameter.clone();
        sorted.sort_by(f32::total_cmp);
        prop_assert_eq!(sorted, (0..size).map(|i| i as f32).collect::<Vec<_>>());
        for (piece, values) in pieces.iter().zip(&stored) {
            prop_assert_eq!(&piece.extract(&parameter, width), values);
        }
    }
}
