//! Tokens of STAR text: bare words, quoted words, and text fields between lines that begin with `;`.

/// Whether a byte separates tokens.
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c)
}

/// Byte ranges of one value in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    /// First byte of the value, without quotes.
    pub start: usize,
    /// One past the last byte of the value.
    pub stop: usize,
    /// One past the last byte of the token, quotes included.
    pub end: usize,
}

/// Why no token could be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unclosed {
    /// A quoted value has no closing quote on its line.
    Quote,
    /// A `;` text field has no closing line.
    TextField,
}

/// Whether `position` is the first byte of a line.
pub(super) fn at_line_start(bytes: &[u8], position: usize) -> bool {
    position == 0 || bytes[position - 1] == b'\n'
}

/// End of the bare word that begins at `start`.
pub(super) fn word_end(bytes: &[u8], start: usize) -> usize {
    bytes[start..]
        .iter()
        .position(|&byte| is_space(byte))
        .map_or(bytes.len(), |length| start + length)
}

/// The value that begins at `start`; empty when a separator or the end of the text stands there.
pub(super) fn token_at(bytes: &[u8], start: usize) -> Result<Token, Unclosed> {
    match bytes.get(start) {
        Some(&quote @ (b'"' | b'\'')) => quoted_token(bytes, start, quote),
        Some(b';') if at_line_start(bytes, start) => text_field(bytes, start),
        Some(_) => {
            let end = word_end(bytes, start);
            Ok(Token {
                start,
                stop: end,
                end,
            })
        }
        None => Ok(Token {
            start,
            stop: start,
            end: start,
        }),
    }
}

/// A quote closes the value only when a separator (or the end) follows it.
fn quoted_token(bytes: &[u8], start: usize, quote: u8) -> Result<Token, Unclosed> {
    let mut position = start + 1;
    while let Some(&byte) = bytes.get(position) {
        if byte == b'\n' {
            break;
        }
        if byte == quote && bytes.get(position + 1).is_none_or(|&next| is_space(next)) {
            return Ok(Token {
                start: start + 1,
                stop: position,
                end: position + 1,
            });
        }
        position += 1;
    }
    Err(Unclosed::Quote)
}

/// Text from after the opening `;` to the line end before the line that begins with the closing `;`.
fn text_field(bytes: &[u8], start: usize) -> Result<Token, Unclosed> {
    let mut position = start + 1;
    loop {
        let newline = bytes[position..]
            .iter()
            .position(|&byte| byte == b'\n')
            .ok_or(Unclosed::TextField)?
            + position;
        if bytes.get(newline + 1) == Some(&b';') {
            let stop = if newline > start + 1 && bytes[newline - 1] == b'\r' {
                newline - 1
            } else {
                newline
            };
            return Ok(Token {
                start: start + 1,
                stop,
                end: newline + 2,
            });
        }
        position = newline + 1;
    }
}

/// Whether a bare word would be read as structure instead of a value.
pub(super) fn is_structure(word: &[u8]) -> bool {
    let starts = |prefix: &[u8]| {
        word.len() >= prefix.len() && word[..prefix.len()].eq_ignore_ascii_case(prefix)
    };
    word.first() == Some(&b'_')
        || starts(b"data_")
        || starts(b"save_")
        || word.eq_ignore_ascii_case(b"loop_")
        || word.eq_ignore_ascii_case(b"global_")
        || word.eq_ignore_ascii_case(b"stop_")
}

/// Value as STAR text: bare when that is safe, else quoted, else a `;` text field.
/// `None` when STAR cannot hold it (a line of the value itself begins with `;`).
pub(super) fn encode(value: &str) -> Option<String> {
    let bytes = value.as_bytes();
    let bare = !bytes.is_empty()
        && !bytes.iter().any(|&byte| is_space(byte))
        && !matches!(bytes[0], b'"' | b'\'' | b'#' | b';' | b'$')
        && !is_structure(bytes);
    if bare {
        return Some(value.to_owned());
    }
    let one_line = !bytes.contains(&b'\n');
    for quote in ['"', '\''] {
        let candidate = format!("{quote}{value}{quote}");
        let whole = quoted_token(candidate.as_bytes(), 0, quote as u8)
            .is_ok_and(|token| token.end == candidate.len());
        if one_line && whole {
            return Some(candidate);
        }
    }
    let field = format!("\n;{value}\n;\n");
    let kept =
        text_field(field.as_bytes(), 1).is_ok_and(|token| &field[token.start..token.stop] == value);
    (kept && !value.contains("\n;")).then_some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_values_read_back() {
        for value in [
            "plain",
            "",
            " ",
            "two words",
            "it's",
            "\"in\" 'both' kinds ' \" x",
            "_label",
            "data_x",
            "a\nb",
            "#c",
            "[1,2]",
        ] {
            let text = encode(value).unwrap();
            let start = usize::from(text.starts_with('\n'));
            let token = token_at(text.as_bytes(), start).unwrap();
            assert_eq!(&text[token.start..token.stop], value, "{text:?}");
        }
        assert_eq!(encode("a\n;b"), None);
    }
}
