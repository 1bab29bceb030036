//! Reads the directories of many jobs, on as many threads as there are cores: a project of ten thousand jobs is half a
//! million calls of the file system.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::durable::Durable;
use crate::error::ProjectError;
use crate::layout;
use crate::state::{self, JobFacts};

/// Threads at most; more do not make a disk faster.
const MOST: usize = 8;
/// Fewer jobs are read one after the other.
const MANY: usize = 64;
/// Jobs that may wait to be taken: facts of large jobs take room.
const WAITING: usize = 64;

/// A job directory, and what the index knows of the job: directory and fingerprint.
pub(super) struct Candidate {
    pub(super) directory: String,
    pub(super) known: Option<(String, String)>,
}

type Facts = Result<JobFacts, ProjectError>;

/// The fingerprint of a candidate and its facts, unless it is known as it is.
fn read(
    durable: &Durable,
    root: &Path,
    candidate: &Candidate,
) -> Result<Option<(String, Facts)>, ProjectError> {
    let directory = &candidate.directory;
    // Taken first: what is added while the facts are read makes the next look read them again.
    let fingerprint = state::fingerprint(durable, &root.join(layout::JOBS).join(directory))?;
    let known = candidate.known.as_ref();
    if known.is_some_and(|(name, before)| name == directory && *before == fingerprint) {
        return Ok(None);
    }
    Ok(Some((
        fingerprint,
        JobFacts::read(durable, root, directory),
    )))
}

/// Hands every candidate that is not known as it is to `take`, on this thread: directory, fingerprint, facts.
pub(super) fn all(
    durable: &Durable,
    root: &Path,
    candidates: &[Candidate],
    mut take: impl FnMut(&str, &str, Facts) -> Result<(), ProjectError>,
) -> Result<(), ProjectError> {
    if candidates.len() < MANY {
        for candidate in candidates {
            if let Some((fingerprint, facts)) = read(durable, root, candidate)? {
                take(&candidate.directory, &fingerprint, facts)?;
            }
        }
        return Ok(());
    }
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(MOST);
    let next = AtomicUsize::new(0);
    let (sender, receiver) = sync_channel(WAITING);
    thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next) = (sender.clone(), &next);
            let read_on = move || -> Option<()> {
                loop {
                    let candidate = candidates.get(next.fetch_add(1, Ordering::Relaxed))?;
                    // Nobody listens any more after an error.
                    sender
                        .send((candidate, read(durable, root, candidate)))
                        .ok()?;
                }
            };
            scope.spawn(read_on);
        }
        drop(sender);
        // Dropped at the end of this closure in any case, so that threads that wait to send come to their end.
        let receiver = receiver;
        for (candidate, found) in &receiver {
            if let Some((fingerprint, facts)) = found? {
                take(&candidate.directory, &fingerprint, facts)?;
            }
        }
        Ok(())
    })
}
