//! Results that are not what the same request would make today, because a file outside changed since.
//!
//! Results never change, so a result is stale only through files outside the project's jobs: those that its parameters name, and those
//! of the jobs that it came from. A file that was written after the manifest is a suspicion; the key of the unit, made anew from its
//! contents, is the proof.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use thon_contract::Context;
use thon_project::{JobNumber, layout};

use crate::workspace::UnitWorkspace;
use crate::{Engine, EngineError};

impl Engine<'_> {
    /// The jobs of the project whose results are stale, each with the reason.
    ///
    /// # Errors
    /// A project that cannot be read.
    pub fn stale(&self) -> Result<BTreeMap<JobNumber, String>, EngineError> {
        let mut stale: BTreeMap<JobNumber, String> = BTreeMap::new();
        for number in self.project.jobs()? {
            let facts = self.project.facts(number)?;
            if facts.manifest.is_none() {
                continue;
            }
            let request = &facts.record.request;
            let above = request.upstream.iter().find(|job| stale.contains_key(job));
            if let Some(above) = above {
                stale.insert(number, format!("job {above}, which it came from, is stale"));
                continue;
            }
            let Ok(job) = self.catalogue.find(&request.operation) else {
                continue;
            };
            let workspace = UnitWorkspace::looking(self.project.root(), &self.catalogue);
            let progress = thon_compute::Quiet;
            let context = Context::new(&workspace, &progress, self.settings.memory);
            let files = job
                .external_files(&request.parameters, &context)
                .unwrap_or_default();
            let manifest = self
                .project
                .job_directory(number)?
                .under(self.project.root());
            let made = written(&manifest.join(layout::MANIFEST_FILE));
            let newer = files.iter().find(|file| {
                let changed = written(&context.resolve(file));
                changed.is_none_or(|changed| made.is_some_and(|made| changed > made))
            });
            let Some(newer) = newer else {
                continue;
            };
            if self.changed_since(number)?.is_some() {
                let words = format!("{} changed after it was made", newer.display());
                stale.insert(number, words);
            }
        }
        Ok(stale)
    }
}

fn written(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}
