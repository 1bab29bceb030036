//! `thon serve`: the page of a project, for a browser on this machine or through a tunnel.

use std::path::PathBuf;

use clap::ArgMatches;
use serde_json::{Map, json};
use thon_project::{Durable, Project, layout};

use crate::exit::{Exit, Failure, Outcome};
use crate::serving::{Links, ServeRequest};
use crate::terminal::Tone;
use crate::{Session, place};

pub(super) fn serve(session: &Session, matches: &ArgMatches) -> Outcome {
    let Some(serve) = session.application.serve else {
        return Err(Failure::usage("this program has no server"));
    };
    let project = project(session)?;
    let roots = matches.get_many::<PathBuf>("files").into_iter().flatten();
    let port = matches.get_one::<u64>("port").copied().unwrap_or_default();
    let share = matches.get_flag("share");
    let ready = |links: &Links| tell(session, &project, links, share);
    let request = ServeRequest {
        version: session.application.version,
        catalogue: session.application.catalogue,
        project: project.clone(),
        port: u16::try_from(port).unwrap_or_default(),
        roots: roots.cloned().collect(),
        memory: session.settings.memory,
        flags: vec![
            format!("--memory={}", session.settings.memory),
            format!("--threads={}", session.settings.threads),
        ],
        ready: &ready,
    };
    serve(&request).map_err(|error| {
        let (error, hint) = error.split_once("\nhint: ").unwrap_or((&error, ""));
        let failure = Failure::new(Exit::Failed, error);
        if hint.is_empty() {
            failure
        } else {
            failure.hint(hint)
        }
    })?;
    Ok(Exit::Ok)
}

/// The project here or above; an empty directory becomes one.
fn project(session: &Session) -> Outcome<PathBuf> {
    let missing = match place::project_directory(session) {
        Ok(found) if found.join(layout::PROJECT_FILE).is_file() => return Ok(found),
        Ok(given) => Ok(given),
        Err(failure) => place::current_directory().map_err(|_| failure),
    }?;
    let occupied = std::fs::read_dir(&missing).is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        let text = format!(
            "there is no project in {}, and it is not empty",
            missing.display()
        );
        return Err(Failure::new(Exit::Project, text).hint(
            "`thon new DIR` makes a project; `thon serve` in an empty directory does so, too",
        ));
    }
    drop(Project::create(&Durable::default(), &missing)?);
    session
        .terminal
        .note(&format!("made the project {}", missing.display()));
    Ok(missing)
}

fn tell(session: &Session, project: &std::path::Path, links: &Links, share: bool) {
    let terminal = &session.terminal;
    let shown = links.iter().take(if share { links.len() } else { 1 });
    if terminal.json {
        let links: Map<_, _> = shown
            .map(|(role, link)| ((*role).to_owned(), json!(link)))
            .collect();
        terminal.json(&json!({ "project": project, "links": links }));
        return;
    }
    terminal.line(&format!(
        "serving {}; open in a browser:",
        project.display()
    ));
    for (role, link) in shown {
        let link = terminal.paint().tone(Tone::Accent, link);
        terminal.line(&if share {
            format!("  {link}  ({role})")
        } else {
            format!("  {link}")
        });
    }
    terminal.note("who has the link may use it; Ctrl-C stops the page, running jobs go on");
    terminal.note("from another computer: `ssh -L PORT:localhost:PORT HOST` with the port of the link, then open it there");
}
