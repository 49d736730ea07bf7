//! Words and white space as the reference implementations see them, which is as Python does.

/// True for what Python's `str.split` and `str.strip` take for white space: Unicode white space and
/// the four information separators U+001C to U+001F, which Unicode leaves out.
#[must_use]
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// The words of `text`, cut at white space as Python's `str.split()` does.
pub fn words(text: &str) -> impl DoubleEndedIterator<Item = &str> + Clone {
    text.split(is_space).filter(|word| !word.is_empty())
}
