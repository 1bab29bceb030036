//! One line of an `.xf` with its angles to a [`TiltGeometry`] and back, exact to the half pixel.

use glam::{DMat2, DMat3, DVec2, DVec3};
use thon_formats::imod::transforms::LinearTransform;
use thon_geometry::TiltGeometry;
use thon_units::{Degrees, PixelSize};

use super::Placement;
use crate::centre;
use crate::projection_matrix::in_plane;

/// 2×2 part of a transform.
fn matrix(transform: &LinearTransform) -> DMat2 {
    let [[a11, a12], [a21, a22]] = transform.matrix;
    DMat2::from_cols(DVec2::new(a11, a21), DVec2::new(a12, a22))
}

/// Image axes of the tilted specimen.
fn tilted(tilt: f64, x_tilt: f64, vector: DVec3) -> DVec2 {
    (DMat3::from_rotation_y(tilt) * DMat3::from_rotation_x(x_tilt) * vector).truncate()
}

/// Geometry of a view: `angles` are its lines of `.tlt` and `.xtilt`, degrees; `raw` is the size `[ny, nx]` of the raw
/// image. `None` when the transform mirrors or is singular.
pub fn geometry_of(
    transform: &LinearTransform,
    angles: [f64; 2],
    placement: &Placement,
    raw: [usize; 2],
    pixel_size: PixelSize,
) -> Option<TiltGeometry> {
    let to_aligned = matrix(transform);
    let to_raw = in_plane(to_aligned).map(|_| to_aligned.inverse())?;
    let found = in_plane(to_raw)?;
    let tilt = Degrees(angles[0] + placement.angle_offset).radians();
    let x_tilt = Degrees(angles[1] - placement.x_axis_tilt).radians();
    let origin =
        tilted(tilt.0, x_tilt.0, placement.origin()) + DVec2::new(placement.axis_offset, 0.0);
    let in_raw = to_raw * (origin - DVec2::from_array(transform.shift))
        - centre::image_from_edge_middle(raw);
    Some(TiltGeometry {
        x_tilt,
        tilt_angle: tilt,
        tilt_axis_angle: found.angle,
        affine: found.deformation,
        shift: in_raw * pixel_size.0,
        deformation: None,
    })
}

/// The line of the `.xf` and the lines of `.tlt` and `.xtilt` (degrees) that show a view as `geometry` does.
/// `None` when the deformation cannot be undone.
pub fn transform_of(
    geometry: &TiltGeometry,
    placement: &Placement,
    raw: [usize; 2],
    pixel_size: PixelSize,
) -> Option<(LinearTransform, [f64; 2])> {
    let to_raw = geometry.affine * DMat2::from_angle(geometry.tilt_axis_angle.0);
    in_plane(to_raw)?;
    let a = to_raw.inverse();
    let origin = tilted(geometry.tilt_angle.0, geometry.x_tilt.0, placement.origin());
    let in_raw = geometry.shift / pixel_size.0 + centre::image_from_edge_middle(raw);
    let d = origin + DVec2::new(placement.axis_offset, 0.0) - a * in_raw;
    let transform = LinearTransform {
        matrix: [[a.x_axis.x, a.y_axis.x], [a.x_axis.y, a.y_axis.y]],
        shift: d.to_array(),
    };
    let angles = [
        geometry.tilt_angle.degrees().0 - placement.angle_offset,
        geometry.x_tilt.degrees().0 + placement.x_axis_tilt,
    ];
    Some((transform, angles))
}
