//! Where foreign files cross into runs: readers of plain files, and files that other programs expect beside a result.
//!
//! Jobs see neither. [`crate::Context::load`] asks the readers of its workspace when a plain file of another program
//! fills a slot; the engine calls the companions after a run without a project.

use std::any::Any;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{AnyJob, Context, JobError, UnitInputs, UnitOutputs};

/// All crossings that an application knows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Border {
    /// Readers of foreign files.
    pub readers: &'static [ForeignReader],
    /// Writers of files beside results.
    pub companions: &'static [Companion],
    /// What tells of the tilt series that a microscope is writing.
    pub acquisitions: &'static [Acquisition],
    /// Projects of other programs, taken over and handed over as a whole.
    pub projects: &'static [ForeignProject],
}

/// Projects of another program.
#[derive(Clone, Copy, Debug)]
pub struct ForeignProject {
    /// Name of the program.
    pub name: &'static str,
    /// The jobs of the project in a directory, each after those that it needs. The directory comes as it is recorded.
    pub read: fn(&Path, &Context) -> Result<Vec<ForeignJob>, JobError>,
    /// Writes jobs as a project into an empty directory; answers what it cannot hold, one sentence each.
    pub write: WriteProject,
}

/// Writes jobs as another program's project into an empty directory; answers what it cannot hold.
pub type WriteProject = fn(&[OwnJob], &Path, &Context) -> Result<Vec<String>, JobError>;

/// A job of another program's project.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignJob {
    /// What that program calls it.
    pub name: String,
    /// The job here that stands for it.
    pub operation: &'static str,
    /// Its title.
    pub title: String,
    /// The parameters of the job that stands for it.
    pub parameters: Value,
    /// Slot, which of the jobs before it fills it, and with which output.
    pub inputs: Vec<(String, usize, String)>,
    /// Whether it came to an end; one that did not is recorded and not run.
    pub ended: bool,
}

/// A job of a project of our own.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnJob {
    /// Its number.
    pub number: u32,
    /// Its operation.
    pub operation: String,
    /// Its title.
    pub title: String,
    /// Its parameters that are not at their defaults.
    pub parameters: Value,
    /// Slot, number of the job that fills it, and with which output.
    pub inputs: Vec<(String, u32, String)>,
    /// What came out.
    pub outputs: UnitOutputs,
}

/// Files of metadata of a microscope, one for each tilt series, and what they tell of the files that belong to it.
#[derive(Clone, Copy, Debug)]
pub struct Acquisition {
    /// Extension of the metadata files, without dot: `mdoc`.
    pub extension: &'static str,
    /// Variable of a pipeline that names these files.
    pub files: &'static str,
    /// Variable of a pipeline that names the folder of the movies.
    pub movies: &'static str,
    /// What a metadata file promises, given the folder of the movies; nothing when it is not that of a tilt series.
    pub promised: fn(&Path, &Path) -> Result<Option<Promised>, JobError>,
    /// Whether a file is there to its last byte, by what its own header says.
    pub whole: fn(&Path) -> Result<(), JobError>,
}

/// What the metadata of a tilt series promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promised {
    /// Name of the series, as the import gives it.
    pub name: String,
    /// Number of images.
    pub views: usize,
    /// The files that belong to it.
    pub files: Vec<PathBuf>,
}

/// Reads foreign files as items of a kind.
#[derive(Clone, Copy, Debug)]
pub struct ForeignReader {
    /// Name of the kind of the items.
    pub kind: &'static str,
    /// Extensions of the files, without dot: `star`.
    pub extensions: &'static [&'static str],
    /// The items that a file holds, in order. The file is named as it was given; see [`Context::resolve`].
    pub items: fn(&Path, &Context) -> Result<Vec<ForeignItem>, JobError>,
    /// Reads the item of this name.
    pub read: fn(&Path, &str, &Context) -> Result<ForeignValue, JobError>,
}

/// An item that a foreign file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignItem {
    /// Name, unique in its file.
    pub name: String,
    /// Stands for everything the item says, and for how it was read; the same text for the same item.
    pub digest: String,
    /// Files that the item names and that are read later, such as images, each once.
    pub files: Vec<PathBuf>,
}

/// A foreign item, read.
pub struct ForeignValue {
    /// The value of the reader's kind.
    pub value: Box<dyn Any + Send>,
    /// What was lost and what was decided on the way, one sentence each.
    pub remarks: Vec<String>,
}

/// Writes, after a run without a project, what another program expects beside the result.
#[derive(Clone, Copy, Debug)]
pub struct Companion {
    /// What it writes, for messages: `files of a RELION refinement`.
    pub name: &'static str,
    /// Whether a job's declaration has what is needed.
    pub fits: fn(&dyn AnyJob) -> bool,
    /// Writes into the unit's directory through its context.
    pub write: fn(&Beside<'_>, &Context) -> Result<(), JobError>,
}

/// The finished unit that a companion stands beside.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'a> {
    /// The parameters, completed.
    pub params: &'a Value,
    /// What filled the slots.
    pub inputs: &'a UnitInputs,
    /// What was written, by paths that [`Context::load`] can open.
    pub outputs: &'a UnitOutputs,
}

impl ForeignReader {
    /// Whether a file of this name is one for this reader.
    pub fn reads(&self, kind: &str, path: &Path) -> bool {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        let extension = extension.to_ascii_lowercase();
        self.kind == kind && self.extensions.contains(&extension.as_str())
    }
}
