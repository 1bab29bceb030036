//! `thon project rebuild|verify|adopt|export`: upkeep of a project, and exchange with those of other programs.

use serde_json::json;
use thon_engine::{Silent, adopt_project, export_project};
use thon_project::verify::Check;
use thon_project::{JobNumber, JobStatus};

use super::run::engine;
use crate::exit::{Exit, Failure, Outcome};
use crate::table::{Cell, Table};
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
        Some(("adopt", matches)) => adopt(session, matches),
        Some(("export", matches)) => export(session, matches),
        _ => Err(Failure::usage(
            "expected `rebuild`, `verify`, `adopt` or `export`",
        )),
    }
}

fn adopt(session: &Session, matches: &clap::ArgMatches) -> Outcome {
    let project = place::open(session)?;
    let engine = engine(session, &project, &Silent, session.settings);
    let kind = engine
        .catalogue
        .project_of(super::text(matches, "program"))?;
    let directory = place::recorded_path(project.root(), super::path(matches, "DIR"))?;
    let adopted = adopt_project(&engine, kind, &directory)?;
    let terminal = &session.terminal;
    if terminal.json {
        let jobs: Vec<_> = adopted
            .iter()
            .map(|one| json!({ "name": one.name, "job": one.job, "state": one.state, "evidence": one.evidence }))
            .collect();
        terminal.json(&json!(jobs));
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(&["there", "job", "state"]);
    for one in adopted {
        let status = JobStatus {
            state: one.state,
            evidence: one.evidence,
        };
        let (word, tone) = super::ls::state(&status);
        table.row(vec![
            one.name.into(),
            one.job.to_string().into(),
            Cell::toned(word, tone),
        ]);
    }
    terminal.table(&table, 0);
    Ok(Exit::Ok)
}

fn export(session: &Session, matches: &clap::ArgMatches) -> Outcome {
    let project = place::open_to_read(session)?;
    let engine = engine(session, &project, &Silent, session.settings);
    let kind = engine
        .catalogue
        .project_of(super::text(matches, "program"))?;
    let given = matches.get_many::<String>("job").into_iter().flatten();
    let given: Vec<JobNumber> = given
        .map(|name| place::job_number(name))
        .collect::<Outcome<_>>()?;
    let jobs = if given.is_empty() {
        project.jobs()?
    } else {
        given
    };
    let to = super::path(matches, "DIR");
    let (count, losses) = export_project(&engine, kind, &jobs, to)?;
    let terminal = &session.terminal;
    if terminal.json {
        terminal.json(&json!({ "jobs": count, "directory": to, "losses": losses }));
        return Ok(Exit::Ok);
    }
    for loss in losses {
        terminal.warn(&loss);
    }
    let count = text::count(count as u64, "job");
    terminal.line(&format!("{count} written to {}", to.display()));
    Ok(Exit::Ok)
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
