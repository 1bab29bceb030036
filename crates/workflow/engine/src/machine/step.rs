//! One step: what people ask, the passing of time, admission. What is observed is in `observe`.

use super::event::{Adopted, Effect, Event};
use super::observe::{fenced, looked, looked_up, polled, submitted};
use super::state::{Job, JobId, Need, Phase, SILENCE, State};

/// Takes the state on by one event; the effects are to be carried out by whoever calls.
#[must_use]
pub fn step(mut state: State, event: Event) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    let all = &mut effects;
    match event {
        Event::Added {
            job,
            upstream,
            need,
            attempt,
        } => added(&mut state, job, upstream, need, attempt),
        Event::Known {
            job,
            phase,
            evidence,
        } => {
            if phase.is_final() {
                state.set(job, phase, evidence, all);
            }
        }
        Event::Measured { job, need } => {
            if let Some(known) = state.jobs.get_mut(&job) {
                known.need = need;
            }
        }
        Event::Asked { job } => asked(&mut state, job, all),
        Event::Adopted { job, attempt } => adopted(&mut state, job, attempt, all),
        Event::CancelAsked { job } => cancel(&mut state, job, all),
        Event::Tick { now } => tick(&mut state, now, all),
        Event::Looked {
            job,
            attempt,
            found,
        } => looked(&mut state, job, attempt, found, all),
        Event::Submitted {
            job,
            attempt,
            answer,
        } => submitted(&mut state, job, attempt, answer, all),
        Event::LookedUp {
            job,
            attempt,
            answer,
        } => looked_up(&mut state, job, attempt, answer, all),
        Event::Polled {
            job,
            attempt,
            answer,
        } => polled(&mut state, job, attempt, &answer, all),
        Event::Fenced { job, attempt } => fenced(&mut state, job, attempt, all),
        Event::Space { free: true } => state.paused = None,
        Event::Space { free: false } => {
            state.paused = Some("the disk is full".into());
        }
        Event::Stale { job, why } => {
            if let Some(known) = state.jobs.get_mut(&job) {
                known.stale = why;
            }
        }
    }
    (state, effects)
}

fn added(state: &mut State, id: JobId, upstream: Vec<JobId>, need: Need, attempt: u32) {
    let job = Job {
        phase: Phase::Draft,
        evidence: "it was recorded".into(),
        upstream,
        need,
        attempt,
        handle: None,
        interruptions: 0,
        memory_retries: 0,
        stale: None,
        cancel: false,
        since: state.now,
        beat: None,
        seen: state.now,
        asked: 0,
        gone: None,
        refused: None,
    };
    state.jobs.entry(id).or_insert(job);
}

fn adopted(state: &mut State, id: JobId, found: Adopted, effects: &mut Vec<Effect>) {
    let now = state.now;
    let Some(job) = state.jobs.get_mut(&id) else {
        return;
    };
    let attempt = found.attempt;
    job.attempt = attempt;
    job.handle = found.handle;
    job.interruptions = found.interruptions;
    job.memory_retries = found.memory_retries;
    job.need = found.need;
    job.seen = now;
    let phase = if found.handle.is_some() {
        Phase::Submitted
    } else {
        Phase::Submitting
    };
    let words = format!("attempt {attempt} was under way");
    state.set(id, phase, words, effects);
    effects.push(Effect::Look { job: id, attempt });
}

fn asked(state: &mut State, id: JobId, effects: &mut Vec<Effect>) {
    let Some(job) = state.jobs.get_mut(&id) else {
        return;
    };
    if job.phase.is_active() || job.phase == Phase::Done {
        return;
    }
    job.cancel = false;
    job.interruptions = 0;
    job.memory_retries = 0;
    state.set(id, Phase::Waiting, "it was asked to run", effects);
    settle(state, id, effects);
}

fn cancel(state: &mut State, id: JobId, effects: &mut Vec<Effect>) {
    let Some(job) = state.jobs.get_mut(&id) else {
        return;
    };
    if job.phase.is_final() {
        return;
    }
    job.cancel = true;
    let (attempt, handle) = (job.attempt, job.handle);
    if job.phase.is_active() {
        state.set(id, Phase::Cancelling, "it was asked to stop", effects);
        effects.push(Effect::Stop {
            job: id,
            attempt,
            handle,
        });
    } else {
        let words = "it was asked to stop before it ran";
        state.set(id, Phase::Cancelled, words, effects);
    }
}

