//! A set that grows: the tilt series of an acquisition, each processed as soon as it is complete.
//!
//! Every complete series gets an instance of its own of the steps that take series one by one; when the set is closed, the
//! whole pipeline is recorded once over all of them, and finds that work done ([`crate::run_pipeline`] on the same folder
//! finds it too: keys of units do not know how the series came). What is known of the set is in `sets/NAME/`; a process
//! that starts anew goes on from there.

mod finished;
mod folder;
mod quality;
mod reach;
mod record;
mod steady;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thon_contract::Acquisition;
use thon_project::{JobNumber, JobState, Project};

pub use quality::SeriesRow;
pub use record::SetRecord;

use reach::{Reach, reaches};
use record::{Items, Line, QUALITY_FILE, SETS, SetPlace};
use steady::Steady;

use crate::drafting::{Draft, draft_steps};
use crate::pipeline::Pipeline;
use crate::queue::{Request, leave_request};
use crate::{Engine, EngineError};

/// Version of the format of `set.json`.
const FORMAT: u32 = 1;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// Name of the set.
    pub name: String,
    /// The folder, as jobs know it: relative to the project or absolute.
    pub folder: PathBuf,
    /// The text of the pipeline.
    pub pipeline: String,
    /// Variables of the pipeline that are given.
    pub variables: BTreeMap<String, Value>,
    /// For how long files must not have changed.
    pub settle: Duration,
    /// Images that a series has when it is finished; 0 when that is not known.
    pub views: usize,
    /// What is added to the name of a metadata file to name the file that says that it is finished; may be empty.
    pub sentinel: String,
    /// Where jobs run; the first executor when absent.
    pub executor: Option<String>,
    /// Processes per unit.
    pub processes: usize,
}

/// A set that is being watched.
pub struct Watch<'a> {
    engine: Engine<'a>,
    place: SetPlace,
    record: SetRecord,
    pipeline: Pipeline,
    acquisition: &'static Acquisition,
    reaches: BTreeMap<String, Reach>,
    executor: Option<String>,
    processes: usize,
    items: Items,
    steady: Steady,
    /// Metadata files that need no further look while they do not change.
    settled: BTreeSet<PathBuf>,
    /// The series of the metadata files.
    names: BTreeMap<PathBuf, String>,
    /// Movies that were found whole.
    whole: BTreeSet<PathBuf>,
    /// Why series are not complete yet.
    waiting: BTreeMap<String, String>,
    rows: BTreeMap<String, SeriesRow>,
    published: Vec<u8>,
}

impl<'a> Watch<'a> {
    /// Opens a set, or takes it up where it was left.
    ///
    /// # Errors
    /// A pipeline that cannot be used for this, or a set of this name that is another one.
    pub fn open(engine: Engine<'a>, options: WatchOptions) -> Result<Self, EngineError> {
        let refused = |message: String| EngineError::Set {
            name: options.name.clone(),
            message,
        };
        let shown = Path::new("pipeline");
        let pipeline = Pipeline::parse(&options.pipeline, shown)?;
        let acquisition = acquisition(&engine, &pipeline).map_err(&refused)?;
        let unknown = |name: &&String| !pipeline.variables.contains_key(*name);
        if let Some(name) = options.variables.keys().find(unknown) {
            return Err(refused(format!(
                "the pipeline has no variable {name}\nhint: its variables are {}",
                names(&pipeline)
            )));
        }
        let place = SetPlace::new(
            engine.project.durable(),
            engine.project.root(),
            &options.name,
        );
        let record = SetRecord {
            format: FORMAT,
            name: options.name.clone(),
            folder: options.folder.clone(),
            pipeline: options.pipeline.clone(),
            variables: options.variables.clone(),
            settle: options.settle.as_secs_f64(),
            views: options.views,
            sentinel: options.sentinel.clone(),
        };
        match place.read()? {
            None => place.create(&record)?,
            Some(known) => {
                let same = known.folder == record.folder
                    && known.pipeline == record.pipeline
                    && known.variables == record.variables;
                if !same {
                    return Err(refused(
                        "there is such a set of another folder, pipeline or variables\nhint: give this one another --name"
                            .into(),
                    ));
                }
            }
        }
        let mut watch = Self {
            reaches: reaches(&pipeline, &engine.catalogue, acquisition.files)?,
            items: place.items()?,
            place,
            record,
            pipeline,
            acquisition,
            engine,
            executor: options.executor,
            processes: options.processes,
            steady: Steady::default(),
            settled: BTreeSet::new(),
            names: BTreeMap::new(),
            whole: BTreeSet::new(),
            waiting: BTreeMap::new(),
            rows: BTreeMap::new(),
            published: Vec::new(),
        };
        watch.take_up()?;
        Ok(watch)
    }

    /// Says that nothing more will come.
    ///
    /// # Errors
    /// A disk that fails.
    pub fn close(&self) -> Result<(), EngineError> {
        Ok(self.place.close()?)
    }

    /// Looks at the folder and the jobs once; answers the rows that changed.
    ///
    /// # Errors
    /// A project that cannot be written, or a folder that cannot be read.
    pub fn turn(&mut self, now: Instant) -> Result<Vec<SeriesRow>, EngineError> {
        self.engine.project.notice_jobs()?;
        let closed = self.place.is_closed()?;
        if self.items.whole.is_none() {
            let at_rest = self.look_at_folder(now, closed)?;
            self.record_series()?;
            self.refresh_rows()?;
            if closed && at_rest {
                self.leave_out()?;
            }
        }
        self.finish_set()?;
        self.publish()
    }

    /// The table: a row for each series, by name.
    pub fn rows(&self) -> Vec<SeriesRow> {
        self.rows.values().cloned().collect()
    }

