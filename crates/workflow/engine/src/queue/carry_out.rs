//! Carries out the effects that the core asks for; answers come back as events.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use thon_project::{HistoryLine, JobNumber, Outcome, QueuePhase, Sign, Task};

use super::executor::{Mark, Submission};
use super::{Queue, Wish};
use crate::EngineError;
use crate::machine::{Effect, End, Event, Found, LookupAnswer, Need, Phase, QueueAnswer};

/// How long the parts of an attempt are left to be put together before that is started again.
const GATHER_AGAIN: Duration = Duration::from_secs(20);

impl Queue<'_> {
    pub(super) fn carry_out(&mut self, effect: Effect) -> Result<Option<Event>, EngineError> {
        Ok(match effect {
            Effect::Submit { job, attempt, need } => Some(self.submit(job, attempt, need)?),
            Effect::Lookup { job, attempt } => {
                let answer = match self.mark(job, attempt)? {
                    Some(mark) => {
                        let executor = self.state.jobs[&job].need.executor;
                        self.executors[executor].lookup(&mark)
                    }
                    None => LookupAnswer::NotFound,
                };
                if let LookupAnswer::Found(handle) = answer {
                    self.engine
                        .project
                        .keep_handle(JobNumber(job), attempt, handle)?;
                }
                Some(Event::LookedUp {
                    job,
                    attempt,
                    answer,
                })
            }
            Effect::Poll {
                job,
                attempt,
                handle,
            } => {
                let executor = self.state.jobs[&job].need.executor;
                let answer = match self.mark(job, attempt)? {
                    Some(mark) => self.executors[executor].poll(handle, &mark),
                    None => QueueAnswer::Absent,
                };
                Some(Event::Polled {
                    job,
                    attempt,
                    answer,
                })
            }
            Effect::Look { job, attempt } => Some(self.look(job, attempt)?),
            Effect::Fence {
                job,
                attempt,
                began,
            } => Some(self.fence(job, attempt, began)?),
            Effect::Stop {
                job,
                attempt,
                handle,
            } => {
                let (project, number) = (self.engine.project, JobNumber(job));
                project.ask_attempt_to_stop(number, attempt, "asked by the queue")?;
                let executor = self.state.jobs[&job].need.executor;
                if let Some(handle) = handle {
                    self.executors[executor].stop(handle);
                }
                None
            }
            Effect::Changed {
                job,
                phase,
                evidence,
            } => {
                self.changed(JobNumber(job), phase, evidence)?;
                None
            }
        })
    }

    fn mark(&self, job: u32, attempt: u32) -> Result<Option<Mark>, EngineError> {
        let task = self.engine.project.task(JobNumber(job), attempt)?;
        Ok(task.map(|task| Mark {
            token: task.token,
            job,
            attempt,
        }))
    }

    fn submit(&mut self, job: u32, attempt: u32, need: Need) -> Result<Event, EngineError> {
        let (number, project) = (JobNumber(job), self.engine.project);
        let wish = self.wishes.get(&job).copied().unwrap_or(Wish {
            executor: need.executor,
            processes: 1,
        });
        let entry = &self.configuration.executors[need.executor];
        let measure = match self.engine.measure(number) {
            Ok(measure) => measure,
            Err(error) => {
                let end = End::Failed(error.to_string());
                let found = Found::Ended(end);
                return Ok(Event::Looked {
                    job,
                    attempt,
                    found,
                });
            }
        };
        let parts = if measure.shares && wish.processes > 1 {
            1
        } else {
            entry.parts(measure.units)
        };
        let mut task = Task::new(number, attempt, &entry.name, parts);
        task.settings = json!({
            "memory": need.memory, "cores": need.cores, "processes": wish.processes,
            "launcher": entry.launcher(),
        });
        task.known = measure.known;
        task.known
            .dedup_by(|a, b| a.key == b.key && a.item == b.item);
        let submission = Submission {
            mark: Mark {
                token: task.token,
                job,
                attempt,
            },
            need,
            parts,
            processes: wish.processes,
            seconds: measure.seconds,
            directory: match project.prepare_attempt(&task) {
                Ok(directory) => directory,
                Err(error) if error.is_disk_full() => {
                    let found = Found::Ended(End::DiskFull(error.to_string()));
                    return Ok(Event::Looked {
                        job,
                        attempt,
                        found,
                    });
                }
                Err(thon_project::ProjectError::AlreadyDone(_)) => {
                    let found = Found::Result;
                    return Ok(Event::Looked {
                        job,
                        attempt,
                        found,
                    });
                }
                Err(error) => return Err(error.into()),
            },
        };
        let answer = self.executors[need.executor].submit(&submission);
        if let crate::machine::SubmitAnswer::Accepted(handle) = answer {
            project.keep_handle(number, attempt, handle)?;
        }
        Ok(Event::Submitted {
            job,
            attempt,
            answer,
        })
    }

    fn look(&mut self, job: u32, attempt: u32) -> Result<Event, EngineError> {
        let number = JobNumber(job);
        let found = match self.engine.project.sign(number, attempt)? {
            Sign::Nothing => Found::Nothing,
            Sign::Beat(beat) => Found::Beat(beat),
            Sign::Result => Found::Result,
            Sign::PartsDone => {
                self.gather(job, attempt)?;
                Found::Beat(u64::MAX)
            }
            Sign::Ended(outcome) => match outcome {
                Outcome::Failed { reason, .. } => Found::Ended(End::Failed(reason)),
                Outcome::OutOfMemory { reason } => Found::Ended(End::OutOfMemory(reason)),
                Outcome::DiskFull { reason } => Found::Ended(End::DiskFull(reason)),
                Outcome::Interrupted { reason } => Found::Ended(End::Interrupted(reason)),
                Outcome::Cancelled { reason } => Found::Ended(End::Cancelled(reason)),
                Outcome::Part { .. } => Found::Nothing,
            },
        };
        Ok(Event::Looked {
            job,
            attempt,
            found,
        })
    }

    /// Has the parts of an attempt put together here: their units are all done.
    fn gather(&mut self, job: u32, attempt: u32) -> Result<(), EngineError> {
        let key = (job, attempt);
        let recent = self.gathering.get(&key);
        if recent.is_some_and(|when| when.elapsed() < GATHER_AGAIN) {
            return Ok(());
        }
        self.gathering.insert(key, Instant::now());
        let root = self.engine.project.root();
        if let Some(mark) = self.mark(job, attempt)? {
            let program = self.configuration.program();
            super::local::start(root, program, &mark, 1).map_err(|source| EngineError::File {
                path: program.to_owned(),
                source,
            })?;
        }
        Ok(())
    }

    fn fence(&self, job: u32, attempt: u32, began: bool) -> Result<Event, EngineError> {
        let (number, project) = (JobNumber(job), self.engine.project);
        let free = match project.task(number, attempt)? {
            Some(_) => project.close_attempt(number, attempt)?,
            // It was never written down: there is nothing that could begin it.
            None => return Ok(Event::Fenced { job, attempt }),
        };
        if !free && !began {
            let found = Found::Beat(0);
            return Ok(Event::Looked {
                job,
                attempt,
                found,
            });
        }
        project.supersede_attempt(number, attempt)?;
        Ok(Event::Fenced { job, attempt })
    }

    fn changed(
        &mut self,
        number: JobNumber,
        phase: Phase,
        evidence: String,
    ) -> Result<(), EngineError> {
        let line = match phase {
            Phase::Draft => return Ok(()),
            Phase::Waiting => QueuePhase::Waiting,
            Phase::Blocked => QueuePhase::Blocked,
            Phase::Ready => QueuePhase::Ready,
            Phase::Submitting => QueuePhase::Submitting,
            Phase::Submitted => QueuePhase::Submitted,
            Phase::Running => QueuePhase::Running,
            Phase::Unknown => QueuePhase::Unknown,
            Phase::Cancelling => QueuePhase::Cancelling,
            Phase::Done => QueuePhase::Done,
            Phase::Failed => QueuePhase::Failed,
            Phase::Cancelled => QueuePhase::Cancelled,
        };
        // Only what the queue was asked for has a history; what is known from the directory needs none.
        if self.wishes.contains_key(&number.0) {
            let facts = self.engine.project.facts(number)?;
            let same = facts.history.last();
            if same.is_none_or(|last| last.phase != line || last.evidence != evidence) {
                self.write_history(number, line, &evidence, None)?;
            }
        }
        if phase.is_final() {
            let (project, name) = (self.engine.project, number);
            project.look_again(name)?;
        }
        self.changes.push((number, phase, evidence));
        Ok(())
    }

    pub(super) fn write_history(
        &self,
        number: JobNumber,
        phase: QueuePhase,
        evidence: &str,
        asked: Option<(String, usize)>,
    ) -> Result<(), EngineError> {
        let known = self.state.jobs.get(&number.0);
        let (executor, processes) = asked.unzip();
        let line = HistoryLine {
            time: Timestamp::now(),
            phase,
            evidence: evidence.to_owned(),
            attempt: known.map_or(0, |job| job.attempt),
            executor,
            processes,
        };
        Ok(self.engine.project.append_history(number, &line)?)
    }
}
