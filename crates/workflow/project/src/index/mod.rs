//! The index: an SQLite database that only repeats what the job directories say, for quick questions.
//!
//! It may be deleted or garbled at any time: opening checks it and makes it anew. Each job carries the
//! fingerprint of the files it was read from, so that a database that fell behind is brought up to date.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, Row};
use uuid::Uuid;

use crate::durable::Durable;
use crate::error::ProjectError;
use crate::layout::{self, JobNumber};
use crate::state::{self, JobFacts, RecordedState};
use crate::unit::UnitRecord;

mod questions;
mod reading;
mod tables;

/// The open index.
#[derive(Debug)]
pub struct Index {
    connection: Connection,
    path: PathBuf,
    /// Whether it is kept on disk by the owner, rather than in the memory of a reader.
    kept: bool,
}

/// What bringing the index up to date found.
#[derive(Clone, Debug, Default)]
pub struct Refreshed {
    /// Number of jobs read again.
    pub jobs: usize,
    /// Job directories that cannot be understood, with the reason.
    pub problems: Vec<(String, String)>,
}

impl Index {
    /// Opens the database, or makes an empty one when it is absent, damaged, of another schema or project.
    pub fn open(durable: &Durable, path: &Path, project: Uuid) -> Result<Self, ProjectError> {
        let wrap = |source| ProjectError::Index {
            path: path.to_path_buf(),
            source,
        };
        let existed = durable.inspect(path)?.is_some();
        if existed {
            match Self::try_open(path, project) {
                Ok(Some(connection)) => {
                    return Ok(Self {
                        connection,
                        path: path.to_path_buf(),
                        kept: true,
                    });
                }
                Ok(None) => {
                    tracing::info!("the index is of another schema or project and is made anew");
                }
                Err(error) => tracing::warn!("the index is damaged ({error}) and is made anew"),
            }
        }
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            durable.remove_file(Path::new(&name))?;
        }
        let connection = Self::connect(path)
            .and_then(|connection| Self::fill(connection, project))
            .map_err(wrap)?;
        Ok(Self {
            connection,
            path: path.to_path_buf(),
            kept: true,
        })
    }

    /// An empty index in memory, for readers.
    pub fn in_memory(project: Uuid) -> Result<Self, ProjectError> {
        let path = PathBuf::from("in memory");
        let made =
            Connection::open_in_memory().and_then(|connection| Self::fill(connection, project));
        let connection = made.map_err(|source| ProjectError::Index {
            path: path.clone(),
            source,
        })?;
        Ok(Self {
            connection,
            path,
            kept: false,
        })
    }

    fn connect(path: &Path) -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        Ok(connection)
    }

    fn try_open(path: &Path, project: Uuid) -> rusqlite::Result<Option<Connection>> {
        let connection = Self::connect(path)?;
        let schema: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if schema != tables::SCHEMA {
            return Ok(None);
        }
        let check: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
        let owner: Option<String> = connection
            .query_row("SELECT project FROM meta", [], |row| row.get(0))
            .optional()?;
        Ok((check == "ok" && owner == Some(project.to_string())).then_some(connection))
    }

    fn fill(mut connection: Connection, project: Uuid) -> rusqlite::Result<Connection> {
        let transaction = connection.transaction()?;
        transaction.execute_batch(tables::TABLES)?;
        transaction.execute("INSERT INTO meta VALUES (?1)", [project.to_string()])?;
        transaction.pragma_update(None, "user_version", tables::SCHEMA)?;
        transaction.commit()?;
        Ok(connection)
    }

    fn wrap(&self, source: rusqlite::Error) -> ProjectError {
        ProjectError::Index {
            path: self.path.clone(),
            source,
        }
    }

    /// Reads again every job whose files changed since it was read, and forgets jobs that are gone. `tell` hears what
    /// the directories of the jobs that were read say, in no particular order.
    pub fn refresh(
        &mut self,
        durable: &Durable,
        root: &Path,
        tell: &mut dyn FnMut(&JobFacts),
    ) -> Result<Refreshed, ProjectError> {
        let mut refreshed = Refreshed::default();
        let mut known = self.fingerprints()?;
        let mut seen = BTreeMap::new();
        let mut candidates = Vec::new();
        for directory in job_directories(durable, root)? {
            let Some(number) = layout::job_number(&directory) else {
                continue;
            };
            if let Some(first) = seen.get(&number) {
                let problem = format!("it has the same number as {first}");
                refreshed.problems.push((directory, problem));
                continue;
            }
            seen.insert(number, directory.clone());
            candidates.push(reading::Candidate {
                known: known.remove(&number),
                directory,
            });
        }
        reading::all(
            durable,
            root,
            &candidates,
            |directory, fingerprint, facts| {
                refreshed.jobs += 1;
                if let Ok(facts) = &facts {
                    tell(facts);
                }
                if let Some(problem) = self.take(durable, root, directory, fingerprint, facts)? {
                    refreshed.problems.push((directory.to_owned(), problem));
                }
                Ok(())
            },
        )?;
        refreshed.problems.sort();
        for number in known
            .into_keys()
            .filter(|number| !seen.contains_key(number))
        {
            self.forget(number)?;
        }
        Ok(refreshed)
    }

    /// Reads one job again, given the name of its directory; answers why it cannot be understood, if so.
    pub fn refresh_job(
        &mut self,
        durable: &Durable,
        root: &Path,
        directory: &str,
    ) -> Result<Option<String>, ProjectError> {
        // Taken first: what is added while the facts are read makes the next look read them again.
        let fingerprint = state::fingerprint(durable, &root.join(layout::JOBS).join(directory))?;
        let facts = JobFacts::read(durable, root, directory);
        self.take(durable, root, directory, &fingerprint, facts)
    }

    /// Keeps what was read of a job; answers why it cannot be understood, if so.
    fn take(
        &mut self,
        durable: &Durable,
        root: &Path,
        directory: &str,
        fingerprint: &str,
        facts: Result<JobFacts, ProjectError>,
    ) -> Result<Option<String>, ProjectError> {
        let facts = match facts {
            Ok(facts) => facts,
            Err(error @ (ProjectError::Damaged { .. } | ProjectError::NewerFormat { .. })) => {
                if let Some(number) = layout::job_number(directory) {
                    self.forget(number)?;
                }
                return Ok(Some(error.to_string()));
            }
            Err(error) => return Err(error),
        };
        if self.kept && facts.recorded().0 == RecordedState::Done {
            // A manifest may be visible without being durable, when its writer failed just after the rename.
            durable.sync_directory(&root.join(layout::JOBS).join(directory))?;
        }
        tables::put_job(&mut self.connection, &facts, fingerprint)
            .map_err(|source| self.wrap(source))?;
        Ok(None)
    }

    fn fingerprints(&self) -> Result<BTreeMap<JobNumber, (String, String)>, ProjectError> {
        let query = |row: &Row<'_>| Ok((JobNumber(row.get(0)?), (row.get(1)?, row.get(2)?)));
        self.rows("SELECT number, directory, fingerprint FROM job", [], query)
            .map(|rows| rows.into_iter().collect())
    }

    fn rows<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, ProjectError> {
        let run = || -> rusqlite::Result<Vec<T>> {
            self.connection
                .prepare_cached(sql)?
                .query_map(values, read)?
                .collect()
        };
        run().map_err(|source| self.wrap(source))
    }

    /// Adds one unit that was just recorded.
    pub fn put_unit(&mut self, job: JobNumber, unit: &UnitRecord) -> Result<(), ProjectError> {
        tables::insert_unit(&self.connection, job, unit).map_err(|source| self.wrap(source))
    }

    fn forget(&mut self, job: JobNumber) -> Result<(), ProjectError> {
        tables::delete_job(&self.connection, job).map_err(|source| self.wrap(source))
    }
}

/// The names of the job directories, sorted.
pub(crate) fn job_directories(durable: &Durable, root: &Path) -> Result<Vec<String>, ProjectError> {
    let entries = durable.list(&root.join(layout::JOBS))?;
    let directories = entries
        .into_iter()
        .filter(|entry| entry.kind == crate::durable::EntryKind::Directory);
    Ok(directories
        .map(|entry| entry.name)
        .filter(|name| layout::job_number(name).is_some())
        .collect())
}
