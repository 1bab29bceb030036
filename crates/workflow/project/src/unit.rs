//! A unit of work: its identity, its files, and whether they are still there.
//!
//! The key is BLAKE3 over the canonical JSON of all that affects the result; equal keys promise the same result,
//! byte for byte within one job (files may name their own place in the project). That gives resume and cache
//! with one mechanism. Threads, paths, titles and times are no part of it.
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical;
use crate::digest::{ContentKey, Digest};
use crate::durable::{Durable, EntryKind};
use crate::error::ProjectError;
use crate::layout::ProjectPath;
use crate::verify::Check;

/// Everything that affects the bytes of a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitIdentity {
    /// Id of the operation.
    pub operation: String,
    /// Version of the operation, raised when its numbers change.
    pub version: u32,
    /// The parameters that affect results, with defaults filled in.
    pub parameters: Value,
    /// Digests of the inputs by slot.
    pub inputs: Value,
    /// Seed of all randomness.
    pub seed: Option<u64>,
    /// Which part of the work it is (an iteration, a block), `null` for all of it.
    #[serde(default)]
    pub part: Value,
}

/// One file of a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Path relative to the unit's directory.
    pub path: ProjectPath,
    /// Length in bytes.
    pub size: u64,
    /// BLAKE3 of the content.
    pub digest: Digest,
}

/// A finished unit, as it stands in `units.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitRecord {
    /// Content key.
    pub key: ContentKey,
    /// The item (tilt series, tomogram, iteration) it was done for.
    pub item: String,
    /// Its directory, relative to the project.
    pub directory: ProjectPath,
    /// Its files, sorted by path.
    pub files: Vec<FileRecord>,
    /// What it found, in the engine's words; the same for equal keys.
    pub result: Value,
    /// Numbers about the result; the same for equal keys.
    pub metrics: Value,
    /// What the key was made from, for `explain`.
    pub identity: UnitIdentity,
    /// Wall-clock seconds it took.
    pub seconds: f64,
}

/// One reason why two units are not the same work.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Path of the field, such as `parameters/voxel_size`.
    pub field: String,
    /// Its value before, if it had one.
    pub was: Option<Value>,
    /// Its value now, if it has one.
    pub is: Option<Value>,
}

impl UnitIdentity {
    /// The content key.
    pub fn key(&self) -> ContentKey {
        ContentKey::of(&self.to_value())
    }

    fn to_value(&self) -> Value {
        json!({
            "operation": self.operation, "version": self.version, "parameters": self.parameters,
            "inputs": self.inputs, "seed": self.seed, "part": self.part,
        })
    }

    /// Why this is not the same work as `earlier`; empty when the keys are equal.
    pub fn differences(&self, earlier: &Self) -> Vec<Difference> {
        let found = canonical::differences(&earlier.to_value(), &self.to_value());
        found
            .into_iter()
            .map(|(field, was, is)| Difference { field, was, is })
            .collect()
    }
}

impl UnitRecord {
    /// Whether every file is there with its size, and with [`Check::Digests`] also with its content.
    pub fn is_intact(
        &self,
        durable: &Durable,
        root: &Path,
        check: Check,
    ) -> Result<bool, ProjectError> {
        for file in &self.files {
            let path = self.directory.join(&file.path).under(root);
            if durable.file_length(&path)? != Some(file.size) {
                return Ok(false);
            }
            if check == Check::Digests
                && Digest::of_file(durable, &path)? != (file.size, file.digest)
            {
                return Ok(false);
            }
        }
        // A unit without files is there when its directory is.
        let directory = durable.inspect(&self.directory.under(root))?;
        Ok(directory.is_some_and(|entry| entry.kind == EntryKind::Directory))
    }
}

/// Makes everything under `directory` survive a power cut; returns its files sorted by path, with digests.
///
/// # Errors
/// [`ProjectError::NotPlain`] for links, devices and names that are not UTF-8.
pub(crate) fn seal(durable: &Durable, directory: &Path) -> Result<Vec<FileRecord>, ProjectError> {
    let mut files = Vec::new();
    seal_below(durable, directory, "", &mut files)?;
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

fn seal_below(
    durable: &Durable,
    directory: &Path,
    prefix: &str,
    files: &mut Vec<FileRecord>,
) -> Result<(), ProjectError> {
    for entry in durable.list(directory)? {
        let path = directory.join(&entry.name);
        let relative = format!("{prefix}{}", entry.name);
        match entry.kind {
            EntryKind::Other => return Err(ProjectError::NotPlain { path }),
            EntryKind::Directory => seal_below(durable, &path, &format!("{relative}/"), files)?,
            EntryKind::File => {
                durable.sync_file(&path)?;
                let (size, digest) = Digest::of_file(durable, &path)?;
                files.push(FileRecord {
                    path: ProjectPath::new(relative)?,
                    size,
                    digest,
                });
            }
        }
    }
    durable.sync_directory(directory)
}

/// Paths and lengths of all files under `directory`, sorted by path; `None` when there is anything but plain files
/// and directories.
pub(crate) fn survey(
    durable: &Durable,
    directory: &Path,
) -> Result<Option<Vec<(ProjectPath, u64)>>, ProjectError> {
    let mut files = Vec::new();
    let mut open = vec![(directory.to_path_buf(), String::new())];
    while let Some((place, prefix)) = open.pop() {
        for entry in durable.list(&place)? {
            let relative = format!("{prefix}{}", entry.name);
            match (entry.kind, ProjectPath::new(relative.clone())) {
                (EntryKind::Directory, Ok(_)) => {
                    open.push((place.join(&entry.name), format!("{relative}/")));
                }
                (EntryKind::File, Ok(path)) => files.push((path, entry.size)),
                _ => return Ok(None),
            }
        }
    }
    files.sort();
    Ok(Some(files))
}
