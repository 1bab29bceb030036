//! The last step of every import of tilt series: names that are unique, sensible headers, items written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use thon_contract::kinds::TiltSeriesKind;
use thon_contract::{Context, Cost, Finding, JobError, Output, PROCESS_MEMORY};
use thon_interop::Imported;
use thon_model::TiltSeries;

use super::given_files::{self, expand, told};

/// The files that a parameter names, each of which makes one tilt series.
pub(crate) struct Named<'a> {
    /// Name of the parameter.
    pub(crate) parameter: &'a str,
    /// Paths and patterns as given.
    pub(crate) given: &'a [String],
    /// What one of them is, and an example: `mdoc file`, `data/*.mdoc`.
    pub(crate) example: [&'a str; 2],
}

impl Named<'_> {
    /// Reads every file and says what is wrong with it, or with the series together.
    pub(crate) fn check(
        &self,
        context: &Context,
        read: impl Fn(&Path) -> Result<Imported<TiltSeries>, JobError>,
    ) -> Vec<Finding> {
        if self.given.is_empty() {
            let [what, example] = self.example;
            let message = format!("expected at least one {what}, found nothing");
            let hint = format!("give paths or a pattern, for example `{example}`");
            return vec![Finding::error(self.parameter, message).with_hint(hint)];
        }
        let paths = match expand(self.given, context) {
            Ok(paths) => paths,
            Err(e) => return vec![given_files::finding(self.parameter, &e)],
        };
        let (mut series, mut found) = (Vec::new(), Vec::new());
        for path in &paths {
            match read(path) {
                Ok(one) => series.push(one.value),
                Err(e) => found.push(given_files::finding(self.parameter, &e)),
            }
        }
        found.extend(findings(self.parameter, &series, context));
        found
    }

    /// What their import needs.
    pub(crate) fn cost(&self, context: &Context) -> Cost {
        let series = expand(self.given, context).map_or(0, |paths| paths.len()) as u64;
        Cost {
            memory: PROCESS_MEMORY,
            disk: series * (1 << 18),
            cpu_seconds: 0.05 * series as f64,
        }
    }

    /// Reads every file and writes its series as an item.
    pub(crate) fn import(
        &self,
        context: &Context,
        read: impl Fn(&Path) -> Result<Imported<TiltSeries>, JobError>,
    ) -> Result<Output<TiltSeriesKind>, JobError> {
        let mut series = Vec::new();
        for path in expand(self.given, context)? {
            thon_compute::check(context.progress())?;
            series.push(read(&path)?);
        }
        store(series, context)
    }
}

/// What is wrong with a set of imported series as a whole.
pub(crate) fn findings<'a>(
    place: &str,
    series: impl IntoIterator<Item = &'a TiltSeries>,
    context: &Context,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    let (mut absent, mut files) = (BTreeSet::new(), BTreeMap::new());
    for one in series {
        if !seen.insert(one.name.as_str()) {
            let message = format!("two tilt series are named {}", one.name);
            findings
                .push(Finding::error(place, message).with_hint("import them one after the other"));
        }
        if one.images.is_empty() {
            findings.push(Finding::error(place, format!("{} has no image", one.name)));
        }
        for reference in one.images.iter().filter_map(|image| image.image.as_ref()) {
            let there = files
                .entry(&reference.path)
                .or_insert_with(|| context.resolve(&reference.path).exists());
            if !*there {
                absent.insert(&reference.path);
            }
        }
    }
    if let Some(first) = absent.first() {
        let message = format!(
            "{} of {} image files are not there: {}",
            absent.len(),
            files.len(),
            first.display()
        );
        findings.push(
            Finding::warning(place, message)
                .with_hint("metadata come in; jobs that need the images will refuse"),
        );
    }
    findings
}

/// Writes every series as an item and passes its remarks on.
pub(crate) fn store(
    series: Vec<Imported<TiltSeries>>,
    context: &Context,
) -> Result<Output<TiltSeriesKind>, JobError> {
    let mut records = Vec::with_capacity(series.len());
    let (mut images, mut excluded, mut aligned) = (0, 0, 0);
    let total = series.len() as u64;
    for (done, one) in (1..).zip(series) {
        thon_compute::check(context.progress())?;
        let one = told(one, context);
        images += one.images.len();
        excluded += one.images.len() - one.used().count();
        aligned += one
            .images
            .iter()
            .filter(|image| image.geometry.is_some())
            .count();
        records.push(context.store::<TiltSeriesKind>(&item_name(&one.name), &one)?);
        context.progress().advance(done, total);
    }
    records.sort_by(|a, b| a.name.cmp(&b.name));
    context.metric("tilt series", records.len() as f64);
    context.metric("tilt images", images as f64);
    context.metric("excluded images", excluded as f64);
    context.metric("aligned images", aligned as f64);
    Ok(Output::of(records))
}

/// A name that can be a file name.
pub(crate) fn item_name(name: &str) -> String {
    name.replace(['/', '\\'], "_")
}

/// Those of the files that exist: a missing one is told by `check`, not by the cache.
pub(crate) fn existing(
    files: impl IntoIterator<Item = PathBuf>,
    context: &Context,
) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = files
        .into_iter()
        .filter(|file| context.resolve(file).is_file())
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Ends of the files that hold what an eTomo directory says.
const METADATA: [&str; 9] = [
    "xf", "tlt", "rawtlt", "xtilt", "defocus", "com", "edf", "mdoc", "zfac",
];

/// A file itself; of a directory, its files of metadata (no images).
pub(crate) fn metadata_of(path: &Path, context: &Context) -> Vec<PathBuf> {
    let full = context.resolve(path);
    if full.is_file() {
        return vec![path.to_owned()];
    }
    let names = std::fs::read_dir(full)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name());
    let files = names.map(|name| path.join(name));
    let told = |file: &PathBuf| {
        file.extension()
            .is_some_and(|end| METADATA.iter().any(|own| end == *own))
    };
    existing(files.filter(told), context)
}
