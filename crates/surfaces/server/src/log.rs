//! The log of a job, piece by piece as it grows.

use std::io::{Read, Seek, SeekFrom};

use schemars::JsonSchema;
use serde::Serialize;
use thon_project::{JobNumber, layout};

use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::jobs::state_of;
use crate::server::Server;

/// A piece of a log.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Log {
    /// Text since the position that was asked for.
    text: String,
    /// Position to ask for next.
    next: u64,
    /// The attempt it is of.
    attempt: Option<u32>,
    /// Parts of it that have a log of their own.
    parts: Vec<u32>,
    /// State of the job, seen before the text was read.
    state: String,
}

/// Longest piece of a log in one answer.
const PIECE: u64 = 1 << 20;

/// The log of a job's last attempt, from a position on.
pub(crate) fn log(server: &Server, call: &Call) -> Answered {
    let number = JobNumber(call.number("job")?);
    let facts = server.project.facts(number)?;
    let (state, _) = state_of(server, &facts);
    let from = call.asked("from", 0)? as u64;
    let attempt = facts.last_attempt().map(|(attempt, _)| attempt.number);
    let (mut bytes, mut parts) = (Vec::new(), Vec::new());
    if let Some(attempt) = attempt {
        let directory = server
            .project
            .job_directory(number)?
            .under(server.project.root());
        let mut place = directory.join(layout::attempt_directory(attempt));
        parts = parts_of(&place);
        if call.query.contains_key("part") {
            let part = u32::try_from(call.asked("part", 0)?).unwrap_or(u32::MAX);
            place = place.join(layout::part_directory(part));
        }
        let path = place.join(layout::LOG_FILE);
        if let Ok(mut file) = std::fs::File::open(path) {
            let read = file
                .seek(SeekFrom::Start(from))
                .and_then(|_| file.take(PIECE).read_to_end(&mut bytes));
            read.map_err(Refusal::internal)?;
        }
    }
    // A line that is being written is left for the next look.
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    Answer::json(&Log {
        text: String::from_utf8_lossy(&bytes[..whole]).into_owned(),
        next: from + whole as u64,
        attempt,
        parts,
        state,
    })
}

/// Parts of an attempt, ascending.
fn parts_of(attempt: &std::path::Path) -> Vec<u32> {
    let entries = std::fs::read_dir(attempt).into_iter().flatten().flatten();
    let mut parts: Vec<u32> = entries
        .filter_map(|entry| layout::part_number(&entry.file_name().to_string_lossy()))
        .collect();
    parts.sort_unstable();
    parts
}
