//! Runs one job of a project: units from the cache or done anew, the manifest last.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use thon_contract::{
    AnyJob, Context, Finding, ItemRecord, JobError, Note, Rejection, SlotRecord, UnitInputs,
    UnitOutputs,
};
use thon_project::layout::unit_directory;
use thon_project::{
    Attempt, Digest, JobNumber, Manifest, ManifestDraft, Outcome, Project, UnitRecord,
};

use crate::inputs::resolve;
use crate::plan::{Plan, PlannedUnit, plan};
use crate::workspace::{UnitProgress, UnitWorkspace};
use crate::{Catalogue, EngineError, Event, JobSpec, Observer, Source};

/// How the engine runs things.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Memory a unit may use, in bytes.
    pub memory: u64,
    /// Finish a job although some of its items failed; they are listed with their reasons.
    pub accept_partial: bool,
}

impl Default for Settings {
    /// 8 GB, all items must succeed.
    fn default() -> Self {
        Self {
            memory: 8 << 30,
            accept_partial: false,
        }
    }
}

/// Runs jobs in a project.
#[derive(Clone, Copy)]
pub struct Engine<'a> {
    /// The project, open as owner.
    pub project: &'a Project,
    /// The jobs there are.
    pub catalogue: Catalogue,
    /// Who watches.
    pub observer: &'a dyn Observer,
    /// How to run.
    pub settings: Settings,
}

/// A job ready to be divided into units.
pub(crate) struct Prepared {
    pub(crate) job: &'static dyn AnyJob,
    pub(crate) params: Value,
    pub(crate) plan: Plan,
}

