//! What the server knows: the project, the catalogue, who may ask.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;
use thon_engine::{Catalogue, Engine, Silent};
use thon_project::state::JobFacts;
use thon_project::{Durable, JobNumber, Project};
use tokio::sync::broadcast;

use crate::access::Tokens;
use crate::events::Changes;
use crate::failure::{Refusal, ServerError};
use crate::jobs::{DONE, Summary, summary, summary_of_done};
use crate::launcher::Launcher;
use crate::picker::Root;
use crate::session::Contribution;
use crate::volumes::{Blocks, Sections};

/// How the server is to run.
#[derive(Clone)]
pub struct Settings {
    /// Version of the program.
    pub version: &'static str,
    /// The jobs.
    pub catalogue: Catalogue,
    /// The project directory.
    pub project: PathBuf,
    /// The program that runs jobs: this one.
    pub program: PathBuf,
    /// Flags for it that stand before the command.
    pub flags: Vec<String>,
    /// Memory a job may use, in bytes.
    pub memory: u64,
    /// Directories whose files may be picked, besides the project.
    pub roots: Vec<PathBuf>,
    /// Whether to take up at once what was under way before.
    pub resume: bool,
}

/// The server's state, shared by all requests.
pub struct Server {
    pub(crate) settings: Settings,
    pub(crate) project: Project,
    pub(crate) tokens: Tokens,
    pub(crate) roots: Vec<Root>,
    pub(crate) launcher: Arc<Launcher>,
    pub(crate) changes: broadcast::Sender<Changes>,
    pub(crate) blocks: Arc<Blocks>,
    pub(crate) sections: Arc<Sections>,
    summaries: Mutex<BTreeMap<u32, Summary>>,
    contributions: Mutex<BTreeMap<u32, Arc<Contribution>>>,
}

impl Server {
    /// Opens the project to read; what writes to it are the processes that run its jobs.
    pub fn open(settings: Settings, tokens: Tokens) -> Result<Arc<Self>, ServerError> {
        let mut summaries = BTreeMap::new();
        let mut tell = |facts: &JobFacts| {
            if let Some(summary) = summary_of_done(&settings.catalogue, facts) {
                summaries.insert(summary.job, summary);
            }
        };
        let root = settings.project.clone();
        let project = Project::open_to_read_telling(&Durable::default(), &root, &mut tell)?;
        let roots = Root::all(project.root(), &settings.roots)?;
        let launcher = Launcher::start(&settings, project.root());
        let (changes, _) = broadcast::channel(256);
        Ok(Arc::new(Self {
            settings,
            project,
            tokens,
            roots,
            launcher,
            changes,
            blocks: Arc::default(),
            sections: Arc::default(),
            summaries: Mutex::new(summaries),
            contributions: Mutex::default(),
        }))
    }

    /// The engine, to ask: nothing is run by this process.
    pub(crate) fn engine(&self) -> Engine<'_> {
        Engine {
            project: &self.project,
            catalogue: self.settings.catalogue,
            observer: &Silent,
            settings: thon_engine::Settings {
                memory: self.settings.memory,
                ..thon_engine::Settings::default()
            },
        }
    }

    fn summaries(&self) -> MutexGuard<'_, BTreeMap<u32, Summary>> {
        self.summaries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What finished jobs found of tilt series.
    pub(crate) fn contributions(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<Contribution>>> {
        self.contributions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// All jobs as they are now; those that changed since the last look.
    pub(crate) fn look(&self) -> Result<(Vec<Summary>, Vec<Summary>), Refusal> {
        self.project.notice_jobs()?;
        let numbers = self.project.jobs()?;
        let mut known = self.summaries();
        known.retain(|number, _| numbers.binary_search(&JobNumber(*number)).is_ok());
        // A result never changes.
        let settled = |number: &JobNumber| known.get(&number.0).is_some_and(|s| s.state == DONE);
        let open: Vec<JobNumber> = numbers.into_iter().filter(|n| !settled(n)).collect();
        let read = open.par_iter().map(|number| summary(self, *number));
        let read = read.collect::<Result<Vec<Summary>, Refusal>>()?;
        let mut changed = Vec::new();
        for now in read {
            if known.get(&now.job) != Some(&now) {
                changed.push(now.clone());
                known.insert(now.job, now);
            }
        }
        Ok((known.values().cloned().collect(), changed))
    }
}
