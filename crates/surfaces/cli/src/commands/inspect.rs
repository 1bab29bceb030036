//! `thon inspect FILE…`: what files are and hold.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::Session;
use crate::exit::{Exit, Failure};
use crate::terminal::{Paint, Tone};

pub(super) fn inspect(session: &Session, matches: &clap::ArgMatches) -> Exit {
    let terminal = &session.terminal;
    let mut documents = Vec::new();
    let mut exit = Exit::Ok;
    for (index, file) in matches
        .get_many::<PathBuf>("FILE")
        .into_iter()
        .flatten()
        .enumerate()
    {
        match thon_inspect::inspect(file) {
            Ok(description) if terminal.json => {
                documents.push(json!(description));
            }
            Ok(description) => {
                if index > 0 {
                    terminal.line("");
                }
                terminal.print(&painted(&description.to_string(), terminal.paint()));
            }
            Err(error) => {
                exit = Exit::Usage;
                let text = error.to_string();
                documents.push(json!({ "file": file, "error": text }));
                terminal.report(&Failure::usage(text));
            }
        }
    }
    if terminal.json {
        terminal.json(&Value::Array(documents));
    }
    exit
}

/// The first line in bold, doubts in yellow.
fn painted(text: &str, paint: Paint) -> String {
    let mut painted = String::new();
    for (index, line) in text.trim_end().lines().enumerate() {
        let tone = match index {
            0 => Tone::Bold,
            _ if line.starts_with("  doubt: ") => Tone::Warn,
            _ => Tone::Plain,
        };
        painted.push_str(&paint.tone(tone, line));
        painted.push('\n');
    }
    painted
}
