//! Runs a job on plain files, without a project, into a directory.
//!
//! Each unit is written aside and moved into the directory by one rename, so that a directory never
//! holds half a result; `thon.json` beside the results says what was run. Steps that an interrupted run has kept
//! lie in `.kept` by content key: the same run finds them, another does not, and a finished one removes them all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use thon_contract::{AnyJob, Beside, Context, Finding, JobError, Team, UnitOutputs};
use thon_project::{Durable, KeptSteps};

use crate::inputs::{Place, resolve};
use crate::plan::{Plan, PlannedUnit};
use crate::run::{Settings, plan_standalone};
use crate::team::{Task, team};
use crate::workspace::{UnitProgress, UnitWorkspace};
use crate::{Catalogue, EngineError, Event, JobSpec, Observer};

/// Name of the record of a stand-alone run.
const RECORD: &str = "thon.json";
/// Directory of the kept steps of unfinished units.
const KEPT: &str = ".kept";
/// Directory through which several processes share a unit.
const TEAM: &str = ".team";

/// Runs a job on plain files and writes its outputs into `output`; returns the outputs by item.
///
/// # Errors
/// Refused parameters or inputs, failed units, or a directory that already holds a result.
pub fn run_standalone(
    catalogue: &Catalogue,
    spec: &JobSpec,
    output: &Path,
    observer: &dyn Observer,
    settings: Settings,
) -> Result<BTreeMap<String, UnitOutputs>, EngineError> {
    let job = catalogue.find(&spec.operation)?;
    let params = job
        .complete_params(&spec.parameters)
        .map_err(EngineError::Refused)?;
    let here = std::env::current_dir().map_err(|e| file_error(Path::new("."), e))?;
    let inputs = resolve(catalogue, job, &spec.inputs, Place::Directory(&here))?;
    let plan = plan_standalone(job, &params, &inputs, &here, catalogue)?;
    let output = here.join(output);
    let run = Run {
        catalogue,
        job,
        params: &params,
        here: &here,
        output: &output,
        several: plan.units.len() > 1,
        observer,
        settings,
    };
    run.check(&plan)?;
    let record = output.join(RECORD);
    refuse_overwriting(&output, &plan)?;
    observer.tell(Event::Started {
        job: None,
        operation: job.id(),
        units: plan.units.len(),
    });
    std::fs::create_dir_all(&output).map_err(|e| file_error(&output, e))?;
    let mut results = BTreeMap::new();
    for unit in &plan.units {
        results.insert(unit.item.clone(), run.unit(unit)?);
    }
    let told = json!({
        "operation": job.id(), "version": job.version(), "parameters": params,
        "inputs": spec.inputs, "outputs": results,
    });
    let text = serde_json::to_vec_pretty(&told).expect("records are plain data");
    std::fs::write(&record, text).map_err(|e| file_error(&record, e))?;
    Durable::default().remove_tree(&output.join(KEPT))?;
    observer.tell(Event::Done {
        job: None,
        operation: job.id(),
        items: results.len() as u64,
    });
    Ok(results)
}

/// A run under way.
struct Run<'a> {
    catalogue: &'a Catalogue,
    job: &'a dyn AnyJob,
    params: &'a Value,
    here: &'a Path,
    output: &'a Path,
    several: bool,
    observer: &'a dyn Observer,
    settings: Settings,
}

