//! The cluster's side: workers that live, stop and die, and a scheduler that bends the truth.

use thon_engine::machine::{End, LookupAnswer, Millis, QueueAnswer};

use super::{BEAT, Entry, HONEST_FROM, How, Life, Truth, VISIBLE, World};

impl World {
    pub(super) fn enter(&mut self, job: u32, attempt: u32) {
        let starts = self.now + self.below(300_000);
        let ends = starts + 1_000 + self.below(400_000);
        let how = match self.below(20) {
            0 | 1 => How::Dies,
            2 => How::Fails,
            3 => How::Memory,
            4 => How::Disk,
            5 => How::Walltime,
            _ => How::Result,
        };
        let stopped = if self.chance(5) {
            (starts + 20_000, starts + 20_000 + self.below(900_000))
        } else {
            (0, 0)
        };
        let entry = Entry {
            job,
            attempt,
            starts,
            ends: ends.max(stopped.1),
            how,
            phase: Life::Pending,
            beats: 0,
            beat_at: 0,
            stopped,
            asked_to_stop: false,
        };
        self.queue.insert(self.next_handle, entry);
        self.next_handle += 1;
    }

    /// The workers go on with their lives.
    pub(super) fn live(&mut self) {
        let now = self.now;
        let handles: Vec<u64> = self.queue.keys().copied().collect();
        for handle in handles {
            let delay = self.below(VISIBLE);
            let entry = self.queue.get_mut(&handle).unwrap();
            let (job, attempt) = (entry.job, entry.attempt);
            let truth = self.truth.get_mut(&job).unwrap();
            match entry.phase {
                Life::Pending if entry.asked_to_stop => entry.phase = Life::Gone,
                Life::Pending if now >= entry.starts => {
                    if truth.claimed.contains_key(&attempt) || truth.result.is_some() {
                        entry.phase = Life::Gone;
                        continue;
                    }
                    truth.claimed.insert(attempt, true);
                    entry.phase = Life::Running;
                    self.only_one(handle);
                }
                Life::Running => Self::work(now, delay, entry, truth),
                _ => {}
            }
        }
        if self.queue.len() > 200 {
            self.queue.retain(|_, entry| entry.phase != Life::Gone);
        }
    }

    fn work(now: Millis, delay: Millis, entry: &mut Entry, truth: &mut Truth) {
        let attempt = entry.attempt;
        let stopped = now > entry.stopped.0 && now < entry.stopped.1;
        if stopped {
            return;
        }
        if truth.superseded.contains(&attempt) {
            entry.phase = Life::Gone;
        } else if entry.asked_to_stop {
            let end = End::Cancelled("asked".into());
            truth.outcomes.insert(attempt, (now + delay, end));
            entry.phase = Life::Gone;
        } else if now >= entry.ends {
            let end = match entry.how {
                How::Result => {
                    truth.result.get_or_insert(now + delay);
                    None
                }
                How::Dies => None,
                How::Fails => Some(End::Failed("no beam".into())),
                How::Memory => Some(End::OutOfMemory("9 GB".into())),
                How::Disk => Some(End::DiskFull("full".into())),
                How::Walltime => Some(End::Interrupted("walltime".into())),
            };
            if let Some(end) = end {
                truth.outcomes.insert(attempt, (now + delay, end));
            }
            entry.phase = Life::Gone;
        } else if now >= entry.beat_at {
            entry.beats += 1;
            entry.beat_at = now + BEAT;
            let beats = truth.beats.entry(attempt).or_default();
            beats.push((now + delay, entry.beats));
        }
    }

    /// Two attempts of one job never work at a time.
    fn only_one(&self, handle: u64) {
        let new = &self.queue[&handle];
        let superseded = &self.truth[&new.job].superseded;
        let double = self.queue.iter().any(|(other, entry)| {
            *other != handle
                && entry.job == new.job
                && entry.phase == Life::Running
                && !superseded.contains(&entry.attempt)
        });
        assert!(!double, "job {} is doubled", new.job);
    }

    /// How an answer is bent, by the mood of the scheduler.
    fn lie(&mut self) -> Option<QueueAnswer> {
        if self.now >= HONEST_FROM || !self.chance(40) {
            return None;
        }
        self.lies += 1;
        match self.mood {
            0 => Some(QueueAnswer::Silent),
            1 => Some(QueueAnswer::Absent),
            2 => Some(QueueAnswer::Ended("COMPLETED".into())),
            3 => Some(QueueAnswer::Running),
            4 => Some(QueueAnswer::Pending),
            _ => Some(QueueAnswer::Ended("FAILED".into())),
        }
    }

    pub(super) fn poll(&mut self, handle: u64) -> QueueAnswer {
        if let Some(lie) = self.lie() {
            return lie;
        }
        match self.queue.get(&handle).map(|entry| entry.phase) {
            Some(Life::Pending) => QueueAnswer::Pending,
            Some(Life::Running) => QueueAnswer::Running,
            Some(Life::Gone) if handle.is_multiple_of(2) => QueueAnswer::Ended("COMPLETED".into()),
            _ => QueueAnswer::Absent,
        }
    }

    pub(super) fn lookup(&mut self, job: u32, attempt: u32) -> LookupAnswer {
        match self.lie() {
            Some(QueueAnswer::Silent) => return LookupAnswer::Silent,
            Some(_) => return LookupAnswer::NotFound,
            None => {}
        }
        let mut found = self.queue.iter();
        let of = |entry: &Entry| entry.job == job && entry.attempt == attempt;
        let found = found.find(|(_, e)| of(e) && e.phase != Life::Gone);
        found.map_or(LookupAnswer::NotFound, |(handle, _)| {
            LookupAnswer::Found(*handle)
        })
    }
}
