//! The queue of a project: carries out what the core asks for, on this machine or a cluster.
//!
//! The owner of the project (`thon work`, or the server) turns it. Jobs run in processes of their own that survive it:
//! what they do is in their attempt directories, and a queue that starts anew takes up what it finds there. Anybody may
//! ask for a job to be run or stopped by leaving a request in `.thon/requests/`.

mod adopt;
mod ask;
mod carry_out;
mod configuration;
mod executor;
mod local;
mod requests;
mod slurm;
mod space;
mod supervise;
mod template;
mod worker;

pub use configuration::{Configuration, ExecutorEntry, Kind};
pub use executor::{Executor, Mark, Submission};
pub use requests::{Request, leave_request};
pub use supervise::{ATTEMPT_COMMAND, WORKER_COMMAND, supervise};
pub use worker::work;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use thon_project::JobNumber;

use crate::machine::{Event, Job, Need, Phase, State, step};
use crate::{Engine, EngineError};

/// Memory that a job is given when it predicts none.
const LEAST_MEMORY: u64 = 256 << 20;

/// How a job was asked to run.
#[derive(Clone, Copy, Debug)]
struct Wish {
    executor: usize,
    processes: usize,
}

/// The queue of a project.
pub struct Queue<'a> {
    engine: Engine<'a>,
    configuration: Configuration,
    executors: Vec<Box<dyn Executor>>,
    state: State,
    began: Instant,
    wishes: BTreeMap<u32, Wish>,
    /// Jobs whose needs cannot be told yet, or were told.
    measured: BTreeSet<u32>,
    /// When the parts of an attempt were last handed over to be put together.
    gathering: BTreeMap<(u32, u32), Instant>,
    /// What happened and is not yet told to whoever watches.
    changes: Vec<(JobNumber, Phase, String)>,
}

impl<'a> Queue<'a> {
    /// Opens the queue of a project that this process owns, and takes up what is under way.
    ///
    /// # Errors
    /// Executors that cannot be used, or a project that cannot be read.
    pub fn open(engine: Engine<'a>, configuration: Configuration) -> Result<Self, EngineError> {
        let executors: Vec<Box<dyn Executor>> = configuration
            .executors
            .iter()
            .map(|entry| executor::make(entry, engine.project.root(), configuration.program()))
            .collect::<Result<_, _>>()?;
        let capacities = executors.iter().map(|executor| executor.capacity());
        let mut queue = Self {
            state: State::new(capacities.collect()),
            engine,
            configuration,
            executors,
            began: Instant::now(),
            wishes: BTreeMap::new(),
            measured: BTreeSet::new(),
            gathering: BTreeMap::new(),
            changes: Vec::new(),
        };
        queue.find_jobs()?;
        queue.changes.clear();
        Ok(queue)
    }

    /// What the core knows of a job.
    pub fn job(&self, job: JobNumber) -> Option<&Job> {
        self.state.jobs.get(&job.0)
    }

    /// Why nothing new is started, when nothing is.
    pub fn paused(&self) -> Option<&str> {
        self.state.paused.as_deref()
    }

    /// What changed since this was asked last: job, phase, evidence.
    pub fn take_changes(&mut self) -> Vec<(JobNumber, Phase, String)> {
        std::mem::take(&mut self.changes)
    }

    /// Looks at everything once: requests, new jobs, what runs. True while something may still move by itself.
    ///
    /// # Errors
    /// A project that cannot be read or written; what is under way goes on.
    pub fn turn(&mut self) -> Result<bool, EngineError> {
        self.find_jobs()?;
        self.take_requests()?;
        self.look_at_space()?;
        self.measure_all()?;
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.tell(Event::Tick { now })?;
        Ok(self.state.is_busy())
    }

