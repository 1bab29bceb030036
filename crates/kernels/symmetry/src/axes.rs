//! Axes of each fold: a scan over the half sphere, then the best of them refined.

use std::f64::consts::TAU;

use glam::{DQuat, DVec3};
use thon_geometry::healpix;

use crate::SelfCorrelation;

/// HEALPix order of the scan: directions 7.3° apart.
const SCAN_ORDER: u8 = 3;
/// Axes kept per fold.
const KEPT: usize = 6;

/// An axis and how well the map agrees with itself turned about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) direction: DVec3,
    pub(crate) correlation: f64,
}

/// The best axes of a fold, best first, each refined.
pub(crate) fn axes_of_fold(map: &SelfCorrelation, fold: u16) -> Vec<Axis> {
    let directions: Vec<DVec3> = (0..healpix::pixel_count(SCAN_ORDER))
        .map(|pixel| healpix::direction(SCAN_ORDER, pixel))
        .filter(|d| d.z > 1e-9 || (d.z > -1e-9 && (d.y > 1e-9 || (d.y > -1e-9 && d.x > 0.0))))
        .collect();
    let correlations = thon_compute::parallel::map_indices(directions.len(), |i| {
        map.at(turn(fold, directions[i]))
    });
    let mut scanned: Vec<Axis> = directions
        .into_iter()
        .zip(correlations)
        .map(|(direction, correlation)| Axis {
            direction,
            correlation,
        })
        .collect();
    scanned.sort_by(|a, b| b.correlation.total_cmp(&a.correlation));
    let mut kept: Vec<Axis> = Vec::new();
    for axis in scanned {
        let apart =
            |other: &Axis| other.direction.dot(axis.direction).abs() < 12_f64.to_radians().cos();
        if kept.len() < KEPT && kept.iter().all(apart) {
            kept.push(axis);
        }
    }
    let mut refined =
        thon_compute::parallel::map_indices(kept.len(), |i| refined(map, fold, kept[i]));
    refined.sort_by(|a, b| b.correlation.total_cmp(&a.correlation));
    refined
}

/// The rotation of 360°/fold about an axis.
pub(crate) fn turn(fold: u16, direction: DVec3) -> DQuat {
    DQuat::from_axis_angle(direction.normalize(), TAU / f64::from(fold))
}

fn refined(map: &SelfCorrelation, fold: u16, start: Axis) -> Axis {
    let (u, v) = start.direction.any_orthonormal_pair();
    let at = |p: &[f64]| {
        let direction = (start.direction + u * p[0] + v * p[1]).normalize();
        map.at(turn(fold, direction))
    };
    let (place, correlation) = climb(&at, &[0.0, 0.0], start.correlation, 0.06, 0.002);
    let direction = (start.direction + u * place[0] + v * place[1]).normalize();
    Axis {
        direction,
        correlation,
    }
}

/// The maximum of a function by a search along the axes of its parameters, its step halved when none of them helps.
pub(crate) fn climb(
    at: &dyn Fn(&[f64]) -> f64,
    start: &[f64],
    value: f64,
    first_step: f64,
    last_step: f64,
) -> (Vec<f64>, f64) {
    let (mut place, mut best, mut step) = (start.to_vec(), value, first_step);
    while step >= last_step {
        let mut moved = false;
        for i in 0..place.len() {
            for sign in [1.0, -1.0] {
                let mut tried = place.clone();
                tried[i] += sign * step;
                let value = at(&tried);
                if value > best {
                    (place, best, moved) = (tried, value, true);
                    break;
                }
            }
        }
        if !moved {
            step /= 2.0;
        }
    }
    (place, best)
}
