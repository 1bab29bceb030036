//! Branches: a job again with a changed parameter, and all that came from it, old and new side by side.

use std::collections::BTreeMap;

use serde_json::Value;
use thon_contract::Finding;
use thon_project::JobNumber;

use crate::graph::descendants;
use crate::{Engine, EngineError, Source};

/// Records a job anew with changed parameters, and with `follow` everything that came from it, rewired; answers old and new
/// numbers, the job first. Nothing is run; units that do not change come from the cache when they are.
///
/// # Errors
/// A parameter that does not exist or may not have the value, with a hint.
pub fn branch(
    engine: &Engine<'_>,
    job: JobNumber,
    changes: &[(String, Value)],
    follow: bool,
) -> Result<Vec<(JobNumber, JobNumber)>, EngineError> {
    let project = engine.project;
    let mut wanted = vec![job];
    if follow {
        wanted.extend(descendants(project, job)?);
    }
    let mut requests = Vec::new();
    for old in wanted {
        let mut request = project.facts(old)?.record.request;
        if old == job {
            for (name, value) in changes {
                set(&mut request.parameters, name, value.clone())?;
            }
        }
        let declared = engine.catalogue.find(&request.operation)?;
        request.parameters = declared
            .complete_params(&request.parameters)
            .map_err(EngineError::Refused)?;
        request.version = declared.version();
        request.origin = None;
        requests.push((old, request));
    }
    // Only now that all are right is anything recorded.
    let mut made: BTreeMap<JobNumber, JobNumber> = BTreeMap::new();
    let mut pairs = Vec::new();
    for (old, mut request) in requests {
        let mut sources: BTreeMap<String, Source> =
            serde_json::from_value(request.inputs.clone()).unwrap_or_default();
        for source in sources.values_mut() {
            if let Source::Job { job, .. } = source
                && let Some(new) = made.get(job)
            {
                *job = *new;
            }
        }
        request.inputs = serde_json::to_value(&sources).expect("sources are plain data");
        for upstream in &mut request.upstream {
            *upstream = made.get(upstream).copied().unwrap_or(*upstream);
        }
        request.upstream.sort_unstable();
        let new = project.create_job(request)?.job;
        made.insert(old, new);
        pairs.push((old, new));
    }
    Ok(pairs)
}

/// Sets a parameter by its path, such as `options.low_pass`.
fn set(parameters: &mut Value, name: &str, value: Value) -> Result<(), EngineError> {
    let mut place = parameters;
    for part in name.split('.') {
        let part = part.replace('-', "_");
        place = place.get_mut(&part).ok_or_else(|| {
            let finding = Finding::error(name, "there is no such parameter");
            let hint = "`thon show JOB` lists the parameters of a job";
            EngineError::Refused(vec![finding.with_hint(hint)])
        })?;
    }
    *place = value;
    Ok(())
}
