//! Settings files of eTomo: `.edf` (Java properties, `key=value`) and `.adoc` (batch directives and autodocs,
//! `key = value` under `[Section = name]`). Lines and order are kept.

use crate::error::{FormatError, quoted};
use crate::text;
use std::path::Path;

/// A settings file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// Lines in file order.
    pub lines: Vec<SettingLine>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub enum SettingLine {
    /// `key=value`.
    Pair {
        /// Key as in the file.
        key: String,
        /// Text between key and value, with the equals sign.
        separator: String,
        /// Value as in the file; see [`Settings::get`] for escapes.
        value: String,
    },
    /// `[kind = name]`.
    Section {
        /// Word before the equals sign.
        kind: String,
        /// Text after it.
        name: String,
    },
    /// Comment, blank line or anything else.
    Other(String),
}

/// Longest text accepted, bytes; real files have at most a few megabytes.
const SIZE_LIMIT: usize = 16 << 20;

/// Parses settings; `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<Settings, FormatError> {
    text::check_size(text, name, SIZE_LIMIT)?;
    let mut settings = Settings::default();
    for line in text.lines() {
        settings.lines.push(setting_line(line));
    }
    let understood = settings
        .lines
        .iter()
        .any(|line| !matches!(line, SettingLine::Other(_)));
    if understood
        || text
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    {
        return Ok(settings);
    }
    let first = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    Err(FormatError::whole(name, "lines 'key=value'", quoted(first)))
}

fn setting_line(line: &str) -> SettingLine {
    let trimmed = line.trim();
    let section = trimmed
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .and_then(|inner| inner.split_once('='));
    if let Some((kind, name)) = section {
        return SettingLine::Section {
            kind: kind.trim().to_owned(),
            name: name.trim().to_owned(),
        };
    }
    if trimmed.starts_with(['#', '!']) {
        return SettingLine::Other(line.trim_end().to_owned());
    }
    match trimmed.split_once('=') {
        Some((left, right)) if !left.trim().is_empty() => {
            let (key, value) = (left.trim_end(), right.trim_start());
            let separator = trimmed[key.len()..trimmed.len() - value.len()].to_owned();
            SettingLine::Pair {
                key: key.to_owned(),
                separator,
                value: value.to_owned(),
            }
        }
        _ => SettingLine::Other(line.trim_end().to_owned()),
    }
}

/// Reads a settings file.
pub fn read(path: &Path) -> Result<Settings, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// Text of settings.
pub fn write(settings: &Settings) -> String {
    let mut out = String::new();
    for line in &settings.lines {
        match line {
            SettingLine::Pair {
                key,
                separator,
                value,
            } => {
                for piece in [key, separator, value] {
                    out.push_str(piece);
                }
            }
            SettingLine::Section { kind, name } => {
                for piece in ["[", kind, " = ", name, "]"] {
                    out.push_str(piece);
                }
            }
            SettingLine::Other(text) => out.push_str(text),
        }
        out.push('\n');
    }
    out
}

impl Settings {
    /// Keys and values as in the file.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().filter_map(|line| match line {
            SettingLine::Pair { key, value, .. } => Some((key.as_str(), value.as_str())),
            _ => None,
        })
    }

    /// Value of a key with the backslash escapes of Java properties undone (`\:`, `\\`, `\=`).
    pub fn get(&self, key: &str) -> Option<String> {
        let (_, value) = self.entries().find(|(own, _)| *own == key)?;
        let mut plain = String::with_capacity(value.len());
        let mut characters = value.chars();
        while let Some(character) = characters.next() {
            let next = if character == '\\' {
                characters.next().unwrap_or('\\')
            } else {
                character
            };
            plain.push(next);
        }
        Some(plain)
    }

    /// Changes the value of a key, or adds it at the end.
    pub fn set(&mut self, key: &str, new: &str) {
        for line in &mut self.lines {
            if let SettingLine::Pair {
                key: own, value, ..
            } = line
                && own == key
            {
                new.clone_into(value);
                return;
            }
        }
        self.lines.push(SettingLine::Pair {
            key: key.to_owned(),
            separator: "=".to_owned(),
            value: new.to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_properties_and_directives() {
        let text = "#Mon Mar 15\nSetup.DataSource=CCD\nSetup.Path=C\\:\\\\data\nSetup.Empty=\n\n[Section = A]\nsetupset.copyarg.pixel = 1.2\n";
        let mut settings = parse(text, "a.edf").unwrap();
        assert_eq!(write(&settings), text);
        assert_eq!(settings.get("Setup.Path").as_deref(), Some("C:\\data"));
        assert_eq!(
            settings.get("setupset.copyarg.pixel").as_deref(),
            Some("1.2")
        );
        assert_eq!(settings.get("Setup.Empty").as_deref(), Some(""));
        settings.set("Setup.DataSource", "Film");
        settings.set("New", "1");
        assert!(write(&settings).ends_with("New=1\n"));
        assert_eq!(settings.get("Setup.DataSource").as_deref(), Some("Film"));
        assert!(parse("just words\n", "x").is_err());
    }
}
