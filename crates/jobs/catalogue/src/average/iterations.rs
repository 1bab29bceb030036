//! Iterations as durable units: what one leaves to the next is kept until the job is done, and stays as a file to go on from.

use std::path::{Path, PathBuf};

use thon_average::{AverageError, BlockResult, IterationReport, State, Status, Task, block_ranges};
use thon_contract::kinds::{FileListing, FilesKind};
use thon_contract::{Artifact, Context, Item, JobError, Output};
use thon_images::mrc::write_volume;
use thon_likelihood::ParticleSource;

/// The job error that an error of averaging amounts to.
pub(super) fn stopped(error: AverageError) -> JobError {
    match error {
        AverageError::Cancelled(_) => JobError::Cancelled,
        other => JobError::data(other.to_string()),
    }
}

fn name(iteration: usize) -> String {
    format!("iteration-{iteration:03}")
}

const STATE: &str = "iteration.state";

/// Reads a state.
pub(super) fn read(path: &Path) -> Result<State, JobError> {
    let bytes = std::fs::read(path).map_err(|e| JobError::file(path, e))?;
    State::from_bytes(&bytes).map_err(|e| JobError::file(path, e))
}

/// Iterations done so far and where each is kept.
pub(super) struct Run {
    /// After the last of them.
    pub(super) state: State,
    folders: Vec<PathBuf>,
}

impl Run {
    /// What an interrupted attempt at this unit kept.
    fn resumed(context: &Context) -> Result<Option<Self>, JobError> {
        let mut folders = Vec::new();
        for iteration in 0.. {
            match context.kept(&name(iteration))? {
                Some(folder) => folders.push(folder),
                // A run that goes on from an earlier one begins later.
                None if iteration > folders.len() + LONGEST => break,
                None if folders.is_empty() => {}
                None => break,
            }
        }
        let last = folders.last().map(|folder| read(&folder.join(STATE)));
        Ok(last.transpose()?.map(|state| Self { state, folders }))
    }

    fn keep(&mut self, context: &Context) -> Result<(), JobError> {
        let bytes = self.state.to_bytes();
        let folder = context.keep(&name(self.state.head.iteration), |folder| {
            let path = folder.join(STATE);
            std::fs::write(&path, &bytes).map_err(|e| JobError::file(&path, e))
        })?;
        self.folders.push(folder);
        Ok(())
    }
}

/// Iterations that are looked for before the first that is kept.
const LONGEST: usize = 1000;

/// The states that an earlier job left, in their order. On plain files the listing alone is named, beside which they lie.
fn states_of(item: &Item<FilesKind>, context: &Context) -> Result<Vec<PathBuf>, JobError> {
    let is_state = |path: &&PathBuf| path.extension().is_some_and(|e| e == "state");
    let mut states: Vec<PathBuf> = item.record.files.iter().filter(is_state).cloned().collect();
    if states.is_empty() {
        let listed = context.load(item)?.files;
        let listing = item.record.files.first();
        let folder = listing
            .and_then(|file| file.parent())
            .unwrap_or(Path::new(""));
        states = listed
            .iter()
            .filter(is_state)
            .map(|file| folder.join(file))
            .collect();
    }
    states.sort();
    Ok(states)
}

/// The state to go on from in the iterations of an earlier job: the one asked for, or its last.
pub(super) fn earlier(
    iterations: &Artifact<FilesKind>,
    wanted: Option<usize>,
    context: &Context,
) -> Result<State, JobError> {
    let item = iterations.single()?;
    let states = states_of(item, context)?;
    let found = match wanted {
        None => states.last(),
        Some(iteration) => {
            let file = format!("{}.state", name(iteration));
            states.iter().find(|path| path.ends_with(&file))
        }
    };
    let found = found.ok_or_else(|| JobError::Data {
        message: format!(
            "{}: expected the state after iteration {}, found {} states",
            item.record.name,
            wanted.map_or("…".to_owned(), |w| w.to_string()),
            states.len()
        ),
        hint: "see the files of the job for the iterations there are".into(),
    })?;
    read(&context.resolve(found))
}

/// An earlier state under new options, ready to run on.
pub(super) fn continued(mut state: State, task: Task, particles: usize) -> Result<State, JobError> {
    if state.head.particles != particles {
        return Err(JobError::data(format!(
            "iterations: expected states of {particles} particles, found {}",
            state.head.particles
        )));
    }
    let same_kind = matches!(
        (&state.head.task, &task),
        (Task::Refine(_), Task::Refine(_)) | (Task::Classify(_), Task::Classify(_))
    );
    if !same_kind {
        return Err(JobError::data("iterations: those of another kind of job"));
    }
    state.head.task = task;
    state.head.status = Status::Running;
    state.head.stalled_resolution = 0;
    state.head.stalled_poses = 0;
    Ok(state)
}

