//! Parser of mdoc text.

use super::section::{Section, SectionKind};
use super::{Item, LineEnd, Mdoc};
use crate::error::FormatError;
use crate::text;

/// Longest text accepted, bytes; real files have at most a few megabytes.
const SIZE_LIMIT: usize = 64 << 20;

/// Parses mdoc text; `name` appears in messages.
///
/// Lines that fit nothing are kept as [`Item::Text`]; an error arises only when the text holds no line of an
/// mdoc at all.
pub fn parse(text: &str, name: &str) -> Result<Mdoc, FormatError> {
    text::check_size(text, name, SIZE_LIMIT)?;
    // White space after the last line end is no line.
    let text = text.trim_end_matches(|c: char| c != '\n' && c.is_whitespace());
    let mut mdoc = Mdoc {
        name: name.to_owned(),
        line_end: if text.contains("\r\n") {
            LineEnd::Windows
        } else {
            LineEnd::Unix
        },
        open_end: !text.is_empty() && !text.ends_with('\n'),
        ..Mdoc::default()
    };
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let trimmed = line.trim();
        if let Some(mut section) = section_header(trimmed, name) {
            section.line = index + 1;
            mdoc.sections.push(section);
            continue;
        }
        let item = match title_start(line.trim_start()) {
            Some((start, true)) => {
                let mut title = start.to_owned();
                // A title without its bracket goes on in the next lines, unless those look like something else.
                while !title.trim_end().ends_with(']') {
                    let Some((_, next)) = lines.next_if(|(_, next)| continues_title(next)) else {
                        break;
                    };
                    title.push('\n');
                    title.push_str(next.trim_end());
                }
                let closed = title.trim_end();
                Item::Title {
                    text: closed.strip_suffix(']').unwrap_or(closed).to_owned(),
                    bracketed: true,
                }
            }
            Some((start, false)) => Item::Title {
                text: start.to_owned(),
                bracketed: false,
            },
            None => plain_line(line),
        };
        match mdoc.sections.last_mut() {
            Some(section) => section.items.push(item),
            None => mdoc.header.push(item),
        }
    }
    let recognised = !mdoc.sections.is_empty()
        || mdoc
            .header
            .iter()
            .any(|item| matches!(item, Item::Entry { .. } | Item::Title { .. }));
    if recognised || text.trim().is_empty() {
        return Ok(mdoc);
    }
    Err(FormatError::whole(
        name,
        "mdoc lines 'Key = value' or sections '[ZValue = n]'",
        "neither",
    )
    .with_hint("is this the .mdoc that the acquisition program wrote?"))
}

/// `[ZValue = 3]` and the like; any bracketed `word = value` other than a title is a section.
fn section_header(line: &str, file: &str) -> Option<Section> {
    let inner = line.strip_prefix('[')?.strip_suffix(']')?;
    let (kind, value) = inner.split_once('=')?;
    let kind = kind.trim();
    let is_word = !kind.is_empty() && kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_word && kind != "T").then(|| Section::parsed(SectionKind::named(kind), value.trim(), file))
}

/// Text after `T =` and whether a bracket opened it.
fn title_start(line: &str) -> Option<(&str, bool)> {
    let (rest, bracketed) = match line.strip_prefix('[') {
        Some(rest) => (rest.trim_start(), true),
        None => (line, false),
    };
    let after = rest.strip_prefix('T')?.trim_start().strip_prefix('=')?;
    Some((after, bracketed))
}

fn continues_title(line: &str) -> bool {
    let trimmed = line.trim();
    !trimmed.is_empty() && !trimmed.starts_with('[')
}

fn plain_line(line: &str) -> Item {
    let trimmed = line.trim();
    if trimmed.is_empty() {
        return Item::Blank;
    }
    if trimmed.starts_with('#') {
        return Item::Text(line.trim_end().to_owned());
    }
    let Some((left, right)) = trimmed.split_once('=') else {
        return Item::Text(line.trim_end().to_owned());
    };
    let key = left.trim_end();
    let value = right.trim_start();
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Item::Text(line.trim_end().to_owned());
    }
    let separator = trimmed[key.len()..trimmed.len() - value.len()].to_owned();
    Item::Entry {
        key: key.to_owned(),
        separator,
        value: value.to_owned(),
    }
}