fn tick(state: &mut State, now: u64, effects: &mut Vec<Effect>) {
    state.now = state.now.max(now);
    let open: Vec<JobId> = state.open.iter().copied().collect();
    for id in open {
        match state.jobs[&id].phase {
            Phase::Waiting | Phase::Blocked | Phase::Ready => settle(state, id, effects),
            phase if phase.is_active() => ask(state, id, effects),
            _ => {}
        }
    }
    if state.paused.is_none() {
        for id in state.admitted() {
            submit(state, id, effects);
        }
    }
}

/// Where a job that is not under way stands, given the jobs it needs.
fn settle(state: &mut State, id: JobId, effects: &mut Vec<Effect>) {
    let job = &state.jobs[&id];
    let mut waits = None;
    let mut blocks = None;
    for upstream in &job.upstream {
        match state.jobs.get(upstream).map(|job| job.phase) {
            Some(Phase::Done) => {}
            Some(Phase::Failed | Phase::Cancelled | Phase::Blocked) => {
                blocks = blocks.or(Some(*upstream));
            }
            _ => waits = waits.or(Some(*upstream)),
        }
    }
    let most = state.capacities.get(job.need.executor);
    let (phase, evidence) = if let Some(upstream) = blocks {
        let word = state.jobs[&upstream].phase.word();
        (Phase::Blocked, format!("job {upstream} is {word}"))
    } else if let Some(upstream) = waits {
        (Phase::Waiting, format!("job {upstream} is not done"))
    } else if job.need.cores == 0 {
        (Phase::Waiting, "what it needs is being measured".to_owned())
    } else if let Some(most) = most.filter(|m| m.memory < job.need.memory) {
        let gigabytes = |bytes: u64| bytes as f64 / f64::from(1u32 << 30);
        let (needs, has) = (gigabytes(job.need.memory), gigabytes(most.memory));
        let words = format!("it needs {needs:.1} GB of memory, there are {has:.1} GB");
        (Phase::Blocked, words)
    } else if job.phase == Phase::Ready {
        return;
    } else {
        (Phase::Ready, "everything it needs is there".to_owned())
    };
    if phase != job.phase || phase == Phase::Blocked {
        state.set(id, phase, evidence, effects);
    }
}

fn submit(state: &mut State, id: JobId, effects: &mut Vec<Effect>) {
    let now = state.now;
    let Some(job) = state.jobs.get_mut(&id) else {
        return;
    };
    job.attempt += 1;
    job.handle = None;
    job.beat = None;
    job.gone = None;
    job.refused = None;
    job.seen = now;
    job.asked = now;
    let (attempt, need) = (job.attempt, job.need);
    let evidence = format!("attempt {attempt} is handed over");
    state.set(id, Phase::Submitting, evidence, effects);
    effects.push(Effect::Submit {
        job: id,
        attempt,
        need,
    });
}

/// Asks directory and executor about a job under way, when it is time.
fn ask(state: &mut State, id: JobId, effects: &mut Vec<Effect>) {
    let now = state.now;
    let poll = state.jobs.get(&id).map(|job| state.capacity(job).poll);
    let (Some(job), Some(poll)) = (state.jobs.get_mut(&id), poll) else {
        return;
    };
    if now.saturating_sub(job.asked) < poll {
        return;
    }
    job.asked = now;
    let attempt = job.attempt;
    effects.push(Effect::Look { job: id, attempt });
    match job.handle {
        Some(handle) => effects.push(Effect::Poll {
            job: id,
            attempt,
            handle,
        }),
        None => effects.push(Effect::Lookup { job: id, attempt }),
    }
    if job.refused.is_some() {
        let began = job.beat.is_some();
        effects.push(Effect::Fence {
            job: id,
            attempt,
            began,
        });
    }
    if job.phase == Phase::Cancelling {
        let handle = job.handle;
        effects.push(Effect::Stop {
            job: id,
            attempt,
            handle,
        });
    } else if now.saturating_sub(job.seen) > SILENCE && job.phase != Phase::Unknown {
        let seconds = now.saturating_sub(job.seen) / 1000;
        let words = format!("neither its directory nor the executor spoke for {seconds} s");
        state.set(id, Phase::Unknown, words, effects);
    }
}
