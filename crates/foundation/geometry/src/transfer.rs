//! Poses from one alignment of a tilt series to another: where, in the specimen frame of the second, a particle must sit
//! so that every image shows it where it did.
//!
//! Two alignments of the same images differ by the free gauge of the alignment (a rotation and translation of the
//! specimen, a common tilt offset) and by their errors. Position: the point whose projections come closest to the old
//! ones, a linear least-squares problem. Orientation: the rotation that, followed by the new view, comes closest to the
//! old rotation followed by the old view, averaged over the views (chordal mean, to first order in their spread).

use glam::{DMat3, DQuat, DVec3};

use crate::{Point, Pose, Rotation, TiltGeometry};

/// A pose in another alignment, and how well the two agree on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transferred {
    /// The pose in the specimen frame of the new alignment.
    pub pose: Pose,
    /// Root mean square distance between old and new projections, Å.
    pub residual: f64,
    /// Root mean square angle between the orientation as each view wants it and the common one, radians.
    pub spread: f64,
}

/// Smallest determinant of the normal matrix, per view, with which three coordinates are determined: views within 1°.
const DETERMINED: f64 = 3e-4;

/// Carries a pose over. `views` pairs the geometry of each image in the old alignment with that in the new one.
/// `None` when the views do not determine a point in three dimensions (fewer than two different tilts).
///
/// ```
/// use thon_geometry::{Point, Pose, Rotation, TiltGeometry, transfer};
/// use thon_units::Degrees;
/// let turned = Rotation::about_y(Degrees(3.0).radians());
/// let views: Vec<_> = [-40.0, 0.0, 40.0].map(|t| {
///     let old = TiltGeometry::tilted(Degrees(t).radians());
///     (old, TiltGeometry { tilt_angle: Degrees(t - 3.0).radians(), ..old })
/// }).into();
/// let pose = Pose::new(Rotation::identity(), Point::new(100.0, 50.0, -30.0));
/// let moved = transfer(pose, &views).unwrap();
/// assert!(moved.pose.position.distance(turned * pose.position) < 1e-9 && moved.residual < 1e-9);
/// ```
pub fn transfer(pose: Pose, views: &[(TiltGeometry, TiltGeometry)]) -> Option<Transferred> {
    // A straight chain that touches each new one at the place found: two rounds, for deformations are slight.
    let mut straight = views.to_vec();
    let mut position = position(pose, views)?;
    if views.iter().any(|(_, new)| new.deformation.is_some()) {
        for _ in 0..3 {
            for (near, (_, new)) in straight.iter_mut().zip(views) {
                near.1 = new.near(Point::from_vector(position));
            }
            position = self::position(pose, &straight)?;
        }
    }
    for (near, (old, _)) in straight.iter_mut().zip(views) {
        near.0 = old.near(pose.position);
    }
    let miss = |(old, new): &(TiltGeometry, TiltGeometry)| {
        let there = new.project(Point::from_vector(position)).position;
        (there - old.project(pose.position).position).length_squared()
    };
    let count = views.len() as f64;
    let (turn, spread) = turn(&straight);
    Some(Transferred {
        pose: Pose::new(
            Rotation::from_quaternion(turn * pose.rotation.quaternion()),
            Point::from_vector(position),
        ),
        residual: (views.iter().map(miss).sum::<f64>() / count).sqrt(),
        spread,
    })
}

fn position(pose: Pose, views: &[(TiltGeometry, TiltGeometry)]) -> Option<DVec3> {
    let (mut normal, mut right) = (DMat3::ZERO, DVec3::ZERO);
    for (old, new) in views {
        let wanted = old.project(pose.position).position - new.shift;
        let matrix = new.matrix();
        for (row, value) in [(matrix.row(0), wanted.x), (matrix.row(1), wanted.y)] {
            normal += DMat3::from_cols(row * row.x, row * row.y, row * row.z);
            right += row * value;
        }
    }
    let determined = normal.determinant() > DETERMINED * (views.len() as f64).powi(3);
    determined.then(|| normal.inverse() * right)
}

