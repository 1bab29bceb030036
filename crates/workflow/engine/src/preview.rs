//! What a job would do, and what speaks against it, before it is asked for.

use serde::Serialize;
use thon_contract::{Context, Cost, Finding, Rejection};
use thon_project::JobNumber;

use crate::workspace::UnitWorkspace;
use crate::{Engine, EngineError, JobSpec};

/// What one unit of a job would need.
#[derive(Clone, Debug, Serialize)]
pub struct UnitPreview {
    /// The item.
    pub item: String,
    /// Whether a finished unit with the same key is there.
    pub cached: bool,
    /// What it would need; absent where the inputs do not say.
    pub cost: Option<Cost>,
}

/// What a job would do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Preview {
    /// What the job says of parameters and inputs; an error refuses it.
    pub findings: Vec<Finding>,
    /// The units, sorted by item.
    pub units: Vec<UnitPreview>,
    /// Items that would not take part.
    pub rejected: Vec<Rejection>,
}

impl Engine<'_> {
    /// Says what a job would do. Nothing is recorded; refusals are findings.
    ///
    /// # Errors
    /// An unknown job, or a project that cannot be read.
    pub fn preview(&self, spec: &JobSpec) -> Result<Preview, EngineError> {
        match self.previewed(spec) {
            Err(EngineError::Refused(findings)) => Ok(Preview {
                findings,
                ..Preview::default()
            }),
            Err(EngineError::Input { slot, message, .. }) => {
                let (text, hint) = message.split_once("\nhint: ").unwrap_or((&message, ""));
                Ok(Preview {
                    findings: vec![Finding::error(slot, text).with_hint(hint)],
                    ..Preview::default()
                })
            }
            Err(EngineError::Unit { source, .. }) => Ok(Preview {
                findings: vec![Finding::error("", source.to_string())],
                ..Preview::default()
            }),
            answer => answer,
        }
    }

    fn previewed(&self, spec: &JobSpec) -> Result<Preview, EngineError> {
        let request = spec.request(&self.catalogue)?;
        let job = self.catalogue.find(&spec.operation)?;
        let inputs = self.inputs(job, &spec.inputs)?;
        let plan = self.plan(job, &request.parameters, &inputs)?;
        let workspace = UnitWorkspace::looking(self.project.root(), &self.catalogue);
        let progress = thon_compute::Quiet;
        let context = Context::new(&workspace, &progress, self.settings.memory);
        let mut units = Vec::new();
        let mut unknown = Vec::new();
        for unit in &plan.units {
            let key = unit.identity.key();
            let index = self.project.index();
            let cached = !index.find_units(&key, JobNumber(0), &unit.item)?.is_empty();
            drop(index);
            unknown.extend((!cached).then_some(unit));
            units.push(UnitPreview {
                item: unit.item.clone(),
                cached,
                cost: job.cost(&request.parameters, &unit.inputs, &context).ok(),
            });
        }
        Ok(Preview {
            findings: self.findings(job, &request.parameters, &unknown),
            units,
            rejected: plan.rejected,
        })
    }
}
