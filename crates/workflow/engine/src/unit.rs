//! Runs one unit of a job in a project: works aside, publishes by one rename, writes down what was remarked.

use std::path::Path;

use serde_json::{Value, json};
use thon_contract::{AnyJob, Context, JobError, Note, Rejection, Team};
use thon_project::layout::unit_directory;
use thon_project::{Attempt, UnitRecord};

use crate::plan::PlannedUnit;
use crate::team::{Task, team};
use crate::workspace::{UnitProgress, UnitWorkspace};
use crate::{Engine, EngineError, Event};

impl Engine<'_> {
    /// Runs one unit; what it wrote counts once this returns its record.
    pub(crate) fn run_unit(
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
        let key = unit.identity.key();
        let name = unit_directory(&unit.item, &key);
        let kept = self.project.kept_steps(&key);
        let task = Task {
            operation: job.id(),
            params,
            inputs: &unit.inputs,
            root: self.project.root(),
            memory: self.settings.memory,
        };
        let beside = work.path().with_extension("team");
        let team =
            team(&beside, job, &task, &self.settings).map_err(|source| EngineError::Unit {
                item: unit.item.clone(),
                source,
            })?;
        let workspace = UnitWorkspace {
            root: self.project.root().to_path_buf(),
            scratch: work.path().to_path_buf(),
            published: Path::new(directory.as_str()).join("units").join(name),
            kept: Some(kept.clone()),
            readers: self.catalogue.readers(),
            listener: Some((self.observer, unit.item.as_str())),
            team: team.as_ref().map(|team| team as &dyn Team),
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
        let mut result = json!({ "outputs": outputs, "notes": notes });
        let sources = context.take_sources();
        if !sources.is_empty() {
            result["sources"] = json!(sources);
        }
        let record = attempt.publish_unit(work, result, metrics)?;
        kept.clear()?;
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
