//! `--input SLOT=JOB.SLOT|FILE,…`: what fills a job's inputs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use thon_contract::AnyJob;
use thon_contract::schema::nearest;
use thon_engine::{Catalogue, Source};
use thon_project::{JobNumber, Project};

use crate::exit::{Failure, Outcome};
use crate::place::recorded_path;

/// Reads all `--input` values of a job; `project` is absent for stand-alone runs.
pub(crate) fn sources(
    catalogue: &Catalogue,
    job: &dyn AnyJob,
    given: &[String],
    project: Option<&Project>,
) -> Outcome<BTreeMap<String, Source>> {
    let mut found: BTreeMap<String, Source> = BTreeMap::new();
    for text in given {
        let (slot, value) = divided(job, text)?;
        let source = source(catalogue, job, &slot, value, project)?;
        match (found.get_mut(&slot), source) {
            (Some(Source::Files(files)), Source::Files(more)) => files.extend(more),
            (Some(_), _) => {
                return Err(Failure::usage(format!("input {slot} is given twice")));
            }
            (None, source) => {
                found.insert(slot, source);
            }
        }
    }
    Ok(found)
}

/// The slot and what shall fill it; a job with one input needs no slot name.
fn divided<'a>(job: &dyn AnyJob, text: &'a str) -> Outcome<(String, &'a str)> {
    let slots = job.inputs();
    let names: Vec<&str> = slots.iter().map(|slot| slot.name.as_str()).collect();
    let Some((slot, value)) = text.split_once('=') else {
        return match names.as_slice() {
            [only] => Ok(((*only).to_owned(), text)),
            _ => Err(
                Failure::usage(format!("expected `SLOT=…` after --input, found \"{text}\""))
                    .hint(format!("inputs of {}: {}", job.id(), names.join(", "))),
            ),
        };
    };
    let slot = slot.replace('-', "_");
    if names.contains(&slot.as_str()) {
        return Ok((slot, value));
    }
    let failure = Failure::usage(format!("{} has no input `{slot}`", job.id()));
    Err(match nearest(&slot, names.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if names.is_empty() => failure.hint("it takes no inputs"),
        None => failure.hint(format!("its inputs are {}", names.join(", "))),
    })
}

fn source(
    catalogue: &Catalogue,
    job: &dyn AnyJob,
    slot: &str,
    value: &str,
    project: Option<&Project>,
) -> Outcome<Source> {
    if let (Some((number, output)), Some(project)) = (job_and_slot(value), project) {
        let output = if let Some(output) = output {
            output.replace('-', "_")
        } else {
            let kind = kind_of(job, slot).unwrap_or_default();
            only_output(catalogue, project, number, &|found| found == kind)?
        };
        return Ok(Source::Job {
            job: number,
            slot: output,
        });
    }
    let mut files = Vec::new();
    for name in value.split(',').filter(|name| !name.is_empty()) {
        for file in expanded(name) {
            files.push(existing(&file, value, project)?);
        }
    }
    if files.is_empty() {
        return Err(
            Failure::usage(format!("input {slot} is empty")).hint(format!(
                "write `--input {slot}=JOB.SLOT` or `--input {slot}=FILE`"
            )),
        );
    }
    Ok(Source::Files(files))
}

/// The files that a pattern such as `data/*.mrc` means, sorted; a plain name means itself.
fn expanded(name: &str) -> Vec<PathBuf> {
    if !name.contains(['*', '?', '[']) || Path::new(name).exists() {
        return vec![PathBuf::from(name)];
    }
    let found: Vec<PathBuf> = glob::glob(name)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .collect();
    if found.is_empty() {
        vec![PathBuf::from(name)]
    } else {
        found
    }
}

fn existing(path: &Path, value: &str, project: Option<&Project>) -> Outcome<PathBuf> {
    if !path.exists() {
        let failure = Failure::usage(format!("{}: no such file", path.display()));
        let outside = project.is_none() && job_and_slot(value).is_some();
        return Err(if outside {
            failure.hint("outputs of jobs can be used inside a project, without --output")
        } else {
            failure
        });
    }
    match project {
        Some(project) => recorded_path(project.root(), path),
        None => Ok(path.to_path_buf()),
    }
}

/// `7.tilt_series` or `7`.
pub(crate) fn job_and_slot(value: &str) -> Option<(JobNumber, Option<&str>)> {
    let (number, slot) = match value.split_once('.') {
        Some((number, slot)) => (number, Some(slot)),
        None => (value, None),
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let name = slot.is_none_or(|slot| {
        !slot.is_empty()
            && slot
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    });
    // A file such as `7.mrc` that lies here is meant as a file.
    (digits && name && !Path::new(value).is_file())
        .then(|| number.parse().ok().map(|number| (number, slot)))
        .flatten()
}

fn kind_of(job: &dyn AnyJob, slot: &str) -> Option<String> {
    let slots = job.inputs();
    slots.into_iter().find(|s| s.name == slot).map(|s| s.kind)
}

/// The one output of a job whose kind is wanted.
pub(crate) fn only_output(
    catalogue: &Catalogue,
    project: &Project,
    number: JobNumber,
    wanted: &dyn Fn(&str) -> bool,
) -> Outcome<String> {
    let request = project.facts(number)?.record.request;
    let outputs = catalogue.find(&request.operation)?.outputs();
    let fitting: Vec<&str> = outputs
        .iter()
        .filter(|output| wanted(&output.kind))
        .map(|output| output.name.as_str())
        .collect();
    if let [one] = fitting.as_slice() {
        return Ok((*one).to_owned());
    }
    let all: Vec<String> = outputs
        .iter()
        .map(|output| format!("{}.{} ({})", number.0, output.name, output.kind))
        .collect();
    let count = match fitting.len() {
        0 => "no output".to_owned(),
        several => format!("{several} outputs"),
    };
    Err(
        Failure::usage(format!("job {number} has {count} that would fit"))
            .hint(format!("name one: {}", all.join(", "))),
    )
}
