//! Foreign files that parameters name: patterns expanded, errors as findings, paths kept as they were given.
//!
//! A relative path of a parameter starts at the project and stays relative in everything that is stored, so that a
//! project can be moved; only a path given as absolute stays absolute.

use std::path::{Path, PathBuf};

use thon_contract::{Context, Finding, JobError};
use thon_interop::{Imported, InteropError};
use thon_model::{ParticleSet, TiltSeries};

/// Files behind paths and patterns (`*`, `?`, `[…]`, `**`), each once, sorted, in the form they were given.
pub(crate) fn expand(patterns: &[String], context: &Context) -> Result<Vec<PathBuf>, JobError> {
    let mut found = Vec::new();
    for pattern in patterns {
        let full = context.resolve(Path::new(pattern));
        if full.exists() {
            found.push(PathBuf::from(pattern));
            continue;
        }
        let before = found.len();
        let root = context.resolve(Path::new(""));
        let root = glob::Pattern::escape(&root.to_string_lossy());
        let escaped = if Path::new(pattern).is_absolute() {
            pattern.clone()
        } else {
            format!("{root}{pattern}")
        };
        let matches =
            glob::glob(&escaped).map_err(|e| JobError::data(format!("{pattern}: {e}")))?;
        for path in matches {
            let path = path.map_err(|e| JobError::file(e.path(), e.error()))?;
            found.push(as_given(&path, Path::new(pattern), context));
        }
        if found.len() == before {
            return Err(JobError::Data {
                message: format!("{pattern}: no such file, and none that matches"),
                hint: "relative paths start at the project directory".into(),
            });
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// A path found through `given`, relative to the project again unless `given` was absolute.
pub(crate) fn as_given(path: &Path, given: &Path, context: &Context) -> PathBuf {
    if given.is_absolute() {
        return path.to_owned();
    }
    let root = context.resolve(Path::new(""));
    path.strip_prefix(root).unwrap_or(path).to_owned()
}

/// All image paths of a series in the form of `given`.
pub(crate) fn images_as_given(series: &mut TiltSeries, given: &Path, context: &Context) {
    for image in &mut series.images {
        let references = image
            .image
            .iter_mut()
            .chain(image.halves.iter_mut().flatten());
        for reference in references {
            reference.path = as_given(&reference.path, given, context);
        }
    }
    if let Some(hand) = &mut series.defocus_hand {
        hand.evidence = without_root(&hand.evidence, context);
    }
}

/// All movie paths of a series in the form of `given`.
pub(crate) fn movies_as_given(series: &mut TiltSeries, given: &Path, context: &Context) {
    for movie in series
        .images
        .iter_mut()
        .filter_map(|image| image.movie.as_mut())
    {
        movie.path = as_given(&movie.path, given, context);
    }
}

/// All image paths of particles in the form of `given`.
pub(crate) fn particles_as_given(set: &mut ParticleSet, given: &Path, context: &Context) {
    let images = set.images.iter_mut();
    for path in images.flat_map(|images| images.paths.iter_mut().chain(&mut images.ctf_paths)) {
        *path = as_given(path, given, context);
    }
}

/// Where the project lies says nothing about the data: a text with its directory taken out of all paths.
fn without_root(text: &str, context: &Context) -> String {
    let root = context.resolve(Path::new(""));
    let root = root.to_string_lossy();
    if root.len() > 1 {
        text.replace(root.as_ref(), "")
    } else {
        text.to_owned()
    }
}

/// What an import could not keep and what it decided, one sentence each.
pub(crate) fn remarks<T>(imported: &Imported<T>, context: &Context) -> Vec<String> {
    let decided = imported
        .remarks
        .iter()
        .map(|remark| without_root(remark, context));
    let lost = imported.losses.losses.iter();
    let lost = lost.map(|loss| format!("not kept: {} ({}): {}", loss.kind, loss.count, loss.why));
    decided.chain(lost).collect()
}

/// Passes on what an import could not keep and what it decided; gives what it read.
pub(crate) fn told<T>(imported: Imported<T>, context: &Context) -> T {
    for remark in remarks(&imported, context) {
        context.warn(remark);
    }
    imported.value
}

/// A refused foreign file as a finding about a parameter.
pub(crate) fn finding(place: &str, error: &JobError) -> Finding {
    match error {
        JobError::Data { message, hint } => Finding::error(place, message).with_hint(hint),
        other => Finding::error(place, other.to_string()),
    }
}

/// A refused foreign file as the reason why a job stopped.
pub(crate) fn stopped(error: InteropError) -> JobError {
    match error {
        InteropError::Contradiction(it) => JobError::Data {
            message: format!("{}: expected {}, found {}", it.place, it.expected, it.found),
            hint: it.hint.unwrap_or_default(),
        },
        other => JobError::data(other.to_string()),
    }
}

/// A finding unless a parameter that must be positive is so, or is empty.
pub(crate) fn positive(place: &str, value: Option<f64>, unit: &str) -> Option<Finding> {
    let value = value.filter(|value| !(*value > 0.0 && value.is_finite()))?;
    Some(Finding::error(
        place,
        format!("expected more than 0 {unit}, found {value}"),
    ))
}

/// A finding when a path that must be given is empty.
pub(crate) fn required(place: &str, path: &Path, what: &str) -> Option<Finding> {
    path.as_os_str().is_empty().then(|| {
        Finding::error(place, format!("expected {what}, found nothing")).with_hint(format!(
            "give `{place}`; relative paths start at the project directory"
        ))
    })
}
