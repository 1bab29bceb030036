//! The index: an SQLite database that only repeats what the job directories say, for quick questions.
//!
//! It may be deleted or garbled at any time: opening checks it and makes it anew. Each job carries the
//! fingerprint of the files it was read from, so that a database that fell behind is brought up to date.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::digest::ContentKey;
use crate::durable::Durable;
use crate::error::ProjectError;
use crate::layout::{self, JobNumber};
use crate::state::{self, JobFacts, RecordedState};
use crate::unit::UnitRecord;

/// Version of the tables; another version on disk means: make it anew.
const SCHEMA: i64 = 1;

const TABLES: &str = "
CREATE TABLE meta (project TEXT NOT NULL) STRICT;
CREATE TABLE job (number INTEGER PRIMARY KEY, directory TEXT NOT NULL UNIQUE, operation TEXT NOT NULL, version INTEGER NOT NULL,
    title TEXT NOT NULL, pipeline TEXT, step TEXT, request TEXT NOT NULL, created TEXT NOT NULL, state TEXT NOT NULL,
    evidence TEXT NOT NULL, fingerprint TEXT NOT NULL) STRICT;
CREATE INDEX job_step ON job (pipeline, step);
CREATE INDEX job_request ON job (request);
CREATE TABLE upstream (job INTEGER NOT NULL, upstream INTEGER NOT NULL, PRIMARY KEY (job, upstream)) STRICT, WITHOUT ROWID;
CREATE INDEX upstream_of ON upstream (upstream);
CREATE TABLE attempt (job INTEGER NOT NULL, number INTEGER NOT NULL, started TEXT, outcome TEXT, PRIMARY KEY (job, number)) STRICT, WITHOUT ROWID;
CREATE TABLE unit (key TEXT NOT NULL, job INTEGER NOT NULL, item TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (key, job, item)) STRICT;
CREATE INDEX unit_job ON unit (job);
CREATE TABLE file (job INTEGER NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (job, path)) STRICT, WITHOUT ROWID;
CREATE INDEX file_digest ON file (digest);
";

const NAMES: [&str; 5] = ["job", "upstream", "attempt", "unit", "file"];

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

