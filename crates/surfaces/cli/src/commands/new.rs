//! `thon new DIR`: a project in a new or empty directory.

use clap::ArgMatches;
use serde_json::json;
use thon_project::{Durable, Project, layout};

use super::path;
use crate::Session;
use crate::exit::{Exit, Failure, Outcome};

pub(super) fn new(session: &Session, matches: &ArgMatches) -> Outcome {
    let directory = path(matches, "DIR");
    let is_project = directory.join(layout::PROJECT_FILE).exists();
    let occupied = std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some());
    if occupied && !is_project {
        return Err(
            Failure::usage(format!("{} is not empty", directory.display()))
                .hint("a project lives in a directory of its own; name a new one"),
        );
    }
    let project = Project::create(&Durable::default(), directory)?;
    let terminal = &session.terminal;
    if terminal.json {
        terminal.json(&json!({ "project": project.root(), "uuid": project.record().uuid }));
    } else {
        let shown = directory.display();
        terminal.line(&format!("made the project {shown}"));
        terminal.note(&format!(
            "next: `cd {shown}`, then `thon jobs` and `thon run JOB`"
        ));
    }
    Ok(Exit::Ok)
}