/// Rotation from the old specimen to the new one, and the root mean square angle of the views' own from it.
fn turn(views: &[(TiltGeometry, TiltGeometry)]) -> (DQuat, f64) {
    let wanted: Vec<DQuat> = views
        .iter()
        .map(|(old, new)| new.rotation().quaternion().conjugate() * old.rotation().quaternion())
        .collect();
    let first = wanted[0];
    let sum = wanted
        .iter()
        .fold(DQuat::from_xyzw(0.0, 0.0, 0.0, 0.0), |sum, one| {
            if one.dot(first) < 0.0 {
                sum - *one
            } else {
                sum + *one
            }
        });
    let mean = sum.normalize();
    let squares: f64 = wanted
        .iter()
        .map(|one| (2.0 * mean.dot(*one).abs().min(1.0).acos()).powi(2))
        .sum();
    (mean, (squares / wanted.len() as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_units::Degrees;

    fn views(offset: f64, shift: f64) -> Vec<(TiltGeometry, TiltGeometry)> {
        let one = |i: i32| {
            let old = TiltGeometry {
                tilt_axis_angle: Degrees(84.0).radians(),
                x_tilt: Degrees(1.0).radians(),
                ..TiltGeometry::tilted(Degrees(f64::from(i) * 10.0).radians())
            };
            let mut new = old;
            new.tilt_angle = Degrees(f64::from(i) * 10.0 + offset).radians();
            new.x_tilt = Degrees(0.0).radians();
            new.shift += glam::DVec2::new(shift * f64::from(i % 2), 0.0);
            (old, new)
        };
        (-5..=5).map(one).collect()
    }

    #[test]
    fn another_gauge_shows_particles_where_they_were() {
        let pose = Pose::new(
            Rotation::about_x(Degrees(30.0).radians()),
            Point::new(900.0, -400.0, 250.0),
        );
        let moved = transfer(pose, &views(-2.0, 0.0)).unwrap();
        assert!(moved.residual < 1e-9 && moved.spread < 1e-6, "{moved:?}");
        for (old, new) in views(-2.0, 0.0) {
            let before = old.rotation().quaternion() * pose.rotation.quaternion();
            let after = new.rotation().quaternion() * moved.pose.rotation.quaternion();
            assert!(before.angle_between(after) < 1e-6);
            let depth = old.project(pose.position).depth - new.project(moved.pose.position).depth;
            assert!(depth.abs() < 1e-9);
        }
    }

    #[test]
    fn a_deformed_alignment_shows_particles_where_they_were() {
        let pose = Pose::new(
            Rotation::about_x(Degrees(30.0).radians()),
            Point::new(900.0, -400.0, 250.0),
        );
        let bent = |(old, mut new): (TiltGeometry, TiltGeometry)| {
            let mut deformation = crate::Deformation::still(2000.0);
            deformation.specimen.terms[2] = DVec3::new(5.0, 0.0, 40.0);
            new.deformation = Some(deformation);
            // The old alignment is straight and shows what the new one shows at one point of the specimen.
            let there = Point::new(870.0, -420.0, 290.0);
            (
                TiltGeometry {
                    shift: old.shift + new.project(there).position
                        - old.project(pose.position).position,
                    ..old
                },
                new,
            )
        };
        let pairs: Vec<_> = views(0.0, 0.0).into_iter().map(bent).collect();
        let moved = transfer(pose, &pairs).unwrap();
        assert!(moved.residual < 1e-6, "{moved:?}");
        assert!(
            moved
                .pose
                .position
                .distance(Point::new(870.0, -420.0, 290.0))
                < 1e-4
        );
    }

    #[test]
    fn what_the_alignments_disagree_on_is_told() {
        let pose = Pose::new(Rotation::identity(), Point::new(0.0, 0.0, 100.0));
        let moved = transfer(pose, &views(0.0, 4.0)).unwrap();
        assert!(moved.residual > 1.0 && moved.residual < 3.0, "{moved:?}");
    }

    #[test]
    fn one_view_determines_nothing() {
        let pose = Pose::new(Rotation::identity(), Point::new(0.0, 0.0, 100.0));
        assert!(transfer(pose, &views(0.0, 0.0)[..1]).is_none());
        assert!(transfer(pose, &[]).is_none());
    }
}
