//! A job as asked for, before it has a number.

use std::collections::BTreeMap;

use serde_json::Value;
use thon_project::{JobNumber, JobRequest, Origin};

use crate::{Catalogue, EngineError, Source};

/// A job as asked for.
#[derive(Clone, Debug, Default)]
pub struct JobSpec {
    /// Id of the job.
    pub operation: String,
    /// Title for people.
    pub title: String,
    /// The parameters that are given; the rest are defaults.
    pub parameters: Value,
    /// What fills the input slots.
    pub inputs: BTreeMap<String, Source>,
    /// The pipeline and step it belongs to.
    pub origin: Option<(String, String)>,
}

impl JobSpec {
    /// The request to be recorded: parameters completed and checked, upstream jobs listed.
    ///
    /// # Errors
    /// Unknown job, or parameters refused.
    pub fn request(&self, catalogue: &Catalogue) -> Result<JobRequest, EngineError> {
        let job = catalogue.find(&self.operation)?;
        let parameters = job
            .complete_params(&self.parameters)
            .map_err(EngineError::Refused)?;
        let mut upstream: Vec<JobNumber> = self
            .inputs
            .values()
            .filter_map(|source| match source {
                Source::Job { job, .. } => Some(*job),
                Source::Files(_) => None,
            })
            .collect();
        upstream.sort();
        upstream.dedup();
        let title = if self.title.is_empty() {
            job.summary()
        } else {
            self.title.clone()
        };
        Ok(JobRequest {
            operation: job.id().into(),
            version: job.version(),
            title,
            parameters,
            inputs: serde_json::to_value(&self.inputs).expect("sources are plain data"),
            upstream,
            seed: None,
            origin: self
                .origin
                .clone()
                .map(|(pipeline, step)| Origin { pipeline, step }),
        })
    }
}
