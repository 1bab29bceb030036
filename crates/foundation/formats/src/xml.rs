//! XML documents of the field as plain trees, kept whole, so that nothing is lost between reading and writing.
//!
//! Comments before the root are kept, white space between elements is not. Depth, size and document type
//! definitions are limited: these files are shallow, and the tree costs several times the text.

use crate::error::{FormatError, quoted};
use crate::text;
use std::path::Path;

/// Deepest nesting accepted.
const DEPTH_LIMIT: usize = 64;
/// Most attributes of one element: the parser compares each with all others.
const ATTRIBUTE_LIMIT: usize = 4096;
/// Longest text accepted, bytes.
const SIZE_LIMIT: usize = 64 << 20;

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Comments before the root.
    pub comments: Vec<String>,
    /// Root element.
    pub root: Element,
}

/// An element.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    /// Name of the tag.
    pub name: String,
    /// Attributes in file order.
    pub attributes: Vec<(String, String)>,
    /// Text directly inside, without surrounding white space.
    pub text: String,
    /// Elements inside, in file order.
    pub children: Vec<Element>,
    /// 1-based line in the file read; 0 when new.
    pub line: u32,
}

/// Parses a document; `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<Document, FormatError> {
    text::check_size(text, name, SIZE_LIMIT)?;
    if let Some(at) = crowded_tag(text) {
        let line = 1 + text[..at].matches('\n').count();
        let expected = format!("at most {ATTRIBUTE_LIMIT} attributes of one element");
        return Err(FormatError::at(name, line, expected, "more"));
    }
    let parsed = roxmltree::Document::parse(text).map_err(|error| {
        FormatError::at(
            name,
            error.pos().row as usize,
            "well-formed XML",
            error.to_string(),
        )
    })?;
    let lines = LineStarts::new(text);
    let comments = parsed.root().children().filter(roxmltree::Node::is_comment);
    Ok(Document {
        comments: comments
            .filter_map(|node| node.text())
            .map(str::to_owned)
            .collect(),
        root: element(
            parsed.root_element(),
            &Place {
                name,
                lines: &lines,
            },
            0,
        )?,
    })
}

/// Byte position of the first tag with more than [`ATTRIBUTE_LIMIT`] equals signs outside quotation marks.
fn crowded_tag(text: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(start) = text[at..].find('<').map(|offset| at + offset) {
        let rest = &text[start..];
        let opaque = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")];
        if let Some((open, close)) = opaque.into_iter().find(|(open, _)| rest.starts_with(open)) {
            let end = rest[open.len()..].find(close)?;
            at = start + open.len() + end + close.len();
            continue;
        }
        let (mut quote, mut attributes) = (None, 0);
        let end = rest.bytes().position(|byte| {
            match (quote, byte) {
                (None, b'"' | b'\'') => quote = Some(byte),
                (Some(open), _) if open == byte => quote = None,
                (None, b'=') => attributes += 1,
                _ => {}
            }
            (quote.is_none() && byte == b'>') || attributes > ATTRIBUTE_LIMIT
        })?;
        if attributes > ATTRIBUTE_LIMIT {
            return Some(start);
        }
        at = start + end + 1;
    }
    None
}

struct Place<'a> {
    name: &'a str,
    lines: &'a LineStarts,
}

struct LineStarts(Vec<usize>);

impl LineStarts {
    fn new(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(index, _)| index).collect())
    }

    fn line(&self, position: usize) -> u32 {
        self.0.partition_point(|&newline| newline < position) as u32 + 1
    }
}