    /// Asks for a job to be run, durably.
    ///
    /// # Errors
    /// No such executor, or a disk that fails.
    pub fn ask(
        &mut self,
        job: JobNumber,
        executor: Option<&str>,
        processes: usize,
    ) -> Result<(), EngineError> {
        let index = self.configuration.position(executor)?;
        let name = self.configuration.executors[index].name.clone();
        self.find_jobs()?;
        let known = self.state.jobs.get(&job.0);
        if known.is_none_or(|job| job.phase.is_active() || job.phase == Phase::Done) {
            return Ok(());
        }
        self.write_history(
            job,
            thon_project::QueuePhase::Asked,
            "somebody asked for it to be run",
            Some((name, processes)),
        )?;
        let executor = index;
        self.wishes.insert(
            job.0,
            Wish {
                executor,
                processes: processes.max(1),
            },
        );
        self.measured.remove(&job.0);
        let need = Need {
            executor,
            ..Need::default()
        };
        self.tell(Event::Measured { job: job.0, need })?;
        self.tell(Event::Asked { job: job.0 })
    }

    /// Asks for a job to stop, durably.
    ///
    /// # Errors
    /// A disk that fails.
    pub fn cancel(&mut self, job: JobNumber) -> Result<(), EngineError> {
        let known = self.state.jobs.get(&job.0);
        if known.is_none_or(|job| job.phase.is_final()) {
            return Ok(());
        }
        self.write_history(
            job,
            thon_project::QueuePhase::CancelAsked,
            "somebody asked for it to stop",
            None,
        )?;
        self.tell(Event::CancelAsked { job: job.0 })
    }

    /// Takes the core on by an event, and by all that follows from it.
    fn tell(&mut self, event: Event) -> Result<(), EngineError> {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let (state, effects) = step(std::mem::take(&mut self.state), event);
            self.state = state;
            for effect in effects {
                events.extend(self.carry_out(effect)?);
            }
        }
        Ok(())
    }

    /// Whether a job came from results that were cleaned away; they are asked for first.
    fn waits_for_cleaned(&mut self, job: u32) -> Result<bool, EngineError> {
        let cleaned = self.engine.cleaned_ancestors(JobNumber(job))?;
        for above in &cleaned {
            match self.state.jobs.get(&above.0).map(|job| job.phase) {
                Some(Phase::Draft) => self.ask(*above, None, 1)?,
                Some(Phase::Failed | Phase::Cancelled | Phase::Blocked) => {
                    let evidence =
                        format!("what was cleaned away of job {above} was not made again");
                    let phase = Phase::Failed;
                    self.tell(Event::Known {
                        job,
                        phase,
                        evidence,
                    })?;
                }
                _ => {}
            }
        }
        Ok(!cleaned.is_empty())
    }

    /// Measures what the jobs need whose inputs are all there now.
    fn measure_all(&mut self) -> Result<(), EngineError> {
        let done = |id: &u32| {
            self.state
                .jobs
                .get(id)
                .is_some_and(|j| j.phase == Phase::Done)
        };
        let waiting: Vec<(u32, bool)> = self
            .state
            .jobs
            .iter()
            .filter(|(id, job)| job.phase == Phase::Waiting && !self.measured.contains(id))
            .map(|(id, job)| (*id, job.upstream.iter().all(done)))
            .collect();
        for (job, ready) in waiting {
            // These are asked for before anything that it needs can be done.
            if self.waits_for_cleaned(job)? || !ready {
                continue;
            }
            self.measured.insert(job);
            let wish = self.wishes[&job];
            let event = match self.engine.measure(JobNumber(job)) {
                Ok(measure) => {
                    let capacity = self.executors[wish.executor].capacity();
                    let need = Need {
                        executor: wish.executor,
                        cores: self.configuration.cores(wish.executor).min(capacity.cores),
                        memory: measure.memory.max(LEAST_MEMORY),
                    };
                    Event::Measured { job, need }
                }
                Err(EngineError::Project(error)) => return Err(error.into()),
                Err(error) => Event::Known {
                    job,
                    phase: Phase::Failed,
                    evidence: error.to_string(),
                },
            };
            self.tell(event)?;
        }
        Ok(())
    }
}
