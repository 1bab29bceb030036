//! From scores to picks: peaks above a threshold that is a number of false positives, a rate, a count or a score; what is left out keeps its
//! reason.

use glam::DVec3;
use ndarray::Array3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_signal::correlate::find_peaks3;

use crate::significance::{FalsePositives, is_inside};

/// Where picking stops.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Threshold {
    /// So many false positives are expected in the whole tomogram.
    FalsePositives(f64),
    /// This part of all picks is expected to be false.
    FalseDiscoveryRate(f64),
    /// The highest so many peaks.
    Count(usize),
    /// Scores from here on.
    Score(f32),
}

impl Default for Threshold {
    fn default() -> Self {
        Self::FalseDiscoveryRate(0.05)
    }
}

/// Why a peak is no pick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rejection {
    /// Closer to a face of the tomogram than the margin.
    NearFace,
    /// Outside the mask.
    OutsideMask,
    /// On a gold bead.
    OnBead,
    /// No peak but a ridge or plateau: it hardly rises above its neighbours.
    Broad,
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NearFace => "too near to a face of the tomogram",
            Self::OutsideMask => "outside the mask",
            Self::OnBead => "on a gold bead",
            Self::Broad => "a ridge or plateau of the scores, not a peak",
        })
    }
}

/// A peak of the scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pick {
    /// Fractional voxel `(x, y, z)`.
    pub position: DVec3,
    /// The voxel the peak was found at, `[z, y, x]`.
    pub voxel: [usize; 3],
    /// Score there: z where there are error rates.
    pub score: f32,
    /// Expected number of false positives among all picks with at least this score; NaN when not known.
    pub false_positives: f64,
}

/// What limits picks besides their score; lengths in voxels.
#[derive(Clone, Debug, Default)]
pub struct Limits<'a> {
    /// Smallest distance between picks.
    pub distance: f64,
    /// Smallest distance from a face.
    pub margin: f64,
    /// Where picks may be; everywhere when absent. `[z, y, x]`, above ½ is inside.
    pub mask: Option<&'a Array3<f32>>,
    /// Centres of gold beads.
    pub beads: &'a [DVec3],
    /// How near to a bead a pick may be.
    pub bead_distance: f64,
    /// How far a peak must rise above an opening by a cross of seven voxels (white top hat), in units of the score; 0 for no matter.
    pub rise: f32,
    /// Most picks.
    pub most: usize,
}

/// Peaks kept and peaks above the threshold that were not, each highest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picks {
    /// Kept.
    pub kept: Vec<Pick>,
    /// Not kept, and why.
    pub rejected: Vec<(Pick, Rejection)>,
    /// Score of the lowest pick that the threshold allows.
    pub threshold: f32,
}

/// Picks peaks of `scores`. Thresholds by false positives need `chance`; without it they allow every peak above 0.
///
/// ```
/// use ndarray::Array3;
/// use thon_pick::{Limits, Threshold, pick_peaks};
/// let mut scores = Array3::<f32>::zeros((20, 20, 20));
/// scores[[10, 5, 8]] = 3.0;
/// scores[[1, 10, 10]] = 2.0;
/// let limits = Limits { distance: 3.0, margin: 2.0, most: 10, ..Limits::default() };
/// let picks = pick_peaks(&scores, None, Threshold::Score(1.0), &limits);
/// assert_eq!(picks.kept[0].position.to_array(), [8.0, 5.0, 10.0]);
/// assert_eq!(picks.rejected[0].1.to_string(), "too near to a face of the tomogram");
/// ```
pub fn pick_peaks(
    scores: &Array3<f32>,
    chance: Option<&FalsePositives>,
    threshold: Threshold,
    limits: &Limits<'_>,
) -> Picks {
    let lowest = match (threshold, chance) {
        (Threshold::Score(score), _) => score,
        (Threshold::FalsePositives(count), Some(chance)) => chance.threshold(count) as f32,
        (Threshold::FalseDiscoveryRate(_), Some(chance)) => {
            chance.threshold(chance.peaks.len() as f64 * 0.5) as f32
        }
        _ => f32::MIN_POSITIVE,
    };
    let (nz, ny, nx) = scores.dim();
    let mut picks = Picks::default();
    for peak in find_peaks3(scores, lowest, limits.distance, usize::MAX) {
        if picks.kept.len() >= limits.most {
            break;
        }
        let pick = Pick {
            position: DVec3::from_array(peak.position),
            voxel: voxel(peak.position, [nz, ny, nx]),
            score: peak.value,
            false_positives: chance.map_or(f64::NAN, |c| c.expected(f64::from(peak.value))),
        };
        match rejection(scores, &pick, limits) {
            Some(reason) => picks.rejected.push((pick, reason)),
            None => picks.kept.push(pick),
        }
    }
    let allowed = allowed(&picks.kept, threshold);
    picks.kept.truncate(allowed);
    picks.threshold = match threshold {
        Threshold::Score(_) | Threshold::FalsePositives(_) => lowest,
        _ => picks.kept.last().map_or(f32::INFINITY, |pick| pick.score),
    };
    let last = picks.threshold;
    picks.rejected.retain(|(pick, _)| pick.score >= last);
    picks
}

