//! Where a particle sits in the specimen and how it is turned.

use serde::{Deserialize, Serialize};

use crate::{Particle, Point, Rotation, Specimen};

/// Rotation and position that carry the reference map into the specimen: x ↦ R·x + p.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pose {
    /// Reference → specimen, active.
    pub rotation: Rotation<Particle, Specimen>,
    /// Where the centre of the reference lies, in Å.
    pub position: Point<Specimen>,
}

impl Pose {
    /// A pose from its two parts.
    pub fn new(rotation: Rotation<Particle, Specimen>, position: Point<Specimen>) -> Self {
        Self { rotation, position }
    }

    /// Where a point of the reference lies in the specimen.
    pub fn place(&self, point: Point<Particle>) -> Point<Specimen> {
        (self.rotation * point).translated(self.position.xyz)
    }

    /// The pose of the mirrored reference in the mirrored specimen (z → −z in both).
    #[must_use]
    pub fn mirrored(&self) -> Self {
        let [x, y, z, w] = self.rotation.quaternion().to_array();
        let [px, py, pz] = self.position.xyz.to_array();
        Self {
            rotation: Rotation::from_unit_quaternion(glam::DQuat::from_xyzw(-x, -y, z, w)),
            position: Point::new(px, py, -pz),
        }
    }

    /// Where a point of the specimen lies in the reference.
    pub fn find(&self, point: Point<Specimen>) -> Point<Particle> {
        self.rotation.inverse() * point.translated(-self.position.xyz)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_units::Radians;

    #[test]
    fn the_mirrored_pose_places_the_mirrored_point() {
        let turn: Rotation<Particle, Specimen> = Rotation::about_y(Radians(-1.1));
        let pose = Pose::new(
            turn * Rotation::<Particle, Particle>::about_x(Radians(0.7)),
            Point::new(1.0, -2.0, 3.0),
        );
        let placed = pose.place(Point::new(4.0, 5.0, -6.0)).xyz;
        let mirrored = pose.mirrored().place(Point::new(4.0, 5.0, 6.0)).xyz;
        assert!((mirrored - placed * glam::DVec3::new(1.0, 1.0, -1.0)).length() < 1e-12);
    }

    #[test]
    fn find_undoes_place() {
        let pose = Pose::new(Rotation::about_x(Radians(0.7)), Point::new(1.0, -2.0, 3.0));
        let point = Point::new(4.0, 5.0, -6.0);
        assert!(pose.find(pose.place(point)).distance(point) < 1e-12);
    }
}
