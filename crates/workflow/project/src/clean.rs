//! Cleaning away the files of results that can be made again, and undoing it.
//!
//! ```text
//! jobs/00042-reconstruct-wbp/
//!   cleaned.json                    the manifest as it was, and where its files are now
//! trash/3/00042-reconstruct-wbp/    what was cleaned away in one go: units/ and manifest.json
//! ```
//!
//! A cleaned job has no result; it runs again like one that never did, and its result must be what it was, byte for byte.
//! Files leave the disk only when the trash is emptied. Every step is a rename: whatever is interrupted can be done again
//! or undone.
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::durable::{Access, Durable};
use crate::error::ProjectError;
use crate::job::{read_json_if_present, to_json};
use crate::layout::{self, JobNumber};
use crate::manifest::Manifest;
use crate::project::Project;

/// What remains in the directory of a job that was cleaned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cleaned {
    /// When.
    pub time: Timestamp,
    /// The number of the trash that its files went to.
    pub trash: u32,
    /// The result as it was.
    pub manifest: Manifest,
}

/// What one cleaning or undoing did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// The number of the trash.
    pub trash: u32,
    /// The jobs.
    pub jobs: Vec<JobNumber>,
    /// Bytes of their files.
    pub bytes: u64,
}

impl Cleaned {
    pub(crate) fn read(durable: &Durable, directory: &Path) -> Result<Option<Self>, ProjectError> {
        read_json_if_present(durable, &directory.join(layout::CLEANED_FILE))
    }

    /// Bytes of the files that the result had.
    pub fn bytes(&self) -> u64 {
        self.manifest.files().map(|(_, size, _)| size).sum()
    }

    pub(crate) fn evidence(&self) -> String {
        format!(
            "its files were cleaned away on {}, into trash {}; they are made again when they are needed",
            self.time.strftime("%Y-%m-%d"),
            self.trash
        )
    }

    /// Why a result made again is not the one that was; `None` when it is.
    pub(crate) fn differs(&self, again: &Manifest) -> Option<String> {
        if self.manifest == *again {
            return None;
        }
        let mut before = self.manifest.files();
        let file = again.files().find_map(|(path, _, digest)| {
            let same = before.find(|(known, ..)| *known == path);
            let differs = same.is_none_or(|(_, _, known)| known != digest);
            differs.then(|| path.to_string())
        });
        let what = file.unwrap_or_else(|| "what is said about it".into());
        Some(format!(
            "made again it is not what it was before it was cleaned ({what} differs)\nhint: `thon clean --undo` brings the old files back"
        ))
    }
}

impl Project {
    fn trash_directory(&self, number: u32) -> PathBuf {
        self.root().join(layout::TRASH).join(number.to_string())
    }

