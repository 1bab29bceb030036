//! The units of an attempt: found again, worked on aside, published by one rename and one line.
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::Value;

use super::{Attempt, locked};
use crate::canonical;
use crate::durable::Access;
use crate::error::ProjectError;
use crate::layout::{self, ProjectPath};
use crate::unit::{UnitIdentity, UnitRecord, seal};
use crate::verify::Check;

/// A unit being worked on: write its files under [`UnitWork::path`], by any means, then publish it.
#[derive(Debug)]
pub struct UnitWork {
    item: String,
    identity: UnitIdentity,
    path: PathBuf,
    destination: ProjectPath,
    began: Instant,
}

impl UnitWork {
    /// The unit's private directory, empty at first.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the directory will lie after publishing, relative to the project.
    pub fn destination(&self) -> &ProjectPath {
        &self.destination
    }
}

impl Attempt {
    /// A finished unit with this identity whose files are all there: of this job and item first, else of the
    /// lowest-numbered other job. `None` means the work has to be done.
    pub fn find_unit(
        &self,
        identity: &UnitIdentity,
        item: &str,
    ) -> Result<Option<UnitRecord>, ProjectError> {
        let key = identity.key();
        let own = locked(&self.recorded)
            .get(&(key, item.to_string()))
            .cloned();
        let others = || locked(&self.index).find_units(&key, self.job.job, item);
        let candidates = own.into_iter().chain(others()?);
        for candidate in candidates {
            if candidate.is_intact(&self.durable, &self.root, Check::Sizes)? {
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    /// Makes the private directory of a unit.
    pub fn begin_unit(&self, identity: UnitIdentity, item: &str) -> Result<UnitWork, ProjectError> {
        let number = self.works.fetch_add(1, Ordering::Relaxed);
        let name = layout::unit_directory(item, &identity.key());
        let inner = ProjectPath::new(format!("{}/{name}", layout::UNITS))?;
        let path = self
            .directory
            .join(layout::WORK)
            .join(format!("{number}-{name}"));
        self.durable.create_directory(&path, Access::Shared)?;
        Ok(UnitWork {
            item: item.to_string(),
            identity,
            path,
            destination: self.job_directory.join(&inner),
            began: Instant::now(),
        })
    }

    /// Makes the unit durable and visible, and records it; returns only when all of it survives a power cut.
    ///
    /// `result` and `metrics` must be the same for equal identities done in the same job; durations do not
    /// belong there.
    pub fn publish_unit(
        &self,
        work: UnitWork,
        mut result: Value,
        mut metrics: Value,
    ) -> Result<UnitRecord, ProjectError> {
        self.check_fence()?;
        canonical::sort_keys(&mut result);
        canonical::sort_keys(&mut metrics);
        let files = seal(&self.durable, &work.path)?;
        let key = work.identity.key();
        let UnitWork {
            item,
            identity,
            path,
            destination: directory,
            began,
        } = work;
        let seconds = began.elapsed().as_secs_f64();
        let mut record = UnitRecord {
            key,
            item,
            directory,
            files,
            result,
            metrics,
            identity,
            seconds,
        };

        let mut recorded = locked(&self.recorded);
        let of_key = recorded
            .range((key, String::new())..)
            .map(|(_, other)| other)
            .take_while(|other| other.key == key);
        let twin = of_key
            .into_iter()
            .find(|other| other.directory == record.directory)
            .cloned();
        match twin {
            // Two items whose names look the same and whose work is the same share one directory.
            Some(twin) if twin.is_intact(&self.durable, &self.root, Check::Sizes)? => {
                record.files = twin.files;
                self.durable.remove_tree(&path)?;
            }
            _ => {
                let place = record.directory.under(&self.root);
                self.durable.remove_tree(&place)?;
                self.durable.publish_rename(&path, &place)?;
            }
        }
        self.units.append(&record)?;
        recorded.insert((key, record.item.clone()), record.clone());
        locked(&self.index).put_unit(self.job.job, &record)?;
        Ok(record)
    }

    /// Throws away the work on a unit.
    pub fn discard_unit(&self, work: UnitWork) -> Result<(), ProjectError> {
        let UnitWork { path, .. } = work;
        self.durable.remove_tree(&path)
    }
}
