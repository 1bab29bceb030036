//! Several jobs at once: branches, pipelines out of the graph and into it, and the report of a result.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thon_cli::shell_line;
use thon_engine::{Pipeline, branch as branched, draft_pipeline, extract_pipeline, report as told};
use thon_project::JobNumber;

use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::jobs::word;
use crate::queueing::Placing;
use crate::server::Server;

/// A branch as asked for.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AskedBranch {
    /// Parameters that are to be different, by their paths, such as `options.low_pass`.
    changes: BTreeMap<String, Value>,
    /// The job alone, without what came from it.
    alone: bool,
    /// Run the new jobs at once.
    run: bool,
    /// Where and how.
    placing: Placing,
}

/// Jobs that were made.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Made {
    /// The new jobs; of a branch each with the job that it is another version of.
    jobs: Vec<(u32, Option<u32>)>,
    /// The same as a command.
    command: String,
}

/// A pipeline as text.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct PipelineText {
    /// The file, in TOML.
    toml: String,
    /// The same as a command.
    command: String,
}

/// A pipeline that is to be run.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AskedPipeline {
    /// The file, in TOML.
    toml: String,
    /// Values for its variables; the others stay as they are in the file.
    variables: BTreeMap<String, Value>,
    /// Run the jobs at once.
    run: bool,
    /// Where and how.
    placing: Placing,
}

/// A report of how a result came about.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ReportText {
    /// The methods, parameters, versions and counts, in Markdown.
    markdown: String,
    /// Whom to cite.
    bibtex: String,
    /// The same as a command.
    command: String,
}

fn start(server: &Server, job: JobNumber, placing: &Placing) -> Result<(), Refusal> {
    let state = server.project.status(job)?.state;
    Ok(server.launcher.run(job.0, &word(state), placing)?)
}

/// Makes a job anew with changed parameters, and what came from it.
pub(crate) fn branch(server: &Server, call: &Call) -> Answered {
    let asked: AskedBranch = call.json()?;
    asked.placing.check(server)?;
    server.project.notice_jobs()?;
    let job = JobNumber(call.number("job")?);
    let changes: Vec<(String, Value)> = asked.changes.into_iter().collect();
    let pairs = branched(&server.engine(), job, &changes, !asked.alone)?;
    let mut words = vec!["thon".to_owned(), "branch".to_owned(), job.0.to_string()];
    for (name, value) in &changes {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        words.extend(["--set".to_owned(), format!("{name}={text}")]);
    }
    if asked.alone {
        words.push("--alone".into());
    }
    if asked.run {
        words.push("--later".into());
        words.extend(asked.placing.words());
        for (_, new) in &pairs {
            start(server, *new, &asked.placing)?;
        }
    }
    Answer::json(&Made {
        jobs: pairs
            .iter()
            .map(|(old, new)| (new.0, Some(old.0)))
            .collect(),
        command: shell_line(&words),
    })
}

/// A job and all it came from, as a pipeline file.
pub(crate) fn extract(server: &Server, call: &Call) -> Answered {
    server.project.notice_jobs()?;
    let job = JobNumber(call.number("job")?);
    let pipeline = extract_pipeline(&server.engine(), &[job], "pipeline")?;
    Answer::json(&PipelineText {
        toml: pipeline.to_toml(),
        command: format!("thon pipeline {} > pipeline.toml", job.0),
    })
}

/// Records the jobs of a pipeline; those that were recorded before are used again.
pub(crate) fn run(server: &Server, call: &Call) -> Answered {
    let asked: AskedPipeline = call.json()?;
    asked.placing.check(server)?;
    server.project.notice_jobs()?;
    let path = Path::new("pipeline.toml");
    let bad = |error: thon_engine::EngineError| Refusal::new(422, error.to_string());
    let pipeline = Pipeline::parse(&asked.toml, path).map_err(bad)?;
    let open = draft_pipeline(&server.engine(), &pipeline, path, &asked.variables).map_err(bad)?;
    let mut words: Vec<String> = ["thon", "run", "pipeline.toml"].map(str::to_owned).to_vec();
    for (name, value) in &asked.variables {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        words.extend(["--var".to_owned(), format!("{name}={text}")]);
    }
    if asked.run {
        words.push("--later".into());
        words.extend(asked.placing.words());
        for job in &open {
            start(server, *job, &asked.placing)?;
        }
    }
    Answer::json(&Made {
        jobs: open.iter().map(|job| (job.0, None)).collect(),
        command: shell_line(&words),
    })
}

/// How a result came about, to be written up.
pub(crate) fn report(server: &Server, call: &Call) -> Answered {
    server.project.notice_jobs()?;
    let job = JobNumber(call.number("job")?);
    let found = told(&server.engine(), job)?;
    let program = format!("thon {}", server.settings.version);
    Answer::json(&ReportText {
        markdown: found.markdown(&program),
        bibtex: found.bibtex(),
        command: format!("thon report {}", job.0),
    })
}
