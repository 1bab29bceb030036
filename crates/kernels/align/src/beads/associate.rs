//! Candidates given to the points of a solved model; points that are one bead joined.

use glam::{DVec2, DVec3};
use thon_geometry::{Point, TiltGeometry};

use super::detect::Candidate;
use crate::adjust::{Observation, Solution, Track};

/// Where each point appears in each view: `places[view][point]`; `None` without geometry.
pub(super) fn predict(
    geometry: &[Option<TiltGeometry>],
    points: &[DVec3],
) -> Vec<Vec<Option<DVec2>>> {
    let in_view = |view: &Option<TiltGeometry>| {
        let place = |p: &DVec3| view.map(|v| v.project(Point::from_vector(*p)).position);
        points.iter().map(place).collect()
    };
    geometry.iter().map(in_view).collect()
}

/// The places of tracks that were solved, those nearer than `distance` joined (the better supported one stays).
pub(super) fn distinct(
    solution: &Solution,
    tracks: &[Track],
    least: usize,
    distance: f64,
) -> Vec<DVec3> {
    let mut found: Vec<(usize, f64, DVec3)> = Vec::new();
    for (index, point) in solution.points.iter().enumerate() {
        let Some(point) = point else { continue };
        let weight: f64 = solution.weights[index].iter().sum();
        let support = tracks[index].points.len();
        if weight >= least as f64 && weight >= 0.4 * support as f64 && point.is_finite() {
            found.push((index, weight, *point));
        }
    }
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut kept: Vec<DVec3> = Vec::new();
    for (_, _, point) in found {
        if kept.iter().all(|other| other.distance(point) > distance) {
            kept.push(point);
        }
    }
    kept
}

/// Tracks of the points from all candidates within `tolerance` of where they are expected; nearest first, each
/// candidate once.
pub(super) fn associate(
    candidates: &[Vec<Candidate>],
    places: &[Vec<Option<DVec2>>],
    points: usize,
    tolerance: f64,
) -> Vec<Track> {
    let mut tracks = vec![Track::default(); points];
    for (view, own) in candidates.iter().enumerate() {
        let mut all = Vec::new();
        for (point, place) in places[view].iter().enumerate() {
            let Some(place) = place else { continue };
            for (c, candidate) in own.iter().enumerate() {
                let far = candidate.position.distance(*place);
                if far < tolerance {
                    all.push((far, point, c));
                }
            }
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let (mut used, mut taken) = (vec![false; points], vec![false; own.len()]);
        for (_, point, c) in all {
            if !used[point] && !taken[c] {
                (used[point], taken[c]) = (true, true);
                tracks[point].points.push(Observation {
                    view,
                    position: own[c].position,
                    weight: 1.0,
                });
            }
        }
    }
    tracks
}
