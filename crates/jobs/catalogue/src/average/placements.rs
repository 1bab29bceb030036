//! Poses of a particle set ↔ placements in the frame of the data.
//!
//! Stored volumes: axes and centre of their box. Tilt images, stored or cut: axes of the specimen, centre where they were cut.
//! A placement turns the reference into that frame and shifts it in voxels.

use std::collections::BTreeMap;

use thon_geometry::glam::DQuat;
use thon_geometry::{Point, Pose, Rotation};
use thon_likelihood::Placement;
use thon_model::ParticleSet;

/// The noise group of each particle: its tilt series, numbered in the order of the set's names without gaps.
pub(super) fn groups(set: &ParticleSet) -> Vec<u32> {
    let mut used: BTreeMap<u32, u32> = set.tilt_series.iter().map(|index| (*index, 0)).collect();
    for (next, group) in used.values_mut().enumerate() {
        *group = next as u32;
    }
    set.tilt_series.iter().map(|index| used[index]).collect()
}

/// Where each particle is in the frame of its data.
pub(super) fn placements(set: &ParticleSet, voxel_size: f64) -> Vec<Placement> {
    let one = |row: usize| match set.pose_in_box(row) {
        Some(pose) => Placement {
            rotation: unit(pose.rotation.quaternion()),
            shift: pose.position.xyz / voxel_size,
        },
        None => Placement {
            rotation: unit(set.poses[row].rotation.quaternion()),
            ..Placement::default()
        },
    };
    (0..set.len()).map(one).collect()
}

fn unit(rotation: DQuat) -> DQuat {
    if rotation.length() > 0.0 {
        rotation.normalize()
    } else {
        DQuat::IDENTITY
    }
}

/// Writes placements back as poses; those of particles without stored images are relative to where they were cut.
pub(super) fn place(set: &mut ParticleSet, placements: &[Placement], voxel_size: f64) {
    for (row, placement) in placements.iter().enumerate() {
        let rotation = placement.rotation.normalize();
        let shift = placement.shift * voxel_size;
        if set.images.is_some() {
            let placed = Pose::new(
                Rotation::from_unit_quaternion(rotation),
                Point::from_vector(shift),
            );
            set.set_pose_in_box(row, placed);
        } else {
            let position = set.poses[row].position.translated(shift);
            set.poses[row] = Pose::new(Rotation::from_unit_quaternion(rotation), position);
        }
    }
    set.oriented = true;
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_geometry::glam::DVec3;

    #[test]
    fn placements_go_and_come_back() {
        let turn = |angle: f64| Rotation::from_unit_quaternion(DQuat::from_rotation_x(angle));
        let mut set = ParticleSet {
            names: vec!["a".into(), "b".into()],
            tilt_series_names: vec!["x".into(), "y".into(), "z".into()],
            tilt_series: vec![2, 0],
            poses: vec![
                Pose::new(turn(0.3), Point::new(10.0, 20.0, 30.0)),
                Pose::new(turn(-1.0), Point::new(0.0, 0.0, 5.0)),
            ],
            ..ParticleSet::default()
        };
        assert_eq!(groups(&set), [1, 0]);
        let mut found = placements(&set, 4.0);
        assert_eq!(found[0].shift, DVec3::ZERO);
        found[0].shift = DVec3::new(1.0, 0.0, -0.5);
        found[0].rotation = DQuat::from_rotation_z(0.2);
        place(&mut set, &found, 4.0);
        assert_eq!(set.poses[0].position.xyz, DVec3::new(14.0, 20.0, 28.0));
        assert!(
            set.poses[0]
                .rotation
                .quaternion()
                .angle_between(DQuat::from_rotation_z(0.2))
                < 1e-9
        );
        assert!(set.oriented && set.poses[1].position.xyz == DVec3::new(0.0, 0.0, 5.0));
    }
}
