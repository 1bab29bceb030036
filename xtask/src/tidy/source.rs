//! Rust source with comments and the insides of literals blanked, line for line and byte for byte.
//!
//! Enough of the lexical grammar for the rules: line and nested block comments, plain, byte and raw
//! strings, character literals against lifetimes.

/// Returns `text` with comments and literal contents replaced by spaces; newlines stay.
pub(super) fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (end, keep) = if rest.starts_with(b"//") {
            (
                at + rest
                    .iter()
                    .position(|byte| *byte == b'\n')
                    .unwrap_or(rest.len()),
                0,
            )
        } else if rest.starts_with(b"/*") {
            (at + block_comment(rest), 0)
        } else if let Some(length) = raw_string(rest, at, bytes) {
            (at + length, 1)
        } else if rest[0] == b'"' {
            (at + quoted(rest, b'"'), 1)
        } else if rest[0] == b'\'' {
            (at + character(rest), 1)
        } else {
            at += 1;
            continue;
        };
        for byte in code
            .iter_mut()
            .take(end.saturating_sub(keep))
            .skip(at + keep)
        {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8_lossy(&code).into_owned()
}

fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn raw_string(rest: &[u8], at: usize, bytes: &[u8]) -> Option<usize> {
    let inside_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    if rest[0] != b'r' || (inside_word && bytes[at - 1] != b'b') {
        return None;
    }
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let mut closing = vec![b'"'];
    closing.resize(1 + hashes, b'#');
    let body = &rest[2 + hashes..];
    let end = body
        .windows(closing.len())
        .position(|window| window == closing)?;
    Some(2 + hashes + end + closing.len())
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of a character literal, or 1 when the quote opens a lifetime.
fn character(rest: &[u8]) -> usize {
    let first = std::str::from_utf8(&rest[1..rest.len().min(5)])
        .or_else(|error| std::str::from_utf8(&rest[1..=error.valid_up_to()]))
        .ok()
        .and_then(|text| text.chars().next());
    match first {
        Some('\\') => quoted(rest, b'\''),
        Some(first) if rest.get(1 + first.len_utf8()) == Some(&b'\'') => 2 + first.len_utf8(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::code_only;

    #[test]
    fn comments_and_literals_are_blanked_in_place() {
        let text = "let a = \"x{\"; // {\nlet b = r#\"} \" \"#; /* { /* { */ */ let c = '{'; let d: &'a str = b'\\'';\n";
        let code = code_only(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(code.lines().count(), 2);
        assert!(!code.contains('{') && !code.contains('}'), "{code}");
        assert!(code.contains("let c") && code.contains("&'a str"), "{code}");
    }

    #[test]
    fn unfinished_literals_end_with_the_file() {
        for text in ["\"abc", "/* abc", "r#\"abc", "'", "'\\", "b'"] {
            assert_eq!(code_only(text).len(), text.len());
        }
    }

    #[test]
    fn code_is_untouched() {
        let text = "fn main() { let r = 1; for_each('a', 'é'); }";
        assert_eq!(
            code_only(text).replace(' ', ""),
            "fnmain(){letr=1;for_each('','');}"
        );
    }
}
