//! What directory and executor say, and what follows from it.

use super::event::{Effect, End, Found, LookupAnswer, QueueAnswer, SubmitAnswer};
use super::state::{JobId, MAX_INTERRUPTIONS, MAX_MEMORY_RETRIES, Phase, State};

/// True when the words are about the attempt that is under way.
fn current(state: &State, id: JobId, attempt: u32) -> bool {
    let job = state.jobs.get(&id);
    job.is_some_and(|job| job.attempt == attempt && job.phase.is_active())
}

/// Somebody spoke for the life of the attempt.
fn alive(state: &mut State, id: JobId, phase: Phase, evidence: &str, effects: &mut Vec<Effect>) {
    let now = state.now;
    let Some(job) = state.jobs.get_mut(&id) else {
        return;
    };
    job.seen = now;
    job.gone = None;
    let forward = match job.phase {
        Phase::Cancelling => false,
        Phase::Running => phase > Phase::Running,
        Phase::Unknown => true,
        other => phase > other,
    };
    if forward {
        state.set(id, phase, evidence, effects);
    }
}

pub(super) fn looked(
    state: &mut State,
    id: JobId,
    attempt: u32,
    found: Found,
    effects: &mut Vec<Effect>,
) {
    if found == Found::Result && state.jobs.contains_key(&id) {
        return state.set(id, Phase::Done, "its manifest is there", effects);
    }
    if !current(state, id, attempt) {
        return;
    }
    match found {
        Found::Nothing | Found::Result => {}
        Found::Ended(end) => ended(state, id, end, effects),
        Found::Beat(count) => {
            let moved = state.jobs[&id].beat != Some(count);
            if moved {
                if let Some(job) = state.jobs.get_mut(&id) {
                    job.beat = Some(count);
                    // It runs, whatever was said of its submission.
                    job.refused = None;
                }
                let words = "the attempt says that it lives";
                alive(state, id, Phase::Running, words, effects);
            }
        }
    }
}

pub(super) fn submitted(
    state: &mut State,
    id: JobId,
    attempt: u32,
    answer: SubmitAnswer,
    effects: &mut Vec<Effect>,
) {
    if !current(state, id, attempt) {
        return;
    }
    match answer {
        SubmitAnswer::Accepted(handle) => accepted(state, id, handle, effects),
        SubmitAnswer::Silent => {}
        SubmitAnswer::Refused(reason) => {
            // Whoever says no may have said yes to somebody before: the attempt is made impossible first, unless it runs.
            let Some(job) = state.jobs.get_mut(&id).filter(|job| job.beat.is_none()) else {
                return;
            };
            job.refused = Some(reason);
            let began = false;
            effects.push(Effect::Fence {
                job: id,
                attempt,
                began,
            });
        }
    }
}

fn accepted(state: &mut State, id: JobId, handle: u64, effects: &mut Vec<Effect>) {
    let Some(job) = state.jobs.get_mut(&id) else {
        return;
    };
    job.handle = Some(handle);
    let (stops, attempt) = (job.cancel, job.attempt);
    let words = format!("the executor has it as {handle}");
    alive(state, id, Phase::Submitted, &words, effects);
    if stops {
        effects.push(Effect::Stop {
            job: id,
            attempt,
            handle: Some(handle),
        });
    }
}

pub(super) fn looked_up(
    state: &mut State,
    id: JobId,
    attempt: u32,
    answer: LookupAnswer,
    effects: &mut Vec<Effect>,
) {
    if !current(state, id, attempt) {
        return;
    }
    match answer {
        LookupAnswer::Found(handle) => accepted(state, id, handle, effects),
        LookupAnswer::NotFound => gone(state, id, effects),
        LookupAnswer::Silent => {}
    }
}

pub(super) fn polled(
    state: &mut State,
    id: JobId,
    attempt: u32,
    answer: &QueueAnswer,
    effects: &mut Vec<Effect>,
) {
    if !current(state, id, attempt) {
        return;
    }
    match answer {
        QueueAnswer::Pending => {
            let words = "the executor says that it waits in the queue";
            alive(state, id, Phase::Submitted, words, effects);
        }
        QueueAnswer::Running => {
            let words = "the executor says that it runs";
            alive(state, id, Phase::Running, words, effects);
        }
        QueueAnswer::Ended(_) | QueueAnswer::Absent => gone(state, id, effects),
        QueueAnswer::Silent => {}
    }
}

/// The executor says that the attempt is gone: believed when it says so again after everything written must be visible.
fn gone(state: &mut State, id: JobId, effects: &mut Vec<Effect>) {
    let now = state.now;
    let visibility = state
        .jobs
        .get(&id)
        .map(|job| state.capacity(job).visibility);
    let (Some(job), Some(visibility)) = (state.jobs.get_mut(&id), visibility) else {
        return;
    };
    let attempt = job.attempt;
    let (since, times) = job.gone.unwrap_or((now, 0));
    job.gone = Some((since, times + 1));
    let began = job.beat.is_some();
    effects.push(Effect::Look { job: id, attempt });
    let waited = now.saturating_sub(since) >= visibility;
    let silent = now.saturating_sub(job.seen) >= visibility;
    if times > 0 && waited && silent {
        effects.push(Effect::Fence {
            job: id,
            attempt,
            began,
        });
    }
}

pub(super) fn fenced(state: &mut State, id: JobId, attempt: u32, effects: &mut Vec<Effect>) {
    if !current(state, id, attempt) {
        return;
    }
    let refused = state.jobs.get_mut(&id).and_then(|job| job.refused.take());
    let end = match refused {
        Some(reason) => End::Failed(format!("the executor refused it: {reason}")),
        None => End::Interrupted("it vanished without a word".into()),
    };
    ended(state, id, end, effects);
}

/// The current attempt ended without a result.
fn ended(state: &mut State, id: JobId, end: End, effects: &mut Vec<Effect>) {
    let most = state.jobs.get(&id).map(|job| state.capacity(job).memory);
    let (Some(job), Some(most)) = (state.jobs.get_mut(&id), most) else {
        return;
    };
    let attempt = job.attempt;
    let more = (job.need.memory + job.need.memory / 2).min(most);
    let (phase, evidence) = match end {
        End::Cancelled(reason) => (Phase::Cancelled, reason),
        _ if job.cancel => (Phase::Cancelled, "it was asked to stop".into()),
        End::Failed(reason) => (Phase::Failed, reason),
        End::DiskFull(reason) => {
            state.paused = Some(reason.clone());
            (Phase::Ready, format!("it waits for space: {reason}"))
        }
        End::OutOfMemory(reason)
            if job.memory_retries < MAX_MEMORY_RETRIES && more > job.need.memory =>
        {
            job.memory_retries += 1;
            job.need.memory = more;
            let gigabytes = job.need.memory as f64 / f64::from(1u32 << 30);
            let words = format!(
                "attempt {attempt} ran out of memory ({reason}): again with {gigabytes:.1} GB"
            );
            (Phase::Ready, words)
        }
        End::OutOfMemory(reason) => (Phase::Failed, format!("out of memory: {reason}")),
        End::Interrupted(reason) if job.interruptions < MAX_INTERRUPTIONS => {
            job.interruptions += 1;
            let words = format!("attempt {attempt} was interrupted ({reason}): it goes on");
            (Phase::Ready, words)
        }
        End::Interrupted(reason) => {
            let words = format!(
                "interrupted {} times, last: {reason}",
                MAX_INTERRUPTIONS + 1
            );
            (Phase::Failed, words)
        }
    };
    state.set(id, phase, evidence, effects);
}
