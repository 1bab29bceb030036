//! Tables of text with a header line: CSV of AreTomo metrics, PEET motive lists, picks of other programs.
//!
//! The separator (comma, tab, semicolon, bar) is taken from the header. Values in double quotes may hold the
//! separator; line breaks inside values are not supported.

use crate::error::{FormatError, quoted};
use crate::text::{self, parse_f64};
use std::path::Path;

/// A table of text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextTable {
    /// Name of the file, for messages.
    pub name: String,
    /// Column names.
    pub columns: Vec<String>,
    /// Values, row after row, without quotes and surrounding blanks.
    pub values: Vec<String>,
    /// Separator of the file.
    pub separator: Separator,
}

/// What separates values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Separator {
    /// `,`
    #[default]
    Comma,
    /// Tab.
    Tab,
    /// `;`
    Semicolon,
    /// `|`
    Bar,
}

impl Separator {
    const ALL: [Self; 4] = [Self::Tab, Self::Bar, Self::Semicolon, Self::Comma];

    fn character(self) -> char {
        match self {
            Self::Comma => ',',
            Self::Tab => '\t',
            Self::Semicolon => ';',
            Self::Bar => '|',
        }
    }
}

/// Parses a table; `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<TextTable, FormatError> {
    let mut lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let Some((_, header)) = lines.next() else {
        return Err(FormatError::whole(name, "a header line", "no text"));
    };
    let separator = Separator::ALL
        .into_iter()
        .find(|separator| header.contains(separator.character()))
        .unwrap_or_default();
    let columns = split(header, separator);
    if columns.iter().all(String::is_empty) {
        return Err(FormatError::whole(
            name,
            "a header line with names",
            quoted(header),
        ));
    }
    let mut table = TextTable {
        name: name.to_owned(),
        columns,
        values: Vec::new(),
        separator,
    };
    for (index, line) in lines {
        let row = split(line, separator);
        if row.len() != table.columns.len() {
            let expected = format!("{} values as in the header", table.columns.len());
            return Err(FormatError::at(
                name,
                index + 1,
                expected,
                row.len().to_string(),
            ));
        }
        table.values.extend(row);
    }
    Ok(table)
}

fn split(line: &str, separator: Separator) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut in_quotes = false;
    let mut characters = line.trim_end_matches('\r').chars().peekable();
    while let Some(character) = characters.next() {
        let value = values.last_mut().expect("the list starts with one value");
        match character {
            '"' if in_quotes && characters.peek() == Some(&'"') => {
                value.push('"');
                characters.next();
            }
            '"' => in_quotes = !in_quotes,
            c if c == separator.character() && !in_quotes => values.push(String::new()),
            c => value.push(c),
        }
    }
    values
        .into_iter()
        .map(|value| value.trim().to_owned())
        .collect()
}

/// Reads a table.
pub fn read(path: &Path) -> Result<TextTable, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// Text of a table; values with separators or quotes are quoted, line breaks become blanks.
pub fn write(table: &TextTable) -> String {
    let separator = table.separator.character();
    let mut out = String::new();
    let mut push_row = |row: &[String]| {
        for (index, value) in row.iter().enumerate() {
            if index > 0 {
                out.push(separator);
            }
            let odd_start =
                index == 0 && (value.starts_with('#') || row.len() == 1 && value.is_empty());
            if odd_start || value.contains([separator, '"']) {
                for piece in ["\"", &value.replace('"', "\"\""), "\""] {
                    out.push_str(piece);
                }
            } else {
                out.push_str(&value.replace('\n', " "));
            }
        }
        out.push('\n');
    };
    push_row(&table.columns);
    table
        .values
        .chunks(table.columns.len().max(1))
        .for_each(&mut push_row);
    out
}

impl TextTable {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values
            .len()
            .checked_div(self.columns.len())
            .unwrap_or(0)
    }

    /// Values of a column; an error that lists the columns when it is absent.
    pub fn column(&self, name: &str) -> Result<Vec<&str>, FormatError> {
        let Some(index) = self.columns.iter().position(|column| column == name) else {
            return Err(FormatError::whole(
                &self.name,
                format!("a column {name}"),
                format!("columns {}", self.columns.join(", ")),
            ));
        };
        Ok(self
            .values
            .chunks(self.columns.len())
            .filter_map(|row| row.get(index))
            .map(String::as_str)
            .collect())
    }

    /// Values of a column as numbers.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>, FormatError> {
        let number = |value: &str| {
            parse_f64(value).ok_or_else(|| {
                FormatError::whole(
                    &self.name,
                    format!("a number in column {name}"),
                    quoted(value),
                )
            })
        };
        self.column(name)?.into_iter().map(number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_quotes_and_round_trip() {
        let table = parse(
            "Tilt_Series,Thickness(Pix)\r\n\"a, \"\"b\"\".mrc\",  2240\r\nc.mrc, 1.5\r\n",
            "m.csv",
        )
        .unwrap();
        assert_eq!(
            table.column("Tilt_Series").unwrap(),
            ["a, \"b\".mrc", "c.mrc"]
        );
        assert_eq!(table.numbers("Thickness(Pix)").unwrap(), [2240.0, 1.5]);
        assert_eq!(parse(&write(&table), "m.csv").unwrap(), table);
        assert_eq!(parse("x|y\n1|2\n", "p").unwrap().separator, Separator::Bar);
        assert!(table.numbers("Tilt_Series").is_err());
        assert!(
            table
                .column("no")
                .unwrap_err()
                .to_string()
                .contains("columns Tilt_Series")
        );
        assert_eq!(parse("a,b\n1\n", "bad").unwrap_err().line(), Some(2));
        assert!(parse("", "empty").is_err());
    }
}