impl Run<'_> {
    /// Asks the job about every unit; errors refuse them all before anything is written.
    fn check(&self, plan: &Plan) -> Result<(), EngineError> {
        let workspace = UnitWorkspace::looking(self.here, self.catalogue);
        let context = Context::new(&workspace, &thon_compute::Quiet, self.settings.memory);
        let mut errors: Vec<Finding> = Vec::new();
        for unit in &plan.units {
            for finding in self.job.check(self.params, &unit.inputs, &context) {
                if !finding.is_error() {
                    self.observer.tell(Event::Warning { finding: &finding });
                } else if !errors.contains(&finding) {
                    errors.push(finding);
                }
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(EngineError::Refused(errors))
        }
    }

    /// Writes what other programs expect beside the result. The result does not depend on it, so that a failure is
    /// told and the result kept.
    fn stand_beside(
        &self,
        unit: &PlannedUnit,
        outputs: &UnitOutputs,
        aside: &Path,
        context: &Context,
    ) {
        let mut written = outputs.clone();
        let items = written.values_mut().flat_map(|slot| &mut slot.items);
        for file in items.flat_map(|item| &mut item.files) {
            *file = aside.join(&file);
        }
        let beside = Beside {
            params: self.params,
            inputs: &unit.inputs,
            outputs: &written,
        };
        for companion in self.catalogue.companions(self.job) {
            if let Err(error) = (companion.write)(&beside, context) {
                context.warn(format!("{} are not written: {error}", companion.name));
            }
        }
    }

    /// Runs one unit aside and moves what it wrote to where it belongs.
    fn unit(&self, unit: &PlannedUnit) -> Result<UnitOutputs, EngineError> {
        self.observer.tell(Event::Running { item: &unit.item });
        let aside = self.output.join(format!(".{}.partial", unit.item));
        let _ = std::fs::remove_dir_all(&aside);
        std::fs::create_dir_all(&aside).map_err(|e| file_error(&aside, e))?;
        let place = place(self.output, &unit.item, self.several);
        let base = self.output.join(KEPT);
        let kept = KeptSteps::new(&Durable::default(), &base, &unit.identity.key());
        let task = Task {
            operation: self.job.id(),
            params: self.params,
            inputs: &unit.inputs,
            root: self.here,
            memory: self.settings.memory,
        };
        let team = team(&self.output.join(TEAM), self.job, &task, &self.settings)
            .map_err(|source| stopped(&unit.item, source))?;
        let workspace = UnitWorkspace {
            root: self.here.to_owned(),
            scratch: aside.clone(),
            published: place.clone(),
            kept: Some(kept),
            readers: self.catalogue.readers(),
            listener: Some((self.observer, unit.item.as_str())),
            team: team.as_ref().map(|team| team as &dyn Team),
        };
        let never = || false;
        let progress = UnitProgress::new(&unit.item, self.observer, &never);
        let context = Context::new(&workspace, &progress, self.settings.memory);
        match self.job.run(self.params, &unit.inputs, &context) {
            Ok(outputs) => {
                self.stand_beside(unit, &outputs, &aside, &context);
                publish(&aside, &place, self.several)?;
                self.observer.tell(Event::Finished {
                    item: &unit.item,
                    notes: &context.take_notes(),
                });
                Ok(outputs)
            }
            Err(source) => {
                let _ = std::fs::remove_dir_all(&aside);
                Err(stopped(&unit.item, source))
            }
        }
    }
}

/// Where a unit's outputs go: a directory of its own when there are several.
fn place(output: &Path, item: &str, several: bool) -> PathBuf {
    if several {
        output.join(item)
    } else {
        output.to_owned()
    }
}

/// A directory with a result, or with a finished part of one, is left alone.
fn refuse_overwriting(output: &Path, plan: &Plan) -> Result<(), EngineError> {
    let parts = plan.units.iter().map(|unit| output.join(&unit.item));
    let parts = parts.filter(|_| plan.units.len() > 1);
    let Some(found) = std::iter::once(output.join(RECORD))
        .chain(parts)
        .find(|path| path.exists())
    else {
        return Ok(());
    };
    let message = format!(
        "the directory already holds a result\nhint: choose another, or remove {} first",
        found.file_name().unwrap_or_default().display()
    );
    let exists = std::io::Error::new(std::io::ErrorKind::AlreadyExists, message);
    Err(file_error(output, exists))
}

fn stopped(item: &str, source: JobError) -> EngineError {
    match source {
        JobError::Cancelled => EngineError::Cancelled,
        JobError::Refused(findings) => EngineError::Refused(findings),
        source => EngineError::Unit {
            item: item.to_owned(),
            source,
        },
    }
}

/// Moves what a unit wrote to where it belongs.
fn publish(aside: &Path, place: &Path, several: bool) -> Result<(), EngineError> {
    if several {
        return std::fs::rename(aside, place).map_err(|e| file_error(place, e));
    }
    let entries = std::fs::read_dir(aside).map_err(|e| file_error(aside, e))?;
    for entry in entries {
        let entry = entry.map_err(|e| file_error(aside, e))?;
        let target = place.join(entry.file_name());
        std::fs::rename(entry.path(), &target).map_err(|e| file_error(&target, e))?;
    }
    std::fs::remove_dir(aside).map_err(|e| file_error(aside, e))
}

fn file_error(path: &Path, source: std::io::Error) -> EngineError {
    EngineError::File {
        path: PathBuf::from(path),
        source,
    }
}
