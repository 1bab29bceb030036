//! The questions the index answers.
use rusqlite::{Row, params};
use serde_json::{Value, json};

use super::{Index, tables};
use crate::digest::ContentKey;
use crate::error::ProjectError;
use crate::layout::JobNumber;
use crate::unit::UnitRecord;

impl Index {
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

    /// Number, recorded state (its word) and upstream jobs of every job, ascending.
    pub fn recorded_states(
        &self,
    ) -> Result<Vec<(JobNumber, String, Vec<JobNumber>)>, ProjectError> {
        let mut states = self.rows("SELECT number, state FROM job ORDER BY number", [], |row| {
            Ok((JobNumber(row.get(0)?), row.get::<_, String>(1)?, Vec::new()))
        })?;
        let edges = self.rows(
            "SELECT job, upstream FROM upstream ORDER BY job, upstream",
            [],
            |row| Ok((JobNumber(row.get(0)?), JobNumber(row.get(1)?))),
        )?;
        for (job, upstream) in edges {
            if let Ok(at) = states.binary_search_by_key(&job, |state| state.0) {
                states[at].2.push(upstream);
            }
        }
        Ok(states)
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
        for name in tables::NAMES {
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
