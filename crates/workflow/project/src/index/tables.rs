//! The tables of the index and what writes to them.
use rusqlite::{Connection, params};

use crate::layout::JobNumber;
use crate::manifest::Manifest;
use crate::state::JobFacts;
use crate::unit::UnitRecord;

/// Version of the tables; another version on disk means: make it anew.
pub(super) const SCHEMA: i64 = 1;

pub(super) const TABLES: &str = "
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

/// The tables with content.
pub(super) const NAMES: [&str; 5] = ["job", "upstream", "attempt", "unit", "file"];

fn text<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("records are structs with text keys")
}

/// Replaces all rows of a job.
pub(super) fn put_job(
    connection: &mut Connection,
    facts: &JobFacts,
    fingerprint: &str,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
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
    for (path, size, digest) in facts.manifest.iter().flat_map(Manifest::files) {
        let values = params![number, path.as_str(), size as i64, digest.to_string()];
        transaction.execute("INSERT OR IGNORE INTO file VALUES (?1, ?2, ?3, ?4)", values)?;
    }
    transaction.commit()
}

/// Adds or replaces one unit.
pub(super) fn insert_unit(
    connection: &Connection,
    job: JobNumber,
    unit: &UnitRecord,
) -> rusqlite::Result<()> {
    let values = params![unit.key.to_string(), job.0, unit.item, text(unit)];
    connection
        .prepare_cached("INSERT OR REPLACE INTO unit VALUES (?1, ?2, ?3, ?4)")?
        .execute(values)
        .map(drop)
}

/// Removes all rows of a job.
pub(super) fn delete_job(connection: &Connection, job: JobNumber) -> rusqlite::Result<()> {
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
