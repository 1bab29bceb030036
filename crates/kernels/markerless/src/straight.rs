//! Aligned views for the eye: axis upright, shift undone, not stretched. For pictures only.

use glam::{DMat2, DVec2};
use ndarray::Array2;
use thon_geometry::TiltGeometry;

use crate::plane::{PlaneGrid, sample};
use crate::specimen::PlaneView;
use crate::views::AlignView;

/// The view as an image of `edge`² pixels, tilt axis along y, covering the longer edge of the field.
pub fn straighten(view: &AlignView, geometry: &TiltGeometry, edge: usize) -> Array2<f32> {
    let (ny, nx) = view.pixels.dim();
    let grid = PlaneGrid {
        dims: [edge, edge],
        spacing: ny.max(nx) as f64 * view.pixel_size / edge as f64,
        centre: DVec2::ZERO,
    };
    let plane = PlaneView {
        to_image: geometry.affine * DMat2::from_angle(geometry.tilt_axis_angle.0),
        shift: geometry.shift,
        depth: 0.0,
    };
    sample(view, &plane, &grid, false)
}
