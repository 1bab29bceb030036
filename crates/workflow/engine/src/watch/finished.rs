//! From the jobs of the series to the end of the set.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use thon_project::{JobNumber, JobState};

use super::reach::Reach;
use super::record::Line;
use super::{SeriesRow, Watch, quality};
use crate::EngineError;
use crate::drafting::{Draft, draft_steps};

impl Watch<'_> {
    /// Makes the rows of the series that are not through.
    pub(super) fn refresh_rows(&mut self) -> Result<(), EngineError> {
        let mut rows: BTreeMap<String, SeriesRow> = BTreeMap::new();
        for (name, came) in &self.items.came {
            let known = self.rows.get(name);
            let through = known.filter(|row| row.state == "done" && row.jobs == came.jobs);
            let row = if let Some(row) = through {
                row.clone()
            } else {
                let columns = &self.pipeline.quality;
                quality::row(self.engine.project, columns, name, came.views, &came.jobs)?
            };
            rows.insert(name.clone(), row);
        }
        for (name, why) in &self.waiting {
            let row = rows.entry(name.clone()).or_insert_with(|| SeriesRow {
                name: name.clone(),
                ..SeriesRow::default()
            });
            // One that came before and grows again is shown as what it is.
            row.state = "waiting".into();
            row.evidence.clone_from(why);
        }
        for (name, reason) in &self.items.left {
            let row = rows.entry(name.clone()).or_insert_with(|| SeriesRow {
                name: name.clone(),
                ..SeriesRow::default()
            });
            row.state = "left out".into();
            row.evidence.clone_from(reason);
        }
        self.rows = rows;
        Ok(())
    }

    /// When nothing more comes: names what is left out, and records the whole once all series are through.
    pub(super) fn leave_out(&mut self) -> Result<(), EngineError> {
        let waiting: Vec<(String, String)> = self.waiting.clone().into_iter().collect();
        for (name, reason) in waiting {
            if !self.items.left.contains_key(&name) {
                self.note(Line::Left { name, reason })?;
            }
        }
        let processing = self.rows.values().any(|row| row.state == "processing");
        if processing || self.items.came.values().any(|came| came.jobs.is_empty()) {
            return Ok(());
        }
        let mut names = Vec::new();
        for row in self.rows() {
            match row.state.as_str() {
                "done" => names.push(row.name),
                "failed" if !self.items.left.contains_key(&row.name) => self.note(Line::Left {
                    name: row.name,
                    reason: row.evidence,
                })?,
                _ => {}
            }
        }
        let after = self.last_job()?;
        self.note(Line::Whole { names, after })?;
        self.refresh_rows()
    }

    /// Records the jobs of the whole set, which find the work of its series done.
    pub(super) fn finish_set(&mut self) -> Result<(), EngineError> {
        let Some((names, after)) = self.items.whole.clone() else {
            return Ok(());
        };
        if !self.items.whole_jobs.is_empty() || names.is_empty() {
            return self.refresh_rows();
        }
        let given = self.variables(self.files_of(&names)?);
        let draft = Draft {
            takes: &|_| true,
            after: &|step| match self.reaches[&step.name] {
                Reach::Common => JobNumber(0),
                Reach::Item | Reach::Set => after,
            },
            title: &|_| String::new(),
        };
        let shown = Path::new("pipeline");
        let drafted = draft_steps(&self.engine, &self.pipeline, shown, &given, &draft)?;
        self.note(Line::WholeRecorded { jobs: drafted.jobs })?;
        self.ask(&drafted.open)?;
        self.refresh_rows()
    }

    /// The metadata files of some of the series: a pattern when these are all there are, as one would type it.
    fn files_of(&self, names: &[String]) -> Result<Value, EngineError> {
        let files: Vec<String> = names
            .iter()
            .map(|name| self.items.came[name].file.clone())
            .collect();
        let folder = self.engine.project.root().join(&self.record.folder);
        let own: BTreeSet<_> = files.iter().map(|f| Path::new(f).file_name()).collect();
        let there = self.metadata_files(&folder)?;
        if there.len() == own.len() && there.iter().all(|path| own.contains(&path.file_name())) {
            let pattern = format!("*.{}", self.acquisition.extension);
            return Ok(json!(self.record.folder.join(pattern)));
        }
        Ok(json!(files))
    }

    /// True when the set is closed and everything about it has come to an end.
    ///
    /// # Errors
    /// A project that cannot be read.
    pub fn is_finished(&self) -> Result<bool, EngineError> {
        let Some((names, _)) = &self.items.whole else {
            return Ok(false);
        };
        if names.is_empty() {
            return Ok(true);
        }
        let mut jobs = self.items.whole_jobs.iter();
        let ends = |job: &JobNumber| -> Result<bool, EngineError> {
            let state = self.engine.project.status(*job)?.state;
            Ok(matches!(
                state,
                JobState::Done
                    | JobState::Failed
                    | JobState::Blocked
                    | JobState::Cancelled
                    | JobState::Damaged
            ))
        };
        let open = jobs.try_fold(false, |open, (_, job)| ends(job).map(|ends| open || !ends))?;
        Ok(!open && !self.items.whole_jobs.is_empty())
    }

    /// Writes the table when it changed; answers the rows that did.
    pub(super) fn publish(&mut self) -> Result<Vec<SeriesRow>, EngineError> {
        let rows = self.rows();
        let table = serde_json::to_vec_pretty(&rows).expect("rows are plain data");
        if table == self.published {
            return Ok(Vec::new());
        }
        self.place.publish_quality(&table)?;
        let before: Vec<SeriesRow> = serde_json::from_slice(&self.published).unwrap_or_default();
        self.published = table;
        Ok(rows
            .into_iter()
            .filter(|row| !before.contains(row))
            .collect())
    }
}
