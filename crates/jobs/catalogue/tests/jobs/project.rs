//! A project without an engine: runs one unit of a job by its name, as the engine does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use thon_catalogue::ALL;
use thon_compute::{Progress, Quiet};
use thon_contract::{
    AnyJob, Context, Finding, Item, JobError, Kind, Note, SlotRecord, UnitInputs, Workspace,
};

/// A directory with jobs in it.
pub struct Project {
    pub directory: tempfile::TempDir,
    jobs: AtomicUsize,
}

/// What a unit left.
#[derive(Debug)]
pub struct Outcome {
    /// Output slots, files relative to the project.
    pub outputs: BTreeMap<String, SlotRecord>,
    pub notes: Vec<Note>,
    /// Directory of the unit, relative to the project.
    pub place: PathBuf,
}

struct Unit<'a> {
    root: &'a Path,
    place: PathBuf,
}

impl Workspace for Unit<'_> {
    fn resolve(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }
    fn scratch(&self) -> PathBuf {
        self.root.join("aside")
    }
    fn published(&self, file: &Path) -> PathBuf {
        self.place.join(file)
    }
}

/// The job of this name.
pub fn job(id: &str) -> &'static dyn AnyJob {
    *ALL.iter().find(|job| job.id() == id).expect("a known job")
}

impl Project {
    pub fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            jobs: AtomicUsize::new(1),
        }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file below the project.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Runs a job that must succeed.
    pub fn run(&self, id: &str, params: Value, inputs: &[(&str, &SlotRecord)]) -> Outcome {
        match self.try_run(id, params, inputs, &Quiet) {
            Ok(outcome) => outcome,
            Err(error) => panic!("{id}: {error}"),
        }
    }

    /// The errors with which a job refuses to start.
    pub fn refusal(&self, id: &str, params: Value, inputs: &[(&str, &SlotRecord)]) -> Vec<Finding> {
        match self.try_run(id, params, inputs, &Quiet) {
            Err(JobError::Refused(findings)) => findings,
            other => panic!("{id} was not refused: {other:?}"),
        }
    }

    /// Runs a job: parameters completed, checked, run aside, published.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "written on the spot at every call"
    )]
    pub fn try_run(
        &self,
        id: &str,
        params: Value,
        inputs: &[(&str, &SlotRecord)],
        progress: &dyn Progress,
    ) -> Result<Outcome, JobError> {
        let job = job(id);
        let params = job.complete_params(&params).map_err(JobError::Refused)?;
        let inputs: UnitInputs = inputs
            .iter()
            .map(|(slot, record)| ((*slot).to_owned(), (*record).clone()))
            .collect();
        let number = self.jobs.fetch_add(1, Ordering::Relaxed);
        let place = Path::new("jobs").join(format!("{number:05}"));
        let unit = Unit {
            root: self.path(),
            place: place.clone(),
        };
        let context = Context::new(&unit, progress, 1 << 30);
        let findings = job.check(&params, &inputs, &context);
        if findings.iter().any(Finding::is_error) {
            return Err(JobError::Refused(findings));
        }
        let aside = self.path().join("aside");
        std::fs::create_dir_all(&aside).unwrap();
        let result = job.run(&params, &inputs, &context);
        let published = self.path().join(&place);
        std::fs::create_dir_all(published.parent().unwrap()).unwrap();
        let mut outputs = match result {
            Ok(outputs) => outputs,
            Err(error) => {
                std::fs::remove_dir_all(&aside).unwrap();
                return Err(error);
            }
        };
        std::fs::rename(&aside, &published).unwrap();
        for file in outputs
            .values_mut()
            .flat_map(|slot| &mut slot.items)
            .flat_map(|item| &mut item.files)
        {
            *file = place.join(&file);
            assert!(
                self.path().join(&file).is_file(),
                "{} is listed and missing",
                file.display()
            );
        }
        Ok(Outcome {
            outputs,
            notes: context.take_notes(),
            place,
        })
    }

    /// Reads all items of a slot.
    pub fn load<K: Kind>(&self, slot: &SlotRecord) -> Vec<K::Value> {
        let unit = Unit {
            root: self.path(),
            place: PathBuf::new(),
        };
        let context = Context::new(&unit, &Quiet, 1 << 30);
        slot.items
            .iter()
            .map(|item| context.load(&Item::<K>::new(item.clone())).unwrap())
            .collect()
    }
}

impl Outcome {
    /// A recorded number.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.notes.iter().find_map(|note| match note {
            Note::Metric { name: own, value } if own == name => Some(*value),
            _ => None,
        })
    }

    /// All warnings.
    pub fn warnings<'a>(&'a self) -> Vec<&'a str> {
        let text = |note: &'a Note| match note {
            Note::Warning { text } => Some(text.as_str()),
            _ => None,
        };
        self.notes.iter().filter_map(text).collect()
    }
}
