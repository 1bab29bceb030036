//! A project: made, opened by its one owner or to read, asked for jobs.
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::durable::{Access, DiskLock, Durable};
use crate::error::ProjectError;
use crate::index::{Index, Refreshed};
use crate::job;
use crate::layout;
use crate::owner::Owner;
use crate::state::JobFacts;

mod jobs;

/// Newest version of the project format known here.
pub const FORMAT: u32 = 1;

const INDEX_FILE: &str = "index.db";
const NEW_JOB: &str = "new-job-";

const NUMBERING_FILE: &str = "numbering";
/// How often the lock of the numbers is tried, and how long until it is given up.
const TRY: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(20);

/// Takes the lock under which jobs get their numbers, held for milliseconds by whoever makes a job.
fn numbering(durable: &Durable, root: &Path) -> Result<DiskLock, ProjectError> {
    let path = root.join(layout::PRIVATE).join(NUMBERING_FILE);
    let began = Instant::now();
    loop {
        if let Some(lock) = durable.lock(&path)? {
            return Ok(lock);
        }
        if began.elapsed() > PATIENCE {
            return Err(ProjectError::Owned {
                path: root.to_path_buf(),
                owner: "a process that is making a job and does not come to an end".into(),
            });
        }
        std::thread::sleep(TRY);
    }
}

/// The content of `project.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectRecord {
    /// Version of the project format.
    pub format: u32,
    /// The project's identity wherever it is moved.
    pub uuid: Uuid,
    /// When it was made.
    pub created: Timestamp,
}

/// An open project.
#[derive(Debug)]
pub struct Project {
    durable: Durable,
    root: PathBuf,
    record: ProjectRecord,
    pub(crate) index: Arc<Mutex<Index>>,
    owner: Option<Arc<Owner>>,
    /// Job directories that could not be understood when the project was opened, with the reason.
    problems: Vec<(String, String)>,
    /// One new job at a time.
    numbering: Mutex<()>,
}

impl Project {
    /// Makes a project in a directory, which is made too when absent, and opens it as owner.
    ///
    /// # Errors
    /// [`ProjectError::AlreadyAProject`] when there is one.
    pub fn create(durable: &Durable, root: &Path) -> Result<Self, ProjectError> {
        let file = root.join(layout::PROJECT_FILE);
        if durable.inspect(&file)?.is_some() {
            return Err(ProjectError::AlreadyAProject {
                path: root.to_path_buf(),
            });
        }
        durable.ensure_directory(root, Access::Shared)?;
        durable.ensure_directory(&root.join(layout::PRIVATE), Access::Private)?;
        durable.ensure_directory(&root.join(layout::JOBS), Access::Shared)?;
        let record = ProjectRecord {
            format: FORMAT,
            uuid: Uuid::new_v4(),
            created: Timestamp::now(),
        };
        let text = toml::to_string(&record).expect("a project record is plain data");
        durable.publish(&file, text.as_bytes())?;
        Self::open(durable, root)
    }

    /// Opens a project as its owner.
    ///
    /// # Errors
    /// [`ProjectError::Owned`] when another process owns it.
    pub fn open(durable: &Durable, root: &Path) -> Result<Self, ProjectError> {
        let record = Self::read_record(durable, root)?;
        let private = root.join(layout::PRIVATE);
        durable.ensure_directory(&private, Access::Private)?;
        durable.ensure_directory(&root.join(layout::JOBS), Access::Shared)?;
        let owner = Owner::take(durable, root, &private)?;
        let making = numbering(durable, root)?;
        for entry in durable
            .list(&private)?
            .iter()
            .filter(|entry| entry.name.starts_with(NEW_JOB))
        {
            durable.remove_tree(&private.join(&entry.name))?;
        }
        drop(making);
        let index = Index::open(durable, &private.join(INDEX_FILE), record.uuid)?;
        let owner = Some(Arc::new(owner));
        Self::with(durable, root, record, index, owner, &mut |_| {})
    }

