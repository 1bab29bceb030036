//! `thon project rebuild|verify`: upkeep of a project.

use serde_json::json;
use thon_project::verify::Check;

use crate::exit::{Exit, Failure, Outcome};
use crate::{Session, place, text};

pub(super) fn project(session: &Session, matches: &clap::ArgMatches) -> Outcome {
    match matches.subcommand() {
        Some(("rebuild", _)) => rebuild(session),
        Some(("verify", matches)) => {
            let check = if matches.get_flag("sizes") {
                Check::Sizes
            } else {
                Check::Digests
            };
            verify(session, check)
        }
        _ => Err(Failure::usage("expected `rebuild` or `verify`")),
    }
}

fn rebuild(session: &Session) -> Outcome {
    let mut project = place::open(session)?;
    let refreshed = project.rebuild()?;
    let terminal = &session.terminal;
    if terminal.json {
        terminal.json(&json!({ "jobs": refreshed.jobs, "problems": refreshed.problems }));
    } else {
        let jobs = text::count(refreshed.jobs as u64, "job");
        terminal.line(&format!("the index was made again from {jobs}"));
    }
    Ok(if refreshed.problems.is_empty() {
        Exit::Ok
    } else {
        Exit::Project
    })
}

fn verify(session: &Session, check: Check) -> Outcome {
    let project = place::open_to_read(session)?;
    let findings = project.verify(check)?;
    let terminal = &session.terminal;
    if terminal.json {
        terminal.json(&json!({ "whole": findings.is_empty(), "findings": findings }));
    } else {
        for finding in &findings {
            terminal.report(&Failure::usage(finding.to_string()));
        }
        if findings.is_empty() {
            let jobs = text::count(project.jobs()?.len() as u64, "job");
            let how = if check == Check::Digests {
                "byte by byte"
            } else {
                "by size"
            };
            terminal.line(&format!("{jobs} checked {how}: all is well"));
        }
    }
    Ok(if findings.is_empty() {
        Exit::Ok
    } else {
        Exit::Project
    })
}
