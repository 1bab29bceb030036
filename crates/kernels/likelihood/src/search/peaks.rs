//! The separate peaks of a search: candidates for polishing.

use super::{GridEntry, GridPosterior, SearchGrid};
use crate::{Candidate, Placement, Prior};

/// Rotations looked at per peak wanted.
const LOOKED_AT: usize = 48;
/// Peaks are at least this many steps of the grid apart.
const APART: f64 = 1.5;

/// The highest of one entry per rotation and class that are not beside a higher one of their class, heaviest first.
pub(super) fn separate(
    grid: &SearchGrid,
    mut best: Vec<GridEntry>,
    maximum: usize,
) -> Vec<GridEntry> {
    let looked_at = maximum * LOOKED_AT;
    if best.len() > looked_at && looked_at > 0 {
        best.select_nth_unstable_by(looked_at - 1, super::heavier);
        best.truncate(looked_at);
    }
    best.sort_unstable_by(super::heavier);
    let mut peaks: Vec<GridEntry> = Vec::with_capacity(maximum);
    for entry in best {
        if peaks.len() >= maximum {
            break;
        }
        let rotation = grid.rotations[entry.rotation as usize];
        let beside = |peak: &GridEntry| {
            let other = grid.rotations[peak.rotation as usize];
            peak.class == entry.class && grid.angle_between(other, rotation) < APART * grid.spacing
        };
        if !peaks.iter().any(beside) {
            peaks.push(entry);
        }
    }
    peaks
}

/// The peaks that a search found as placements, heaviest first; at most `maximum`, at least one.
pub fn candidates(
    grid: &SearchGrid,
    found: &GridPosterior,
    prior: &Prior,
    maximum: usize,
) -> Vec<Candidate> {
    let peaks = found.peaks.iter().take(maximum.max(1));
    peaks
        .map(|peak| Candidate {
            class: peak.class,
            placement: Placement {
                rotation: grid.rotations[peak.rotation as usize],
                shift: prior.shift + grid.shifts[peak.shift as usize],
            },
        })
        .collect()
}
