//! The directory a unit works in, and the progress it reports.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use thon_compute::Progress;
use thon_contract::Workspace;

use crate::{Event, Observer};

/// A unit's private directory in a project.
pub(crate) struct UnitWorkspace {
    /// Project directory.
    pub(crate) root: PathBuf,
    /// Private directory.
    pub(crate) scratch: PathBuf,
    /// Where the private directory goes when published, relative to the project.
    pub(crate) published: PathBuf,
}

impl Workspace for UnitWorkspace {
    fn resolve(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    fn scratch(&self) -> PathBuf {
        self.scratch.clone()
    }

    fn published(&self, file: &Path) -> PathBuf {
        self.published.join(file)
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
