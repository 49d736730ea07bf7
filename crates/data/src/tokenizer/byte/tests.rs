use super::*;

#[test]
fn every_byte_is_its_own_token() {
    let tokenizer = Tokenizer::bytes().unwrap();
    assert_eq!(tokenizer.vocab_size(), 258);
    assert_eq!((tokenizer.bos(), tokenizer.eos()), (Some(256), Some(257)));
    for text in ["", "plain", "two  spaces\n\ttab", "né 漢字 🦀", "\u{0}\u{7f}\u{a0}\u{ad}"] {
        let ids = tokenizer.encode(text, true).unwrap();
        let bytes: Vec<u32> = text.bytes().map(u32::from).collect();
        assert_eq!(ids, bytes, "{text:?}");
        assert_eq!(tokenizer.decode(&ids, true).unwrap(), text);
    }
    assert_eq!(tokenizer.encode("a</s>", true).unwrap(), [97, 257]);
}

#[test]
fn it_is_the_same_after_a_way_over_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    Tokenizer::bytes().unwrap().save(folder.path()).unwrap();
    let read = Tokenizer::from_dir(folder.path()).unwrap();
    assert_eq!((read.vocab_size(), read.bos(), read.eos()), (258, Some(256), Some(257)));
    assert_eq!(read.encode("é", true).unwrap(), [0xC3, 0xA9]);
}