    /// Opens a project to read, whoever owns it: the index is made in memory from the job directories.
    pub fn open_to_read(durable: &Durable, root: &Path) -> Result<Self, ProjectError> {
        Self::open_to_read_telling(durable, root, &mut |_| {})
    }

    /// The same; `tell` hears on the way what the directory of each job says, in no particular order, so that who wants
    /// to know it of all jobs need not read them a second time.
    ///
    /// # Errors
    /// There is no project, or it cannot be read.
    pub fn open_to_read_telling(
        durable: &Durable,
        root: &Path,
        tell: &mut dyn FnMut(&JobFacts),
    ) -> Result<Self, ProjectError> {
        let record = Self::read_record(durable, root)?;
        let index = Index::in_memory(record.uuid)?;
        Self::with(durable, root, record, index, None, tell)
    }

    /// A project as a process beside the owner sees it, over an index of what it needs.
    pub(crate) fn beside(
        durable: &Durable,
        root: &Path,
        record: ProjectRecord,
        index: Index,
    ) -> Self {
        Self {
            durable: durable.clone(),
            root: root.to_path_buf(),
            record,
            index: Arc::new(Mutex::new(index)),
            owner: None,
            problems: Vec::new(),
            numbering: Mutex::new(()),
        }
    }

    fn with(
        durable: &Durable,
        root: &Path,
        record: ProjectRecord,
        mut index: Index,
        owner: Option<Arc<Owner>>,
        tell: &mut dyn FnMut(&JobFacts),
    ) -> Result<Self, ProjectError> {
        let problems = index.refresh(durable, root, tell)?.problems;
        let index = Arc::new(Mutex::new(index));
        let (durable, root, numbering) = (durable.clone(), root.to_path_buf(), Mutex::new(()));
        Ok(Self {
            durable,
            root,
            record,
            index,
            owner,
            problems,
            numbering,
        })
    }

    pub(crate) fn read_record(
        durable: &Durable,
        root: &Path,
    ) -> Result<ProjectRecord, ProjectError> {
        let path = root.join(layout::PROJECT_FILE);
        let Some(bytes) = durable.read_if_present(&path)? else {
            return Err(ProjectError::NotAProject {
                path: root.to_path_buf(),
            });
        };
        let text = String::from_utf8(bytes)
            .map_err(|error| ProjectError::damaged(&path, error.to_string()))?;
        let record: ProjectRecord = toml::from_str(&text)
            .map_err(|error| ProjectError::damaged(&path, error.to_string()))?;
        job::check_format(root, record.format, FORMAT)?;
        Ok(record)
    }

    /// The project directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Identity and format.
    pub fn record(&self) -> &ProjectRecord {
        &self.record
    }

    /// The layer all files of the project go through.
    pub fn durable(&self) -> &Durable {
        &self.durable
    }

    /// Job directories that could not be understood when the project was opened, with the reason.
    pub fn problems(&self) -> &[(String, String)] {
        &self.problems
    }

    /// The index, for questions.
    pub fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this process owns the project.
    pub fn is_owner(&self) -> bool {
        self.owner.is_some()
    }

    pub(crate) fn owner(&self) -> Result<&Arc<Owner>, ProjectError> {
        self.owner.as_ref().ok_or(ProjectError::ReadOnly)
    }

    /// Throws the index away and makes it again from the job directories.
    pub fn rebuild(&mut self) -> Result<Refreshed, ProjectError> {
        self.owner()?;
        let path = self.root.join(layout::PRIVATE).join(INDEX_FILE);
        let mut index = self.index();
        // The old connection is closed before its file goes.
        *index = Index::in_memory(self.record.uuid)?;
        self.durable.remove_file(&path)?;
        let mut made = Index::open(&self.durable, &path, self.record.uuid)?;
        let refreshed = made.refresh(&self.durable, &self.root, &mut |_| {})?;
        *index = made;
        drop(index);
        self.problems.clone_from(&refreshed.problems);
        Ok(refreshed)
    }
}
