//! The directory a unit works in, and the progress it reports.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use thon_compute::Progress;
use thon_contract::{ForeignReader, JobError, Kept, Note, Reading, Team, Workspace};
use thon_project::{KeptSteps, ProjectError};

use crate::{Catalogue, Event, Observer};

/// A unit's private directory, in a project or without one.
pub(crate) struct UnitWorkspace<'a> {
    /// Project directory.
    pub(crate) root: PathBuf,
    /// Private directory.
    pub(crate) scratch: PathBuf,
    /// Where the private directory goes when published, relative to the project.
    pub(crate) published: PathBuf,
    /// What the unit keeps of its finished steps; absent where nothing is run.
    pub(crate) kept: Option<KeptSteps>,
    /// Readers of foreign files among the inputs.
    pub(crate) readers: &'static [ForeignReader],
    /// Who hears what the unit says while it runs, and the item it is about.
    pub(crate) listener: Option<(&'a dyn Observer, &'a str)>,
    /// The processes that work at the unit, when there are several.
    pub(crate) team: Option<&'a dyn Team>,
}

impl UnitWorkspace<'_> {
    /// A workspace to look at inputs from; nothing is written.
    pub(crate) fn looking(root: &Path, catalogue: &Catalogue) -> Self {
        Self {
            root: root.to_path_buf(),
            scratch: PathBuf::new(),
            published: PathBuf::new(),
            kept: None,
            readers: catalogue.readers(),
            listener: None,
            team: None,
        }
    }

    fn steps(&self) -> Result<&KeptSteps, JobError> {
        self.kept.as_ref().ok_or_else(|| {
            JobError::data("steps are kept by a running unit, not by a look at its inputs")
        })
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "errors are handed over as they come"
)]
fn failed(error: ProjectError) -> JobError {
    JobError::data(error.to_string())
}

impl Workspace for UnitWorkspace<'_> {
    fn resolve(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    fn scratch(&self) -> PathBuf {
        self.scratch.clone()
    }

    fn published(&self, file: &Path) -> PathBuf {
        self.published.join(file)
    }

    fn foreign_readers(&self) -> &'static [ForeignReader] {
        self.readers
    }

    fn team(&self) -> Option<&dyn Team> {
        self.team
    }

    fn tell(&self, reading: &Reading) {
        if let Some((observer, item)) = self.listener {
            observer.tell(Event::Reading { item, reading });
        }
    }

    fn kept(&self, name: &str) -> Result<Option<Kept>, JobError> {
        let Some(step) = self.steps()?.find(name).map_err(failed)? else {
            return Ok(None);
        };
        // Remarks of another release that are not understood: the step is from another release, too.
        let notes = serde_json::from_value(step.remarks).ok();
        Ok(notes.map(|notes| Kept {
            directory: step.directory,
            notes,
        }))
    }

    fn keep(
        &self,
        name: &str,
        notes: &[Note],
        write: &mut dyn FnMut(&Path) -> Result<(), JobError>,
    ) -> Result<PathBuf, JobError> {
        let steps = self.steps()?;
        let work = steps.begin(name).map_err(failed)?;
        write(work.path())?;
        let notes = serde_json::to_value(notes).expect("notes are plain data");
        steps.publish(work, &notes).map_err(failed)
    }
}

/// How often the cancel file is looked for.
const POLL: Duration = Duration::from_millis(500);

/// Progress of one unit, passed on to the observer; asks it, and a cancel file, whether to stop.
pub(crate) struct UnitProgress<'a> {
    item: &'a str,
    observer: &'a dyn Observer,
    asked: &'a (dyn Fn() -> bool + Sync),
    last: Mutex<(Option<Instant>, bool)>,
}

impl<'a> UnitProgress<'a> {
    pub(crate) fn new(
        item: &'a str,
        observer: &'a dyn Observer,
        asked: &'a (dyn Fn() -> bool + Sync),
    ) -> Self {
        Self {
            item,
            observer,
            asked,
            last: Mutex::new((None, false)),
        }
    }
}

impl Progress for UnitProgress<'_> {
    fn advance(&self, done: u64, total: u64) {
        self.observer.tell(Event::Progress {
            item: self.item,
            done,
            total,
        });
    }

    fn cancelled(&self) -> bool {
        let mut last = self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.1 || self.observer.stop() {
            last.1 = true;
        } else if last.0.is_none_or(|when| when.elapsed() >= POLL) {
            *last = (Some(Instant::now()), (self.asked)());
        }
        last.1
    }
}
