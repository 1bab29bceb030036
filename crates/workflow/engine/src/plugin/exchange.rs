//! Objects across the border of a program: export jobs of the catalogue write them in its format, import jobs read them back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use thon_contract::{
    AnyJob, Context, Finding, ItemRecord, JobError, Note, SlotRecord, UnitInputs, Workspace,
};

use super::manifest::{Exchange, InputEntry, Manifest, OutputEntry};
use super::program::filled_in;

/// What surrounds a run of a program.
pub(super) struct Around<'a> {
    /// The parameters, with the item's name as `item`.
    pub(super) params: Value,
    inputs: &'a UnitInputs,
    work: &'a Path,
    /// Of the unit.
    pub(super) context: &'a Context<'a>,
}

impl<'a> Around<'a> {
    pub(super) fn new(
        params: &Value,
        inputs: &'a UnitInputs,
        work: &'a Path,
        context: &'a Context<'a>,
    ) -> Self {
        let mut params = params.clone();
        let single = inputs.values().filter(|slot| slot.items.len() == 1);
        let item = single.map(|slot| slot.items[0].name.clone()).next();
        params["item"] = json!(item.unwrap_or_default());
        if params["pixel_size"].is_null()
            && let Some(size) = staged_pixel_size(work)
        {
            params["pixel_size"] = json!(size);
        }
        Self {
            params,
            inputs,
            work,
            context,
        }
    }

    /// Name of the item that the unit is for; empty when it is for a whole set.
    pub(super) fn item(&self) -> &str {
        self.params["item"].as_str().unwrap_or_default()
    }

    /// A text with its placeholders filled in.
    pub(super) fn filled(&self, text: &str) -> String {
        filled_in(text, &self.params, super::program::rayon_threads())
    }
}

/// The unit's directory seen from an export: it writes below the program's.
struct Staging<'a> {
    outer: &'a Context<'a>,
    scratch: PathBuf,
}

impl Workspace for Staging<'_> {
    fn resolve(&self, path: &Path) -> PathBuf {
        // Some programs only find what is named in full.
        self.outer.resolve(path)
    }

    fn scratch(&self) -> PathBuf {
        self.scratch.clone()
    }

    fn published(&self, file: &Path) -> PathBuf {
        self.scratch.join(file)
    }
}

fn find(jobs: &'static [&'static dyn AnyJob], id: &str) -> Result<&'static dyn AnyJob, JobError> {
    let found = jobs.iter().find(|job| job.id() == id).copied();
    found.ok_or_else(|| JobError::data(format!("there is no job {id} to carry objects")))
}

/// The inputs of each export by the directory that it writes into.
fn exports(manifest: &Manifest) -> BTreeMap<&str, Vec<(&InputEntry, &Exchange)>> {
    let mut exports: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for entry in &manifest.inputs {
        if let Some(stage) = &entry.stage {
            exports.entry(&entry.file).or_default().push((entry, stage));
        }
    }
    exports
}

/// The parameters and slots of an export.
fn asked(
    group: &[(&InputEntry, &Exchange)],
    job: &dyn AnyJob,
    inputs: &UnitInputs,
) -> Result<(Value, UnitInputs), JobError> {
    let mut given = serde_json::Map::new();
    let mut slots = UnitInputs::new();
    for (entry, stage) in group {
        given.extend(stage.parameters.clone());
        let slot = if stage.slot.is_empty() {
            &entry.name
        } else {
            &stage.slot
        };
        if let Some(record) = inputs.get(&entry.name) {
            slots.insert(slot.clone(), record.clone());
        }
    }
    let params = job
        .complete_params(&Value::Object(given))
        .map_err(|findings| JobError::data(words(&findings)))?;
    Ok((params, slots))
}

fn words(findings: &[Finding]) -> String {
    let all: Vec<String> = findings.iter().map(ToString::to_string).collect();
    all.join("; ")
}

