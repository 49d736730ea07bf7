use hybrid_data::batch::Padding;
use hybrid_data::encode::Encoded;
use hybrid_data::pack::{Overlong, PackPlan};
use proptest::prelude::*;

use super::*;

fn example(ids: &[u32], counted: &[usize]) -> Encoded {
    let loss_mask = (0..ids.len()).map(|column| counted.contains(&column)).collect();
    Encoded { ids: ids.to_vec(), loss_mask }
}

fn padded(examples: &[Encoded], padding: Padding) -> SftBatch {
    let examples: Vec<&Encoded> = examples.iter().collect();
    (&TokenBatch::collate(&examples, padding).unwrap()).into()
}

fn packed(examples: &[Encoded], max_length: usize, padding: Padding) -> SftBatch {
    let lengths: Vec<usize> = examples.iter().map(|example| example.ids.len()).collect();
    let plan = PackPlan::best_fit(&lengths, max_length, Overlong::Refuse).unwrap();
    let rows: Vec<usize> = (0..plan.rows.len()).collect();
    (&Packed::collate(&plan, &rows, examples, padding).unwrap()).into()
}

/// Each predicted token with all that comes before it in its own example.
fn predictions(batch: &SftBatch) -> Vec<(Vec<u32>, u32)> {
    let [_, t] = batch.shape;
    let one = |(place, target): (&u32, &u32)| {
        let place = *place as usize;
        let start = match &batch.rows {
            Rows::Packed { segments } => {
                let row = place / t * t;
                (row..=place).find(|at| segments[*at] == segments[place]).unwrap()
            }
            _ => place / t * t,
        };
        (batch.ids[start..=place].to_vec(), *target)
    };
    let mut found: Vec<_> = batch.places.iter().zip(&batch.targets).map(one).collect();
    found.sort();
    found
}

fn predictions_by_definition(examples: &[Encoded]) -> Vec<(Vec<u32>, u32)> {
    let mut found = Vec::new();
    for Encoded { ids, loss_mask } in examples {
        for column in 1..ids.len() {
            if loss_mask[column] {
                found.push((ids[..column].to_vec(), ids[column]));
            }
        }
    }
    found.sort();
    found
}

fn examples() -> impl Strategy<Value = Vec<Encoded>> {
    let token = (0_u32..9, any::<bool>());
    let example = prop::collection::vec(token, 1..9).prop_map(|tokens| {
        let (ids, loss_mask) = tokens.into_iter().unzip();
        Encoded { ids, loss_mask }
    });
    prop::collection::vec(example, 1..7)
}

proptest! {
    #[test]
    fn every_counted_token_is_predicted_once_from_its_own_example(
        examples in examples(), multiple_of in 1_usize..6,
    ) {
        let padding = Padding { pad_id: 77, multiple_of };
        let expected = predictions_by_definition(&examples);
        for batch in [padded(&examples, padding), packed(&examples, 12, padding)] {
            prop_assert_eq!(batch.tokens(), expected.len());
            prop_assert_eq!(predictions(&batch), expected.clone());
            let [b, t] = batch.shape;
            prop_assert_eq!(batch.ids.len(), b * t);
            prop_assert!(!batch.ids.contains(&77), "padding is made of the row's own tokens");
            if let Rows::Packed { segments } = &batch.rows {
                prop_assert_eq!(segments.len(), b * t);
            }
        }
    }
}

#[test]
fn columns_that_only_pad_are_not_read() {
    let examples = [example(&[1, 2, 3], &[1, 2]), example(&[4], &[0])];
    let batch = padded(&examples, Padding { pad_id: 0, multiple_of: 8 });
    assert_eq!((batch.shape, batch.ids.as_slice()), ([2, 2], [1, 2, 4, 4].as_slice()));
    assert_eq!((batch.places, batch.targets), (vec![0, 1], vec![2, 3]));
}

#[test]
fn the_error_without_targets_shows_the_rows() {
    let examples: Vec<Encoded> = (1..7).map(|id| example(&[id, 8, 9], &[])).collect();
    let message = padded(&examples, Padding::default()).nothing_counts().to_string();
    assert!(message.contains("row 0 begins with the ids [1, 8], row 1"), "{message}");
    assert!(message.contains("[4, 8], 2 more rows; check"), "{message}");
    let single = padded(&[example(&[1], &[0])], Padding::default()).nothing_counts();
    assert!(single.to_string().contains("its 1 rows have at most one token"), "{single}");
}
