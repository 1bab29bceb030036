//! Frames as types: a point knows the frame it is measured in, a rotation the two it connects.
//!
//! All frames are right-handed, in Å, with the origin at the centre voxel ⌊n/2⌋ of the grid that
//! samples them. Rotations are active: `rotation * point` is where the point goes.

use std::marker::PhantomData;
use std::ops::Mul;

use glam::{DMat3, DQuat, DVec3};
use serde::{Deserialize, Serialize};
use thon_units::Radians;

/// A coordinate frame; implemented by the marker types of this module only.
pub trait Frame: Copy + std::fmt::Debug {
    /// The frame's name, for messages.
    const NAME: &'static str;
}

macro_rules! frame {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {}
        impl Frame for $name {
            const NAME: &'static str = stringify!($name);
        }
    };
}

frame!(
    /// The one physical frame of a tilt series: y runs along the tilt axis of an untilted, aligned
    /// view, z points along the beam axis; origin at the centre of the reconstructed volume.
    Specimen
);
frame!(
    /// The frame of a reference map: origin at its centre voxel.
    Particle
);
frame!(
    /// The specimen as one tilt image sees it: x and y in the image plane (image axes), z the depth.
    Camera
);

/// A position in frame `F`, in Å from the frame's origin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Point<F> {
    /// Coordinates (x, y, z) in Å.
    pub xyz: DVec3,
    #[serde(skip)]
    frame: PhantomData<F>,
}

impl<F: Frame> Point<F> {
    /// The point (x, y, z), in Å.
    pub fn new(x: f64, y: f64, z: f64) -> Self {
        Self::from_vector(DVec3::new(x, y, z))
    }

    /// The point at the end of a vector from the origin, in Å.
    pub fn from_vector(xyz: DVec3) -> Self {
        Self {
            xyz,
            frame: PhantomData,
        }
    }

    /// The point moved by a vector in Å.
    pub fn translated(self, by: DVec3) -> Self {
        Self::from_vector(self.xyz + by)
    }

    /// Distance to another point of the same frame, in Å.
    pub fn distance(self, other: Self) -> f64 {
        self.xyz.distance(other.xyz)
    }
}

/// An active rotation that carries vectors of frame `From` into frame `To`.
///
/// ```
/// use thon_geometry::{Particle, Point, Rotation, Specimen, glam::DVec3};
/// use thon_units::Degrees;
/// // Right-handed: a quarter turn about z carries x to y, about x carries y to z, about y carries z to x.
/// let quarter = Degrees(90.0).radians();
/// let z: Rotation<Particle, Specimen> = Rotation::about_z(quarter);
/// assert!((z.apply(DVec3::X) - DVec3::Y).length() < 1e-12);
/// let x: Rotation<Particle, Specimen> = Rotation::about_x(quarter);
/// assert!((x.apply(DVec3::Y) - DVec3::Z).length() < 1e-12);
/// let y: Rotation<Particle, Specimen> = Rotation::about_y(quarter);
/// assert!((y.apply(DVec3::Z) - DVec3::X).length() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rotation<From, To> {
    quaternion: DQuat,
    #[serde(skip)]
    frames: PhantomData<(From, To)>,
}

impl<From: Frame, To: Frame> Rotation<From, To> {
    /// The rotation that changes nothing.
    pub fn identity() -> Self {
        Self::from_quaternion(DQuat::IDENTITY)
    }

    /// From a quaternion, which is normalised.
    pub fn from_quaternion(quaternion: DQuat) -> Self {
        Self {
            quaternion: quaternion.normalize(),
            frames: PhantomData,
        }
    }

    /// From a quaternion known to be of unit length, taken bit by bit: for columns read back from a file.
    pub fn from_unit_quaternion(quaternion: DQuat) -> Self {
        Self {
            quaternion,
            frames: PhantomData,
        }
    }

    /// From a proper rotation matrix acting on column vectors.
    pub fn from_matrix(matrix: DMat3) -> Self {
        Self::from_quaternion(DQuat::from_mat3(&matrix))
    }

    /// Right-handed rotation about x (y towards z).
    pub fn about_x(angle: Radians) -> Self {
        Self::from_quaternion(DQuat::from_rotation_x(angle.0))
    }

    /// Right-handed rotation about y (z towards x).
    pub fn about_y(angle: Radians) -> Self {
        Self::from_quaternion(DQuat::from_rotation_y(angle.0))
    }

    /// Right-handed rotation about z (x towards y).
    pub fn about_z(angle: Radians) -> Self {
        Self::from_quaternion(DQuat::from_rotation_z(angle.0))
    }

    /// The unit quaternion.
    pub fn quaternion(self) -> DQuat {
        self.quaternion
    }

    /// The matrix acting on column vectors.
    pub fn matrix(self) -> DMat3 {
        DMat3::from_quat(self.quaternion)
    }

    /// The way back.
    pub fn inverse(self) -> Rotation<To, From> {
        Rotation::from_quaternion(self.quaternion.conjugate())
    }

    /// Where a direction or offset of frame `From` points in frame `To`.
    pub fn apply(self, vector: DVec3) -> DVec3 {
        self.quaternion * vector
    }

    /// Angle of the rotation that remains between two rotations, in [0, π].
    pub fn angle_to(self, other: Self) -> Radians {
        let between = self.quaternion.conjugate() * other.quaternion;
        Radians(2.0 * between.xyz().length().atan2(between.w.abs()))
    }
}

impl<A: Frame, B: Frame, C: Frame> Mul<Rotation<A, B>> for Rotation<B, C> {
    type Output = Rotation<A, C>;
    /// First the right factor, then the left.
    fn mul(self, first: Rotation<A, B>) -> Rotation<A, C> {
        Rotation::from_quaternion(self.quaternion * first.quaternion)
    }
}

impl<A: Frame, B: Frame> Mul<Point<A>> for Rotation<A, B> {
    type Output = Point<B>;
    fn mul(self, point: Point<A>) -> Point<B> {
        Point::from_vector(self.apply(point.xyz))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_units::Degrees;

    #[test]
    fn composition_applies_the_right_factor_first() {
        let first: Rotation<Particle, Specimen> = Rotation::about_z(Degrees(90.0).radians());
        let then: Rotation<Specimen, Camera> = Rotation::about_x(Degrees(90.0).radians());
        let both: Rotation<Particle, Camera> = then * first;
        assert!((both.apply(DVec3::X) - DVec3::Z).length() < 1e-12); // x → y → z
    }

    #[test]
    fn angle_between_rotations() {
        let a: Rotation<Particle, Specimen> = Rotation::about_y(Degrees(10.0).radians());
        let b = Rotation::about_y(Degrees(-25.0).radians());
        assert!((a.angle_to(b).degrees().0 - 35.0).abs() < 1e-9);
        assert!((a.angle_to(Rotation::from_quaternion(-a.quaternion())).0).abs() < 1e-7);
    }
}
