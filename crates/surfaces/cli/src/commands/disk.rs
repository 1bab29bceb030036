//! `thon disk` and `thon clean`: what a project takes, and giving back what can be made again.

use clap::ArgMatches;
use serde_json::json;
use thon_engine::Silent;

use super::run::engine;
use crate::exit::{Exit, Failure, Outcome};
use crate::table::{Cell, Table};
use crate::terminal::Tone;
use crate::{Session, place, text};

pub(super) fn disk(session: &Session) -> Outcome {
    let project = place::open_to_read(session)?;
    let engine = engine(session, &project, &Silent, session.settings);
    let jobs = engine.space()?;
    let beside = project.disk()?;
    let terminal = &session.terminal;
    if terminal.json {
        terminal.json(&json!({ "jobs": jobs, "kept": beside.kept, "index": beside.index, "trash": beside.trash }));
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(&[
        "job",
        "operation",
        "results",
        "logs",
        "work",
        "can be cleaned",
    ])
    .right(&[2, 3, 4])
    .flexible(&[5]);
    let (mut all, mut free) = (0, 0);
    for space in &jobs {
        let disk = &space.disk;
        all += disk.results + disk.logs + disk.work;
        let (words, tone) = match (&space.stays, space.cleaned) {
            (None, _) => {
                free += disk.results;
                ("yes".to_owned(), Tone::Good)
            }
            (Some(_), cleaned) if cleaned > 0 => (
                format!("{} are cleaned away", text::bytes(cleaned)),
                Tone::Dim,
            ),
            (Some(why), _) => (why.lines().next().unwrap_or_default().to_owned(), Tone::Dim),
        };
        table.row(vec![
            space.job.to_string().into(),
            Cell::toned(&space.operation, Tone::Accent),
            text::bytes(disk.results).into(),
            text::bytes(disk.logs).into(),
            text::bytes(disk.work).into(),
            Cell::toned(words, tone),
        ]);
    }
    terminal.table(&table, 0);
    terminal.line(&format!(
        "{} in all, {} of it can be made again; {} of unfinished units, {} of index, {} in the trash",
        text::bytes(all),
        text::bytes(free),
        text::bytes(beside.kept),
        text::bytes(beside.index),
        text::bytes(beside.trash),
    ));
    Ok(Exit::Ok)
}

pub(super) fn clean(session: &Session, matches: &ArgMatches) -> Outcome {
    let names: Vec<&String> = matches.get_many("JOB").into_iter().flatten().collect();
    let (undo, empty) = (matches.get_flag("undo"), matches.get_flag("empty"));
    if names.is_empty() && !undo && !empty {
        return Err(
            Failure::usage("expected the numbers of jobs, --undo or --empty")
                .hint("`thon disk` says what can be cleaned"),
        );
    }
    let project = place::open(session)?;
    let engine = engine(session, &project, &Silent, session.settings);
    let terminal = &session.terminal;
    if empty {
        let bytes = project.empty_trash()?;
        if terminal.json {
            terminal.json(&json!({ "emptied": bytes }));
        } else {
            terminal.line(&format!("{} are given back", text::bytes(bytes)));
        }
        return Ok(Exit::Ok);
    }
    let moved = if undo {
        let number = names.first().map(|name| name.parse::<u32>());
        let number = number
            .transpose()
            .map_err(|_| Failure::usage("expected the number of a trash after --undo"))?;
        project.undo_clean(number)?
    } else {
        let jobs: Vec<_> = names
            .iter()
            .map(|name| place::job_number(name))
            .collect::<Outcome<_>>()?;
        engine.clean(&jobs)?
    };
    if terminal.json {
        terminal.json(&json!(moved));
        return Ok(Exit::Ok);
    }
    let count = text::count(moved.jobs.len() as u64, "job");
    let bytes = text::bytes(moved.bytes);
    if undo {
        terminal.line(&format!("{count} have their files back: {bytes}"));
    } else {
        terminal.line(&format!("{bytes} of {count} are in trash {}", moved.trash));
        terminal.note("`thon clean --undo` brings them back, `thon clean --empty` gives the space back; jobs that need them make them again");
    }
    Ok(Exit::Ok)
}
