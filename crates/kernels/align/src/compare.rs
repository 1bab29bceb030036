//! Two alignments of one series compared view by view, after the one rigid motion of the specimen that no image shows.
//!
//! Points spread over the specimen are projected with both; the second alignment may move the specimen as a whole (three
//! turns, three shifts; Gauss–Newton, views that disagree weighted down). What is left in the images is the disagreement.

use glam::{DMat3, DVec2, DVec3};
use thon_compute::cholesky::Cholesky;
use thon_geometry::{Point, TiltGeometry};

use crate::adjust::median;

/// Disagreement on one view.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ViewDifference {
    /// Root mean square distance of the projections over the specimen, Å.
    pub distance: f64,
    /// The part common to the whole image, Å.
    pub shift: DVec2,
    /// Difference of tilt angles (second − first), radians, the common turn removed.
    pub tilt: f64,
    /// Difference of axis angles (second − first), radians, the common turn removed.
    pub axis: f64,
    /// Ratio of magnifications (second / first).
    pub magnification: f64,
}

/// Result of [`compare`].
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// One entry per view; `None` where an alignment has no geometry.
    pub views: Vec<Option<ViewDifference>>,
    /// Turn of the specimen about x, y, z that carries the first alignment's specimen to the second's, radians.
    pub turn: DVec3,
    /// Shift that goes with it, Å.
    pub shift: DVec3,
    /// Root mean square distance over all views, Å.
    pub distance: f64,
}

/// Compares two alignments over a specimen of `extent` Å (x, y, z). `None` with fewer than three common views.
pub fn compare(
    first: &[Option<TiltGeometry>],
    second: &[Option<TiltGeometry>],
    extent: DVec3,
) -> Option<Comparison> {
    let pairs: Vec<(usize, TiltGeometry, TiltGeometry)> = first
        .iter()
        .zip(second)
        .enumerate()
        .filter_map(|(view, (a, b))| Some((view, (*a)?, (*b)?)))
        .collect();
    if pairs.len() < 3 {
        return None;
    }
    let points = grid(extent);
    let mut motion = [0.0; 6];
    let mut weights = vec![1.0; pairs.len()];
    for round in 0..30 {
        let step = step(&pairs, &points, &motion, &weights)?;
        for (value, step) in motion.iter_mut().zip(&step) {
            *value += step;
        }
        // Views that disagree more than most must not turn the specimen for the others.
        let distances: Vec<f64> = pairs
            .iter()
            .map(|p| distance(&misses(p, &points, &motion)))
            .collect();
        let usual = median(&distances).max(1e-9);
        for (weight, distance) in weights.iter_mut().zip(&distances) {
            *weight = (2.0 * usual / distance.max(1e-12)).min(1.0).powi(2);
        }
        let small =
            step[..3].iter().all(|s| s.abs() < 1e-10) && step[3..].iter().all(|s| s.abs() < 1e-6);
        if small && round > 3 {
            break;
        }
    }
    let turn = turn_of(&motion);
    let mut views = vec![None; first.len()];
    let mut sum = 0.0;
    for pair in &pairs {
        let misses = misses(pair, &points, &motion);
        let own = distance(&misses);
        sum += own * own;
        let (tilt, axis) = angles(&(pair.2.matrix() * turn));
        let (before_tilt, before_axis) = angles(&pair.1.matrix());
        let scale = |g: &TiltGeometry| g.affine.determinant().abs().sqrt();
        views[pair.0] = Some(ViewDifference {
            distance: own,
            shift: misses.iter().sum::<DVec2>() / misses.len() as f64,
            tilt: tilt - before_tilt,
            axis: wrapped(axis - before_axis),
            magnification: scale(&pair.2) / scale(&pair.1),
        });
    }
    Some(Comparison {
        views,
        turn: DVec3::new(motion[0], motion[1], motion[2]),
        shift: DVec3::new(motion[3], motion[4], motion[5]),
        distance: (sum / pairs.len() as f64).sqrt(),
    })
}

/// 5 × 5 × 3 points over the middle four fifths of the extent in the plane, over its whole height.
fn grid(extent: DVec3) -> Vec<DVec3> {
    let mut points = Vec::new();
    for z in -1..=1 {
        for y in -2..=2 {
            for x in -2..=2 {
                points.push(
                    DVec3::new(f64::from(x) * 0.2, f64::from(y) * 0.2, f64::from(z) * 0.5) * extent,
                );
            }
        }
    }
    points
}

fn turn_of(motion: &[f64; 6]) -> DMat3 {
    DMat3::from_rotation_z(motion[2])
        * DMat3::from_rotation_y(motion[1])
        * DMat3::from_rotation_x(motion[0])
}

