use proptest::prelude::*;

use super::*;

const PAD: u32 = 9;
const EOS: u32 = 2;

fn example(ids: &[u32], loss_mask: &[u8]) -> Encoded {
    let loss_mask = loss_mask.iter().map(|flag| *flag == 1).collect();
    Encoded { ids: ids.to_vec(), loss_mask }
}

fn padding(pad_id: u32, multiple_of: usize) -> Padding {
    Padding { pad_id, multiple_of }
}

fn collate(examples: &[Encoded], padding: Padding) -> Result<TokenBatch, DataError> {
    TokenBatch::collate(&examples.iter().collect::<Vec<_>>(), padding)
}

fn flags(mask: &[bool]) -> Vec<u8> {
    mask.iter().map(|flag| u8::from(*flag)).collect()
}

#[test]
fn training_batches_are_padded_on_the_right() {
    let examples = [example(&[1, 2, 3], &[0, 1, 1]), example(&[4], &[1])];
    let batch = collate(&examples, padding(PAD, 1)).expect("good examples");
    assert_eq!((batch.rows(), batch.width, batch.pad_id), (2, 3, PAD));
    assert_eq!(batch.ids, [1, 2, 3, 4, PAD, PAD]);
    assert_eq!(batch.lengths, [3, 1]);
    assert_eq!(flags(&batch.loss_mask), [0, 1, 1, 1, 0, 0]);
}

#[test]
fn the_logits_at_i_predict_the_token_at_i_plus_one() {
    let examples = [example(&[1, 2, 3], &[0, 1, 1]), example(&[4, 5], &[1, 1])];
    let batch = collate(&examples, padding(PAD, 1)).expect("good examples");
    let shifted = batch.shifted();
    assert_eq!(shifted.width, 2);
    assert_eq!(shifted.inputs, [1, 2, 4, 5]);
    assert_eq!(shifted.targets, [2, 3, 5, PAD]);
    assert_eq!(flags(&shifted.target_mask), [1, 1, 1, 0]);
    assert_eq!(batch.target_count(), 3, "the first token of a row is predicted by nothing");
}

#[test]
fn padding_with_the_end_of_text_id_trains_the_one_and_not_the_other() {
    let examples =
        [example(&[1, 5, EOS], &[0, 1, 1]), example(&[1, 5, 6, 7, EOS], &[0, 0, 1, 1, 1])];
    let batch = collate(&examples, padding(EOS, 4)).expect("good examples");
    assert_eq!(batch.ids, [1, 5, EOS, EOS, EOS, EOS, EOS, EOS, 1, 5, 6, 7, EOS, EOS, EOS, EOS]);
    let shifted = batch.shifted();
    assert_eq!(flags(&shifted.target_mask), [1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0]);
    let trained = shifted.targets.iter().zip(&shifted.target_mask).filter(|(_, counts)| **counts);
    let ends = trained.filter(|(id, _)| **id == EOS).count();
    assert_eq!(ends, 2, "each example's own end, and nothing of the padding");
}

#[test]
fn prompts_are_padded_on_the_left() {
    let batch = PromptBatch::collate(&[&[7], &[1, 2, 3]], padding(PAD, 4)).expect("good prompts");
    assert_eq!((batch.rows(), batch.width), (2, 4));
    assert_eq!(batch.ids, [PAD, PAD, PAD, 7, PAD, 1, 2, 3]);
    assert_eq!(flags(&batch.mask()), [0, 0, 0, 1, 0, 1, 1, 1]);
    assert_eq!(batch.positions(), [0, 0, 0, 0, 0, 0, 1, 2]);
}

