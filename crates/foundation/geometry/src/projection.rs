//! The projection chain of one tilt image: specimen (Å) → image (Å from its centre) and depth.
//!
//! ```text
//!   specimen x + u(x) ──Rx(x_tilt)──Ry(tilt_angle)──Rz(tilt_axis_angle)──▶ camera (x', y', z')
//!   v = affine · (x', y') + shift       image position = v + w(v)       depth = z'
//! ```
//!
//! The tilt image is never resampled; this chain is stored beside it. u, the deformation of the specimen, and w, local
//! displacements of the image, are absent as a rule ([`Deformation`]). [`TiltGeometry::project`] is the only way from the
//! specimen to an image; where a straight chain is needed, [`TiltGeometry::near`] gives the one that touches it.

use glam::{DMat2, DMat3, DVec2, DVec3};
use serde::{Deserialize, Serialize};
use thon_units::Radians;

use crate::{Camera, Deformation, Point, Rotation, Specimen};

/// Geometry of one tilt image.
///
/// ```
/// use thon_geometry::{Point, TiltGeometry};
/// use thon_units::Degrees;
/// // A positive tilt turns z towards x: what lies high in z moves to +x and deeper (smaller z').
/// let view = TiltGeometry::tilted(Degrees(30.0).radians());
/// let high = view.project(Point::new(0.0, 0.0, 100.0));
/// assert!((high.position.x - 50.0).abs() < 1e-9);
/// let right = view.project(Point::new(100.0, 0.0, 0.0));
/// assert!((right.depth + 50.0).abs() < 1e-9);
/// // The axis angle turns the picture counter-clockwise: +x of the specimen appears along +y.
/// let turned = TiltGeometry { tilt_axis_angle: Degrees(90.0).radians(), ..TiltGeometry::tilted(Degrees(0.0).radians()) };
/// assert!((turned.project(Point::new(10.0, 0.0, 0.0)).position.y - 10.0).abs() < 1e-9);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TiltGeometry {
    /// Rotation of the specimen about x, before the stage tilt.
    pub x_tilt: Radians,
    /// Stage tilt: rotation about y, the tilt axis.
    pub tilt_angle: Radians,
    /// Angle of the tilt axis from the image's y axis, counter-clockwise.
    pub tilt_axis_angle: Radians,
    /// In-plane deformation after the axis rotation: magnification, skew; identity as a rule.
    pub affine: DMat2,
    /// Displacement in the image after the rotations and the affine, in Å.
    pub shift: DVec2,
    /// What this rigid chain leaves out; absent when nothing was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deformation: Option<Deformation>,
}

/// Where a point of the specimen appears.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Projected {
    /// Position in the image, Å from its centre pixel ⌊n/2⌋.
    pub position: DVec2,
    /// Coordinate along the beam in the camera frame, Å.
    pub depth: f64,
}

impl TiltGeometry {
    /// A perfectly aligned view at the given stage tilt, its axis along image y.
    pub fn tilted(tilt_angle: Radians) -> Self {
        Self {
            x_tilt: Radians(0.0),
            tilt_angle,
            tilt_axis_angle: Radians(0.0),
            affine: DMat2::IDENTITY,
            shift: DVec2::ZERO,
            deformation: None,
        }
    }

    /// Specimen → camera.
    pub fn rotation(&self) -> Rotation<Specimen, Camera> {
        let x_tilt: Rotation<Specimen, Specimen> = Rotation::about_x(self.x_tilt);
        let tilt: Rotation<Specimen, Specimen> = Rotation::about_y(self.tilt_angle);
        let axis: Rotation<Specimen, Camera> = Rotation::about_z(self.tilt_axis_angle);
        axis * tilt * x_tilt
    }

    /// The linear part of the rigid chain: rows 0 and 1 give the image position (affine included), row 2 the depth.
    /// A deformation is not in it: use the matrix of [`TiltGeometry::near`] at the place that is looked at.
    pub fn matrix(&self) -> DMat3 {
        let affine = DMat3::from_mat2(self.affine);
        affine * self.rotation().matrix()
    }

