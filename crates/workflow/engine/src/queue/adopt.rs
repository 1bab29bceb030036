//! What a queue finds when it starts, and jobs that are made while it turns.

use thon_project::{HistoryLine, JobNumber, Outcome, QueuePhase};

use super::{Queue, Wish};
use crate::EngineError;
use crate::machine::{Adopted, Event, Need, Phase};

impl Queue<'_> {
    /// Takes up the jobs that are not known yet.
    pub(super) fn find_jobs(&mut self) -> Result<(), EngineError> {
        let states = self.engine.project.index().recorded_states()?;
        for (job, state, upstream) in states {
            if !self.state.jobs.contains_key(&job.0) {
                let upstream = upstream.into_iter().map(|job| job.0).collect();
                self.take_up(job, &state, upstream)?;
            }
        }
        Ok(())
    }

    fn take_up(
        &mut self,
        number: JobNumber,
        recorded: &str,
        upstream: Vec<u32>,
    ) -> Result<(), EngineError> {
        let job = number.0;
        let project = self.engine.project;
        let done = recorded == "done";
        let attempt = if done {
            0
        } else {
            project.last_attempt_number(number)?
        };
        let need = Need::default();
        self.tell(Event::Added {
            job,
            upstream,
            need,
            attempt,
        })?;
        if done {
            return self.tell(Event::Known {
                job,
                phase: Phase::Done,
                evidence: "its manifest is there".into(),
            });
        }
        let facts = project.facts(number)?;
        // It was done, and nobody has asked for it since it was cleaned away.
        let ended = facts
            .history
            .last()
            .is_some_and(|line| line.phase == QueuePhase::Done);
        if recorded == "cleaned" && ended {
            return Ok(());
        }
        let asked = facts
            .history
            .iter()
            .rposition(|line| line.phase == QueuePhase::Asked);
        let Some(asked) = asked else {
            return self.take_up_old(number, recorded);
        };
        let lines = &facts.history[asked..];
        let executor = lines[0].executor.as_deref();
        self.wishes.insert(
            job,
            Wish {
                executor: self.configuration.position(executor).unwrap_or(0),
                processes: lines[0].processes.unwrap_or(1),
            },
        );
        self.go_on(number, lines, attempt)?;
        let over =
            |line: &HistoryLine| matches!(line.phase, QueuePhase::Failed | QueuePhase::Cancelled);
        let cancelled = lines.iter().any(|l| l.phase == QueuePhase::CancelAsked);
        if cancelled && !lines.last().is_some_and(over) {
            self.tell(Event::CancelAsked { job })?;
        }
        Ok(())
    }

    /// A job that the queue was asked for goes on where it stood.
    fn go_on(
        &mut self,
        number: JobNumber,
        lines: &[HistoryLine],
        attempt: u32,
    ) -> Result<(), EngineError> {
        let (job, project) = (number.0, self.engine.project);
        let last = &lines[lines.len() - 1];
        let phase = match last.phase {
            QueuePhase::Failed => Some(Phase::Failed),
            QueuePhase::Cancelled => Some(Phase::Cancelled),
            _ => None,
        };
        if let Some(phase) = phase {
            let evidence = last.evidence.clone();
            return self.tell(Event::Known {
                job,
                phase,
                evidence,
            });
        }
        let executor = self.wishes[&job].executor;
        let need = Need {
            executor,
            ..Need::default()
        };
        self.tell(Event::Measured { job, need })?;
        let before = lines[0].attempt;
        let task = if attempt > before {
            project.task(number, attempt)?
        } else {
            None
        };
        let Some(task) = task else {
            // Nothing of this request was handed to an executor.
            return self.tell(Event::Asked { job });
        };
        let (mut interruptions, mut memory_retries) = (0, 0);
        for earlier in project.facts(number)?.attempts {
            if earlier.number <= before || earlier.number >= attempt {
                continue;
            }
            match earlier.outcome {
                Some(Outcome::OutOfMemory { .. }) => memory_retries += 1,
                Some(Outcome::DiskFull { .. }) => {}
                _ => interruptions += 1,
            }
        }
        let number_of = |name: &str| task.settings[name].as_u64();
        let cores = self.configuration.cores(executor);
        let adopted = Adopted {
            attempt,
            handle: project.handle(number, attempt)?,
            need: Need {
                executor,
                cores: number_of("cores").map_or(cores, |n| n as u32),
                memory: number_of("memory").unwrap_or(super::LEAST_MEMORY),
            },
            interruptions,
            memory_retries,
        };
        self.measured.insert(job);
        self.tell(Event::Adopted {
            job,
            attempt: adopted,
        })
    }

    /// A job that ran without the queue, or not at all.
    fn take_up_old(&mut self, number: JobNumber, recorded: &str) -> Result<(), EngineError> {
        let phase = match recorded {
            "failed" => Phase::Failed,
            "cancelled" => Phase::Cancelled,
            _ => return Ok(()),
        };
        self.tell(Event::Known {
            job: number.0,
            phase,
            evidence: "so its last attempt ended".into(),
        })
    }
}
