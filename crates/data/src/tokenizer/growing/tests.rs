use super::held_back;

#[test]
fn the_beginning_of_a_stop_text_is_held_back() {
    let stops = ["\n\nUser:".to_owned(), "é!".to_owned()];
    for (text, held) in
        [("hello", 0), ("hello\n", 1), ("hello\n\n", 2), ("a\n\nUse", 5), ("caf\u{e9}", 2)]
    {
        assert_eq!(held_back(text, &stops), held, "{text:?}");
    }
}