    /// Where a point of the specimen appears, in Å.
    pub fn project(&self, point: Point<Specimen>) -> Projected {
        let Some(deformation) = &self.deformation else {
            return self.project_rigidly(point);
        };
        let moved = point.xyz + deformation.specimen.displacement(point.xyz);
        let seen = self.project_rigidly(Point::from_vector(moved));
        Projected {
            position: seen.position + deformation.image.displacement(seen.position),
            ..seen
        }
    }

    fn project_rigidly(&self, point: Point<Specimen>) -> Projected {
        let camera = self.rotation() * point;
        Projected {
            position: self.affine * camera.xyz.truncate() + self.shift,
            depth: camera.xyz.z,
        }
    }

    /// The chain without deformation that shows `point`, and to first order all that lies around it, where this one does.
    /// Without a deformation it is this chain itself.
    ///
    /// ```
    /// use glam::DVec3;
    /// use thon_geometry::{Deformation, Point, TiltGeometry};
    /// use thon_units::Degrees;
    /// // The middle of the field has sunk by 20 Å, its rim, 2000 Å away, has not.
    /// let mut deformation = Deformation::still(2000.0);
    /// deformation.specimen.terms[2].z = 20.0;
    /// deformation.specimen.terms[4].z = 20.0;
    /// let view = TiltGeometry { deformation: Some(deformation), ..TiltGeometry::tilted(Degrees(40.0).radians()) };
    /// let (here, beside) = (Point::new(900.0, 300.0, 50.0), Point::new(910.0, 295.0, 60.0));
    /// let straight = view.near(here);
    /// assert!(straight.deformation.is_none());
    /// assert!((straight.project(here).position - view.project(here).position).length() < 1e-9);
    /// assert!((straight.project(beside).position - view.project(beside).position).length() < 0.01);
    /// ```
    #[must_use]
    pub fn near(&self, point: Point<Specimen>) -> Self {
        let Some(deformation) = &self.deformation else {
            return *self;
        };
        let rigid = Self {
            deformation: None,
            ..*self
        };
        let moved = point.xyz + deformation.specimen.displacement(point.xyz);
        let seen = rigid.project(Point::from_vector(moved)).position;
        let of_image = DMat2::IDENTITY + deformation.image.gradient(seen);
        let matrix = rigid.matrix() * (DMat3::IDENTITY + deformation.specimen.gradient(point.xyz));
        let columns = [matrix.x_axis, matrix.y_axis, matrix.z_axis]
            .map(|column| of_image * column.truncate());
        let straight = rigid.with_columns(columns);
        let position = seen + deformation.image.displacement(seen);
        let shift = straight.shift + position - straight.project(point).position;
        Self { shift, ..straight }
    }

    /// The chain whose map from specimen to image, shift apart, has these columns (for x, y, z of the specimen). Tilt
    /// and x tilt are those of the beam, on the side of this chain's own tilt; the axis angle and the shift stay, the affine
    /// takes up the rest. Without deformation.
    #[must_use]
    pub fn with_columns(&self, [x, y, z]: [DVec2; 3]) -> Self {
        let (row_x, row_y) = (DVec3::new(x.x, y.x, z.x), DVec3::new(x.y, y.y, z.y));
        let side = if self.affine.determinant() < 0.0 {
            -1.0
        } else {
            1.0
        };
        let beam = (row_x.cross(row_y) * side).normalize();
        let tilt = (-beam.x).clamp(-1.0, 1.0).asin();
        // asin covers −90° to 90°; beyond, the x tilt would flip.
        let (tilt, x_tilt) = if self.tilt_angle.0.cos() >= 0.0 {
            (tilt, beam.y.atan2(beam.z))
        } else {
            (std::f64::consts::PI - tilt, (-beam.y).atan2(-beam.z))
        };
        let turned = DMat3::from_rotation_y(tilt) * DMat3::from_rotation_x(x_tilt);
        let (first, second) = (turned.row(0), turned.row(1));
        let plane = DMat2::from_cols(
            DVec2::new(row_x.dot(first), row_y.dot(first)),
            DVec2::new(row_x.dot(second), row_y.dot(second)),
        );
        Self {
            x_tilt: Radians(x_tilt),
            tilt_angle: Radians(tilt),
            tilt_axis_angle: self.tilt_axis_angle,
            affine: plane * DMat2::from_angle(-self.tilt_axis_angle.0),
            shift: self.shift,
            deformation: None,
        }
    }