    /// The columns of the table, in the order of the pipeline.
    pub fn columns(&self) -> Vec<String> {
        let columns = self.pipeline.quality.iter();
        columns.map(|column| column.name.clone()).collect()
    }

    /// The jobs over the whole set, by step, once it is closed and all its series are through.
    pub fn whole_jobs(&self) -> &[(String, JobNumber)] {
        &self.items.whole_jobs
    }

    /// Asks again for what a process before this one left undone.
    fn take_up(&mut self) -> Result<(), EngineError> {
        self.engine.project.notice_jobs()?;
        let series = self.items.came.values().flat_map(|came| &came.jobs);
        let jobs: Vec<JobNumber> = series
            .chain(&self.items.whole_jobs)
            .map(|(_, job)| *job)
            .collect();
        for job in jobs {
            let state = self.engine.project.status(job)?.state;
            if matches!(
                state,
                JobState::Draft | JobState::Failed | JobState::Interrupted | JobState::Blocked
            ) {
                self.ask(&[job])?;
            }
        }
        Ok(())
    }

    fn ask(&self, jobs: &[JobNumber]) -> Result<(), EngineError> {
        for job in jobs {
            let request = Request::Start {
                job: *job,
                executor: self.executor.clone(),
                processes: self.processes,
            };
            leave_request(self.engine.project.root(), &request)?;
        }
        Ok(())
    }

    /// The variables for some of the series.
    fn variables(&self, files: Value) -> BTreeMap<String, Value> {
        let mut given = self.record.variables.clone();
        let movies = self.acquisition.movies;
        if self.pipeline.variables.contains_key(movies) && !given.contains_key(movies) {
            given.insert(movies.into(), json!(self.record.folder));
        }
        given.insert(self.acquisition.files.into(), files);
        given
    }

    /// Records and asks for the jobs of every series that came.
    fn record_series(&mut self) -> Result<(), EngineError> {
        let came = self.items.came.iter();
        let open: Vec<String> = came
            .filter(|(_, came)| came.jobs.is_empty())
            .map(|(name, _)| name.clone())
            .collect();
        for name in open {
            let came = self.items.came[&name].clone();
            let given = self.variables(json!(came.file));
            let reach = |step: &crate::Step| self.reaches[&step.name];
            let draft = Draft {
                takes: &|step| reach(step) != Reach::Set,
                after: &|step| match reach(step) {
                    Reach::Common => JobNumber(0),
                    Reach::Item | Reach::Set => came.after,
                },
                title: &|step| match reach(step) {
                    Reach::Item => name.clone(),
                    Reach::Common | Reach::Set => String::new(),
                },
            };
            let shown = Path::new("pipeline");
            let drafted = draft_steps(&self.engine, &self.pipeline, shown, &given, &draft)?;
            self.note(Line::Recorded {
                name,
                jobs: drafted.jobs,
            })?;
            self.ask(&drafted.open)?;
        }
        Ok(())
    }

    fn note(&mut self, line: Line) -> Result<(), EngineError> {
        self.place.write(&line)?;
        self.items.add(line);
        Ok(())
    }

    /// The number that the next jobs are above.
    fn last_job(&self) -> Result<JobNumber, EngineError> {
        let jobs = self.engine.project.jobs()?;
        Ok(jobs.last().copied().unwrap_or(JobNumber(0)))
    }
}

/// What tells of the series that this pipeline takes.
fn acquisition(engine: &Engine<'_>, pipeline: &Pipeline) -> Result<&'static Acquisition, String> {
    let all = engine.catalogue.acquisitions();
    let fits = |one: &&Acquisition| pipeline.variables.contains_key(one.files);
    all.iter().find(fits).ok_or_else(|| {
        let wanted: Vec<&str> = all.iter().map(|one| one.files).collect();
        format!(
            "the pipeline takes no acquisition: it has no variable {}\nhint: its variables are {}",
            wanted.join(" or "),
            names(pipeline)
        )
    })
}

fn names(pipeline: &Pipeline) -> String {
    let names: Vec<&str> = pipeline.variables.keys().map(String::as_str).collect();
    names.join(", ")
}

/// The names of all sets of a project.
///
/// # Errors
/// A project that cannot be read.
pub fn sets(project: &Project) -> Result<Vec<String>, EngineError> {
    let directory = project.root().join(SETS);
    if project.durable().inspect(&directory)?.is_none() {
        return Ok(Vec::new());
    }
    let entries = project.durable().list(&directory)?;
    Ok(entries.into_iter().map(|entry| entry.name).collect())
}

/// What is known of a set: its record, whether it is closed, and its table as it last was.
///
/// # Errors
/// No such set, or a project that cannot be read.
pub fn look(
    project: &Project,
    name: &str,
) -> Result<(SetRecord, bool, Vec<SeriesRow>), EngineError> {
    let place = SetPlace::new(project.durable(), project.root(), name);
    let unknown = |message: String| EngineError::Set {
        name: name.to_owned(),
        message,
    };
    let Some(record) = place.read()? else {
        let known = sets(project)?.join(", ");
        return Err(unknown(format!(
            "there is no such set\nhint: sets: {known}"
        )));
    };
    let table = project
        .durable()
        .read_if_present(&place.file(QUALITY_FILE))?;
    let rows = match table {
        Some(bytes) => serde_json::from_slice(&bytes).map_err(|e| unknown(e.to_string()))?,
        None => Vec::new(),
    };
    Ok((record, place.is_closed()?, rows))
}

/// Says that nothing more will come to a set.
///
/// # Errors
/// No such set, or a disk that fails.
pub fn close(project: &Project, name: &str) -> Result<(), EngineError> {
    look(project, name)?;
    Ok(SetPlace::new(project.durable(), project.root(), name).close()?)
}
