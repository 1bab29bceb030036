//! Where jobs run, and how they are put there: the executors of the project and what is asked of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_engine::queue::Configuration;

use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::server::Server;

/// Where and how a job is to run.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Placing {
    /// Name of an executor; the first one when absent.
    pub(crate) executor: Option<String>,
    /// Processes that share the work of a unit, for jobs that can; 1 when absent.
    pub(crate) processes: Option<usize>,
}

/// An executor.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ExecutorSummary {
    /// Name by which it is asked for.
    name: String,
    /// What it is: this machine or a cluster.
    kind: String,
    /// Partition of the cluster.
    partition: Option<String>,
}

impl Placing {
    /// Refuses what nobody could do.
    pub(crate) fn check(&self, server: &Server) -> Result<(), Refusal> {
        let configuration = Configuration::read(server.project.root())?;
        configuration.position(self.executor.as_deref())?;
        match self.processes {
            Some(0 | 257..) => Err(Refusal::bad("expected 1 to 256 processes")),
            _ => Ok(()),
        }
    }

    /// The same as words of a command.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(name) = &self.executor {
            words.extend(["--on".to_owned(), name.clone()]);
        }
        if let Some(processes) = self.processes.filter(|n| *n > 1) {
            words.push(format!("--processes={processes}"));
        }
        words
    }
}

/// The executors of the project; the first is used where none is named.
pub(crate) fn executors(server: &Server, _: &Call) -> Answered {
    let configuration = Configuration::read(server.project.root())?;
    let summary = |entry: thon_engine::queue::ExecutorEntry| ExecutorSummary {
        kind: serde_json::to_value(entry.kind)
            .ok()
            .and_then(|kind| kind.as_str().map(str::to_owned))
            .unwrap_or_default(),
        name: entry.name,
        partition: entry.partition,
    };
    let all: Vec<ExecutorSummary> = configuration.executors.into_iter().map(summary).collect();
    Answer::json(&all)
}
