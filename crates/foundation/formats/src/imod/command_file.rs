//! Command files `.com` of IMOD: `$program arguments` lines, each followed by its input.
//!
//! With `-StandardInput` the input is `Key value` lines; older files give values by position. Comments begin with
//! `#` in the first column. All lines are kept and written back.

use super::number_list;
use crate::error::{FormatError, quoted};
use crate::text::{self, number_tokens, parse_f64};
use std::path::Path;

/// A command file: lines before the first command, and the commands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CommandFile {
    /// Name of the file, for messages.
    pub name: String,
    /// Comments and blank lines before the first command.
    pub preamble: Vec<String>,
    /// Commands in file order.
    pub commands: Vec<Command>,
}

/// One command and its input lines.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Command {
    /// Text after `$`: program and arguments.
    pub command_line: String,
    /// Input lines in order.
    pub input: Vec<InputLine>,
    file: String,
}

/// One line of input.
#[derive(Debug, Clone, PartialEq)]
pub struct InputLine {
    /// Content without line end.
    pub text: String,
    /// 1-based line of the file read; 0 when new.
    pub line: usize,
}

impl InputLine {
    /// Whether it is neither a comment nor blank.
    pub fn has_content(&self) -> bool {
        let text = self.text.trim();
        !text.is_empty() && !text.starts_with('#')
    }

    /// First word and the rest, trimmed; `=` between them is allowed.
    pub fn key_value(&self) -> (&str, &str) {
        let text = self.text.trim();
        let (key, value) = text
            .split_once(|c: char| c.is_whitespace() || c == '=')
            .unwrap_or((text, ""));
        (
            key,
            value.trim_start_matches(|c: char| c.is_whitespace() || c == '='),
        )
    }
}

/// Longest text accepted, bytes; real files have at most a few megabytes.
const SIZE_LIMIT: usize = 16 << 20;

/// Parses a command file; `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<CommandFile, FormatError> {
    text::check_size(text, name, SIZE_LIMIT)?;
    let mut file = CommandFile {
        name: name.to_owned(),
        ..CommandFile::default()
    };
    for (index, line) in text.lines().enumerate() {
        if let Some(command) = line.trim_start().strip_prefix('$') {
            file.commands.push(Command {
                command_line: command.trim().to_owned(),
                input: Vec::new(),
                file: name.to_owned(),
            });
        } else if let Some(command) = file.commands.last_mut() {
            command.input.push(InputLine {
                text: line.trim_end().to_owned(),
                line: index + 1,
            });
        } else {
            file.preamble.push(line.trim_end().to_owned());
        }
    }
    if file.commands.is_empty() && !text.trim().is_empty() {
        return Err(
            FormatError::whole(name, "a command line that begins with $", "none")
                .with_hint("is this an IMOD .com file?"),
        );
    }
    Ok(file)
}

/// Reads a command file.
pub fn read(path: &Path) -> Result<CommandFile, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// Text of a command file.
pub fn write(file: &CommandFile) -> String {
    let mut out = String::new();
    let mut push = |line: &str| {
        out.push_str(line);
        out.push('\n');
    };
    file.preamble.iter().for_each(|line| push(line));
    for command in &file.commands {
        push(&format!("${}", command.command_line));
        command.input.iter().for_each(|line| push(&line.text));
    }
    out
}

impl CommandFile {
    /// First command that runs this program.
    pub fn command(&self, program: &str) -> Option<&Command> {
        self.commands
            .iter()
            .find(|command| command.program() == program)
    }
}

impl Command {
    /// New command with `Key value` input.
    pub fn new<K: AsRef<str>, V: AsRef<str>>(
        program: &str,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let line = |(key, value): (K, V)| InputLine {
            text: format!("{} {}", key.as_ref(), value.as_ref())
                .trim_end()
                .to_owned(),
            line: 0,
        };
        Self {
            command_line: format!("{program} -StandardInput"),
            input: entries.into_iter().map(line).collect(),
            file: String::new(),
        }
    }

    /// Name of the program.
    pub fn program(&self) -> &str {
        self.command_line
            .split_whitespace()
            .next()
            .unwrap_or_default()
    }

    /// Arguments after the program.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        self.command_line.split_whitespace().skip(1)
    }

    /// Whether the input is `Key value` lines.
    pub fn reads_keys(&self) -> bool {
        self.arguments().any(|argument| {
            argument.eq_ignore_ascii_case("-StandardInput")
                || argument.eq_ignore_ascii_case("-StandardIn")
        })
    }

    /// Keys and values in order; empty for a command without `-StandardInput`.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = if self.reads_keys() {
            &self.input[..]
        } else {
            &[]
        };
        lines
            .iter()
            .filter(|line| line.has_content())
            .map(InputLine::key_value)
    }

    /// Input lines by position, without comments and blank lines: for commands without `-StandardInput`.
    pub fn positional(&self) -> impl Iterator<Item = &str> {
        self.input
            .iter()
            .filter(|line| line.has_content())
            .map(|line| line.text.trim())
    }

    fn line_of(&self, key: &str) -> Option<&InputLine> {
        let matches =
            |line: &&InputLine| line.has_content() && line.key_value().0.eq_ignore_ascii_case(key);
        self.input
            .iter()
            .filter(|_| self.reads_keys())
            .rfind(matches)
    }

    /// Value of a key, letter case apart; the last one when it repeats; empty for a key without value.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.line_of(key).map(|line| line.key_value().1)
    }

    /// All values of a key that repeats.
    pub fn get_all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.entries()
            .filter(move |(own, _)| own.eq_ignore_ascii_case(key))
            .map(|(_, value)| value)
    }

    /// Value of a key as numbers separated by commas or blanks; `None` when absent.
    pub fn numbers(&self, key: &str) -> Result<Option<Vec<f64>>, FormatError> {
        let Some(line) = self.line_of(key) else {
            return Ok(None);
        };
        let number = |token: &str| {
            parse_f64(token).ok_or_else(|| {
                FormatError::at(
                    &self.file,
                    line.line,
                    format!("numbers for {key}"),
                    quoted(token),
                )
            })
        };
        number_tokens(line.key_value().1)
            .map(number)
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Value of a key as a list such as `1-3,8`, over all its lines; `None` when absent.
    pub fn number_list(&self, key: &str) -> Result<Option<Vec<i64>>, FormatError> {
        let mut numbers = Vec::new();
        let mut found = false;
        for line in self
            .input
            .iter()
            .filter(|line| self.reads_keys() && line.has_content())
        {
            let (own, value) = line.key_value();
            if own.eq_ignore_ascii_case(key) {
                found = true;
                numbers.extend(number_list::expand(value, &self.file, line.line)?);
            }
        }
        Ok(found.then_some(numbers))
    }

    /// Changes the last line of a key, or adds one.
    pub fn set(&mut self, key: &str, value: &str) {
        let text = format!("{key} {value}").trim_end().to_owned();
        let matches =
            |line: &InputLine| line.has_content() && line.key_value().0.eq_ignore_ascii_case(key);
        match self.input.iter().rposition(matches) {
            Some(index) => self.input[index].text = text,
            None => self.input.push(InputLine { text, line: 0 }),
        }
    }
}

#[cfg(test)]
mod tests;
