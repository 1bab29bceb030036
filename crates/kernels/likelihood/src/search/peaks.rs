//! The separate peaks among the entries of a search.

use super::{GridPosterior, SearchGrid};
use crate::prior::angle_between;
use crate::{Candidate, Placement, Prior};

/// Candidates for polishing: the heaviest entries that are no neighbours (in rotation and shift, within a class) of a
/// heavier one, at most `maximum`, heaviest first.
pub fn candidates(
    grid: &SearchGrid,
    found: &GridPosterior,
    prior: &Prior,
    maximum: usize,
) -> Vec<Candidate> {
    let mut chosen: Vec<Candidate> = Vec::with_capacity(maximum);
    for entry in &found.entries {
        if chosen.len() >= maximum.max(1) {
            break;
        }
        let placement = Placement {
            rotation: grid.rotations[entry.rotation as usize],
            shift: prior.shift + grid.shifts[entry.shift as usize],
        };
        let near = |other: &Candidate| {
            other.class == entry.class
                && other.placement.shift.distance(placement.shift) < 1.8 * grid.shift_step
                && angle_between(other.placement.rotation, placement.rotation) < 1.6 * grid.spacing
        };
        if !chosen.iter().any(near) {
            chosen.push(Candidate {
                class: entry.class,
                placement,
            });
        }
    }
    chosen
}