fn element(
    node: roxmltree::Node<'_, '_>,
    place: &Place<'_>,
    depth: usize,
) -> Result<Element, FormatError> {
    let line = place.lines.line(node.range().start);
    if depth >= DEPTH_LIMIT {
        let expected = format!("elements nested at most {DEPTH_LIMIT} deep");
        return Err(FormatError::at(place.name, line as usize, expected, "more"));
    }
    let text: String = node
        .children()
        .filter(roxmltree::Node::is_text)
        .filter_map(|child| child.text())
        .collect();
    let children = node.children().filter(roxmltree::Node::is_element);
    Ok(Element {
        name: node.tag_name().name().to_owned(),
        attributes: node
            .attributes()
            .map(|attribute| (attribute.name().to_owned(), attribute.value().to_owned()))
            .collect(),
        text: text.trim().to_owned(),
        children: children
            .map(|child| element(child, place, depth + 1))
            .collect::<Result<_, _>>()?,
        line,
    })
}

/// Reads a document.
pub fn read(path: &Path) -> Result<Document, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// Text of a document.
pub fn write(document: &Document) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    for comment in &document.comments {
        for piece in ["<!--", comment, "-->\n"] {
            out.push_str(piece);
        }
    }
    write_element(&document.root, 0, &mut out);
    out
}

fn write_element(element: &Element, depth: usize, out: &mut String) {
    let indent = "\t".repeat(depth);
    for piece in [&indent, "<", &element.name] {
        out.push_str(piece);
    }
    for (name, value) in &element.attributes {
        for piece in [" ", name, "=\"", &escape(value, true), "\""] {
            out.push_str(piece);
        }
    }
    if element.text.is_empty() && element.children.is_empty() {
        out.push_str(" />\n");
        return;
    }
    out.push('>');
    out.push_str(&escape(&element.text, false));
    if !element.children.is_empty() {
        out.push('\n');
        for child in &element.children {
            write_element(child, depth + 1, out);
        }
        out.push_str(&indent);
    }
    for piece in ["</", &element.name, ">\n"] {
        out.push_str(piece);
    }
}

/// Characters XML reserves, and line breaks in attributes (a parser would turn those into blanks).
fn escape(text: &str, in_attribute: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if in_attribute => out.push_str("&quot;"),
            '\n' if in_attribute => out.push_str("&#10;"),
            '\t' if in_attribute => out.push_str("&#9;"),
            '\r' => out.push_str("&#13;"),
            other => out.push(other),
        }
    }
    out
}

impl Element {
    /// New element with attributes.
    pub fn new<K: Into<String>, V: Into<String>>(
        name: &str,
        attributes: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let attributes = attributes
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        Self {
            name: name.to_owned(),
            attributes,
            ..Self::default()
        }
    }

    /// Value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    /// Changes an attribute, or adds it.
    pub fn set_attribute(&mut self, name: &str, new: impl Into<String>) {
        match self.attributes.iter_mut().find(|(own, _)| own == name) {
            Some((_, value)) => *value = new.into(),
            None => self.attributes.push((name.to_owned(), new.into())),
        }
    }

    /// First element of this name inside.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Elements of this name inside.
    pub fn children_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Attribute as a number: `None` when absent, an error when it is none.
    pub fn number(&self, name: &str, file: &str) -> Result<Option<f64>, FormatError> {
        self.attribute(name)
            .map(|value| self.parse_number(value, name, file))
            .transpose()
    }

    /// Attribute as a number that must be there.
    pub fn required_number(&self, name: &str, file: &str) -> Result<f64, FormatError> {
        self.number(name, file)?
            .ok_or_else(|| self.missing(name, file))
    }

    /// `text` as a number, for the attribute or element called `what`.
    pub fn parse_number(&self, text: &str, what: &str, file: &str) -> Result<f64, FormatError> {
        text::parse_f64(text.trim()).ok_or_else(|| {
            FormatError::at(
                file,
                self.line as usize,
                format!("a number for {what} of <{}>", self.name),
                quoted(text),
            )
        })
    }

    /// The error that an attribute or element is absent.
    pub fn missing(&self, what: &str, file: &str) -> FormatError {
        FormatError::at(
            file,
            self.line as usize,
            format!("{what} in <{}>", self.name),
            "none",
        )
    }
}

#[cfg(test)]
mod tests;
