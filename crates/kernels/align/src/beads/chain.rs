//! Tracks from candidates, outward from the lowest tilt in both directions.
//!
//! Every track carries its place in the specimen with its certainty: a bead seen once may lie at any height within the
//! specimen's thickness, one seen on several views is known. The displacement between views is found by voting over all
//! pairs of predicted tracks and candidates, weighed by how well each track is known.

use glam::{DMat3, DVec2, DVec3};
use thon_geometry::TiltGeometry;

use super::detect::Candidate;
use crate::adjust::{Observation, Track};

/// What the chaining assumes, Å.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChainOptions {
    /// Bead diameter.
    pub(super) diameter: f64,
    /// Standard deviation of the heights of beads.
    pub(super) height: f64,
    /// Largest displacement between neighbouring views against their start.
    pub(super) largest_shift: f64,
}

/// What the chaining found.
pub(super) struct Chained {
    /// Tracks, each with its observations.
    pub(super) tracks: Vec<Track>,
    /// Shift of each view; `None` where no candidate fitted.
    pub(super) shifts: Vec<Option<DVec2>>,
}

struct Live {
    seen: Vec<(usize, Candidate)>,
}

/// Views a track may miss before it ends in one direction.
const MISSES: usize = 4;

/// Chains candidates; `order`: the views by tilt angle.
pub(super) fn chain(
    candidates: &[Vec<Candidate>],
    start: &[TiltGeometry],
    order: &[usize],
    options: &ChainOptions,
) -> Chained {
    let mut shifts = vec![None; start.len()];
    let strength = |v: usize| candidates[v].len();
    let rich = order.iter().map(|&v| strength(v)).max().unwrap_or(0);
    let lowest = (0..order.len())
        .filter(|&r| 2 * strength(order[r]) >= rich && rich > 0)
        .min_by(|&a, &b| {
            let tilt = |r: usize| start[order[r]].tilt_angle.0.abs();
            tilt(a).total_cmp(&tilt(b)).then(a.cmp(&b))
        });
    let Some(middle) = lowest else {
        return Chained {
            tracks: Vec::new(),
            shifts,
        };
    };
    let reference = order[middle];
    shifts[reference] = Some(start[reference].shift);
    let seed = |c: &Candidate| Live {
        seen: vec![(reference, *c)],
    };
    let mut tracks: Vec<Live> = candidates[reference].iter().map(seed).collect();
    let upward: Vec<usize> = order[middle + 1..].to_vec();
    let downward: Vec<usize> = order[..middle].iter().rev().copied().collect();
    for direction in [upward, downward] {
        let mut passed = vec![reference];
        for view in direction {
            extend(
                &mut tracks,
                &mut shifts,
                view,
                &passed,
                candidates,
                start,
                options,
            );
            if shifts[view].is_some() {
                passed.push(view);
            }
        }
    }
    let track = |live: Live| Track {
        points: live
            .seen
            .into_iter()
            .map(|(view, c)| Observation {
                view,
                position: c.position,
                weight: 1.0,
            })
            .collect(),
    };
    Chained {
        tracks: tracks.into_iter().map(track).collect(),
        shifts,
    }
}

/// A track's expected place in a view, without the view's shift.
struct Expected {
    track: usize,
    position: DVec2,
    /// Standard deviation across the tilt axis.
    across: f64,
}

fn extend(
    tracks: &mut Vec<Live>,
    shifts: &mut [Option<DVec2>],
    view: usize,
    passed: &[usize],
    candidates: &[Vec<Candidate>],
    start: &[TiltGeometry],
    options: &ChainOptions,
) {
    let recent = &passed[passed.len().saturating_sub(MISSES)..];
    let expected: Vec<Expected> = tracks
        .iter()
        .enumerate()
        .filter(|(_, live)| live.seen.iter().any(|(v, _)| recent.contains(v)))
        .map(|(track, live)| expect(track, live, shifts, view, start, options))
        .collect();
    let hint = match passed.last() {
        Some(&last) => shifts[last].unwrap_or_default() + start[view].shift - start[last].shift,
        None => start[view].shift,
    };
    let axis = DVec2::from_angle(start[view].tilt_axis_angle.0);
    let Some(shift) = vote(&expected, &candidates[view], axis, hint, options) else {
        return;
    };
    let (pairs, shift) = assign(&expected, &candidates[view], axis, shift, options);
    // One chance agreement is no evidence: at least three beads, or most of the few there are.
    if pairs.len() < 3.min(expected.len().max(1)) {
        return;
    }
    shifts[view] = Some(shift);
    let mut taken = vec![false; candidates[view].len()];
    for (track, candidate) in pairs {
        taken[candidate] = true;
        tracks[track].seen.push((view, candidates[view][candidate]));
    }
    for (candidate, _) in candidates[view]
        .iter()
        .zip(&taken)
        .filter(|(_, taken)| !**taken)
    {
        tracks.push(Live {
            seen: vec![(view, *candidate)],
        });
    }
}

