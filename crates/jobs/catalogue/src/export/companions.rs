//! RELION's files beside the results of runs without a project.
//!
//! A job is known by what it declares. Outputs `particles` and `map` or `maps` (one per class), with or without
//! `half_map_1`, `half_map_2`, `fsc`, `noise`, `progress`, are a refinement or classification; `particles`, `class_averages`,
//! `classes`, `rounds`, with or without `noise`, a classification of images; `map`, `masked_map`, `mask`, `fsc`, `guinier` a
//! post-processing.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Map as Object, Value};
use thon_contract::kinds::CurvesKind;
use thon_contract::{AnyJob, Beside, Companion, Context, Item, JobError, SlotRecord};
use thon_interop::emdb::write_fsc_xml;
use thon_interop::relion::write_post_process;
use thon_units::Angstrom;

use super::class_files;
use super::post_process::{self, PostProcessFiles};
use super::refinement_files::{self, Gathered};
use super::relion_refinement::Params;
use super::written::tell;
use crate::import::given_files::stopped;

/// `run_data.star`, `run_model.star`, `run_class001.mrc`, `run_half1_class001_unfil.mrc` and the like.
pub(crate) const REFINEMENT: Companion = Companion {
    name: "files of a RELION refinement",
    fits: |job| {
        let one = has(job, &["particles", "map"], &["particles", "map"]);
        one || has(job, &["particles", "maps"], &["particles", "map"])
    },
    write: refinement,
};

/// `run_it025_classes.mrcs`, `run_it025_data.star` and the like.
pub(crate) const CLASSES: Companion = Companion {
    name: "files of a RELION classification of images",
    fits: |job| {
        has(
            job,
            &["particles", "class_averages", "classes", "rounds"],
            &["particles", "files", "curves", "curves"],
        )
    },
    write: classes,
};

/// `postprocess.star`, `postprocess.mrc`, `postprocess_masked.mrc`, `postprocess_fsc.xml`.
pub(crate) const POST_PROCESSING: Companion = Companion {
    name: "files of a RELION post-processing",
    fits: |job| {
        has(
            job,
            &["map", "masked_map", "mask", "fsc", "guinier"],
            &["map", "map", "mask", "curves", "curves"],
        )
    },
    write: post_processing,
};

/// The table of particles of a finished run.
const TABLE: &str = "run_data.star";

fn has(job: &dyn AnyJob, names: &[&str], kinds: &[&str]) -> bool {
    let outputs = job.outputs();
    let declared = |(name, kind): (&&str, &&str)| {
        let mut slots = outputs.iter();
        slots.any(|slot| slot.name == *name && slot.kind == *kind)
    };
    names.iter().zip(kinds).all(declared)
}

fn refinement(beside: &Beside<'_>, context: &Context) -> Result<(), JobError> {
    if !beside.outputs.contains_key("particles") {
        // A job that takes particles along when it is given some.
        return Ok(());
    }
    let slots = [
        "particles",
        "tilt_series",
        "map",
        "half_map_1",
        "half_map_2",
        "fsc",
        "noise",
    ];
    let inputs: refinement_files::Inputs = inputs_of(beside, &slots)?;
    let mut params = params_of(beside);
    let last = |label| last_of(beside, "progress", label, context);
    let iteration = last("iteration")?.unwrap_or(0.0) as u32;
    if beside.outputs.contains_key("maps") {
        // A classification has no last iteration over joined halves: its files are those of the iteration it ended with.
        params.iteration = Some(iteration);
    }
    if let Some(deviation) = last("deviation of shifts")?.filter(|value| *value > 0.0) {
        params.offset_sigma.0 = deviation;
    }
    let mut gathered = refinement_files::gather(&inputs, &params, context)?;
    gathered.refinement.iteration = iteration;
    write_here(gathered, context)
}

fn classes(beside: &Beside<'_>, context: &Context) -> Result<(), JobError> {
    let slots = ["particles", "class_averages", "classes", "noise"];
    let inputs: class_files::Inputs = inputs_of(beside, &slots)?;
    let mut params = params_of(beside);
    let rounds = last_of(beside, "rounds", "round", context)?;
    params.iteration = Some(rounds.unwrap_or(0.0) as u32);
    write_here(class_files::gather(&inputs, &params, context)?, context)
}

/// What the parameters of a run say of the particle.
fn params_of(beside: &Beside<'_>) -> Params {
    let mut params = Params::default();
    let number = |name| found(beside.params, name).and_then(Value::as_f64);
    if let Some(group) = found(beside.params, "symmetry").and_then(Value::as_str) {
        group.clone_into(&mut params.symmetry);
    }
    params.diameter = number("diameter").map(Angstrom);
    params.regularisation = number("regularisation").unwrap_or(params.regularisation);
    params
}