impl Engine<'_> {
    /// Records a job; when this returns, the request survives a power cut.
    pub fn submit(&self, spec: &JobSpec) -> Result<JobNumber, EngineError> {
        let request = spec.request(&self.catalogue)?;
        let job = self.catalogue.find(&spec.operation)?;
        resolve(job, &spec.inputs, Some(self.project), self.project.root())?;
        Ok(self.project.create_job(request)?.job)
    }

    /// Runs a recorded job to its result; finished units are used again.
    pub fn run(&self, number: JobNumber) -> Result<Manifest, EngineError> {
        let attempt = self.project.start_attempt(number)?;
        match self.run_attempt(&attempt) {
            Ok(manifest) => Ok(manifest),
            Err(error) => {
                let outcome = match &error {
                    EngineError::Cancelled => Outcome::Cancelled {
                        reason: "asked to stop".into(),
                    },
                    other => Outcome::Failed {
                        reason: other.to_string(),
                        details: Value::Null,
                    },
                };
                attempt.end(&outcome)?;
                Err(error)
            }
        }
    }

    /// Resolves inputs and divides a recorded job into units.
    pub(crate) fn prepare(&self, number: JobNumber) -> Result<Prepared, EngineError> {
        let request = self.project.facts(number)?.record.request;
        let job = self.catalogue.find(&request.operation)?;
        let sources: BTreeMap<String, Source> = serde_json::from_value(request.inputs.clone())
            .map_err(|e| {
                let finding = Finding::error(
                    "inputs",
                    format!("the record of job {number} is damaged: {e}"),
                );
                EngineError::Refused(vec![finding])
            })?;
        let inputs = resolve(job, &sources, Some(self.project), self.project.root())?;
        let workspace = self.looking();
        let progress = thon_compute::Quiet;
        let context = Context::new(&workspace, &progress, self.settings.memory);
        let plan = plan(job, &request.parameters, &inputs, &context)?;
        Ok(Prepared {
            job,
            params: request.parameters,
            plan,
        })
    }

    fn looking(&self) -> UnitWorkspace {
        let root = self.project.root().to_path_buf();
        UnitWorkspace {
            root,
            scratch: PathBuf::new(),
            published: PathBuf::new(),
        }
    }

    fn run_attempt(&self, attempt: &Attempt) -> Result<Manifest, EngineError> {
        let number = attempt.job().job;
        let Prepared { job, params, plan } = self.prepare(number)?;
        let started = Event::Started {
            job: Some(number),
            operation: job.id(),
            units: plan.units.len(),
        };
        self.observer.tell(started);
        let mut found = Vec::new();
        for unit in &plan.units {
            found.push(attempt.find_unit(&unit.identity, &unit.item)?);
        }
        let missing: Vec<&PlannedUnit> = plan
            .units
            .iter()
            .zip(&found)
            .filter(|(_, record)| record.is_none())
            .map(|(unit, _)| unit)
            .collect();
        self.check(job, &params, &missing)?;

        let (mut done, mut failures) = (Vec::new(), Vec::new());
        for (unit, record) in plan.units.iter().zip(found) {
            if let Some(record) = record {
                self.observer.tell(Event::Cached { item: &unit.item });
                done.push((unit.item.clone(), record));
                continue;
            }
            match self.run_unit(attempt, job, &params, unit) {
                Ok(record) => done.push((unit.item.clone(), record)),
                Err(EngineError::Unit { item, source }) => {
                    let reason = source.to_string();
                    self.observer.tell(Event::Failed {
                        item: &item,
                        reason: &reason,
                    });
                    attempt.log(&format!("{item} failed: {reason}"))?;
                    failures.push((item, reason));
                }
                Err(other) => return Err(other),
            }
        }
        if !failures.is_empty() && (done.is_empty() || !self.settings.accept_partial) {
            return Err(EngineError::Failed {
                job: number,
                of: plan.units.len(),
                failures,
            });
        }
        let manifest = attempt.finish(draft(job, &plan, done, failures))?;
        self.observer.tell(Event::Done {
            job: Some(number),
            operation: job.id(),
            items: manifest.items_out,
        });
        Ok(manifest)
    }

    /// Asks the job about every unit that is to be run; errors refuse them all.
    fn check(
        &self,
        job: &dyn AnyJob,
        params: &Value,
        units: &[&PlannedUnit],
    ) -> Result<(), EngineError> {
        let workspace = self.looking();
        let progress = thon_compute::Quiet;
        let context = Context::new(&workspace, &progress, self.settings.memory);
        let mut errors: Vec<Finding> = Vec::new();
        for unit in units {
            let findings = job.check(params, &unit.inputs, &context);
            for finding in findings {
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

    fn run_unit(
        &self,
        attempt: &Attempt,
        job: &dyn AnyJob,
        params: &Value,
        unit: &PlannedUnit,
    ) -> Result<UnitRecord, EngineError> {
        self.observer.tell(Event::Running { item: &unit.item });
        let asked = || attempt.cancel_requested().unwrap_or(false);
        let work = attempt.begin_unit(unit.identity.clone(), &unit.item)?;
        let directory = self.project.job_directory(attempt.job().job)?;
        let name = unit_directory(&unit.item, &unit.identity.key());
        let workspace = UnitWorkspace {
            root: self.project.root().to_path_buf(),
            scratch: work.path().to_path_buf(),
            published: Path::new(directory.as_str()).join("units").join(name),
        };
        let progress = UnitProgress::new(&unit.item, self.observer, &asked);
        let context = Context::new(&workspace, &progress, self.settings.memory);
        let outputs = match job.run(params, &unit.inputs, &context) {
            Ok(outputs) => outputs,
            Err(JobError::Cancelled) => return Err(EngineError::Cancelled),
            Err(source) => {
                attempt.discard_unit(work)?;
                return Err(EngineError::Unit {
                    item: unit.item.clone(),
                    source,
                });
            }
        };
        let notes = context.take_notes();
        log_notes(attempt, &unit.item, &notes)?;
        let metrics = metrics(&notes);
        let record =
            attempt.publish_unit(work, json!({ "outputs": outputs, "notes": notes }), metrics)?;
        self.observer.tell(Event::Finished {
            item: &unit.item,
            notes: &notes,
        });
        Ok(record)
    }
}

fn log_notes(attempt: &Attempt, item: &str, notes: &[Note]) -> Result<(), EngineError> {
    for note in notes {
        let text = match note {
            Note::Warning { text } => format!("{item}: warning: {text}"),
            Note::Rejected(Rejection { name, reason }) => {
                format!("{item}: rejected {name}: {reason}")
            }
            Note::Metric { name, value } => format!("{item}: {name} = {value}"),
        };
        attempt.log(&text)?;
    }
    Ok(())
}

fn metrics(notes: &[Note]) -> Value {
    let number = |note: &Note| match note {
        Note::Metric { name, value } => Some((name.clone(), json!(value))),
        _ => None,
    };
    Value::Object(notes.iter().filter_map(number).collect())
}

/// Puts the outputs of all units together, slot by slot, items sorted by name.
fn draft(
    job: &dyn AnyJob,
    plan: &Plan,
    done: Vec<(String, UnitRecord)>,
    failures: Vec<(String, String)>,
) -> ManifestDraft {
    let mut outputs: BTreeMap<String, SlotRecord> = job
        .outputs()
        .into_iter()
        .map(|slot| {
            (
                slot.name,
                SlotRecord {
                    kind: slot.kind,
                    items: Vec::new(),
                },
            )
        })
        .collect();
    for (_, record) in &done {
        let written: UnitOutputs =
            serde_json::from_value(record.result["outputs"].clone()).unwrap_or_default();
        for (slot, items) in written {
            let published = items
                .items
                .into_iter()
                .map(|item| publish_item(item, record));
            outputs.entry(slot).or_default().items.extend(published);
        }
    }
    for slot in outputs.values_mut() {
        slot.items.sort_by(|a, b| a.name.cmp(&b.name));
    }
    let unmatched = plan
        .rejected
        .iter()
        .map(|r| (r.name.clone(), r.reason.clone()));
    let rejected: Vec<thon_project::Rejection> = unmatched
        .chain(failures)
        .map(|(item, reason)| thon_project::Rejection { item, reason })
        .collect();
    ManifestDraft {
        outputs: serde_json::to_value(outputs).expect("slots are plain data"),
        items_in: (done.len() + rejected.len()) as u64,
        items_out: done.len() as u64,
        units: done,
        rejected,
        performance: Value::Null,
    }
}

/// Paths relative to the project, and a digest over files and outside contents.
fn publish_item(item: ItemRecord, record: &UnitRecord) -> ItemRecord {
    let directory = Path::new(record.directory.as_str());
    let digest_of = |file: &PathBuf| {
        let found = record
            .files
            .iter()
            .find(|f| Path::new(f.path.as_str()) == file);
        json!([file, found.map(|f| f.digest.to_string())])
    };
    let files: Vec<Value> = item.files.iter().map(digest_of).collect();
    let identity = json!({ "files": files, "external": record.identity.inputs["external"] });
    ItemRecord {
        files: item.files.iter().map(|file| directory.join(file)).collect(),
        digest: Digest::of_value(&identity).to_string(),
        name: item.name,
    }
}

/// Inputs of one unit, for jobs run outside a project.
pub(crate) fn plan_standalone(
    job: &'static dyn AnyJob,
    params: &Value,
    inputs: &UnitInputs,
    root: &Path,
) -> Result<Plan, EngineError> {
    let workspace = UnitWorkspace {
        root: root.into(),
        scratch: PathBuf::new(),
        published: PathBuf::new(),
    };
    let progress = thon_compute::Quiet;
    let context = Context::new(&workspace, &progress, u64::MAX);
    plan(job, params, inputs, &context)
}
