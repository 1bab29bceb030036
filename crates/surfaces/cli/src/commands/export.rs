//! `thon export JOB.SLOT --to FORMAT DIR`: another program's files, copied out of the project.

use std::path::{Component, Path, PathBuf};

use clap::ArgMatches;
use serde_json::{Value, json};
use thon_contract::AnyJob;
use thon_contract::kinds::{FileListing, FilesKind};
use thon_contract::schema::nearest;
use thon_contract::{ItemRecord, Kind, SlotRecord};
use thon_engine::{JobSpec, Source};
use thon_project::{Manifest, Project};

use super::{outputs, path, text};
use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::progress::Watcher;
use crate::{Session, inputs, parameters, place};

/// What the ids of all jobs that export start with.
const ROOM: &str = "export.";

pub(super) fn export(session: &Session, matches: &ArgMatches) -> Outcome {
    let directory = path(matches, "DIR");
    if std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(
            Failure::usage(format!("{} is not empty", directory.display()))
                .hint("name a new directory"),
        );
    }
    let format = text(matches, "to");
    known(session, format)?;
    let project = place::open(session)?;
    let catalogue = &session.application.catalogue;
    let (number, slot) = inputs::job_and_slot(text(matches, "SOURCE")).ok_or_else(|| {
        Failure::usage(format!(
            "expected `JOB.SLOT`, found \"{}\"",
            text(matches, "SOURCE")
        ))
        .hint("`thon ls` lists the jobs, `thon show JOB` its outputs")
    })?;
    let slot = match slot {
        Some(slot) => slot.replace('-', "_"),
        None => inputs::only_output(catalogue, &project, number, &|kind| {
            exporters(session, format)
                .any(|job| job.inputs().iter().any(|input| input.kind == kind))
        })?,
    };
    let manifest = project.result(number)?;
    let mut slots = outputs::slots(&manifest);
    let Some(record) = slots.remove(&slot) else {
        let names: Vec<String> = outputs::slots(&manifest).into_keys().collect();
        return Err(
            Failure::usage(format!("job {number} has no output `{slot}`"))
                .hint(format!("its outputs are {}", names.join(", "))),
        );
    };
    let (job, input) = chosen(session, format, &record)?;
    let given: Vec<String> = matches
        .get_many::<String>("input")
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let mut sources = inputs::sources(catalogue, job, &given, Some(&project))?;
    sources.insert(input, Source::Job { job: number, slot });
    let spec = JobSpec {
        operation: job.id().into(),
        parameters: parameters::given(job, matches, Some(project.root()))?,
        inputs: sources,
        ..JobSpec::default()
    };
    let watcher = Watcher::new(&session.terminal, Interrupt::install()?);
    let engine = super::run::engine(session, &project, &watcher, session.settings);
    let exported = engine.run(engine.submit(&spec)?)?;
    let (files, losses) = copied(&project, &exported, directory)?;
    tell(session, &exported, directory, &files, &losses);
    Ok(Exit::Ok)
}

/// The jobs that export to a format: `text` means `export.text` and `export.text-…`.
fn exporters(session: &Session, format: &str) -> impl Iterator<Item = &'static dyn AnyJob> {
    let wanted = format.to_ascii_lowercase();
    let fits = move |id: &str| {
        let name = id.strip_prefix(ROOM)?;
        let rest = name.strip_prefix(&wanted)?;
        (rest.is_empty() || rest.starts_with(['-', '.'])).then_some(())
    };
    let jobs = session.application.catalogue.jobs();
    jobs.filter(move |job| fits(job.id()).is_some())
}

/// Refuses a format that no job exports to.
fn known(session: &Session, format: &str) -> Outcome<()> {
    if exporters(session, format).next().is_some() {
        return Ok(());
    }
    let failure = Failure::usage(format!("no job exports to `{format}`"));
    let jobs = session.application.catalogue.jobs();
    let formats: Vec<&str> = jobs.filter_map(|job| job.id().strip_prefix(ROOM)).collect();
    Err(match nearest(format, formats.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if formats.is_empty() => failure.hint("this program has no exports"),
        None => failure.hint(format!("formats: {}", formats.join(", "))),
    })
}

