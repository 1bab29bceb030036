//! Text of a file in memory: decoding, numbered lines, numbers with good errors, and writing a file.

use crate::error::{FormatError, quoted};
use std::path::Path;

/// Text of a file: UTF-8, or UTF-16 when a byte-order mark says so (the mark is dropped); bytes that are
/// neither are taken as Latin-1, which never fails (old microscope computers write `µ` in Windows code pages).
/// Where carriage returns are the only line ends (old Macintosh programs) they become line feeds: readers would
/// see one line, and a comment in it would hide all that follows.
pub fn decode(bytes: Vec<u8>) -> String {
    let text = characters(bytes);
    if text.contains('\r') && !text.contains('\n') {
        return text.replace('\r', "\n");
    }
    text
}

fn characters(bytes: Vec<u8>) -> String {
    let wide = match bytes.first_chunk() {
        Some([0xff, 0xfe]) => Some(u16::from_le_bytes as fn([u8; 2]) -> u16),
        Some([0xfe, 0xff]) => Some(u16::from_be_bytes as fn([u8; 2]) -> u16),
        _ => None,
    };
    if let Some(unit) = wide {
        let units = bytes[2..].as_chunks::<2>().0.iter().map(|&pair| unit(pair));
        return char::decode_utf16(units)
            .map(|character| character.unwrap_or('\u{fffd}'))
            .collect();
    }
    let mut text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => error
            .into_bytes()
            .iter()
            .map(|&byte| char::from(byte))
            .collect(),
    };
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    text
}

/// Whole file as text, see [`decode`].
pub fn read_text(path: &Path) -> Result<String, FormatError> {
    Ok(decode(read_bytes(path)?))
}

/// Whole file as bytes.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, FormatError> {
    std::fs::read(path).map_err(|error| FormatError::reading(path, error))
}

/// Refuses a text longer than `limit` bytes: formats of small files whose lines cost more than their text.
pub fn check_size(text: &str, name: &str, limit: usize) -> Result<(), FormatError> {
    if text.len() <= limit {
        return Ok(());
    }
    Err(FormatError::whole(
        name,
        format!("a file of at most {limit} bytes"),
        format!("{} bytes", text.len()),
    ))
}

/// Name under which a path appears in messages.
pub fn display_name(path: &Path) -> String {
    path.display().to_string()
}

/// Writes `bytes` as the whole content of `path`.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), FormatError> {
    std::fs::write(path, bytes).map_err(|error| FormatError::writing(&display_name(path), error))
}

/// One line of a text with its place, for messages.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Name of the file.
    pub file: &'a str,
    /// 1-based line number.
    pub number: usize,
    /// Content without line ending and without surrounding white space.
    pub text: &'a str,
}

impl<'a> Line<'a> {
    /// Content error at this line.
    pub fn error(&self, expected: impl Into<String>, found: &str) -> FormatError {
        FormatError::at(self.file, self.number, expected, quoted(found))
    }

    /// Tokens separated by white space.
    pub fn words(&self) -> impl Iterator<Item = &'a str> {
        self.text.split_whitespace()
    }

    /// `token` as a floating-point number; `what` names it in the message.
    pub fn f64(&self, token: &str, what: &str) -> Result<f64, FormatError> {
        parse_f64(token).ok_or_else(|| self.error(format!("{what} (a number)"), token))
    }

    /// `token` as an integer; `12.0` is accepted, `12.5` is not.
    pub fn i64(&self, token: &str, what: &str) -> Result<i64, FormatError> {
        parse_i64(token).ok_or_else(|| self.error(format!("{what} (a whole number)"), token))
    }

    /// `token` as a non-negative integer.
    pub fn usize(&self, token: &str, what: &str) -> Result<usize, FormatError> {
        parse_i64(token)
            .and_then(|value| usize::try_from(value).ok())
            .ok_or_else(|| self.error(format!("{what} (a whole number, 0 or more)"), token))
    }

    /// All white-space or comma separated tokens of the line as numbers.
    pub fn numbers(&self, what: &str) -> Result<Vec<f64>, FormatError> {
        number_tokens(self.text)
            .map(|token| self.f64(token, what))
            .collect()
    }
}

