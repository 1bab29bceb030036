//! Heights of tiles: where a plane specimen lies along the beam at each place of a tilt image.
//!
//! The specimen is a plane through the specimen's origin whose normal is ẑ turned by `tilt_offset` about y (the tilt axis) and
//! `x_tilt_offset` about x. Depth is the third coordinate of the camera frame, Å, as [`TiltGeometry::project`] gives it.
//! `scale` and `turn` multiply and rotate the expected gradient; they are one and zero unless something is wrong.

use thon_geometry::TiltGeometry;
use thon_geometry::glam::{DMat2, DVec2, DVec3};

/// Steepest slope of a plane that is believed: tan 80°.
const STEEPEST: f64 = 5.67;

/// A plane specimen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plane {
    /// Rotation of the plane about the tilt axis, radians: a pre-tilt.
    pub tilt_offset: f64,
    /// Rotation of the plane about the specimen's x, radians.
    pub x_tilt_offset: f64,
    /// Gradient as a multiple of what pixel size and tilt angle say.
    pub scale: f64,
    /// Direction of the gradient beyond that of the tilt axis, radians counter-clockwise.
    pub turn: f64,
}

impl Default for Plane {
    fn default() -> Self {
        Self {
            tilt_offset: 0.0,
            x_tilt_offset: 0.0,
            scale: 1.0,
            turn: 0.0,
        }
    }
}

impl Plane {
    /// Normal of the plane in the specimen's frame.
    pub fn normal(&self) -> DVec3 {
        let (sx, cx) = self.x_tilt_offset.sin_cos();
        let (sy, cy) = self.tilt_offset.sin_cos();
        // Ry(tilt_offset) · Rx(x_tilt_offset) · ẑ
        DVec3::new(sy * cx, -sx, cy * cx)
    }

    /// Change of depth per Å along image x and y in a view.
    pub fn gradient(&self, geometry: &TiltGeometry) -> DVec2 {
        let normal = geometry.rotation().apply(self.normal());
        let z = if normal.z.abs() < 1e-3 {
            1e-3
        } else {
            normal.z
        };
        let plain = -normal.truncate() / z;
        // The image is the affine of the camera plane.
        let in_image = geometry.affine.inverse().transpose() * plain;
        let turned = DMat2::from_angle(self.turn) * in_image * self.scale;
        turned * (STEEPEST / turned.length().max(STEEPEST))
    }

    /// Change of underfocus at each position (Å from the image's centre), for hand +1 or −1.
    pub fn heights(&self, geometry: &TiltGeometry, positions: &[DVec2], hand: f64) -> Vec<f64> {
        let gradient = self.gradient(geometry) * hand;
        positions
            .iter()
            .map(|p| gradient.dot(*p - geometry.shift))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_geometry::Point;
    use thon_units::Degrees;

    #[test]
    fn heights_are_the_depths_of_points_of_the_plane() {
        let geometry = TiltGeometry {
            x_tilt: Degrees(1.0).radians(),
            tilt_axis_angle: Degrees(84.1).radians(),
            shift: DVec2::new(30.0, -50.0),
            affine: DMat2::from_cols(DVec2::new(1.01, 0.002), DVec2::new(-0.003, 0.99)),
            ..TiltGeometry::tilted(Degrees(50.0).radians())
        };
        let plane = Plane {
            tilt_offset: 0.17,
            x_tilt_offset: -0.05,
            ..Plane::default()
        };
        let normal = plane.normal();
        for (x, y) in [(500.0, 0.0), (-300.0, 700.0), (0.0, -900.0)] {
            let z = -(normal.x * x + normal.y * y) / normal.z;
            let projected = geometry.project(Point::new(x, y, z));
            let found = plane.heights(&geometry, &[projected.position], -1.0)[0];
            assert!(
                (found + projected.depth).abs() < 1e-6,
                "{found} {}",
                projected.depth
            );
        }
    }

    #[test]
    fn a_pre_tilt_adds_to_the_tilt() {
        let plane = Plane {
            tilt_offset: Degrees(10.0).radians().0,
            ..Plane::default()
        };
        let found = plane.gradient(&TiltGeometry::tilted(Degrees(20.0).radians()));
        assert!((found.x + Degrees(30.0).radians().0.tan()).abs() < 1e-9 && found.y.abs() < 1e-9);
    }
}
