//! `thon history JOB`: what became of a job in the queue, each step with its evidence.

use jiff::tz::TimeZone;
use serde_json::json;

use super::text;
use crate::exit::{Exit, Outcome};
use crate::table::{Cell, Table};
use crate::terminal::Tone;
use crate::{Session, place};

pub(super) fn history(session: &Session, matches: &clap::ArgMatches) -> Outcome {
    let project = place::open_to_read(session)?;
    let job = place::job_number(text(matches, "JOB"))?;
    let facts = project.facts(job)?;
    let terminal = &session.terminal;
    if terminal.json {
        terminal.json(&json!({ "job": job, "history": facts.history }));
        return Ok(Exit::Ok);
    }
    if facts.history.is_empty() {
        terminal.note(&format!("job {job} was never in the queue"));
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(&["time", "attempt", "state", "because"])
        .right(&[1])
        .flexible(&[3]);
    for line in &facts.history {
        let word = serde_json::to_value(line.phase).unwrap_or_default();
        let time = line.time.to_zoned(TimeZone::system());
        table.row(vec![
            time.strftime("%Y-%m-%d %H:%M:%S").to_string().into(),
            line.attempt.to_string().into(),
            Cell::toned(word.as_str().unwrap_or_default(), Tone::Accent),
            line.evidence.as_str().into(),
        ]);
    }
    terminal.table(&table, 0);
    Ok(Exit::Ok)
}
