//! What the core remembers.

use std::collections::{BTreeMap, BTreeSet};

use super::event::Effect;

/// Number of a job.
pub type JobId = u32;
/// An executor's number for an attempt.
pub type Handle = u64;
/// Time in milliseconds from any start.
pub type Millis = u64;

/// How often directory and executor are asked about a job under way, where nothing else is said.
pub const POLL: Millis = 1_000;
/// How long a file written elsewhere may stay invisible here, where nothing else is said.
pub const VISIBILITY: Millis = 120_000;
/// How long a job may be silent before it is shown as unknown.
pub const SILENCE: Millis = 90_000;
/// How often a job that was interrupted is taken up again by itself.
pub const MAX_INTERRUPTIONS: u32 = 5;
/// How often a job that ran out of memory is given more.
pub const MAX_MEMORY_RETRIES: u32 = 2;
/// How long the first job in the queue is overtaken by smaller ones.
const PATIENCE: Millis = 600_000;

/// What a job uses while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Position of the executor in [`State::capacities`].
    pub executor: usize,
    /// Cores; 0 while nobody has measured what the job needs.
    pub cores: u32,
    /// Bytes of memory.
    pub memory: u64,
}

/// What an executor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Cores.
    pub cores: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// Jobs at a time.
    pub jobs: usize,
    /// How often directory and executor are asked about a job under way.
    pub poll: Millis,
    /// How long a file written there may stay invisible here.
    pub visibility: Millis,
}

impl Default for Capacity {
    /// One core, no memory to speak of, files from afar.
    fn default() -> Self {
        Self {
            cores: 1,
            memory: 0,
            jobs: 1,
            poll: POLL,
            visibility: VISIBILITY,
        }
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Recorded, not asked to run.
    Draft,
    /// Asked to run; results it needs are not there yet.
    Waiting,
    /// It cannot run: something it needs failed, or is more than there is.
    Blocked,
    /// It can run as soon as there is room.
    Ready,
    /// Being handed to the executor.
    Submitting,
    /// In the executor's queue.
    Submitted,
    /// Running.
    Running,
    /// Nobody has said anything about it for a while.
    Unknown,
    /// Asked to stop, and not known to have stopped.
    Cancelling,
    /// It has its result.
    Done,
    /// It cannot be done as asked.
    Failed,
    /// It was stopped because somebody asked.
    Cancelled,
}

impl Phase {
    /// True where nothing more happens by itself.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    /// True while an executor may hold an attempt.
    pub const fn is_active(self) -> bool {
        matches!(
            self,
            Self::Submitting | Self::Submitted | Self::Running | Self::Unknown | Self::Cancelling
        )
    }

    /// The word on every surface.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
            Self::Ready => "ready",
            Self::Submitting => "submitting",
            Self::Submitted => "submitted",
            Self::Running => "running",
            Self::Unknown => "unknown",
            Self::Cancelling => "cancelling",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What is known of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Where it stands.
    pub phase: Phase,
    /// Why that is believed.
    pub evidence: String,
    /// Jobs whose results it needs.
    pub upstream: Vec<JobId>,
    /// What it uses.
    pub need: Need,
    /// Number of the current attempt, 0 before the first.
    pub attempt: u32,
    /// The executor's number of the current attempt.
    pub handle: Option<Handle>,
    /// Times it was interrupted and taken up again.
    pub interruptions: u32,
    /// Times it was given more memory.
    pub memory_retries: u32,
    /// Why its result is no longer what would come out now.
    pub stale: Option<String>,
    /// Whether it is to stop.
    pub(super) cancel: bool,
    /// Since when it is in this phase.
    pub(super) since: Millis,
    /// The attempt's counter as last seen, and when it was seen to move.
    pub(super) beat: Option<u64>,
    /// When directory or executor last spoke for its life.
    pub(super) seen: Millis,
    /// When directory and executor were last asked.
    pub(super) asked: Millis,
    /// Since when the executor says that it is gone, and how often it said so.
    pub(super) gone: Option<(Millis, u32)>,
    /// What the submission was refused with, until the attempt is fenced.
    pub(super) refused: Option<String>,
}

/// Everything the core remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The jobs.
    pub jobs: BTreeMap<JobId, Job>,
    /// What the executors have.
    pub capacities: Vec<Capacity>,
    /// Why nothing new is started, when nothing is.
    pub paused: Option<String>,
    /// Jobs that are neither drafts nor over.
    pub(super) open: BTreeSet<JobId>,
    /// The time of the last tick.
    pub(super) now: Millis,
}

impl State {
    /// A state over these executors.
    pub fn new(capacities: Vec<Capacity>) -> Self {
        Self {
            capacities,
            ..Self::default()
        }
    }

    /// What the executor of a job has.
    pub(super) fn capacity(&self, job: &Job) -> Capacity {
        let capacity = self.capacities.get(job.need.executor);
        capacity.copied().unwrap_or_default()
    }

    /// True while any job may still move by itself.
    pub fn is_busy(&self) -> bool {
        let waits = |job: &Job| !matches!(job.phase, Phase::Blocked);
        self.open.iter().any(|id| waits(&self.jobs[id]))
    }

    /// Takes a job to a phase and says so.
    pub(super) fn set(
        &mut self,
        id: JobId,
        phase: Phase,
        evidence: impl Into<String>,
        effects: &mut Vec<Effect>,
    ) {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(&id) else {
            return;
        };
        let evidence = evidence.into();
        if job.phase == phase && job.evidence == evidence {
            return;
        }
        job.phase = phase;
        job.since = now;
        job.evidence.clone_from(&evidence);
        if phase.is_final() || phase == Phase::Draft {
            self.open.remove(&id);
        } else {
            self.open.insert(id);
        }
        effects.push(Effect::Changed {
            job: id,
            phase,
            evidence,
        });
    }

    /// What is in use on an executor: cores, memory, jobs.
    fn used(&self, executor: usize) -> (u32, u64, usize) {
        let active = self.open.iter().map(|id| &self.jobs[id]);
        let there = active.filter(|job| job.phase.is_active() && job.need.executor == executor);
        there.fold((0, 0, 0), |(cores, memory, jobs), job| {
            (
                cores.saturating_add(job.need.cores),
                memory.saturating_add(job.need.memory),
                jobs + 1,
            )
        })
    }

    /// The ready jobs that there is room for now, in order of their numbers; smaller ones pass a larger one for a while.
    pub(super) fn admitted(&self) -> Vec<JobId> {
        let mut used: Vec<_> = (0..self.capacities.len()).map(|e| self.used(e)).collect();
        let mut held = vec![false; self.capacities.len()];
        let mut admitted = Vec::new();
        for id in &self.open {
            let job = &self.jobs[id];
            let executor = job.need.executor;
            let Some(capacity) = self.capacities.get(executor) else {
                continue;
            };
            if job.phase != Phase::Ready || held[executor] {
                continue;
            }
            let (cores, memory, jobs) = used[executor];
            let fits = cores.saturating_add(job.need.cores) <= capacity.cores
                && memory.saturating_add(job.need.memory) <= capacity.memory
                && jobs < capacity.jobs;
            if fits {
                used[executor] = (cores + job.need.cores, memory + job.need.memory, jobs + 1);
                admitted.push(*id);
            } else if self.now.saturating_sub(job.since) > PATIENCE {
                held[executor] = true;
            }
        }
        admitted
    }
}
