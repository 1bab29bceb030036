//! `thon report JOB`: how a result came about, for a paper.

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use thon_engine::{Silent, extract_pipeline};

use super::run::engine;
use super::text;
use crate::exit::{Exit, Failure, Outcome};
use crate::{Session, place};

pub(super) fn report(session: &Session, matches: &ArgMatches) -> Outcome {
    let project = place::open_to_read(session)?;
    let job = place::job_number(text(matches, "JOB"))?;
    let engine = engine(session, &project, &Silent, session.settings);
    let report = thon_engine::report(&engine, job)?;
    let version = session.application.version;
    let terminal = &session.terminal;
    let Some(output) = matches.get_one::<PathBuf>("output") else {
        if terminal.json {
            terminal.json(&report.document(version));
        } else {
            terminal.print(&report.markdown(version));
        }
        return Ok(Exit::Ok);
    };
    let pipeline = extract_pipeline(&engine, &[job], "report")?.to_toml();
    let document = format!("{:#}\n", report.document(version));
    std::fs::create_dir_all(output).map_err(|e| Failure::disk("make", output, &e))?;
    let files = [
        ("report.md", report.markdown(version)),
        ("references.bib", report.bibtex()),
        ("pipeline.toml", pipeline),
        ("provenance.json", document),
    ];
    for (name, text) in files {
        write(&output.join(name), &text)?;
    }
    terminal.note(&format!("written to {}", output.display()));
    Ok(Exit::Ok)
}

fn write(path: &Path, text: &str) -> Outcome<()> {
    std::fs::write(path, text).map_err(|e| Failure::disk("write", path, &e))
}
