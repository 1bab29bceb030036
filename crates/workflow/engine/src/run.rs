//! Runs one job of a project: units from the cache or done anew, the manifest last.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use thon_contract::{AnyJob, Context, Finding, UnitInputs};
use thon_project::{Attempt, JobNumber, Manifest, Outcome, Part, Project, UnitRecord};

use crate::inputs::{Place, resolve};
use crate::outcome::draft;
use crate::plan::{Plan, PlannedUnit, plan};
use crate::recorder::Recorder;
use crate::workspace::UnitWorkspace;
use crate::{Catalogue, EngineError, Event, JobSpec, Observer, Source};

/// How the engine runs things.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Memory a unit may use, in bytes.
    pub memory: u64,
    /// Processes of this program that work at a unit; jobs that cannot be shared out run in one. Results do not depend on it.
    pub processes: usize,
    /// Threads of each further process.
    pub threads: usize,
    /// Finish a job although some of its items failed; they are listed with their reasons.
    pub accept_partial: bool,
}

impl Default for Settings {
    /// 8 GB, all items must succeed.
    fn default() -> Self {
        Self {
            memory: 8 << 30,
            processes: 1,
            threads: 1,
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

/// The units that are done, and those that failed with the reason.
type Units = (Vec<(String, UnitRecord)>, Vec<(String, String)>);

/// What running a job takes.
pub(crate) struct Measure {
    /// Peak memory of a unit in bytes.
    pub(crate) memory: u64,
    /// Seconds of one core, all units together.
    pub(crate) seconds: f64,
    /// Units that have to be run.
    pub(crate) units: usize,
    /// Units that are done already, in this job or another.
    pub(crate) known: Vec<UnitRecord>,
    /// Whether its units can be shared out among processes.
    pub(crate) shares: bool,
}

/// A job ready to be divided into units.
pub(crate) struct Prepared {
    pub(crate) job: &'static dyn AnyJob,
    pub(crate) params: Value,
    pub(crate) plan: Plan,
}

impl Engine<'_> {
    /// Records a job; when this returns, the request survives a power cut. What the job refuses is not recorded.
    pub fn submit(&self, spec: &JobSpec) -> Result<JobNumber, EngineError> {
        let request = spec.request(&self.catalogue)?;
        let job = self.catalogue.find(&spec.operation)?;
        let inputs = self.inputs(job, &spec.inputs)?;
        let plan = self.plan(job, &request.parameters, &inputs)?;
        let mut unknown = Vec::new();
        for unit in &plan.units {
            unknown.extend(self.known_units(unit)?.is_empty().then_some(unit));
        }
        let errors: Vec<Finding> = self.findings(job, &request.parameters, &unknown);
        let errors: Vec<Finding> = errors.into_iter().filter(Finding::is_error).collect();
        if !errors.is_empty() {
            return Err(EngineError::Refused(errors));
        }
        Ok(self.project.create_job(request)?.job)
    }

    /// Runs a recorded job to its result; finished units are used again.
    pub fn run(&self, number: JobNumber) -> Result<Manifest, EngineError> {
        self.restore_ancestors(number)?;
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

    /// Records a job without looking at its inputs, which may not be there yet; it is checked when it runs.
    pub fn draft(&self, spec: &JobSpec) -> Result<JobNumber, EngineError> {
        let request = spec.request(&self.catalogue)?;
        for upstream in &request.upstream {
            self.project.facts(*upstream)?;
        }
        Ok(self.project.create_job(request)?.job)
    }

    /// What a recorded job says that it will take: peak memory of a unit in bytes, and seconds of one core for all that is
    /// still to be run.
    ///
    /// # Errors
    /// Inputs that are not there, or that the job refuses.
    pub fn predict(&self, number: JobNumber) -> Result<(u64, f64), EngineError> {
        let measure = self.measure(number)?;
        Ok((measure.memory, measure.seconds))
    }

    /// The most that any unit of a job will need, by its own prediction, and how many units there are to run.
    pub(crate) fn measure(&self, number: JobNumber) -> Result<Measure, EngineError> {
        let Prepared { job, params, plan } = self.prepare(number)?;
        let workspace = UnitWorkspace::looking(self.project.root(), &self.catalogue);
        let progress = thon_compute::Quiet;
        let context = Context::new(&workspace, &progress, self.settings.memory);
        let (mut missing, mut known, mut memory, mut seconds) = (Vec::new(), Vec::new(), 0, 0.0);
        for unit in &plan.units {
            let found = self.known_units(unit)?;
            if found.is_empty() {
                missing.push(unit);
            }
            known.extend(found);
        }
        self.check(job, &params, &missing)?;
        for unit in &missing {
            let cost = job.cost(&params, &unit.inputs, &context);
            let cost = cost.map_err(|source| EngineError::Unit {
                item: unit.item.clone(),
                source,
            })?;
            memory = memory.max(cost.memory);
            seconds += cost.cpu_seconds;
        }
        Ok(Measure {
            memory,
            seconds,
            units: missing.len(),
            known,
            shares: job.shares(),
        })
    }

    /// The records of a unit whose files are there, in this job or another.
    fn known_units(&self, unit: &PlannedUnit) -> Result<Vec<UnitRecord>, EngineError> {
        let key = unit.identity.key();
        let found = self
            .project
            .index()
            .find_units(&key, JobNumber(0), &unit.item)?;
        let mut there = Vec::new();
        for record in found {
            if record.is_intact(
                self.project.durable(),
                self.project.root(),
                thon_project::Check::Sizes,
            )? {
                there.push(record);
            }
        }
        Ok(there)
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
        let inputs = self.inputs(job, &sources)?;
        let plan = self.plan(job, &request.parameters, &inputs)?;
        Ok(Prepared {
            job,
            params: request.parameters,
            plan,
        })
    }

    pub(crate) fn inputs(
        &self,
        job: &dyn AnyJob,
        sources: &BTreeMap<String, Source>,
    ) -> Result<UnitInputs, EngineError> {
        let place = Place::Project(self.project);
        resolve(&self.catalogue, job, sources, place)
    }

    pub(crate) fn plan(
        &self,
        job: &dyn AnyJob,
        params: &Value,
        inputs: &UnitInputs,
    ) -> Result<Plan, EngineError> {
        let workspace = UnitWorkspace::looking(self.project.root(), &self.catalogue);
        let progress = thon_compute::Quiet;
        let context = Context::new(&workspace, &progress, self.settings.memory);
        plan(job, params, inputs, &context)
    }

    fn run_attempt(&self, attempt: &Attempt) -> Result<Manifest, EngineError> {
        let prepared = self.prepare(attempt.job().job)?;
        let (done, failures) = self.run_units(attempt, &prepared)?;
        self.finish(attempt, &prepared, done, failures)
    }

    /// Runs one part of the units of a submitted attempt, every `of`-th; answers how many are done.
    pub(crate) fn run_part(&self, attempt: &Attempt, part: Part) -> Result<u64, EngineError> {
        let mut prepared = self.prepare(attempt.job().job)?;
        let mut position = 0;
        prepared.plan.units.retain(|_| {
            position += 1;
            (position - 1) % part.of == part.index
        });
        let (done, failures) = self.run_units(attempt, &prepared)?;
        if failures.is_empty() {
            return Ok(done.len() as u64);
        }
        Err(EngineError::Failed {
            job: attempt.job().job,
            of: prepared.plan.units.len(),
            failures,
        })
    }

    /// Runs a submitted attempt to its result in this process.
    pub(crate) fn run_whole(&self, attempt: &Attempt) -> Result<Manifest, EngineError> {
        self.run_attempt(attempt)
    }

    /// Uses or runs the units that are planned, and writes down what happens.
    fn run_units(&self, attempt: &Attempt, prepared: &Prepared) -> Result<Units, EngineError> {
        let recorder = Recorder::new(self.observer, attempt);
        let recording = Engine {
            observer: &recorder,
            ..*self
        };
        recording.run_recorded(attempt, prepared)
    }

    fn run_recorded(&self, attempt: &Attempt, prepared: &Prepared) -> Result<Units, EngineError> {
        let number = attempt.job().job;
        let Prepared { job, params, plan } = prepared;
        let job = *job;
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
        self.check(job, params, &missing)?;

        let (mut done, mut failures) = (Vec::new(), Vec::new());
        for (unit, record) in plan.units.iter().zip(found) {
            if let Some(record) = record {
                self.observer.tell(Event::Cached { item: &unit.item });
                // Left behind by a process that was killed between publishing and tidying.
                self.project.kept_steps(&unit.identity.key()).clear()?;
                done.push((unit.item.clone(), record));
                continue;
            }
            match self.run_unit(attempt, job, params, unit) {
                Ok(record) => done.push((unit.item.clone(), record)),
                Err(full) if full.is_disk_full() => return Err(full),
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
        Ok((done, failures))
    }

    fn finish(
        &self,
        attempt: &Attempt,
        prepared: &Prepared,
        done: Vec<(String, UnitRecord)>,
        failures: Vec<(String, String)>,
    ) -> Result<Manifest, EngineError> {
        let number = attempt.job().job;
        let Prepared { job, plan, .. } = prepared;
        if !failures.is_empty() && (done.is_empty() || !self.settings.accept_partial) {
            return Err(EngineError::Failed {
                job: number,
                of: plan.units.len(),
                failures,
            });
        }
        let manifest = attempt.finish(draft(*job, plan, done, failures))?;
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
        let findings = self.findings(job, params, units);
        let (errors, warnings): (Vec<_>, Vec<_>) =
            findings.into_iter().partition(Finding::is_error);
        for finding in &warnings {
            self.observer.tell(Event::Warning { finding });
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(EngineError::Refused(errors))
        }
    }

    /// What the job says of the units, each thing once.
    pub(crate) fn findings(
        &self,
        job: &dyn AnyJob,
        params: &Value,
        units: &[&PlannedUnit],
    ) -> Vec<Finding> {
        let workspace = UnitWorkspace::looking(self.project.root(), &self.catalogue);
        let progress = thon_compute::Quiet;
        let context = Context::new(&workspace, &progress, self.settings.memory);
        let mut findings: Vec<Finding> = Vec::new();
        for finding in units
            .iter()
            .flat_map(|unit| job.check(params, &unit.inputs, &context))
        {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        findings
    }
}

/// Inputs of one unit, for jobs run outside a project.
pub(crate) fn plan_standalone(
    job: &'static dyn AnyJob,
    params: &Value,
    inputs: &UnitInputs,
    root: &Path,
    catalogue: &Catalogue,
) -> Result<Plan, EngineError> {
    let workspace = UnitWorkspace::looking(root, catalogue);
    let progress = thon_compute::Quiet;
    let context = Context::new(&workspace, &progress, u64::MAX);
    plan(job, params, inputs, &context)
}
