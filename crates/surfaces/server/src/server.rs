//! What the server knows: the project, the catalogue, who may ask.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thon_engine::{Catalogue, Engine, Silent};
use thon_project::{Durable, JobNumber, Project};
use tokio::sync::broadcast;

use crate::access::Tokens;
use crate::events::Changes;
use crate::failure::{Refusal, ServerError};
use crate::jobs::{DONE, Summary, summary};
use crate::launcher::Launcher;
use crate::picker::Root;

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
    summaries: Mutex<BTreeMap<u32, Summary>>,
}

impl Server {
    /// Opens the project to read; what writes to it are the processes that run its jobs.
    pub fn open(settings: Settings, tokens: Tokens) -> Result<Arc<Self>, ServerError> {
        let project = Project::open_to_read(&Durable::default(), &settings.project)?;
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
            summaries: Mutex::default(),
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

    /// All jobs as they are now; those that changed since the last look.
    pub(crate) fn look(&self) -> Result<(Vec<Summary>, Vec<Summary>), Refusal> {
        self.project.notice_jobs()?;
        let numbers = self.project.jobs()?;
        let mut known = self.summaries();
        known.retain(|number, _| numbers.contains(&JobNumber(*number)));
        let mut changed = Vec::new();
        for number in numbers {
            // A result never changes.
            if known.get(&number.0).is_some_and(|s| s.state == DONE) {
                continue;
            }
            let now = summary(self, number)?;
            if known.get(&number.0) != Some(&now) {
                changed.push(now.clone());
                known.insert(number.0, now);
            }
        }
        Ok((known.values().cloned().collect(), changed))
    }
}