/// The job that exports this kind to the format, and the input that takes it.
fn chosen(
    session: &Session,
    format: &str,
    record: &SlotRecord,
) -> Outcome<(&'static dyn AnyJob, String)> {
    let catalogue = &session.application.catalogue;
    let exports = || catalogue.jobs().filter(|job| job.id().starts_with(ROOM));
    let takes = |job: &dyn AnyJob| job.inputs().into_iter().find(|s| s.kind == record.kind);
    let found: Vec<(&'static dyn AnyJob, String)> = exporters(session, format)
        .filter_map(|job| takes(job).map(|slot| (job, slot.name)))
        .collect();
    let exact = found
        .iter()
        .find(|(job, _)| job.id()[ROOM.len()..].eq_ignore_ascii_case(format));
    match (exact, found.as_slice()) {
        (Some((job, slot)), _) | (None, [(job, slot)]) => Ok((*job, slot.clone())),
        (None, []) => {
            let kind = &record.kind;
            let known: Vec<&str> = exports()
                .filter(|job| takes(*job).is_some())
                .map(|job| &job.id()[ROOM.len()..])
                .collect();
            let failure = Failure::usage(format!("nothing exports {kind} to `{format}`"));
            Err(match known.as_slice() {
                [] => failure.hint(format!("no job exports {kind}")),
                known => failure.hint(format!("{kind} can go to {}", known.join(", "))),
            })
        }
        (None, several) => {
            let names: Vec<&str> = several
                .iter()
                .map(|(job, _)| &job.id()[ROOM.len()..])
                .collect();
            Err(
                Failure::usage(format!("several jobs export {} to `{format}`", record.kind))
                    .hint(format!("name one of {}", names.join(", "))),
            )
        }
    }
}

/// Copies all exported files into the directory; returns their names and what was lost.
fn copied(
    project: &Project,
    manifest: &Manifest,
    directory: &Path,
) -> Outcome<(Vec<PathBuf>, Vec<String>)> {
    std::fs::create_dir_all(directory).map_err(|e| Failure::disk("make", directory, &e))?;
    let (mut files, mut losses) = (Vec::new(), Vec::new());
    for slot in outputs::slots(manifest)
        .into_values()
        .filter(|slot| slot.kind == FilesKind::NAME)
    {
        for item in &slot.items {
            let listing = listing(project, item)?;
            for (name, from) in listing.files.iter().zip(item.files.iter().skip(1)) {
                copy(&project.root().join(from), directory, name)?;
                files.push(name.clone());
            }
            losses.extend(listing.losses);
        }
    }
    losses.sort();
    losses.dedup();
    Ok((files, losses))
}

fn listing(project: &Project, item: &ItemRecord) -> Outcome<FileListing> {
    let damaged = |why: String| {
        Failure::new(
            Exit::Project,
            format!("the listing of {} is damaged: {why}", item.name),
        )
    };
    let main = item
        .files
        .first()
        .ok_or_else(|| damaged("it has no file".into()))?;
    let path = project.root().join(main);
    let text = std::fs::read(&path).map_err(|e| Failure::disk("read", &path, &e))?;
    serde_json::from_slice(&text).map_err(|e| damaged(e.to_string()))
}

fn copy(from: &Path, directory: &Path, name: &Path) -> Outcome<()> {
    if !name
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
    {
        let text = format!("{} would leave the directory", name.display());
        return Err(Failure::new(Exit::Project, text));
    }
    let to = directory.join(name);
    if to.exists() {
        return Err(Failure::usage(format!(
            "{} would be written twice",
            to.display()
        )));
    }
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(|e| Failure::disk("make", parent, &e))?;
    }
    std::fs::copy(from, &to).map_err(|e| Failure::disk("write", &to, &e))?;
    Ok(())
}

fn tell(
    session: &Session,
    manifest: &Manifest,
    directory: &Path,
    files: &[PathBuf],
    losses: &[String],
) {
    let terminal = &session.terminal;
    if terminal.json {
        let document: Value = json!({
            "job": manifest.job, "operation": manifest.operation,
            "directory": directory, "files": files, "losses": losses,
        });
        terminal.json(&document);
        return;
    }
    let count = crate::text::count(files.len() as u64, "file");
    terminal.line(&format!("{count} in {}", directory.display()));
    for file in files.iter().take(10) {
        terminal.line(&format!("  {}", file.display()));
    }
    if files.len() > 10 {
        terminal.line(&format!("  … {} more", files.len() - 10));
    }
    if !losses.is_empty() {
        terminal.line("what the format cannot hold:");
        for loss in losses {
            terminal.line(&format!("  - {loss}"));
        }
    }
}