    /// The image position in pixels (x, y) of an image of `size` = `[ny, nx]`; pixel centres are integers.
    pub fn project_to_pixel(
        &self,
        point: Point<Specimen>,
        pixel_size: thon_units::PixelSize,
        size: [usize; 2],
    ) -> DVec2 {
        let centre = DVec2::new((size[1] / 2) as f64, (size[0] / 2) as f64);
        self.project(point).position / pixel_size.0 + centre
    }

    /// The same image of the mirrored specimen, z → −z: tilts change sign, and so does every depth.
    ///
    /// ```
    /// use thon_geometry::{Point, TiltGeometry};
    /// use thon_units::Degrees;
    /// let view = TiltGeometry::tilted(Degrees(40.0).radians());
    /// let (before, after) = (view.project(Point::new(1.0, 2.0, 3.0)), view.mirrored().project(Point::new(1.0, 2.0, -3.0)));
    /// assert!((before.position - after.position).length() < 1e-12);
    /// assert!((before.depth + after.depth).abs() < 1e-12);
    /// ```
    #[must_use]
    pub fn mirrored(self) -> Self {
        let mirror = DMat3::from_diagonal(DVec3::new(1.0, 1.0, -1.0));
        Self {
            x_tilt: -self.x_tilt,
            tilt_angle: -self.tilt_angle,
            deformation: self.carried(mirror, DVec3::ZERO),
            ..self
        }
    }

    /// The deformation of a specimen that was moved by x → `matrix`·x + `by`.
    fn carried(&self, matrix: DMat3, by: DVec3) -> Option<Deformation> {
        self.deformation.map(|mut deformation| {
            let warp = &mut deformation.specimen;
            warp.axes = matrix * warp.axes;
            warp.origin = matrix * warp.origin + by;
            deformation
        })
    }

    /// The same image of the specimen moved by x → `turn`·x + `by` (Å): what lies at x now lies there, the image stays.
    ///
    /// ```
    /// use glam::DVec3;
    /// use thon_geometry::{Point, Rotation, TiltGeometry};
    /// use thon_units::Degrees;
    /// let view = TiltGeometry::tilted(Degrees(40.0).radians());
    /// let turn = Rotation::about_x(Degrees(3.0).radians());
    /// let moved = view.moved(turn, DVec3::new(10.0, 20.0, 30.0));
    /// let point = Point::new(100.0, -200.0, 50.0);
    /// let there = Point::from_vector(turn.apply(point.xyz) + DVec3::new(10.0, 20.0, 30.0));
    /// assert!((moved.project(there).position - view.project(point).position).length() < 1e-9);
    /// ```
    #[must_use]
    pub fn moved(self, turn: Rotation<Specimen, Specimen>, by: glam::DVec3) -> Self {
        let matrix = self.rotation().matrix() * turn.inverse().matrix();
        // Rz(axis) Ry(tilt) Rx(x tilt), read off the third row and the first column.
        let tilt = (-matrix.x_axis.z).clamp(-1.0, 1.0).asin();
        let (tilt, flip) = if self.tilt_angle.0.cos() >= 0.0 {
            (tilt, 1.0)
        } else {
            (std::f64::consts::PI - tilt, -1.0)
        };
        let moved = Self {
            x_tilt: Radians(f64::atan2(flip * matrix.y_axis.z, flip * matrix.z_axis.z)),
            tilt_angle: Radians(tilt),
            tilt_axis_angle: Radians(f64::atan2(flip * matrix.x_axis.y, flip * matrix.x_axis.x)),
            deformation: self.carried(turn.matrix(), by),
            ..self
        };
        let origin = moved.project_rigidly(Point::from_vector(by)).position;
        let shift = self.shift - (origin - moved.shift);
        Self { shift, ..moved }
    }