/// What the exports say of the inputs.
pub(super) fn findings(
    manifest: &Manifest,
    jobs: &'static [&'static dyn AnyJob],
    inputs: &UnitInputs,
    context: &Context,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (directory, group) in exports(manifest) {
        let looked = find(jobs, &group[0].1.job).and_then(|job| {
            let (params, slots) = asked(&group, job, inputs)?;
            Ok(job.check(&params, &slots, context))
        });
        match looked {
            Ok(found) => findings.extend(found),
            Err(error) => findings.push(Finding::error(directory, error.to_string())),
        }
    }
    findings
}

/// Writes all inputs that have an export in the program's format.
pub(super) fn stage(
    manifest: &Manifest,
    jobs: &'static [&'static dyn AnyJob],
    inputs: &UnitInputs,
    work: &Path,
    context: &Context,
) -> Result<(), JobError> {
    for (directory, group) in exports(manifest) {
        let job = find(jobs, &group[0].1.job)?;
        let (params, slots) = asked(&group, job, inputs)?;
        let workspace = Staging {
            outer: context,
            scratch: work.join(directory),
        };
        fs::create_dir_all(&workspace.scratch)
            .map_err(|e| JobError::file(&workspace.scratch, e))?;
        let inner = Context::new(&workspace, context.progress(), context.memory);
        job.run(&params, &slots, &inner)?;
        for note in inner.take_notes() {
            if let Note::Warning { text } = note {
                context.warn(text);
            }
        }
    }
    Ok(())
}

/// Makes an object of what the program wrote.
pub(super) fn adopt(
    output: &OutputEntry,
    adopt: &Exchange,
    jobs: &'static [&'static dyn AnyJob],
    around: &Around<'_>,
) -> Result<ItemRecord, JobError> {
    let job = find(jobs, &adopt.job)?;
    let context = around.context;
    // As the project names it, so that nothing depends on where the project lies.
    let root = context.resolve(Path::new(""));
    let work = around.work.strip_prefix(&root).unwrap_or(around.work);
    let fill = |value: &Value| match value {
        Value::String(text) => {
            let text = text.replace("{work}", &work.display().to_string());
            Value::String(around.filled(&text))
        }
        other => other.clone(),
    };
    let given = adopt.parameters.iter();
    let given = given.map(|(name, value)| (name.clone(), fill(value)));
    let bad = |message: String| JobError::BadOutput {
        name: output.name.clone(),
        message,
    };
    let params = job
        .complete_params(&Value::Object(given.collect()))
        .map_err(|findings| bad(words(&findings)))?;
    let mut slots = UnitInputs::new();
    for slot in job.inputs() {
        if let Some(record) = around.inputs.get(&slot.name) {
            slots.insert(slot.name, record.clone());
        }
    }
    let findings = job.check(&params, &slots, context);
    let errors: Vec<Finding> = findings.into_iter().filter(Finding::is_error).collect();
    if !errors.is_empty() {
        return Err(bad(words(&errors)));
    }
    let outputs = job.run(&params, &slots, context)?;
    // Where the program worked is gone, and differs from attempt to attempt.
    let place = format!("{}/", work.display());
    for note in context.take_notes() {
        match note {
            Note::Warning { text } => context.warn(text.replace(&place, "")),
            Note::Rejected(rejection) => context.reject(rejection.name, rejection.reason),
            Note::Metric { name, value } => context.metric(name, value),
        }
    }
    let slot = if adopt.slot.is_empty() {
        &output.name
    } else {
        &adopt.slot
    };
    let record: Option<&SlotRecord> = outputs.get(slot);
    let item = record.and_then(|record| record.items.first()).cloned();
    item.ok_or_else(|| bad(format!("{} made no {slot} of it", adopt.job)))
}

/// Pixel size of the stack that an export wrote two levels down, Å.
fn staged_pixel_size(work: &Path) -> Option<f64> {
    let below = |place: PathBuf| {
        let entries = fs::read_dir(place).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let files = below(work.to_owned()).into_iter().flat_map(below);
    let mut stacks = files
        .flat_map(below)
        .filter(|path| path.extension().is_some_and(|end| end == "mrc"));
    let header = thon_images::mrc::Mrc::read_header(stacks.next()?).ok()?;
    header.pixel_size()
}
