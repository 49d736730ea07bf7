use proptest::prelude::*;

use super::super::TokenizerParts;
use super::super::tests::byte_level;
use super::*;

fn bytes() -> Tokenizer {
    let merges = [("ð", "Ł"), ("ĺ", "Ģ"), ("h", "i")];
    Tokenizer::new(byte_level(&merges, &["<s>", "</s>"]), TokenizerParts::default()).unwrap()
}

/// What each step prints, and what is left.
fn pieces(tokenizer: &Tokenizer, context: &[u32], ids: &[u32]) -> (Vec<Option<String>>, String) {
    let mut stream = tokenizer.decode_stream(context, true);
    let steps = ids.iter().map(|id| stream.step(*id).unwrap()).collect();
    (steps, stream.finish().unwrap())
}

#[test]
fn a_character_comes_when_it_is_whole() {
    let tokenizer = bytes();
    // Two merged tokens of two bytes; then four tokens of one byte.
    let ids = tokenizer.encode("hi😀🚀!", false).unwrap();
    assert_eq!(ids.len(), 1 + 2 + 3 + 1);
    let (steps, rest) = pieces(&tokenizer, &[], &ids);
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(steps, [text("hi"), None, text("😀"), None, None, text("🚀"), text("!")]);
    assert_eq!(rest, "");
}

#[test]
fn a_character_that_never_became_whole_comes_at_the_end() {
    let tokenizer = bytes();
    let ids = tokenizer.encode("a😀", false).unwrap();
    let (steps, rest) = pieces(&tokenizer, &[], &ids[..2]);
    assert_eq!(steps, [Some("a".to_owned()), None]);
    assert_eq!(rest, "\u{FFFD}");
}

#[test]
fn special_tokens_print_nothing_and_disturb_nothing() {
    let tokenizer = bytes();
    let ids = tokenizer.encode("<s>ab</s><s>é</s>", false).unwrap();
    let (steps, rest) = pieces(&tokenizer, &[], &ids);
    assert_eq!(steps.into_iter().flatten().collect::<String>() + &rest, "abé");
}

#[test]
fn only_what_follows_the_context_is_printed() {
    let tokenizer = bytes();
    let context = tokenizer.encode("a long context, longer than what is kept: aa", false).unwrap();
    let ids = tokenizer.encode("aa", false).unwrap();
    assert_eq!(tokenizer.decode_after(&context, &ids, true).unwrap(), "aa");
    assert_eq!(tokenizer.decode_after(&context, &[], true).unwrap(), "");
}

proptest! {
    #[test]
    fn the_pieces_are_the_whole(ids in prop::collection::vec(0_u32..261, 0..40), cut in 0_usize..40) {
        let tokenizer = bytes();
        let (steps, rest) = pieces(&tokenizer, &[], &ids);
        let joined = steps.into_iter().flatten().collect::<String>() + &rest;
        prop_assert_eq!(&joined, &tokenizer.decode(&ids, true).unwrap());
        // Text that ends in whole characters can be cut anywhere between two of them.
        let text: String = joined.chars().filter(|c| *c != REPLACEMENT).collect();
        let at = text.char_indices().nth(cut).map_or(text.len(), |(at, _)| at);
        let encode = |text: &str| tokenizer.encode(text, false).unwrap();
        let (before, after) = text.split_at(at);
        prop_assert_eq!(tokenizer.decode_after(&encode(before), &encode(after), true).unwrap(), after);
    }
}