fn allowed(kept: &[Pick], threshold: Threshold) -> usize {
    match threshold {
        Threshold::Count(count) => count.min(kept.len()),
        Threshold::FalseDiscoveryRate(rate) => {
            let within = |&i: &usize| {
                let expected = kept[i].false_positives;
                expected.is_nan() || expected <= rate * (i + 1) as f64
            };
            (0..kept.len())
                .rev()
                .find(within)
                .map_or(0, |last| last + 1)
        }
        _ => kept.len(),
    }
}

fn voxel([x, y, z]: [f64; 3], dims: [usize; 3]) -> [usize; 3] {
    let nearest = |at: f64, length: usize| (at.round().max(0.0) as usize).min(length - 1);
    [
        nearest(z, dims[0]),
        nearest(y, dims[1]),
        nearest(x, dims[2]),
    ]
}

fn rejection(scores: &Array3<f32>, pick: &Pick, limits: &Limits<'_>) -> Option<Rejection> {
    let (nz, ny, nx) = scores.dim();
    let position = pick.position.to_array();
    if !is_inside(position, [nz, ny, nx], limits.margin) {
        return Some(Rejection::NearFace);
    }
    if limits
        .mask
        .is_some_and(|mask| mask.get(pick.voxel).is_none_or(|m| *m < 0.5))
    {
        return Some(Rejection::OutsideMask);
    }
    let near = |bead: &DVec3| bead.distance(pick.position) < limits.bead_distance;
    if limits.beads.iter().any(near) {
        return Some(Rejection::OnBead);
    }
    (limits.rise > 0.0 && top_hat(scores, pick.voxel) < limits.rise).then_some(Rejection::Broad)
}

/// The seven voxels of a cross.
const CROSS: [[i64; 3]; 7] = [
    [0, 0, 0],
    [-1, 0, 0],
    [1, 0, 0],
    [0, -1, 0],
    [0, 1, 0],
    [0, 0, -1],
    [0, 0, 1],
];

/// Height of a voxel above the opening by a cross: the highest of the crosses' minima that hold it.
fn top_hat(scores: &Array3<f32>, at: [usize; 3]) -> f32 {
    let value = |middle: [i64; 3], step: [i64; 3]| {
        let index = [0, 1, 2].map(|axis| (middle[axis] + step[axis]) as usize);
        scores.get(index).copied().unwrap_or(f32::INFINITY)
    };
    let lowest = |middle: [i64; 3]| {
        CROSS
            .iter()
            .map(|step| value(middle, *step))
            .fold(f32::INFINITY, f32::min)
    };
    let middles = CROSS
        .iter()
        .map(|step| [0, 1, 2].map(|axis| at[axis] as i64 + step[axis]));
    let inside = |m: &[i64; 3]| scores.get([0, 1, 2].map(|a| m[a] as usize)).is_some();
    let opening = middles
        .filter(inside)
        .map(lowest)
        .fold(f32::NEG_INFINITY, f32::max);
    scores[at] - opening
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> Array3<f32> {
        let mut scores = Array3::<f32>::from_elem((30, 30, 30), 0.1);
        // Three peaks, one of them beside a bead, and a wall that ends in a slightly higher voxel.
        for (at, value) in [([10, 10, 10], 5.0), ([20, 10, 22], 4.0), ([15, 22, 8], 3.0)] {
            scores[at] = value;
        }
        for z in 3..27 {
            for y in 26..30 {
                for x in 3..27 {
                    scores[[z, y, x]] = 6.0;
                }
            }
        }
        scores[[12, 28, 12]] = 6.2;
        scores
    }

    #[test]
    fn every_rejected_peak_keeps_its_reason() {
        let scores = scene();
        let mut mask = Array3::<f32>::ones((30, 30, 30));
        mask[[15, 22, 8]] = 0.0;
        let limits = Limits {
            distance: 4.0,
            mask: Some(&mask),
            beads: &[DVec3::new(22.0, 11.0, 20.0)],
            bead_distance: 3.0,
            rise: 1.0,
            most: 100,
            ..Limits::default()
        };
        let picks = pick_peaks(&scores, None, Threshold::Score(1.0), &limits);
        assert_eq!(
            picks.kept.iter().map(|p| p.voxel).collect::<Vec<_>>(),
            [[10, 10, 10]]
        );
        let reason = |r: Rejection| {
            picks
                .rejected
                .iter()
                .filter(|(_, reason)| *reason == r)
                .count()
        };
        assert_eq!(
            (reason(Rejection::OutsideMask), reason(Rejection::OnBead)),
            (1, 1)
        );
        assert!(reason(Rejection::Broad) >= 1);
    }

    #[test]
    fn a_discovery_rate_is_that_of_the_list() {
        let mut scores = Array3::<f32>::zeros((40, 40, 40));
        for i in 0..8_usize {
            scores[[5 + 4 * i, 20, 10]] = 20.0 - i as f32;
            scores[[5 + 4 * i, 20, 30]] = 3.0 - 0.1 * i as f32;
        }
        let chance = FalsePositives::of((0..4000).map(|i| 0.001 * i as f32).collect());
        let limits = Limits {
            distance: 2.0,
            most: 100,
            ..Limits::default()
        };
        let picks = pick_peaks(
            &scores,
            Some(&chance),
            Threshold::FalseDiscoveryRate(0.1),
            &limits,
        );
        assert_eq!(picks.kept.len(), 8);
        assert!(picks.kept.iter().all(|p| p.false_positives < 0.8));
        assert_eq!(
            pick_peaks(&scores, Some(&chance), Threshold::Count(11), &limits)
                .kept
                .len(),
            11
        );
    }
}