#[test]
fn what_cannot_be_collated_is_named() {
    let check = |examples: &[Encoded], padding| {
        collate(examples, padding).expect_err("bad examples").to_string()
    };
    let good = example(&[1], &[1]);
    insta::assert_snapshot!(check(&[], Padding::default()), @"a batch got no example; expected at least one");
    insta::assert_snapshot!(check(&[good.clone(), example(&[], &[])], Padding::default()), @"example 1, counted from 0, has no token; expected at least one, so filter empty records out");
    insta::assert_snapshot!(check(&[example(&[1, 2], &[1])], Padding::default()), @"example 0, counted from 0, has 2 ids but a loss mask of 1; expected one flag a token");
    insta::assert_snapshot!(check(std::slice::from_ref(&good), padding(0, 0)), @"`multiple_of` is 0, must be at least 1 and not beyond any context length");
    insta::assert_snapshot!(check(&[good], padding(0, usize::MAX)), @"`multiple_of` is 18446744073709551615, must be at least 1 and not beyond any context length");
    let error = PromptBatch::collate(&[&[1], &[]], Padding::default()).expect_err("bad");
    insta::assert_snapshot!(error, @"example 1, counted from 0, has no token; expected at least one, so filter empty records out");
}

fn any_examples() -> impl Strategy<Value = Vec<Encoded>> {
    let example = prop::collection::vec((0_u32..4, any::<bool>()), 1..12).prop_map(|tokens| {
        let (ids, loss_mask) = tokens.into_iter().unzip();
        Encoded { ids, loss_mask }
    });
    prop::collection::vec(example, 1..7)
}

proptest! {
    #[test]
    fn each_row_is_its_example_and_then_padding(
        examples in any_examples(), pad_id in 0_u32..4, multiple_of in 1_usize..9,
    ) {
        let batch = collate(&examples, padding(pad_id, multiple_of)).expect("good examples");
        prop_assert_eq!(batch.width % multiple_of, 0);
        prop_assert_eq!(batch.ids.len(), batch.width * examples.len());
        let longest = examples.iter().map(|example| example.ids.len()).max().expect("one");
        prop_assert!(batch.width < longest + multiple_of);
        let rows = batch.ids.chunks(batch.width).zip(batch.loss_mask.chunks(batch.width));
        let mut targets = 0;
        for ((ids, mask), example) in rows.zip(&examples) {
            let length = example.ids.len();
            prop_assert_eq!(&ids[..length], &example.ids);
            prop_assert_eq!(&mask[..length], &example.loss_mask);
            prop_assert!(ids[length..].iter().all(|id| *id == pad_id));
            prop_assert!(!mask[length..].contains(&true));
            targets += example.loss_mask[1..].iter().filter(|counts| **counts).count();
        }
        prop_assert_eq!(batch.target_count(), targets);
        let shifted = batch.shifted();
        prop_assert_eq!(shifted.target_mask.iter().filter(|counts| **counts).count(), targets);
        for row in 0..examples.len() {
            for column in 0..shifted.width {
                let (from, to) = (row * shifted.width + column, row * batch.width + column);
                prop_assert_eq!(shifted.inputs[from], batch.ids[to]);
                prop_assert_eq!(shifted.targets[from], batch.ids[to + 1]);
                prop_assert_eq!(shifted.target_mask[from], batch.loss_mask[to + 1]);
            }
        }
    }

    #[test]
    fn each_row_ends_with_its_prompt(
        examples in any_examples(), pad_id in 0_u32..4, multiple_of in 1_usize..9,
    ) {
        let prompts: Vec<&[u32]> = examples.iter().map(|example| example.ids.as_slice()).collect();
        let batch = PromptBatch::collate(&prompts, padding(pad_id, multiple_of)).expect("good");
        let (mask, positions) = (batch.mask(), batch.positions());
        for (row, prompt) in prompts.iter().enumerate() {
            let columns = row * batch.width..(row + 1) * batch.width;
            let start = batch.width - prompt.len();
            prop_assert_eq!(&batch.ids[columns.clone()][start..], *prompt);
            prop_assert!(batch.ids[columns.clone()][..start].iter().all(|id| *id == pad_id));
            let real = (0..batch.width).map(|column| column >= start).collect::<Vec<_>>();
            prop_assert_eq!(&mask[columns.clone()], real);
            let expected = (0..prompt.len() as u32).collect::<Vec<_>>();
            prop_assert_eq!(&positions[columns][start..], expected);
        }
    }
}
