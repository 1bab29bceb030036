//! Which files have come to rest: nothing about them changed while somebody looked.
//!
//! Clocks of file servers are not trusted: only this process' own time between looks counts, so that a process that
//! starts anew waits once more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Length and time of a file.
type State = (u64, Option<SystemTime>);

/// Files as they were seen.
#[derive(Debug, Default)]
pub(super) struct Steady {
    seen: BTreeMap<PathBuf, (State, Instant)>,
}

impl Steady {
    /// Looks at a file; true when it has been as it is for so long, false when it changed, is new or is not there.
    pub(super) fn look(&mut self, path: &Path, settle: Duration, now: Instant) -> bool {
        let Some(state) = state(path) else {
            self.seen.remove(path);
            return false;
        };
        let (before, since) = *self.seen.entry(path.to_owned()).or_insert((state, now));
        if before != state {
            self.seen.insert(path.to_owned(), (state, now));
            return false;
        }
        now.saturating_duration_since(since) >= settle
    }

    /// Whether a file was there when it was last looked at.
    pub(super) fn is_there(&self, path: &Path) -> bool {
        self.seen.contains_key(path)
    }

    /// Forgets files that nobody waits for any longer.
    pub(super) fn forget(&mut self, paths: &[PathBuf]) {
        for path in paths {
            self.seen.remove(path);
        }
    }
}

fn state(path: &Path) -> Option<State> {
    let metadata = std::fs::metadata(path)
        .ok()
        .filter(std::fs::Metadata::is_file)?;
    Some((metadata.len(), metadata.modified().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_rests_when_nothing_changes_between_looks() {
        let place = tempfile::tempdir().unwrap();
        let (file, settle) = (place.path().join("a"), Duration::from_secs(10));
        let mut steady = Steady::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!steady.look(&file, settle, at(0)));
        std::fs::write(&file, b"one").unwrap();
        assert!(!steady.look(&file, settle, at(1)));
        assert!(!steady.look(&file, settle, at(9)));
        // It grows: the time begins anew.
        std::fs::write(&file, b"one, two").unwrap();
        assert!(!steady.look(&file, settle, at(12)));
        assert!(!steady.look(&file, settle, at(21)));
        assert!(steady.look(&file, settle, at(22)));
        std::fs::remove_file(&file).unwrap();
        assert!(!steady.look(&file, settle, at(40)));
        assert!(!steady.is_there(&file));
    }
}
