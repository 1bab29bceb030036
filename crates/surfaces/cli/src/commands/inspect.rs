//! `thon inspect FILE…`: what files are and hold.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::Session;
use crate::exit::{Exit, Failure};

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
                let gap = if index > 0 { "\n" } else { "" };
                terminal.print(&format!("{gap}{}\n", description.to_string().trim_end()));
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
