//! The projection chain of a view taken apart: coordinates across and along its tilt axis.
//!
//! With the specimen point (x, y, z) in Å, x-tilt α, stage tilt θ, axis rotation R and affine A:
//! ```text
//!   t = y sin α + z cos α          across = x cos θ + t sin θ
//!   along = y cos α − z sin α      image  = A R (across, along) + shift
//! ```

use glam::{DMat2, DVec2};
use thon_geometry::TiltGeometry;

use crate::{ReconstructError, View};

/// Views whose |cos θ| is smaller than this are too steep to be stretched by 1/cos θ (beyond about 80°).
const STEEP: f64 = 0.17;

/// One view's chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axes {
    pub(super) cos: f64,
    pub(super) sin: f64,
    pub(super) cos_x: f64,
    pub(super) sin_x: f64,
    /// (across, along) → image, Å.
    pub(super) in_plane: DMat2,
    /// Å.
    pub(super) shift: DVec2,
    /// Samples a voxel apart, whatever the tilt: for projectors, where the samples are the rays.
    plain: bool,
}

impl Axes {
    pub(super) fn new(view: &View) -> Result<Self, ReconstructError> {
        let TiltGeometry {
            x_tilt,
            tilt_angle,
            tilt_axis_angle,
            affine,
            shift,
            deformation,
        } = view.geometry;
        let fail = |problem| {
            Err(ReconstructError::Geometry {
                index: view.image,
                problem,
            })
        };
        if deformation.is_some() {
            return fail(
                "a deformation, which only back-projection and the extraction of particles can follow",
            );
        }
        let finite = x_tilt.0.is_finite()
            && tilt_angle.0.is_finite()
            && tilt_axis_angle.0.is_finite()
            && affine.is_finite()
            && shift.is_finite();
        if !finite {
            return fail("an angle, the affine matrix or the shift is not a finite number");
        }
        if affine.determinant().abs() < 1e-3 {
            return fail("the affine matrix squeezes the image to a line");
        }
        let (sin, cos) = tilt_angle.0.sin_cos();
        let (sin_x, cos_x) = x_tilt.0.sin_cos();
        Ok(Self {
            cos,
            sin,
            cos_x,
            sin_x,
            in_plane: affine * DMat2::from_angle(tilt_axis_angle.0),
            shift,
            plain: false,
        })
    }

    /// The same with samples a voxel apart.
    pub(super) fn plain(self) -> Self {
        Self {
            plain: true,
            ..self
        }
    }

    /// True when the view is back-projected voxel by voxel.
    pub(super) fn is_steep(&self) -> bool {
        self.cos.abs() < STEEP
    }

    /// True when an output row sees one row of the aligned image.
    pub(super) fn is_level(&self) -> bool {
        self.sin_x.abs() < 1e-9
    }

    /// Samples per voxel along x: two where rows are hardly stretched, one where stretching has doubled them already.
    pub(super) fn oversampling(&self) -> usize {
        if !self.plain && (self.is_steep() || self.cos.abs() > 0.70) {
            2
        } else {
            1
        }
    }

    /// Distance of samples across the axis, in voxels.
    pub(super) fn sample_step(&self) -> f64 {
        let stretch = if self.is_steep() { 1.0 } else { self.cos.abs() };
        stretch / self.oversampling() as f64
    }

    /// t of the header.
    pub(super) fn t(&self, y: f64, z: f64) -> f64 {
        y * self.sin_x + z * self.cos_x
    }

    /// Coordinate along the axis.
    pub(super) fn along(&self, y: f64, z: f64) -> f64 {
        y * self.cos_x - z * self.sin_x
    }

    /// Image position, Å from its centre.
    pub(super) fn image_position(&self, across: f64, along: f64) -> DVec2 {
        self.in_plane * DVec2::new(across, along) + self.shift
    }

    /// (across, along) components of an image frequency.
    pub(super) fn aligned_frequency(&self, k: DVec2) -> DVec2 {
        self.in_plane.transpose() * k
    }
}
