//! What changes something: jobs are checked, made, run and cancelled; each answer says the command that does the same.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thon_cli::{run_words, shell_line};
use thon_contract::AnyJob;
use thon_engine::{JobSpec, Preview, Source};
use thon_project::{JobNumber, JobRequest, JobState, QueuePhase};

use crate::access::Role;
use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::jobs::word;
use crate::queueing::Placing;
use crate::server::Server;

/// Longest title.
const TITLE: usize = 300;

/// An input as asked for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum AskedInput {
    /// An output of a job.
    Job {
        /// The job.
        job: u32,
        /// Its output slot.
        slot: String,
    },
    /// Plain files, by paths relative to the project or absolute.
    Files(Vec<String>),
}

/// A job as asked for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// The operation.
    operation: String,
    /// A title for people; what the job does when empty.
    #[serde(default)]
    title: String,
    /// The parameters that are given; the rest are defaults.
    #[serde(default)]
    parameters: Value,
    /// What fills the input slots.
    #[serde(default)]
    inputs: BTreeMap<String, AskedInput>,
    /// Run it at once.
    #[serde(default)]
    run: bool,
    /// Where and how.
    #[serde(default)]
    placing: Placing,
}

/// What a job would do.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Checked {
    /// Findings, units with their cost, items that would not take part.
    #[schemars(with = "Value")]
    preview: Preview,
    /// The same as a command; empty where parameters are refused.
    command: String,
}

/// What was done.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Performed {
    /// The job.
    job: u32,
    /// What happened, in words.
    done: String,
    /// The same as a command.
    command: String,
}

/// The links of a project.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Links {
    /// What follows the address of the page, by role.
    links: BTreeMap<String, String>,
}

impl Asked {
    fn spec(self) -> JobSpec {
        let source = |input| match input {
            AskedInput::Job { job, slot } => Source::Job {
                job: JobNumber(job),
                slot,
            },
            AskedInput::Files(files) => Source::Files(files.into_iter().map(Into::into).collect()),
        };
        let inputs = self.inputs.into_iter();
        JobSpec {
            operation: self.operation,
            title: self.title.trim().chars().take(TITLE).collect(),
            parameters: match self.parameters {
                Value::Null => Value::Object(serde_json::Map::new()),
                given => given,
            },
            inputs: inputs.map(|(slot, input)| (slot, source(input))).collect(),
            origin: None,
        }
    }
}

/// The command that makes and runs a recorded job.
pub(crate) fn of_request(job: &dyn AnyJob, request: &JobRequest) -> String {
    let inputs = serde_json::from_value(request.inputs.clone()).unwrap_or_default();
    shell_line(&run_words(
        job,
        &request.parameters,
        &inputs,
        &request.title,
    ))
}

/// A command with where and how it is to run. `--on` puts a job into the queue of that executor.
fn placed(command: String, placing: &Placing) -> String {
    let words = placing.words();
    if words.is_empty() {
        return command;
    }
    let later = placing.executor.is_some() && command.starts_with("thon run ");
    let later = if later { " --later" } else { "" };
    format!("{command}{later} {}", shell_line(&words))
}

fn of_number(words: &[&str], number: u32) -> String {
    format!("thon {} {number}", words.join(" "))
}

/// Says what a job would do, and what speaks against it.
pub(crate) fn check(server: &Server, call: &Call) -> Answered {
    let asked = call.json::<Asked>()?;
    let placing = asked.placing.clone();
    let spec = asked.spec();
    server.project.notice_jobs()?;
    let engine = server.engine();
    let preview = engine.preview(&spec)?;
    let job = server.settings.catalogue.find(&spec.operation)?;
    let command = match spec.request(&server.settings.catalogue) {
        Ok(request) => placed(of_request(job, &request), &placing),
        Err(_) => String::new(),
    };
    Answer::json(&Checked { preview, command })
}

/// Makes a job.
pub(crate) fn create(server: &Server, call: &Call) -> Answered {
    let asked: Asked = call.json()?;
    let (run, placing) = (asked.run, asked.placing.clone());
    placing.check(server)?;
    let spec = asked.spec();
    server.project.notice_jobs()?;
    let number = server.engine().submit(&spec)?;
    if run {
        let state = word(JobState::Draft);
        server.launcher.run(number.0, &state, &placing)?;
    }
    let job = server.settings.catalogue.find(&spec.operation)?;
    let request = server.project.facts(number)?.record.request;
    Answer::json(&Performed {
        job: number.0,
        done: if run {
            "made, and run in its turn"
        } else {
            "made"
        }
        .into(),
        command: placed(of_request(job, &request), &placing),
    })
}

/// Runs a recorded job.
pub(crate) fn run(server: &Server, call: &Call) -> Answered {
    let placing: Placing = call.json()?;
    placing.check(server)?;
    server.project.notice_jobs()?;
    let number = JobNumber(call.number("job")?);
    let state = server.project.status(number)?.state;
    match state {
        JobState::Done => Err(Refusal::conflict(
            "the job has its result, which never changes",
        )),
        JobState::Running | JobState::Submitted => Err(Refusal::conflict("the job runs already")),
        JobState::Waiting | JobState::Ready => Err(Refusal::conflict("the job waits already")),
        JobState::Damaged => Err(Refusal::conflict(
            "files of the result are damaged\nhint: `thon project verify` says which",
        )),
        _ => Ok(()),
    }?;
    server.launcher.run(number.0, &word(state), &placing)?;
    Answer::json(&Performed {
        job: number.0,
        done: "runs in its turn".into(),
        command: placed(of_number(&["start"], number.0), &placing),
    })
}

/// Asks a job to stop.
pub(crate) fn cancel(server: &Server, call: &Call) -> Answered {
    server.project.notice_jobs()?;
    let number = JobNumber(call.number("job")?);
    let facts = server.project.facts(number)?;
    let state = facts.status(None).state;
    let over = |phase: QueuePhase| {
        matches!(
            phase,
            QueuePhase::Done | QueuePhase::Failed | QueuePhase::Cancelled
        )
    };
    let waits = server.launcher.word(number.0, &word(state)).is_some();
    let queued =
        facts.manifest.is_none() && facts.history.last().is_some_and(|line| !over(line.phase));
    if waits || queued {
        server.launcher.cancel(number.0)?;
    } else if !server.project.request_cancel(number, "asked on the page")? {
        return Err(Refusal::conflict("the job neither waits nor runs"));
    }
    Answer::json(&Performed {
        job: number.0,
        done: "asked to stop".into(),
        command: of_number(&["cancel"], number.0),
    })
}

/// The links to give to others.
pub(crate) fn links(server: &Server, _: &Call) -> Answered {
    let link = |role: Role| {
        let name = serde_json::to_value(role).expect("a role is a word");
        let name = name.as_str().unwrap_or_default().to_owned();
        (name, format!("/#{}", server.tokens.of(role)))
    };
    Answer::json(&Links {
        links: Role::ALL.map(link).into_iter().collect(),
    })
}
