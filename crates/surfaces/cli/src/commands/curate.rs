//! `thon curate`: what the page does when picks are curated, from the shell.

use clap::ArgMatches;
use serde_json::json;
use thon_engine::{CuratedOutput, Curation};
use thon_model::{Decision, Edit, Edits};

use super::text;
use crate::exit::{Exit, Failure, Outcome};
use crate::table::{Cell, Table};
use crate::terminal::Tone;
use crate::{Session, place};

pub(super) fn curate(session: &Session, matches: &ArgMatches) -> Outcome {
    let (name, matches) = matches.subcommand().expect("clap requires a command");
    match name {
        "start" => return start(session, matches),
        "list" => return list(session),
        _ => {}
    }
    let project = place::open_to_read(session)?;
    let number = *matches
        .get_one::<u32>("CURATION")
        .expect("clap requires it");
    let curation = Curation::open(&project, number)?;
    let particles = || {
        let given = matches.get_many::<u32>("PARTICLE").into_iter().flatten();
        given.copied().collect::<Vec<u32>>()
    };
    let edit = match name {
        "show" => return show(session, &curation),
        "seal" => return seal(session, &curation),
        "add" => Edit::Add {
            tilt_series: text(matches, "series").to_owned(),
            position: position(matches)?,
            class: matches.get_one::<u32>("class").copied(),
        },
        "move" => Edit::Move {
            particle: particles()[0],
            position: position(matches)?,
        },
        "accept" => Edit::Accept {
            particles: particles(),
        },
        "reject" => Edit::Reject {
            particles: particles(),
        },
        "reopen" => Edit::Reopen {
            particles: particles(),
        },
        "undo" => Edit::Undo,
        _ => Edit::Redo,
    };
    let edits = curation.append(None, &[edit])?;
    if session.terminal.json {
        session.terminal.json(&json!({ "edits": edits }));
    } else {
        session.terminal.line(&format!("edit {edits} is stored"));
    }
    Ok(Exit::Ok)
}

/// `x,y,z` in Å.
fn position(matches: &ArgMatches) -> Outcome<[f64; 3]> {
    let given = text(matches, "at");
    let numbers = given.split(',').map(|one| one.trim().parse::<f64>());
    let numbers: Result<Vec<f64>, _> = numbers.collect();
    let found = numbers.ok().and_then(|numbers| numbers.try_into().ok());
    found
        .ok_or_else(|| Failure::usage(format!("expected x,y,z in Å after --at, found \"{given}\"")))
}

/// `JOB.SLOT`.
fn output(matches: &ArgMatches, name: &str) -> Outcome<Option<CuratedOutput>> {
    let Some(given) = matches.get_one::<String>(name) else {
        return Ok(None);
    };
    let Some((job, slot)) = given.split_once('.') else {
        return Err(Failure::usage(format!(
            "expected JOB.SLOT after --{name}, found \"{given}\""
        )));
    };
    Ok(Some(CuratedOutput {
        job: place::job_number(job)?,
        slot: slot.replace('-', "_"),
    }))
}

fn start(session: &Session, matches: &ArgMatches) -> Outcome {
    let project = place::open_to_read(session)?;
    let tomograms = output(matches, "tomograms")?;
    let curation = Curation::start(&project, tomograms, output(matches, "particles")?)?;
    let (number, terminal) = (curation.record.number, &session.terminal);
    if terminal.json {
        terminal.json(&json!(curation.record));
    } else {
        terminal.line(&format!("curation {number} is begun"));
        terminal.note(&format!(
            "`thon serve` shows it; `thon curate seal {number}` makes a file of it that a job takes"
        ));
    }
    Ok(Exit::Ok)
}

fn list(session: &Session) -> Outcome {
    let project = place::open_to_read(session)?;
    let all = Curation::all(&project)?;
    let terminal = &session.terminal;
    if terminal.json {
        let records: Vec<_> = all.iter().map(|one| &one.record).collect();
        terminal.json(&json!(records));
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(&["curation", "tomograms", "particles", "edits"]).right(&[3]);
    for curation in &all {
        let place = |output: &Option<CuratedOutput>| {
            let output = output.as_ref();
            output.map_or(String::new(), |it| format!("{}.{}", it.job.0, it.slot))
        };
        table.row(vec![
            curation.record.number.to_string().into(),
            place(&curation.record.tomograms).into(),
            place(&curation.record.particles).into(),
            curation.edits()?.edits.len().to_string().into(),
        ]);
    }
    terminal.table(&table, 0);
    Ok(Exit::Ok)
}

fn show(session: &Session, curation: &Curation) -> Outcome {
    let edits = curation.edits()?;
    let curated = curated(curation, &edits)?;
    let terminal = &session.terminal;
    if terminal.json {
        terminal.json(
            &json!({ "curation": curation.record, "edits": edits.edits.len(), "curated": curated }),
        );
        return Ok(Exit::Ok);
    }
    let of = |decision: Decision| {
        let found = curated.decisions.iter();
        found
            .filter(|(particle, it)| **it == decision && **particle < edits.first_added())
            .count()
    };
    let mut table = Table::new(&["what", "particles"]).right(&[1]);
    for (what, count) in [
        ("in the set", edits.first_added() as usize),
        ("accepted", of(Decision::Accepted)),
        ("rejected", of(Decision::Rejected)),
        ("moved", curated.moved.len()),
        ("added", curated.added.len()),
    ] {
        table.row(vec![
            Cell::toned(what, Tone::Accent),
            count.to_string().into(),
        ]);
    }
    terminal.table(&table, 0);
    terminal.line(&format!(
        "{} edits, {} can be taken back, {} made again",
        edits.edits.len(),
        curated.undoable,
        curated.redoable
    ));
    Ok(Exit::Ok)
}

fn curated(curation: &Curation, edits: &Edits) -> Outcome<thon_model::Curated> {
    edits.curated().map_err(|e| {
        let message = format!("curation {}: {e}", curation.record.number);
        Failure::new(Exit::Project, message)
    })
}

fn seal(session: &Session, curation: &Curation) -> Outcome {
    let path = curation.seal()?;
    let terminal = &session.terminal;
    if terminal.json {
        terminal.json(&json!({ "path": path }));
        return Ok(Exit::Ok);
    }
    terminal.line(&path.display().to_string());
    let particles = curation.record.particles.as_ref();
    let particles = particles.map_or(String::new(), |it| {
        format!(" --input particles={}.{}", it.job.0, it.slot)
    });
    let jobs = session.application.catalogue.jobs();
    let mut takers = jobs.filter(|job| job.inputs().iter().any(|slot| slot.kind == "edits"));
    if let Some(job) = takers.next() {
        terminal.note(&format!(
            "`thon run {}{particles} --input edits={}` makes a particle set of it",
            job.id(),
            path.display()
        ));
    }
    Ok(Exit::Ok)
}
