//! Writer of mdoc text.

use super::{Item, LineEnd, Mdoc};

/// Text of an mdoc; keys, order, separators, blank lines and line ends as held in `mdoc`.
pub fn write(mdoc: &Mdoc) -> String {
    let mut lines = Vec::new();
    for item in &mdoc.header {
        push(&mut lines, item);
    }
    for section in &mdoc.sections {
        lines.push(format!("[{} = {}]", section.kind.name(), section.value));
        for item in &section.items {
            push(&mut lines, item);
        }
    }
    let end = match mdoc.line_end {
        LineEnd::Unix => "\n",
        LineEnd::Windows => "\r\n",
    };
    let mut text = String::new();
    let count = lines.len();
    for (index, line) in lines.iter().enumerate() {
        text.push_str(&line.replace('\n', end));
        if index + 1 < count || !mdoc.open_end {
            text.push_str(end);
        }
    }
    text
}

fn push(lines: &mut Vec<String>, item: &Item) {
    lines.push(match item {
        Item::Entry {
            key,
            separator,
            value,
        } => format!("{key}{separator}{value}"),
        Item::Title {
            text,
            bracketed: true,
        } => format!("[T ={text}]"),
        Item::Title {
            text,
            bracketed: false,
        } => format!("T ={text}"),
        Item::Text(text) => text.clone(),
        Item::Blank => String::new(),
    });
}