/// Tokens of a numeric line: separated by white space and/or commas.
pub fn number_tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || c == ',')
        .filter(|token| !token.is_empty())
}

/// Lines of a text, trimmed and numbered from 1; blank lines are included.
pub fn lines<'a>(text: &'a str, file: &'a str) -> impl Iterator<Item = Line<'a>> {
    text.lines().enumerate().map(move |(index, line)| Line {
        file,
        number: index + 1,
        text: line.trim(),
    })
}

/// Lines with content, trimmed and numbered from 1.
pub fn content_lines<'a>(text: &'a str, file: &'a str) -> impl Iterator<Item = Line<'a>> {
    lines(text, file).filter(|line| !line.text.is_empty())
}

/// Number as written by C, Fortran (`1.5D+03`) and MATLAB programs.
pub fn parse_f64(token: &str) -> Option<f64> {
    if let Ok(value) = token.parse() {
        return Some(value);
    }
    if token.len() <= 64 && token.contains(['d', 'D']) {
        return token.replace(['d', 'D'], "e").parse().ok();
    }
    None
}

/// Whole number; also one written with a zero fraction (`64.000000`).
pub fn parse_i64(token: &str) -> Option<i64> {
    if let Ok(value) = token.parse() {
        return Some(value);
    }
    let value: f64 = token.parse().ok()?;
    (value.fract() == 0.0 && value.abs() < 9.007_199_254_740_992e15).then_some(value as i64)
}

/// Number with `decimals` digits after the point when that loses nothing, otherwise with as many as needed
/// to read back the same `f64`.
pub fn exact_number(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "nan".to_owned()
        } else if value > 0.0 {
            "inf".to_owned()
        } else {
            "-inf".to_owned()
        };
    }
    let magnitude = value.abs();
    if value != 0.0 && !(1e-9..1e15).contains(&magnitude) {
        return format!("{value:e}");
    }
    let fixed = format!("{value:.decimals$}");
    if fixed.parse::<f64>().is_ok_and(|back| back == value) {
        fixed
    } else {
        format!("{value}")
    }
}

/// Appends `number` right-aligned in a column of `width`, always with at least one blank before it.
pub fn push_aligned(out: &mut String, number: &str, width: usize) {
    for _ in number.len()..width.max(number.len() + 1) {
        out.push(' ');
    }
    out.push_str(number);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_carriage_returns_end_lines() {
        assert_eq!(decode(b"a # b\r1 2\r".to_vec()), "a # b\n1 2\n");
        assert_eq!(decode(b"\xff\xfea\0\r\0".to_vec()), "a\n");
        assert_eq!(decode(b"a\r\nb\rc\n".to_vec()), "a\r\nb\rc\n");
    }

    #[test]
    fn numbers_keep_every_digit() {
        assert_eq!(exact_number(1.5, 6), "1.500000");
        assert_eq!(exact_number(0.1 + 0.2, 6), "0.30000000000000004");
        for value in [
            1e-300,
            -2.5e17,
            f64::MIN_POSITIVE,
            f64::MAX,
            1.0 / 3.0,
            -0.0,
            123456789.125,
        ] {
            assert_eq!(exact_number(value, 3).parse::<f64>().unwrap(), value);
        }
        assert!(exact_number(f64::MAX, 3).len() < 30);
    }

    #[test]
    fn foreign_number_spellings() {
        assert_eq!(parse_f64("1.5D+03"), Some(1500.0));
        assert_eq!(parse_f64("abc"), None);
        assert_eq!(parse_i64("64.000000"), Some(64));
        assert_eq!(parse_i64("64.5"), None);
        assert_eq!(parse_i64("1e30"), None);
    }

    #[test]
    fn bytes_that_are_not_utf8_become_latin1() {
        assert_eq!(decode(vec![b'5', 0xb5, b'm']), "5µm");
        assert_eq!(decode(vec![0xef, 0xbb, 0xbf, b'a']), "a");
        assert_eq!(decode(vec![0xff, 0xfe, b'a', 0, 0xb5, 0]), "aµ");
        assert_eq!(decode(vec![0xfe, 0xff, 0, b'a', 0]), "a");
    }
}
