//! Rust text with its comments and literals blanked, so that a rule looks at code alone.

#[cfg(test)]
mod tests;

/// Replaces every comment, string and character literal by spaces; line breaks stay.
///
/// Knows nested block comments, escapes, raw and byte strings, and tells a character literal from
/// a lifetime. Text that does not end a literal is blanked to its end.
pub(super) fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let rest = chars.get(at..).unwrap_or_default();
        let in_word = at > 0 && chars.get(at - 1).is_some_and(|&c| is_word(c));
        let length = blank_length(rest, in_word);
        if length == 0 {
            out.extend(rest.first());
            at += 1;
        } else {
            out.extend(rest.iter().take(length).map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at += length;
        }
    }
    out
}

/// How many characters at the start of `rest` are a comment or a literal; 0 when it is code.
fn blank_length(rest: &[char], in_word: bool) -> usize {
    match rest {
        ['/', '/', ..] => rest.iter().position(|&c| c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => 1 + quoted(rest.get(1..).unwrap_or_default(), '"'),
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => {
            1 + quoted(rest.get(1..).unwrap_or_default(), '\'')
        }
        ['r', ..] if !in_word => raw_string(rest, 1),
        ['b' | 'c', 'r', ..] if !in_word => raw_string(rest, 2),
        _ => 0,
    }
}

/// Whether a character can be part of a name.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match rest.get(at..) {
            Some(['/', '*', ..]) => (depth, at) = (depth + 1, at + 2),
            Some(['*', '/', ..]) => (depth, at) = (depth.saturating_sub(1), at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

/// The length of a literal after its opening quote, the closing one included.
fn quoted(body: &[char], quote: char) -> usize {
    let mut at = 0;
    while let Some(&c) = body.get(at) {
        at += if c == '\\' { 2 } else { 1 };
        if c == quote {
            break;
        }
    }
    at.min(body.len())
}

/// The length of `r"…"`, `r#"…"#` and so on; 0 when the letters begin a name or a raw identifier.
fn raw_string(rest: &[char], prefix: usize) -> usize {
    let after = rest.get(prefix..).unwrap_or_default();
    let n_hashes = after.iter().take_while(|&&c| c == '#').count();
    if after.get(n_hashes) != Some(&'"') {
        return 0;
    }
    let body = after.get(n_hashes + 1..).unwrap_or_default();
    let closes = |at: usize| {
        let tail = body.get(at + 1..at + 1 + n_hashes);
        body.get(at) == Some(&'"') && tail.is_some_and(|tail| tail.iter().all(|&c| c == '#'))
    };
    let end = (0..body.len()).find(|&at| closes(at)).map_or(body.len(), |at| at + 1 + n_hashes);
    prefix + n_hashes + 1 + end
}