    /// The numbers of what is in the trash, ascending.
    pub fn trash(&self) -> Result<Vec<u32>, ProjectError> {
        let place = self.root().join(layout::TRASH);
        if self.durable().inspect(&place)?.is_none() {
            return Ok(Vec::new());
        }
        let entries = self.durable().list(&place)?;
        let mut numbers: Vec<u32> = entries.iter().filter_map(|e| e.name.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Moves the files of results into the trash. Whether they can be made again is the caller's to know.
    ///
    /// # Errors
    /// Without ownership, a job without result, or a disk that fails; what was moved until then can be undone.
    pub fn clean(&self, jobs: &[JobNumber]) -> Result<Moved, ProjectError> {
        self.owner()?;
        let durable = self.durable();
        let mut moved = Moved {
            trash: self.trash()?.last().map_or(1, |last| last + 1),
            ..Moved::default()
        };
        durable.ensure_directory(&self.root().join(layout::TRASH), Access::Shared)?;
        let trash = self.trash_directory(moved.trash);
        durable.create_directory(&trash, Access::Shared)?;
        // All of them first: results may share files.
        let results: Vec<(&JobNumber, Manifest)> = jobs
            .iter()
            .map(|job| Ok((job, self.result(*job)?)))
            .collect::<Result<_, ProjectError>>()?;
        for (job, manifest) in results {
            let directory = self.job_directory(*job)?;
            let place = directory.under(self.root());
            let cleaned = Cleaned {
                time: Timestamp::now(),
                trash: moved.trash,
                manifest,
            };
            moved.bytes += own_bytes(&cleaned.manifest, directory.as_str());
            let name = place.file_name().unwrap_or_default().to_owned();
            let aside = trash.join(&name);
            durable.create_directory(&aside, Access::Shared)?;
            durable.sync_directory(&trash)?;
            durable.publish(&place.join(layout::CLEANED_FILE), &to_json(&cleaned))?;
            durable.publish_rename(
                &place.join(layout::MANIFEST_FILE),
                &aside.join(layout::MANIFEST_FILE),
            )?;
            durable.publish_rename(&place.join(layout::UNITS), &aside.join(layout::UNITS))?;
            durable.create_directory(&place.join(layout::UNITS), Access::Shared)?;
            durable.sync_directory(&place)?;
            self.look_again(*job)?;
            moved.jobs.push(*job);
        }
        Ok(moved)
    }

    /// Brings back what the last cleaning (or the one of this number) moved away. Results that were made again meanwhile
    /// stay as they are.
    ///
    /// # Errors
    /// Without ownership, nothing to undo, or a disk that fails; the same again goes on.
    pub fn undo_clean(&self, number: Option<u32>) -> Result<Moved, ProjectError> {
        self.owner()?;
        let durable = self.durable();
        let all = self.trash()?;
        let number = number.or(all.last().copied()).unwrap_or(0);
        let trash = self.trash_directory(number);
        if !all.contains(&number) {
            return Err(ProjectError::BadPath {
                path: format!("{}/{number}", layout::TRASH),
                why: "there is nothing in the trash of this number",
            });
        }
        let mut moved = Moved {
            trash: number,
            ..Moved::default()
        };
        for entry in durable.list(&trash)? {
            let Some(job) = layout::job_number(&entry.name) else {
                continue;
            };
            let place = self.root().join(layout::JOBS).join(&entry.name);
            let aside = trash.join(&entry.name);
            let manifest = place.join(layout::MANIFEST_FILE);
            let Some(cleaned) = Cleaned::read(durable, &place)? else {
                // Made again meanwhile, with the same bytes.
                continue;
            };
            let units = place.join(layout::UNITS);
            if durable.inspect(&aside.join(layout::UNITS))?.is_some() {
                // What an attempt to make it again left there counts for nothing beside the whole.
                if durable.inspect(&units)?.is_some() {
                    durable.remove_tree(&units)?;
                }
                durable.publish_rename(&aside.join(layout::UNITS), &units)?;
            }
            if durable.inspect(&manifest)?.is_none() {
                durable.publish_rename(&aside.join(layout::MANIFEST_FILE), &manifest)?;
            }
            durable.remove_file(&place.join(layout::CLEANED_FILE))?;
            durable.sync_directory(&place)?;
            self.look_again(job)?;
            moved.bytes += own_bytes(
                &cleaned.manifest,
                &format!("{}/{}", layout::JOBS, entry.name),
            );
            moved.jobs.push(job);
        }
        durable.remove_tree(&trash)?;
        Ok(moved)
    }

    /// Removes for good what is in the trash; answers its bytes.
    ///
    /// # Errors
    /// Without ownership, or a disk that fails.
    pub fn empty_trash(&self) -> Result<u64, ProjectError> {
        self.owner()?;
        let mut bytes = 0;
        for number in self.trash()? {
            let place = self.trash_directory(number);
            bytes += crate::disk::bytes_below(self.durable(), &place)?;
            self.durable().remove_tree(&place)?;
        }
        Ok(bytes)
    }
}

/// Bytes of the files of a result that lie in the job's own directory.
fn own_bytes(manifest: &Manifest, directory: &str) -> u64 {
    let own = manifest.files().filter(|(path, ..)| {
        path.as_str()
            .strip_prefix(directory)
            .is_some_and(|rest| rest.starts_with('/'))
    });
    own.map(|(_, size, _)| size).sum()
}
