//! Removes what dead attempts left behind: everything in a job directory that no record speaks for.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::attempt::RecordedUnits;
use crate::durable::{Durable, EntryKind, is_temporary};
use crate::error::ProjectError;
use crate::{layout, state};

/// Removes from a job directory everything that no record speaks for: work of dead attempts, files on their way
/// to being published, unit directories without a line. What is removed stays removed after a power cut.
pub(crate) fn sweep(
    durable: &Durable,
    root: &Path,
    place: &Path,
    recorded: &RecordedUnits,
) -> Result<(), ProjectError> {
    sweep_temporary(durable, place)?;
    for attempt in state::attempt_places(durable, place)? {
        sweep_temporary(durable, &attempt)?;
        if durable.inspect(&attempt.join(layout::WORK))?.is_some() {
            durable.remove_tree(&attempt.join(layout::WORK))?;
            durable.sync_directory(&attempt)?;
        }
    }
    let units = place.join(layout::UNITS);
    let known: BTreeSet<PathBuf> = recorded
        .values()
        .map(|unit| unit.directory.under(root))
        .collect();
    let mut removed = false;
    for entry in durable.list(&units)? {
        let path = units.join(&entry.name);
        if known.contains(&path) {
            continue;
        }
        match entry.kind {
            EntryKind::Directory => durable.remove_tree(&path)?,
            EntryKind::File | EntryKind::Other => durable.remove_file(&path)?,
        }
        removed = true;
    }
    if removed {
        durable.sync_directory(&units)
    } else {
        Ok(())
    }
}

/// Removes the files on their way to being published that a dead process left in a directory.
fn sweep_temporary(durable: &Durable, directory: &Path) -> Result<(), ProjectError> {
    for entry in durable
        .list(directory)?
        .iter()
        .filter(|entry| is_temporary(&entry.name))
    {
        durable.remove_file(&directory.join(&entry.name))?;
    }
    Ok(())
}
