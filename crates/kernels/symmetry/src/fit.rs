//! One point group fitted to a map: its orientation, and how well each of its rotations holds.

use std::f64::consts::TAU;

use glam::{DQuat, DVec3};
use serde::{Deserialize, Serialize};
use thon_geometry::Symmetry;

use thon_compute::parallel::map_indices;

use crate::SelfCorrelation;
use crate::axes::{Axis, climb};

/// Voxels that the centre moves while the orientation turns by a radian: both are searched in one step.
const VOXELS: f64 = 10.0;

/// A group in the orientation that suits the map best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupFit {
    /// The group.
    pub group: Symmetry,
    /// Carries the axes of the group in its own orientation to those in the map.
    pub orientation: DQuat,
    /// Where its axes meet (for a cyclic group: a point on its axis), voxels (x, y, z) from voxel ⌊n/2⌋.
    pub centre: DVec3,
    /// Correlation of the map with its rotated self, mean over the rotations other than none.
    pub mean: f64,
    /// The same for the rotation that holds worst.
    pub weakest: f64,
}

/// Two rotations that generate a group: the one of the highest fold with its axis, and another, if there is one.
fn generators(group: Symmetry) -> (u16, DVec3, Option<DQuat>) {
    let golden = f64::midpoint(1.0, 5_f64.sqrt());
    let half = |axis: DVec3| DQuat::from_axis_angle(axis.normalize(), TAU / 2.0);
    match group {
        Symmetry::Cyclic(n) => (n, DVec3::Z, None),
        Symmetry::Dihedral(n) => (n, DVec3::Z, Some(half(DVec3::X))),
        Symmetry::Tetrahedral => (3, DVec3::Z, Some(half(DVec3::new(0.0, 2_f64.sqrt(), 1.0)))),
        Symmetry::Octahedral => (
            4,
            DVec3::Z,
            Some(DQuat::from_axis_angle(DVec3::ONE.normalize(), TAU / 3.0)),
        ),
        Symmetry::Icosahedral(_) => {
            let five = five_fold(group, golden);
            let two = group.rotations().into_iter().find(|q| {
                q.w.abs() < 1e-9 && {
                    let axis = DVec3::new(q.x, q.y, q.z);
                    axis.dot(five).abs() > 0.5 && axis.dot(five).abs() < 0.99
                }
            });
            (5, five, two)
        }
    }
}

/// A five-fold axis of an icosahedral group.
fn five_fold(group: Symmetry, golden: f64) -> DVec3 {
    let candidates = [
        DVec3::Z,
        DVec3::new(1.0, 0.0, golden),
        DVec3::new(golden, 0.0, -1.0),
    ];
    let elements = group.rotations();
    candidates
        .map(DVec3::normalize)
        .into_iter()
        .find(|&axis| {
            let turn = DQuat::from_axis_angle(axis, TAU / 5.0);
            elements.iter().any(|e| e.dot(turn).abs() > 1.0 - 1e-7)
        })
        .unwrap_or(DVec3::Z)
}

/// The fold whose axes a fit of the group starts from.
pub(crate) fn principal_fold(group: Symmetry) -> u16 {
    generators(group).0
}

/// Fits a group, its principal axis along one of the axes that were found for that fold.
pub(crate) fn fit_group(map: &SelfCorrelation, group: Symmetry, axes: &[Axis]) -> Option<GroupFit> {
    let (fold, principal, second) = generators(group);
    let mut best: Option<(DQuat, f64)> = None;
    for axis in axes {
        let carried = DQuat::from_rotation_arc(principal, axis.direction);
        for orientation in about(axis.direction, carried, fold, second.is_some()) {
            let value = second.map_or(axis.correlation, |g| map.at(turned(orientation, g)));
            let value = value + axis.correlation;
            if best.is_none_or(|(_, known)| value > known) {
                best = Some((orientation, value));
            }
        }
    }
    let (start, _) = best?;
    let elements = group.rotations();
    let probes: Vec<DQuat> =
        std::iter::once(DQuat::from_axis_angle(principal, TAU / f64::from(fold)))
            .chain(second)
            .collect();
    let at = |p: &[f64]| {
        let orientation = DQuat::from_scaled_axis(DVec3::new(p[0], p[1], p[2])) * start;
        let moved = DVec3::new(p[3], p[4], p[5]) * VOXELS;
        let of = |g: &DQuat| map.about(turned(orientation, *g), moved);
        probes.iter().map(of).sum::<f64>()
    };
    let (place, _) = climb(&at, &[0.0; 6], at(&[0.0; 6]), 0.05, 0.001);
    let orientation = (DQuat::from_scaled_axis(DVec3::from_slice(&place)) * start).normalize();
    let moved = DVec3::from_slice(&place[3..]) * VOXELS;
    let held = map_indices(elements.len() - 1, |i| {
        map.about(turned(orientation, elements[i + 1]), moved)
    });
    Some(GroupFit {
        group,
        orientation,
        centre: map.centre() + moved,
        mean: held.iter().sum::<f64>() / held.len() as f64,
        weakest: held.iter().copied().fold(f64::INFINITY, f64::min),
    })
}

/// A rotation of the group as it acts on the map.
fn turned(orientation: DQuat, element: DQuat) -> DQuat {
    orientation * element * orientation.conjugate()
}

/// Orientations with one axis in place, 4° apart about it; one suffices for a cyclic group.
fn about(axis: DVec3, carried: DQuat, fold: u16, several: bool) -> Vec<DQuat> {
    let range = TAU / f64::from(fold);
    let steps = if several {
        (range / 0.07).ceil() as usize
    } else {
        1
    };
    (0..steps)
        .map(|i| DQuat::from_axis_angle(axis, range * i as f64 / steps as f64) * carried)
        .collect()
}