/// Writes into the folder of the unit. Inside the RELION project that the particles come from, maps are named as they are:
/// from its folder.
fn write_here(mut gathered: Gathered, context: &Context) -> Result<(), JobError> {
    let here = context.published("");
    let inside = gathered.project.as_deref();
    let inside = inside.and_then(|project| here.strip_prefix(project).ok());
    gathered.refinement.folder = inside.unwrap_or(&here).to_owned();
    let losses = refinement_files::write(&gathered, Path::new(""), context)?;
    let named = format!("{}_data.star", gathered.refinement.name);
    if named != TABLE {
        // The name under which whoever selects particles looks for them.
        let (from, to) = (context.file(&named)?, context.file(TABLE)?);
        std::fs::copy(&from, &to).map_err(|e| JobError::file(&from, e))?;
    }
    tell(&losses, context);
    Ok(())
}

fn post_processing(beside: &Beside<'_>, context: &Context) -> Result<(), JobError> {
    let slots = ["map", "masked_map", "mask", "fsc", "guinier"];
    let inputs: post_process::Inputs = inputs_of(beside, &slots)?;
    let mut post = post_process::gather(&inputs, context)?;
    let main = |slots: &thon_contract::UnitInputs, name: &str| -> Option<PathBuf> {
        slots.get(name)?.items.first()?.files.first().cloned()
    };
    let given = |name| main(beside.inputs, name).map(|path| path.display().to_string());
    post.files = PostProcessFiles {
        half_maps: given("half_map_1").zip(given("half_map_2")).map(Into::into),
        ..PostProcessFiles::default()
    };
    let copy = |slot: &str, name: &str| -> Result<Option<String>, JobError> {
        let Some(from) = main(beside.outputs, slot) else {
            return Ok(None);
        };
        let to = context.file(name)?;
        std::fs::copy(&from, to).map_err(|e| JobError::file(&from, e))?;
        Ok(Some(context.published(name).display().to_string()))
    };
    post.files.map = copy("map", "postprocess.mrc")?;
    post.files.masked_map = copy("masked_map", "postprocess_masked.mrc")?;
    let mask = main(beside.outputs, "mask");
    let mask = mask.as_deref().and_then(Path::file_name);
    post.files.mask = mask.map(|name| context.published(Path::new(name)).display().to_string());
    write_post_process(&post, &context.file("postprocess.star")?).map_err(stopped)?;
    let document = post_process::document(&post, &post_process::Params::default().title);
    write_fsc_xml(&document, &context.file("postprocess_fsc.xml")?).map_err(stopped)
}

/// The last value of a column of an output of curves.
fn last_of(
    beside: &Beside<'_>,
    slot: &str,
    label: &str,
    context: &Context,
) -> Result<Option<f64>, JobError> {
    let record = beside.outputs.get(slot);
    let Some(record) = record.and_then(|slot| slot.items.first()) else {
        return Ok(None);
    };
    let curves = context.load(&Item::<CurvesKind>::new(record.clone()))?;
    let mut columns = curves.columns.iter();
    let column = columns.find(|column| column.label == label);
    Ok(column.and_then(|column| column.values.last().copied().flatten()))
}

/// The inputs of an export, filled from outputs of the same names (tilt series from
/// the inputs); empty ones count as absent.
fn inputs_of<T: DeserializeOwned>(beside: &Beside<'_>, slots: &[&str]) -> Result<T, JobError> {
    let mut filled = Object::new();
    for slot in slots {
        let record: Option<&SlotRecord> = match *slot {
            "tilt_series" => beside.inputs.get(*slot),
            "map" => beside.outputs.get("maps").or(beside.outputs.get("map")),
            _ => beside.outputs.get(*slot),
        };
        if let Some(record) = record.filter(|record| !record.items.is_empty()) {
            let value = serde_json::to_value(record).expect("records are plain data");
            filled.insert((*slot).to_owned(), value);
        }
    }
    serde_json::from_value(Value::Object(filled)).map_err(|e| JobError::data(e.to_string()))
}

/// A parameter of this name, at any depth.
fn found<'a>(params: &'a Value, name: &str) -> Option<&'a Value> {
    let object = params.as_object()?;
    let own = object.get(name).filter(|value| !value.is_null());
    own.or_else(|| object.values().find_map(|value| found(value, name)))
}
