//! A cluster with a scheduler that cannot be trusted, workers that die, stop and come back, and files seen late.
//!
//! What is trusted: files written by a worker are seen within [`VISIBLE`]; taking a claim and marking an attempt as
//! superseded are atomic, and a worker looks at both before it begins and before it writes.

use std::collections::{BTreeMap, BTreeSet};

mod cluster;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use thon_engine::machine::{
    Adopted, Capacity, Effect, End, Event, Found, Millis, Need, Phase, State, SubmitAnswer, step,
};

/// The longest time after which a written file is seen, in milliseconds; less than the core allows for.
const VISIBLE: Millis = 90_000;
/// Time between two beats of a worker.
const BEAT: Millis = 10_000;
const JOBS: u32 = 24;
/// When lying ends.
const HONEST_FROM: Millis = 5_400_000;

/// One entry of the scheduler's queue.
struct Entry {
    job: u32,
    attempt: u32,
    /// When it starts, and when it ends.
    starts: Millis,
    ends: Millis,
    how: How,
    phase: Life,
    beats: u64,
    beat_at: Millis,
    /// It does nothing between these times.
    stopped: (Millis, Millis),
    asked_to_stop: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Life {
    Pending,
    Running,
    Gone,
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    Result,
    Fails,
    Memory,
    Disk,
    Walltime,
    Dies,
}

/// What survives a crash of the engine.
#[derive(Clone, Default)]
struct Kept {
    asked: bool,
    cancel: bool,
    /// Attempts before the job was asked last.
    before: u32,
    attempt: u32,
    handle: Option<u64>,
    need: Need,
    last: Option<Phase>,
}

#[derive(Default)]
struct Truth {
    result: Option<Millis>,
    outcomes: BTreeMap<u32, (Millis, End)>,
    beats: BTreeMap<u32, Vec<(Millis, u64)>>,
    claimed: BTreeMap<u32, bool>,
    superseded: BTreeSet<u32>,
    submitted: BTreeSet<u32>,
}

pub struct World {
    random: ChaCha8Rng,
    now: Millis,
    state: State,
    queue: BTreeMap<u64, Entry>,
    next_handle: u64,
    truth: BTreeMap<u32, Truth>,
    kept: BTreeMap<u32, Kept>,
    answers: BTreeMap<(Millis, u64), Event>,
    serial: u64,
    mood: u32,
    pub events: u64,
    pub crashes: u64,
    pub lies: u64,
    pub credulous: bool,
}

fn capacity(credulous: bool) -> Vec<Capacity> {
    vec![Capacity {
        cores: 8,
        memory: 64,
        jobs: 12,
        poll: 5_000,
        visibility: if credulous { 0 } else { 120_000 },
    }]
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            now: 0,
            state: State::default(),
            queue: BTreeMap::new(),
            next_handle: 1,
            truth: BTreeMap::new(),
            kept: BTreeMap::new(),
            answers: BTreeMap::new(),
            serial: 0,
            mood: 0,
            events: 0,
            crashes: 0,
            lies: 0,
            credulous: false,
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random.next_u64() % n
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Done, failed, cancelled.
    pub fn ends(&self) -> [u64; 3] {
        let count = |phase| {
            self.state
                .jobs
                .values()
                .filter(|j| j.phase == phase)
                .count() as u64
        };
        [Phase::Done, Phase::Failed, Phase::Cancelled].map(count)
    }

    pub fn run(&mut self) {
        self.begin();
        let limit = HONEST_FROM * 4;
        while self.now < limit {
            self.now += 500 + self.below(4_000);
            self.live();
            if self.now < HONEST_FROM {
                self.people();
            }
            while let Some(entry) = self.answers.first_entry() {
                if entry.key().0 > self.now {
                    break;
                }
                let event = entry.remove();
                self.tell(event);
            }
            self.tell(Event::Tick { now: self.now });
            self.tell(Event::Space { free: true });
            if self.now > HONEST_FROM && !self.state.is_busy() {
                return;
            }
        }
        panic!("some job never ends: {:?}", self.state);
    }

    fn begin(&mut self) {
        self.state = State::new(capacity(self.credulous));
        for job in 1..=JOBS {
            let mut upstream = Vec::new();
            if job > 3 && self.chance(50) {
                upstream.push(1 + self.below(job as u64 - 1) as u32);
            }
            let need = Need {
                executor: 0,
                cores: 1 + self.below(4) as u32,
                memory: 1 + self.below(20),
            };
            self.truth.insert(job, Truth::default());
            let attempt = 0;
            self.tell(Event::Added {
                job,
                upstream,
                need,
                attempt,
            });
            self.kept.insert(
                job,
                Kept {
                    need,
                    ..Kept::default()
                },
            );
        }
        for job in 1..=JOBS {
            self.ask(job);
        }
    }

    fn ask(&mut self, job: u32) {
        let kept = self.kept.get_mut(&job).unwrap();
        kept.asked = true;
        kept.cancel = false;
        kept.before = kept.attempt;
        kept.last = None;
        self.tell(Event::Asked { job });
    }

    /// Somebody cancels, asks again, or the engine crashes.
    fn people(&mut self) {
        if self.below(400) == 0 {
            self.mood = self.below(6) as u32;
        }
        if self.below(900) == 0 {
            let job = 1 + self.below(u64::from(JOBS)) as u32;
            if !self.state.jobs[&job].phase.is_final() {
                self.kept.get_mut(&job).unwrap().cancel = true;
                self.tell(Event::CancelAsked { job });
            }
        }
        if self.below(60) == 0 {
            let job = 1 + self.below(u64::from(JOBS)) as u32;
            if matches!(
                self.state.jobs[&job].phase,
                Phase::Failed | Phase::Cancelled
            ) {
                self.ask(job);
            }
        }
        if self.below(500) == 0 {
            self.crash();
        }
    }

    /// The engine is killed and starts from what is on disk.
    fn crash(&mut self) {
        self.crashes += 1;
        self.answers.clear();
        let graph: Vec<(u32, Vec<u32>)> = self
            .state
            .jobs
            .iter()
            .map(|(id, job)| (*id, job.upstream.clone()))
            .collect();
        self.state = State::new(capacity(self.credulous));
        self.tell(Event::Tick { now: self.now });
        for (job, upstream) in graph {
            let kept = self.kept[&job].clone();
            let (need, attempt) = (kept.need, kept.attempt);
            self.tell(Event::Added {
                job,
                upstream,
                need,
                attempt,
            });
            let found = self.look(job, attempt);
            if found == Found::Result {
                self.tell(Event::Looked {
                    job,
                    attempt,
                    found,
                });
            } else if let Some(phase) = kept.last.filter(|phase| phase.is_final()) {
                let evidence = "written down".into();
                self.tell(Event::Known {
                    job,
                    phase,
                    evidence,
                });
            } else if kept.asked {
                self.again(job, &kept);
            }
        }
    }

    fn again(&mut self, job: u32, kept: &Kept) {
        if kept.attempt == kept.before {
            self.tell(Event::Asked { job });
        } else {
            let attempt = Adopted {
                attempt: kept.attempt,
                handle: kept.handle,
                need: kept.need,
                interruptions: (kept.attempt - kept.before - 1).min(5),
                memory_retries: 0,
            };
            self.tell(Event::Adopted { job, attempt });
        }
        if kept.cancel {
            self.tell(Event::CancelAsked { job });
        }
    }

    fn tell(&mut self, event: Event) {
        self.events += 1;
        let (state, effects) = step(std::mem::take(&mut self.state), event);
        self.state = state;
        for effect in effects {
            self.carry_out(effect);
        }
    }

    fn later(&mut self, event: Event) {
        let slow = if self.chance(5) { 120_000 } else { 2_000 };
        let when = self.now + self.below(slow);
        self.serial += 1;
        self.answers.insert((when, self.serial), event);
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "an effect is carried out once"
    )]
    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Submit { job, attempt, need } => self.submit(job, attempt, need),
            Effect::Lookup { job, attempt } => {
                let answer = self.lookup(job, attempt);
                self.later(Event::LookedUp {
                    job,
                    attempt,
                    answer,
                });
            }
            Effect::Poll {
                job,
                attempt,
                handle,
            } => {
                let answer = self.poll(handle);
                self.later(Event::Polled {
                    job,
                    attempt,
                    answer,
                });
            }
            Effect::Look { job, attempt } => {
                // Looked at by the engine itself: only what is written is late.
                let found = self.look(job, attempt);
                self.serial += 1;
                let key = (self.now + 1, self.serial);
                let event = Event::Looked {
                    job,
                    attempt,
                    found,
                };
                self.answers.insert(key, event);
            }
            Effect::Fence {
                job,
                attempt,
                began,
            } => self.fence(job, attempt, began),
            Effect::Stop { job, attempt, .. } => {
                if self.chance(70) || self.now > HONEST_FROM {
                    for entry in self.queue.values_mut() {
                        entry.asked_to_stop |= entry.job == job && entry.attempt == attempt;
                    }
                }
            }
            Effect::Changed { job, phase, .. } => self.changed(job, phase),
        }
    }

    /// Nobody who works is ever shut out: only who never began, ended, or stood still too long.
    fn fence(&mut self, job: u32, attempt: u32, began: bool) {
        let truth = self.truth.get_mut(&job).unwrap();
        let mine = *truth.claimed.entry(attempt).or_insert(false);
        if mine && !began {
            let found = Found::Beat(0);
            return self.later(Event::Looked {
                job,
                attempt,
                found,
            });
        }
        truth.superseded.insert(attempt);
        let works = |entry: &Entry| {
            entry.job == job
                && entry.attempt == attempt
                && entry.phase == Life::Running
                && entry.stopped == (0, 0)
        };
        let shut_out = self.queue.values().any(works);
        assert!(!shut_out, "attempt {attempt} of job {job} was at work");
        self.later(Event::Fenced { job, attempt });
    }

    /// What is final must be true.
    fn changed(&mut self, job: u32, phase: Phase) {
        let kept = self.kept.get_mut(&job).unwrap();
        if let Some(known) = self.state.jobs.get(&job) {
            kept.handle = known.handle;
            kept.need = known.need;
        }
        kept.last = Some(phase);
        let truth = &self.truth[&job];
        let alive = |entry: &Entry| {
            entry.job == job
                && entry.phase == Life::Running
                && !truth.superseded.contains(&entry.attempt)
        };
        let kept = &self.kept[&job];
        let outcome = truth.outcomes.get(&kept.attempt).map(|(_, end)| end);
        match phase {
            Phase::Done => assert!(truth.result.is_some(), "job {job} has no result"),
            Phase::Failed => {
                let said = matches!(outcome, Some(End::Failed(_) | End::OutOfMemory(_)));
                let vanished = truth.superseded.contains(&kept.attempt)
                    || matches!(outcome, Some(End::Interrupted(_)));
                assert!(said || vanished, "job {job} did not fail");
                assert!(!self.queue.values().any(alive), "job {job} runs on");
            }
            Phase::Cancelled => {
                assert!(kept.cancel, "nobody cancelled job {job}");
                assert!(!self.queue.values().any(alive), "job {job} runs on");
            }
            _ => {}
        }
    }

    fn submit(&mut self, job: u32, attempt: u32, need: Need) {
        let kept = self.kept.get_mut(&job).unwrap();
        assert!(attempt > kept.attempt, "attempt {attempt} of {job} again");
        kept.attempt = attempt;
        kept.handle = None;
        kept.need = need;
        let first = self.truth.get_mut(&job).unwrap().submitted.insert(attempt);
        assert!(first, "attempt {attempt} of job {job} is submitted twice");
        let lies = self.now < HONEST_FROM;
        let (enters, answers) = match self.below(20) {
            0 if lies => (true, None),
            1 if lies => (false, None),
            2 if lies => (true, Some(false)),
            3 if lies => (false, Some(false)),
            _ => (true, Some(true)),
        };
        self.lies += u64::from(!(enters && answers == Some(true)));
        let handle = self.next_handle;
        if enters {
            self.enter(job, attempt);
        }
        let answer = match answers {
            None => SubmitAnswer::Silent,
            Some(true) => SubmitAnswer::Accepted(handle),
            Some(false) => SubmitAnswer::Refused("invalid account".into()),
        };
        self.later(Event::Submitted {
            job,
            attempt,
            answer,
        });
    }

    fn look(&self, job: u32, attempt: u32) -> Found {
        let truth = &self.truth[&job];
        if truth.result.is_some_and(|seen| seen <= self.now) {
            return Found::Result;
        }
        if let Some((seen, end)) = truth.outcomes.get(&attempt)
            && *seen <= self.now
        {
            return Found::Ended(end.clone());
        }
        let beats = truth.beats.get(&attempt).into_iter().flatten();
        let seen = beats.filter(|(seen, _)| *seen <= self.now);
        let count = seen.map(|(_, count)| *count).max();
        count.map_or(Found::Nothing, Found::Beat)
    }
}
