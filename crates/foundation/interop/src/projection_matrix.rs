//! Takes linear projections apart into the model's chain: x tilt, tilt, axis rotation, in-plane deformation.
//!
//! A 2×2 in-plane matrix L is split by left polar decomposition, L = P·R(φ) with P symmetric and positive
//! definite: φ is the tilt-axis angle, P the deformation. A 3×3 matrix whose third row is the depth is
//! L·(first two rows of Ry·Rx) over the third row of Ry·Rx.

use glam::{DMat2, DMat3, DVec2, DVec3, Vec3Swizzles as _};
use thon_geometry::TiltGeometry;
use thon_units::Radians;

/// Deformation below which a file with 6 to 8 digits means a pure rotation (0.002 px at 2000 px from the centre).
const ROUNDING: f64 = 1e-6;

/// Sum of squares of (y, z) of the depth row below which the x tilt is not defined.
const GIMBAL: f64 = 1e-18;

/// An in-plane matrix as rotation and deformation: L = deformation · R(angle).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InPlane {
    /// Rotation, counter-clockwise.
    pub angle: Radians,
    /// Symmetric deformation after the rotation; exactly the identity when it is only rounding.
    pub deformation: DMat2,
}

/// Polar decomposition of an in-plane matrix; `None` when it mirrors or is singular.
pub fn in_plane(matrix: DMat2) -> Option<InPlane> {
    let finite = matrix.to_cols_array().iter().all(|value| value.is_finite());
    if !finite || matrix.determinant() <= 1e-9 {
        return None;
    }
    let [x, y] = [matrix.x_axis, matrix.y_axis];
    let angle = (x.y - y.x).atan2(x.x + y.y);
    let deformation = matrix * DMat2::from_angle(-angle);
    let rigid = deformation.abs_diff_eq(DMat2::IDENTITY, ROUNDING);
    Some(InPlane {
        angle: Radians(angle),
        deformation: if rigid { DMat2::IDENTITY } else { deformation },
    })
}

/// A projection taken apart, and how badly it fits the chain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decomposed {
    /// The chain, without shift.
    pub geometry: TiltGeometry,
    /// Length of the depth row; 1 in a true projection.
    pub depth_scale: f64,
    /// Largest part of the image rows along the beam; 0 in a true projection.
    pub along_beam: f64,
}

/// Takes a 3×3 projection apart (rows: image x, image y, depth); `None` when it mirrors or is singular.
pub fn decompose(matrix: DMat3) -> Option<Decomposed> {
    let depth = matrix.row(2);
    let scale = depth.length();
    if !scale.is_finite() || scale < 1e-6 {
        return None;
    }
    let depth = depth / scale;
    let x_tilt = if depth.yz().length_squared() < GIMBAL {
        0.0
    } else {
        depth.y.atan2(depth.z)
    };
    let tilt = (-depth.x).atan2(depth.yz().length());
    let turned = DMat3::from_rotation_y(tilt) * DMat3::from_rotation_x(x_tilt);
    let relative = matrix * turned.transpose();
    let in_plane = in_plane(DMat2::from_mat3(relative))?;
    Some(Decomposed {
        geometry: TiltGeometry {
            x_tilt: Radians(x_tilt),
            tilt_angle: Radians(tilt),
            tilt_axis_angle: in_plane.angle,
            affine: in_plane.deformation,
            shift: DVec2::ZERO,
            deformation: None,
        },
        depth_scale: scale,
        along_beam: relative.z_axis.truncate().abs().max_element(),
    })
}

/// Shift of a geometry, in Å, from the affine projection `p = A·X + t` between voxel and pixel indices:
/// the origin of the specimen lies at voxel `volume_centre`, the image is measured from pixel `image_centre`.
pub fn shift_of(
    matrix: DMat3,
    translation: DVec3,
    volume_centre: DVec3,
    image_centre: DVec2,
    pixel_size: f64,
) -> DVec2 {
    ((matrix * volume_centre + translation).truncate() - image_centre) * pixel_size
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_units::Degrees;

    fn geometry(x: f64, y: f64, z: f64, affine: DMat2) -> TiltGeometry {
        TiltGeometry {
            x_tilt: Degrees(x).radians(),
            tilt_angle: Degrees(y).radians(),
            tilt_axis_angle: Degrees(z).radians(),
            affine,
            shift: DVec2::ZERO,
            deformation: None,
        }
    }

    #[test]
    fn every_chain_is_found_again() {
        let skew = DMat2::from_cols(DVec2::new(1.02, 0.004), DVec2::new(0.004, 0.97));
        let mut chains = Vec::new();
        for affine in [DMat2::IDENTITY, skew] {
            for x in [-3.0, 0.0, 12.0, 178.0] {
                let tilts = [-75.0, -0.01, 0.0, 33.0, 89.0].into_iter();
                chains.extend(tilts.map(|y| geometry(x, y, 2.0 * y - 93.0, affine)));
            }
        }
        for whole in chains {
            let found = decompose(whole.matrix()).unwrap();
            assert!(found.along_beam < 1e-12 && (found.depth_scale - 1.0).abs() < 1e-12);
            assert!(found.geometry.matrix().abs_diff_eq(whole.matrix(), 1e-12));
            assert!((found.geometry.x_tilt.0 - whole.x_tilt.0).abs() < 1e-12);
        }
    }

    #[test]
    fn an_upright_view_of_ninety_degrees_keeps_its_picture() {
        let found = decompose(geometry(0.0, 90.0, 20.0, DMat2::IDENTITY).matrix()).unwrap();
        assert_eq!(found.geometry.x_tilt.0, 0.0);
        let whole = geometry(0.0, 90.0, 20.0, DMat2::IDENTITY).matrix();
        assert!(found.geometry.matrix().abs_diff_eq(whole, 1e-9));
    }

    #[test]
    fn mirrors_and_nonsense_are_refused() {
        assert!(in_plane(DMat2::from_diagonal(DVec2::new(1.0, -1.0))).is_none());
        assert!(in_plane(DMat2::ZERO).is_none());
        assert!(decompose(DMat3::from_diagonal(DVec3::new(1.0, f64::NAN, 1.0))).is_none());
        assert!(decompose(DMat3::ZERO).is_none());
    }
}