    /// True when the affine is the identity to 1e-12; a [`Deformation`] is another matter.
    pub fn is_rigid(&self) -> bool {
        self.affine.abs_diff_eq(DMat2::IDENTITY, 1e-12)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_units::{Degrees, PixelSize};

    fn view() -> TiltGeometry {
        TiltGeometry {
            x_tilt: Degrees(2.0).radians(),
            tilt_angle: Degrees(-41.0).radians(),
            tilt_axis_angle: Degrees(84.1).radians(),
            affine: DMat2::from_cols(DVec2::new(1.01, 0.002), DVec2::new(-0.003, 0.99)),
            shift: DVec2::new(12.0, -7.0),
            deformation: None,
        }
    }

    fn bent_view() -> TiltGeometry {
        TiltGeometry {
            deformation: Some(crate::deformation::tests::bent()),
            ..view()
        }
    }

    #[test]
    fn the_straight_chain_touches_the_bent_one() {
        for tilt in [-41.0, 0.0, 130.0] {
            let view = TiltGeometry {
                tilt_angle: Degrees(tilt).radians(),
                ..bent_view()
            };
            let here = Point::new(820.0, -910.0, 275.0);
            let straight = view.near(here);
            assert!(
                (straight.project(here).position - view.project(here).position).length() < 1e-9
            );
            let (h, mut largest) = (1e-3, 0.0_f64);
            for axis in [DVec3::X, DVec3::Y, DVec3::Z] {
                let there = Point::from_vector(here.xyz + axis * h);
                let miss = straight.project(there).position - view.project(there).position;
                largest = largest.max(miss.length() / h);
            }
            assert!(largest < 1e-5, "{tilt}: {largest}");
            // Depths move by the displacement along the beam only.
            assert!((straight.project(here).depth - view.project(here).depth).abs() < 60.0);
        }
    }

    #[test]
    fn a_deformation_is_written_only_where_there_is_one() {
        let plain = serde_json::to_string(&view()).unwrap();
        assert!(!plain.contains("deformation"));
        let bent = serde_json::to_string(&bent_view()).unwrap();
        let read: TiltGeometry = serde_json::from_str(&bent).unwrap();
        assert_eq!(read, bent_view());
        assert_eq!(
            serde_json::from_str::<TiltGeometry>(&plain).unwrap(),
            view()
        );
    }

    #[test]
    fn matrix_and_project_agree() {
        let point = Point::new(120.0, -310.0, 75.0);
        let by_matrix = view().matrix() * point.xyz + DVec3::new(12.0, -7.0, 0.0);
        let projected = view().project(point);
        assert!((by_matrix - projected.position.extend(projected.depth)).length() < 1e-9);
    }

    #[test]
    fn the_mirrored_specimen_gives_the_same_image() {
        let point = Point::new(120.0, -310.0, 75.0);
        let mirrored = Point::new(120.0, -310.0, -75.0);
        for view in [view(), bent_view()] {
            let (a, b) = (view.project(point), view.mirrored().project(mirrored));
            assert!((a.position - b.position).length() < 1e-9 && (a.depth + b.depth).abs() < 1e-9);
        }
    }

    #[test]
    fn a_moved_specimen_gives_the_same_image() {
        let turn: Rotation<Specimen, Specimen> =
            Rotation::<Specimen, Specimen>::about_y(Degrees(7.0).radians())
                * Rotation::about_x(Degrees(-4.0).radians());
        let by = DVec3::new(50.0, -80.0, 33.0);
        let point = Point::new(120.0, -310.0, 75.0);
        for (tilt, view) in [-41.0, 0.0, 130.0]
            .into_iter()
            .flat_map(|tilt| [(tilt, view()), (tilt, bent_view())])
        {
            let view = TiltGeometry {
                tilt_angle: Degrees(tilt).radians(),
                ..view
            };
            let there = Point::<Specimen>::from_vector(turn.apply(point.xyz) + by);
            let (before, after) = (view.project(point), view.moved(turn, by).project(there));
            assert!((before.position - after.position).length() < 1e-9, "{tilt}");
        }
    }

    #[test]
    fn the_origin_falls_on_the_centre_pixel_plus_shift() {
        let origin = Point::new(0.0, 0.0, 0.0);
        let pixel = view().project_to_pixel(origin, PixelSize(2.0), [101, 100]);
        assert!((pixel - DVec2::new(56.0, 46.5)).length() < 1e-12);
    }
}
