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
    fn find_undoes_place() {
        let pose = Pose::new(Rotation::about_x(Radians(0.7)), Point::new(1.0, -2.0, 3.0));
        let point = Point::new(4.0, 5.0, -6.0);
        assert!(pose.find(pose.place(point)).distance(point) < 1e-12);
    }
}
