//! `thon explain JOB`: whether each item would run again, and why.

use serde_json::{Value, json};
use thon_engine::Silent;

use super::run::engine;
use super::text;
use crate::exit::{Exit, Outcome};
use crate::table::{Cell, Table};
use crate::terminal::Tone;
use crate::{Session, place};

pub(super) fn explain(session: &Session, matches: &clap::ArgMatches) -> Outcome {
    let project = place::open_to_read(session)?;
    let job = place::job_number(text(matches, "JOB"))?;
    let engine = engine(session, &project, &Silent, session.settings);
    let explanations = thon_engine::explain(&engine, job)?;
    let terminal = &session.terminal;
    if terminal.json {
        let all: Vec<Value> = explanations
            .iter()
            .map(|e| json!({ "item": e.item, "would_run": e.found_in.is_none(), "found_in": e.found_in, "differences": e.differences }))
            .collect();
        terminal.json(&json!({ "job": job, "items": all }));
        return Ok(Exit::Ok);
    }
    let again = explanations.iter().filter(|e| e.found_in.is_none()).count();
    let of = crate::text::count(explanations.len() as u64, "item");
    terminal.line(&match again {
        0 => format!("job {job}: nothing would run, all of {of} finished"),
        _ => format!("job {job}: {again} of {of} would run"),
    });
    let mut table = Table::new(&["", "", ""]);
    for explanation in &explanations {
        let (word, tone, whys) = match &explanation.found_in {
            Some(place) => ("finished", Tone::Good, std::slice::from_ref(place)),
            None => ("would run", Tone::Warn, explanation.differences.as_slice()),
        };
        for (index, why) in whys.iter().enumerate() {
            let first = index == 0;
            table.row(vec![
                if first { explanation.item.as_str() } else { "" }.into(),
                Cell::toned(if first { word } else { "" }, tone),
                why.as_str().into(),
            ]);
        }
    }
    terminal.table(&table, 2);
    Ok(Exit::Ok)
}