/// Runs iterations until converged, each kept; `start` makes the state before the first of them. In a process that helps
/// another it computes blocks until that one is done, and then ends as if cancelled.
pub(super) fn run(
    source: &dyn ParticleSource,
    start: impl FnOnce() -> Result<State, JobError>,
    context: &Context,
) -> Result<Run, JobError> {
    if let Some(team) = context.team().filter(|team| !team.leads()) {
        team.serve(
            &mut |state, piece| block(source, state, piece, context),
            context.progress(),
        )?;
        return Err(JobError::Cancelled);
    }
    let mut run = if let Some(run) = Run::resumed(context)? {
        run
    } else {
        let (state, folders) = (start()?, Vec::new());
        let mut run = Run { state, folders };
        run.keep(context)?;
        run
    };
    while run.state.head.status == Status::Running {
        let blocks = blocks(source, &run.state, context)?;
        run.state = thon_average::reduce(&run.state, blocks).map_err(stopped)?;
        run.keep(context)?;
        if let Some(report) = run.state.head.reports.last() {
            tell(report, context);
        }
    }
    Ok(run)
}

/// Says how things stand after an iteration.
fn tell(report: &IterationReport, context: &Context) {
    let values = [
        ("resolution (Å)", report.resolution),
        ("resolution of the data used (Å)", report.band),
        ("change of angles (°)", report.angle_change),
        ("change of shifts (Å)", report.shift_change),
        ("particles that changed class", report.class_changes),
        ("uncertainty of angles (°)", report.angle_uncertainty),
        ("uncertainty of shifts (Å)", report.shift_uncertainty),
        ("log-likelihood", report.log_likelihood),
    ];
    context.reading(report.iteration as u64, &values);
}

/// The blocks of one expectation over all particles: one in this process, or shared out among several.
pub(super) fn blocks(
    source: &dyn ParticleSource,
    state: &State,
    context: &Context,
) -> Result<Vec<BlockResult>, JobError> {
    let Some(team) = context.team() else {
        let all = 0..source.len();
        let block = thon_average::expect_block(source, state, all, context.progress());
        return Ok(vec![block.map_err(stopped)?]);
    };
    let count = block_ranges(source.len(), team.size()).len();
    let mut request = (team.size() as u64).to_le_bytes().to_vec();
    request.extend(state.to_bytes());
    let work = &mut |request: &[u8], piece| block(source, request, piece, context);
    let made = team.spread(&request, count, work, context.progress())?;
    let read = |bytes: &Vec<u8>| BlockResult::from_bytes(bytes).map_err(stopped);
    made.iter().map(read).collect()
}

/// One block as bytes; the request is the number of processes and a state.
fn block(
    source: &dyn ParticleSource,
    request: &[u8],
    piece: usize,
    context: &Context,
) -> Result<Vec<u8>, JobError> {
    let damaged = || JobError::data("a request for a block is damaged");
    let (count, state) = request.split_first_chunk::<8>().ok_or_else(damaged)?;
    let state = State::from_bytes(state).map_err(stopped)?;
    let ranges = block_ranges(source.len(), u64::from_le_bytes(*count) as usize);
    let range = ranges.get(piece).cloned().ok_or_else(damaged)?;
    let block = thon_average::expect_block(source, &state, range, context.progress());
    Ok(block.map_err(stopped)?.to_bytes())
}

/// Writes the kept states, and the maps of each iteration, among the results.
pub(super) fn publish(run: &Run, context: &Context) -> Result<Output<FilesKind>, JobError> {
    let mut files = Vec::new();
    for folder in &run.folders {
        let state = read(&folder.join(STATE))?;
        let iteration = name(state.head.iteration);
        let file = PathBuf::from(format!("iterations/{iteration}.state"));
        let path = context.file(&file)?;
        std::fs::write(&path, state.to_bytes()).map_err(|e| JobError::file(&path, e))?;
        files.push(file);
        for (which, map) in state.references.iter().enumerate() {
            let map_name = map_name(&state, which);
            let file = PathBuf::from(format!("iterations/{iteration}_{map_name}.mrc"));
            let path = context.file(&file)?;
            let dims = [state.head.box_size; 3];
            write_volume(&path, map, dims, Some(state.head.voxel_size))
                .map_err(|e| JobError::file(&path, e))?;
            files.push(file);
        }
    }
    let listing = FileListing {
        format: "states and maps of iterations".into(),
        files,
        losses: Vec::new(),
    };
    let record = context.store::<FilesKind>("iterations", &listing)?;
    Ok(Output::of(vec![record]))
}

/// `half1`, `half2` or `class001`.
fn map_name(state: &State, which: usize) -> String {
    if matches!(state.head.task, Task::Refine(_)) {
        format!("half{}", which + 1)
    } else {
        format!("class{:03}", which + 1)
    }
}
