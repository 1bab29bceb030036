//! What the core is told, and what it asks for.

use super::state::{Handle, JobId, Millis, Need, Phase};

/// How an attempt says it ended without a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The job cannot be done as asked.
    Failed(String),
    /// Memory ran out, with the evidence.
    OutOfMemory(String),
    /// The disk is full.
    DiskFull(String),
    /// It was stopped from outside before it was done: walltime, preemption, a signal.
    Interrupted(String),
    /// Somebody asked it to stop.
    Cancelled(String),
}

/// What a job's directory says of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing yet, or it cannot be read now.
    Nothing,
    /// The attempt was begun; its counter stands here.
    Beat(u64),
    /// The attempt ended without a result.
    Ended(End),
    /// The job has its result.
    Result,
}

/// What an executor answers to a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubmitAnswer {
    /// It is in the queue under this number.
    Accepted(Handle),
    /// It will not be run, for this reason.
    Refused(String),
    /// There was no answer; it may be in the queue or not.
    Silent,
}

/// What an executor answers when asked for an attempt by its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupAnswer {
    /// It is there under this number.
    Found(Handle),
    /// It knows no such mark.
    NotFound,
    /// There was no answer.
    Silent,
}

/// What an executor says of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueAnswer {
    /// It waits.
    Pending,
    /// It runs.
    Running,
    /// It is over.
    Ended(String),
    /// It does not know it.
    Absent,
    /// There was no answer.
    Silent,
}

/// An attempt that was under way when the engine started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// Its number.
    pub attempt: u32,
    /// The executor's number for it, when that was written down.
    pub handle: Option<Handle>,
    /// What it may use.
    pub need: Need,
    /// Attempts since the job was asked that were interrupted before.
    pub interruptions: u32,
    /// Attempts since the job was asked that ran out of memory before.
    pub memory_retries: u32,
}

/// What the core is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A job is there, as a draft.
    Added {
        /// The job.
        job: JobId,
        /// Jobs whose results it needs.
        upstream: Vec<JobId>,
        /// What it needs to run.
        need: Need,
        /// Number of its last attempt, 0 when there was none.
        attempt: u32,
    },
    /// A job had come to its end when the engine started.
    Known {
        /// The job.
        job: JobId,
        /// Done, failed or cancelled.
        phase: Phase,
        /// Why that is believed.
        evidence: String,
    },
    /// What a job needs was measured, now that its inputs are there.
    Measured {
        /// The job.
        job: JobId,
        /// What it needs.
        need: Need,
    },
    /// A job is to be run; what it was before does not matter unless it is under way or done.
    Asked {
        /// The job.
        job: JobId,
    },
    /// A job under way was found when the engine started.
    Adopted {
        /// The job.
        job: JobId,
        /// Its current attempt.
        attempt: Adopted,
    },
    /// The job is to stop.
    CancelAsked {
        /// The job.
        job: JobId,
    },
    /// The time, which never goes back.
    Tick {
        /// Now.
        now: Millis,
    },
    /// Somebody looked into the job's directory.
    Looked {
        /// The job.
        job: JobId,
        /// The attempt that was looked at.
        attempt: u32,
        /// What is there.
        found: Found,
    },
    /// The executor answered a submission.
    Submitted {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: u32,
        /// The answer.
        answer: SubmitAnswer,
    },
    /// The executor was asked for the mark of an attempt.
    LookedUp {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: u32,
        /// The answer.
        answer: LookupAnswer,
    },
    /// The executor was asked how a number fares.
    Polled {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: u32,
        /// The answer.
        answer: QueueAnswer,
    },
    /// The attempt is fenced: it will publish nothing from now on.
    Fenced {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: u32,
    },
    /// What is to be kept free on the disk is free, or is not.
    Space {
        /// True when there is room.
        free: bool,
    },
    /// The result of a job no longer is what its inputs and program would give now.
    Stale {
        /// The job.
        job: JobId,
        /// What changed; `None` when nothing did.
        why: Option<String>,
    },
}

/// What the core asks for. Every answer comes back as an [`Event`]; a lost answer is asked for again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Write the attempt down durably, then hand it to the executor; once per attempt, ever.
    Submit {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: u32,
        /// What it may use.
        need: Need,
    },
    /// Ask the executor for the mark of the attempt.
    Lookup {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: u32,
    },
    /// Ask the executor how it fares.
    Poll {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: u32,
        /// The executor's number.
        handle: Handle,
    },
    /// Look into the job's directory.
    Look {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: u32,
    },
    /// Make sure that the attempt publishes nothing any more: take its claim in its place, or mark it superseded. Where
    /// it was never seen to begin and the claim turns out to be taken, it lives: that is the answer then, beat 0.
    Fence {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: u32,
        /// Whether it was seen to begin.
        began: bool,
    },
    /// Ask the attempt, and the executor, to stop.
    Stop {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: u32,
        /// The executor's number, when known.
        handle: Option<Handle>,
    },
    /// Keep this change and why it is believed.
    Changed {
        /// The job.
        job: JobId,
        /// What it is now.
        phase: Phase,
        /// The evidence.
        evidence: String,
    },
}