fn misses(
    (_, first, second): &(usize, TiltGeometry, TiltGeometry),
    points: &[DVec3],
    motion: &[f64; 6],
) -> Vec<DVec2> {
    let turn = turn_of(motion);
    let by = DVec3::new(motion[3], motion[4], motion[5]);
    let seen = |view: &TiltGeometry, p: DVec3| view.project(Point::from_vector(p)).position;
    let miss = |p: &DVec3| seen(second, turn * *p + by) - seen(first, *p);
    points.iter().map(miss).collect()
}

fn distance(misses: &[DVec2]) -> f64 {
    (misses.iter().map(|m| m.length_squared()).sum::<f64>() / misses.len().max(1) as f64).sqrt()
}

fn step(
    pairs: &[(usize, TiltGeometry, TiltGeometry)],
    points: &[DVec3],
    motion: &[f64; 6],
    weights: &[f64],
) -> Option<Vec<f64>> {
    let (mut normal, mut right) = (vec![0.0; 36], vec![0.0; 6]);
    for (pair, weight) in pairs.iter().zip(weights) {
        let now = misses(pair, points, motion);
        let columns: Vec<Vec<DVec2>> = (0..6)
            .map(|k| {
                let h = if k < 3 { 1e-6 } else { 1e-2 };
                let (mut plus, mut minus) = (*motion, *motion);
                plus[k] += h;
                minus[k] -= h;
                let (plus, minus) = (misses(pair, points, &plus), misses(pair, points, &minus));
                plus.iter()
                    .zip(&minus)
                    .map(|(p, m)| (*p - *m) / (2.0 * h))
                    .collect()
            })
            .collect();
        let dot = |a: &[DVec2], b: &[DVec2]| a.iter().zip(b).map(|(x, y)| x.dot(*y)).sum::<f64>();
        for i in 0..6 {
            right[i] -= weight * dot(&columns[i], &now);
            for j in 0..=i {
                normal[i * 6 + j] += weight * dot(&columns[i], &columns[j]);
            }
        }
    }
    Some(Cholesky::new(6, normal).ok()?.solve(&right))
}

/// Tilt and axis angle of a map from specimen to image (its first two rows), radians.
fn angles(matrix: &DMat3) -> (f64, f64) {
    let beam = matrix.row(0).cross(matrix.row(1));
    (
        (-beam.x).atan2(beam.z),
        (-matrix.y_axis.x).atan2(matrix.y_axis.y),
    )
}

fn wrapped(angle: f64) -> f64 {
    let turn = std::f64::consts::TAU;
    (angle + 0.5 * turn).rem_euclid(turn) - 0.5 * turn
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_geometry::Rotation;
    use thon_units::Degrees;

    fn series() -> Vec<Option<TiltGeometry>> {
        let view = |k: i32| TiltGeometry {
            tilt_axis_angle: Degrees(85.0).radians(),
            shift: DVec2::new(f64::from(k * 7 % 5) * 11.0, f64::from(k * 3 % 7) * -9.0),
            ..TiltGeometry::tilted(Degrees(f64::from(k) * 6.0).radians())
        };
        (-10..=10).map(|k| Some(view(k))).collect()
    }

    #[test]
    fn a_moved_specimen_is_the_same_alignment() {
        let first = series();
        let turn = Rotation::<thon_geometry::Specimen, thon_geometry::Specimen>::about_y(
            Degrees(2.0).radians(),
        ) * Rotation::about_x(Degrees(-1.5).radians());
        let by = DVec3::new(40.0, -30.0, 25.0);
        let second: Vec<_> = first.iter().map(|g| g.map(|g| g.moved(turn, by))).collect();
        let found = compare(&first, &second, DVec3::new(4000.0, 4000.0, 1500.0)).unwrap();
        assert!(found.distance < 1e-4, "{}", found.distance);
        assert!(
            (found.turn.y.to_degrees() - 2.0).abs() < 1e-6 && (found.shift - by).length() < 1e-3
        );
    }

    #[test]
    fn one_wrong_view_is_named_and_does_not_spoil_the_others() {
        let first = series();
        let mut second = first.clone();
        if let Some(view) = &mut second[3] {
            view.shift += DVec2::new(500.0, 0.0);
        }
        let found = compare(&first, &second, DVec3::new(4000.0, 4000.0, 1500.0)).unwrap();
        let far = |view: usize| found.views[view].unwrap().distance;
        assert!((far(3) - 500.0).abs() < 2.0 && (0..21).filter(|&v| v != 3).all(|v| far(v) < 1.0));
        assert!(compare(&first[..2], &second[..2], DVec3::ONE).is_none());
    }
}