fn expect(
    track: usize,
    live: &Live,
    shifts: &[Option<DVec2>],
    view: usize,
    start: &[TiltGeometry],
    options: &ChainOptions,
) -> Expected {
    let noise = 0.12 * options.diameter;
    // The specimen's height is the prior; the plane has none to speak of.
    let mut information = DMat3::from_diagonal(DVec3::new(1e-12, 1e-12, options.height.powi(-2)));
    let mut right = DVec3::ZERO;
    for &(seen, candidate) in &live.seen {
        let matrix = start[seen].matrix();
        let rest = candidate.position - shifts[seen].unwrap_or_default();
        for (row, value) in [(matrix.row(0), rest.x), (matrix.row(1), rest.y)] {
            let weight = 1.0 / (noise * noise);
            information += DMat3::from_cols(row * row.x, row * row.y, row * row.z) * weight;
            right += row * value * weight;
        }
    }
    let covariance = information.inverse();
    let point = covariance * right;
    let matrix = start[view].matrix();
    let across = matrix.transpose() * DVec2::from_angle(start[view].tilt_axis_angle.0).extend(0.0);
    Expected {
        track,
        position: (matrix * point).truncate(),
        across: (across.dot(covariance * across)).max(0.0).sqrt() + noise,
    }
}

/// Distance of a miss in units of what is tolerated: across the axis by the certainty of the height, along it by the
/// accuracy of candidates.
fn misfit(miss: DVec2, across: f64, axis: DVec2, options: &ChainOptions) -> f64 {
    let u = miss.dot(axis) / (2.5 * across).max(0.3 * options.diameter);
    let w = miss.perp_dot(axis) / (0.4 * options.diameter);
    (u * u + w * w).sqrt()
}

fn vote(
    expected: &[Expected],
    candidates: &[Candidate],
    axis: DVec2,
    hint: DVec2,
    options: &ChainOptions,
) -> Option<DVec2> {
    let mut best: Option<(f64, DVec2)> = None;
    for anchor in expected {
        for candidate in candidates {
            let shift = candidate.position - anchor.position;
            if shift.distance(hint) > options.largest_shift {
                continue;
            }
            let mut score = 0.0;
            for track in expected {
                // The nearest candidate of each track counts once.
                let nearest = candidates
                    .iter()
                    .map(|c| {
                        misfit(
                            c.position - track.position - shift,
                            track.across + anchor.across,
                            axis,
                            options,
                        )
                    })
                    .fold(f64::INFINITY, f64::min);
                if nearest < 1.0 {
                    score += (1.0 - nearest * nearest) / (1.0 + track.across / options.diameter);
                }
            }
            score -= 1e-3 * shift.distance(hint) / options.largest_shift;
            if best.is_none_or(|(highest, _)| score > highest) {
                best = Some((score, shift));
            }
        }
    }
    best.map(|(_, shift)| shift)
}

/// Pairs of tracks and candidates, each used once, nearest first; and the shift they give.
fn assign(
    expected: &[Expected],
    candidates: &[Candidate],
    axis: DVec2,
    mut shift: DVec2,
    options: &ChainOptions,
) -> (Vec<(usize, usize)>, DVec2) {
    let mut pairs = Vec::new();
    for _ in 0..3 {
        let mut all = Vec::new();
        for (e, track) in expected.iter().enumerate() {
            for (c, candidate) in candidates.iter().enumerate() {
                let far = misfit(
                    candidate.position - track.position - shift,
                    track.across,
                    axis,
                    options,
                );
                if far < 1.0 {
                    all.push((far, e, c));
                }
            }
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let (mut track_used, mut taken) =
            (vec![false; expected.len()], vec![false; candidates.len()]);
        pairs.clear();
        let (mut sum, mut weights) = (DVec2::ZERO, DVec2::ZERO);
        for (_, e, c) in all {
            if track_used[e] || taken[c] {
                continue;
            }
            (track_used[e], taken[c]) = (true, true);
            pairs.push((expected[e].track, c));
            let miss = candidates[c].position - expected[e].position;
            // Along x of this frame lies the direction across the axis.
            let rotated = DVec2::new(miss.dot(axis), axis.perp_dot(miss));
            let weight = DVec2::new(expected[e].across.powi(-2), 1.0 / options.diameter.powi(2));
            sum += rotated * weight;
            weights += weight;
        }
        if pairs.is_empty() {
            break;
        }
        let mean = sum / weights;
        shift = axis * mean.x + axis.perp() * mean.y;
    }
    (pairs, shift)
}