fn text<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("records are structs with text keys")
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
        if schema != SCHEMA {
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
        transaction.execute_batch(TABLES)?;
        transaction.execute("INSERT INTO meta VALUES (?1)", [project.to_string()])?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
        transaction.commit()?;
        Ok(connection)
    }

    fn wrap(&self, source: rusqlite::Error) -> ProjectError {
        ProjectError::Index {
            path: self.path.clone(),
            source,
        }
    }

    /// Reads again every job whose files changed since it was read, and forgets jobs that are gone.
    pub fn refresh(&mut self, durable: &Durable, root: &Path) -> Result<Refreshed, ProjectError> {
        let mut refreshed = Refreshed::default();
        let mut known = self.fingerprints()?;
        let mut seen = BTreeMap::new();
        for directory in job_directories(durable, root)? {
            let Some(number) = layout::job_number(&directory) else {
                continue;
            };
            if let Some(first) = seen.insert(number, directory.clone()) {
                refreshed
                    .problems
                    .push((directory, format!("it has the same number as {first}")));
                seen.insert(number, first);
                continue;
            }
            let place = root.join(layout::JOBS).join(&directory);
            if known.remove(&number)
                == Some((directory.clone(), state::fingerprint(durable, &place)?))
            {
                continue;
            }
            refreshed.jobs += 1;
            if let Some(problem) = self.refresh_job(durable, root, &directory)? {
                refreshed.problems.push((directory, problem));
            }
        }
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
        let place = root.join(layout::JOBS).join(directory);
        // Taken first: what is added while the facts are read makes the next look read them again.
        let fingerprint = state::fingerprint(durable, &place)?;
        let facts = match JobFacts::read(durable, root, directory) {
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
            durable.sync_directory(&place)?;
        }
        self.put_job(&facts, &fingerprint)
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

    fn put_job(&mut self, facts: &JobFacts, fingerprint: &str) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        let (number, request) = (facts.record.job.0, &facts.record.request);
        delete_job(&transaction, facts.record.job)?;
        let (state, evidence) = facts.recorded();
        let origin = request.origin.as_ref();
        transaction.execute(
            "INSERT INTO job VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            params![
                number,
                facts.directory,
                request.operation,
                request.version,
                request.title,
                origin.map(|origin| &origin.pipeline),
                origin.map(|origin| &origin.step),
                request.digest().to_string(),
                facts.record.created.to_string(),
                state.name(),
                evidence,
                fingerprint,
            ],
        )?;
        for upstream in &request.upstream {
            transaction.execute(
                "INSERT OR IGNORE INTO upstream VALUES (?1, ?2)",
                params![number, upstream.0],
            )?;
        }
        for attempt in &facts.attempts {
            let (started, outcome) = (
                attempt.record.as_ref().map(text),
                attempt.outcome.as_ref().map(text),
            );
            transaction.execute(
                "INSERT INTO attempt VALUES (?1, ?2, ?3, ?4)",
                params![number, attempt.number, started, outcome],
            )?;
        }
        for unit in facts.units.values() {
            insert_unit(&transaction, facts.record.job, unit)?;
        }
        for (path, size, digest) in facts
            .manifest
            .iter()
            .flat_map(crate::manifest::Manifest::files)
        {
            let values = params![number, path.as_str(), size as i64, digest.to_string()];
            transaction.execute("INSERT OR IGNORE INTO file VALUES (?1, ?2, ?3, ?4)", values)?;
        }
        transaction.commit()
    }

    /// Adds one unit that was just recorded.
    pub fn put_unit(&mut self, job: JobNumber, unit: &UnitRecord) -> Result<(), ProjectError> {
        insert_unit(&self.connection, job, unit).map_err(|source| self.wrap(source))
    }

    fn forget(&mut self, job: JobNumber) -> Result<(), ProjectError> {
        delete_job(&self.connection, job).map_err(|source| self.wrap(source))
    }

    /// The units with this key of all jobs but `job`: those of the same item name first, then by job number.
    pub fn find_units(
        &self,
        key: &ContentKey,
        job: JobNumber,
        item: &str,
    ) -> Result<Vec<UnitRecord>, ProjectError> {
        let sql =
            "SELECT record FROM unit WHERE key = ?1 AND job <> ?2 ORDER BY item <> ?3, job, item";
        let records = self.rows(sql, params![key.to_string(), job.0, item], |row| {
            row.get::<_, String>(0)
        })?;
        Ok(records
            .iter()
            .filter_map(|record| serde_json::from_str(record).ok())
            .collect())
    }

    /// Number and directory name of every job, ascending.
    pub fn jobs(&self) -> Result<Vec<(JobNumber, String)>, ProjectError> {
        self.rows(
            "SELECT number, directory FROM job ORDER BY number",
            [],
            |row| Ok((JobNumber(row.get(0)?), row.get(1)?)),
        )
    }

    /// The directory name of a job.
    pub fn directory(&self, job: JobNumber) -> Result<Option<String>, ProjectError> {
        Ok(self
            .rows(
                "SELECT directory FROM job WHERE number = ?1",
                [job.0],
                |row| row.get(0),
            )?
            .pop())
    }

    /// The jobs made for a step of a pipeline, ascending.
    pub fn jobs_of_step(&self, pipeline: &str, step: &str) -> Result<Vec<JobNumber>, ProjectError> {
        let sql = "SELECT number FROM job WHERE pipeline = ?1 AND step = ?2 ORDER BY number";
        self.rows(sql, [pipeline, step], |row| row.get(0).map(JobNumber))
    }

    /// The jobs that use results of this one, ascending.
    pub fn downstream(&self, job: JobNumber) -> Result<Vec<JobNumber>, ProjectError> {
        self.rows(
            "SELECT job FROM upstream WHERE upstream = ?1 ORDER BY job",
            [job.0],
            |row| row.get(0).map(JobNumber),
        )
    }

    /// The whole content, table by table, sorted: two indexes of the same project are equal when these are.
    pub fn dump(&self) -> Result<Value, ProjectError> {
        let mut tables = serde_json::Map::new();
        for name in NAMES {
            let read = |row: &Row<'_>| {
                let columns = 0..row.as_ref().column_count();
                let values = columns.map(|column| {
                    row.get::<_, rusqlite::types::Value>(column)
                        .map(|value| format!("{value:?}"))
                });
                values.collect::<rusqlite::Result<Vec<String>>>()
            };
            let mut rows = self.rows(&format!("SELECT * FROM {name}"), [], read)?;
            rows.sort();
            tables.insert(name.to_string(), json!(rows));
        }
        Ok(Value::Object(tables))
    }
}

fn insert_unit(connection: &Connection, job: JobNumber, unit: &UnitRecord) -> rusqlite::Result<()> {
    let values = params![unit.key.to_string(), job.0, unit.item, text(unit)];
    connection
        .prepare_cached("INSERT OR REPLACE INTO unit VALUES (?1, ?2, ?3, ?4)")?
        .execute(values)
        .map(drop)
}

fn delete_job(connection: &Connection, job: JobNumber) -> rusqlite::Result<()> {
    for (table, column) in [
        ("job", "number"),
        ("upstream", "job"),
        ("attempt", "job"),
        ("unit", "job"),
        ("file", "job"),
    ] {
        connection.execute(&format!("DELETE FROM {table} WHERE {column} = ?1"), [job.0])?;
    }
    Ok(())
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
