//! Half of a padded Fourier space around its origin: x ≥ 0, y and z of both signs; the other half follows by Friedel.
//!
//! Coordinates are in steps of the padded box (1 / (padding · n) cycles per voxel). Trilinear interpolation.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into the dispatched function loses its target features"
)]

use glam::DVec3;
use thon_signal::fft::Complex32;

/// The shape of the half space that holds all |k| < n/2 of a box of n voxels and their trilinear neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HalfSpace {
    /// Largest coordinate.
    pub(crate) extent: usize,
}

/// The eight neighbours of a position: indices of the first, and the fractions, along x, y, z.
pub(crate) struct Cell {
    pub(crate) index: [usize; 3],
    pub(crate) fraction: [f32; 3],
    /// The position was mirrored: values are to be conjugated.
    pub(crate) mirrored: bool,
}

impl HalfSpace {
    pub(crate) fn new(box_size: usize, padding: usize) -> Self {
        Self {
            extent: (box_size * padding).div_ceil(2),
        }
    }

    /// Elements along x.
    pub(crate) fn width(self) -> usize {
        self.extent + 1
    }

    /// Elements along y and z.
    pub(crate) fn height(self) -> usize {
        2 * self.extent + 1
    }

    /// Elements of one z.
    pub(crate) fn plane(self) -> usize {
        self.height() * self.width()
    }

    /// All elements.
    pub(crate) fn len(self) -> usize {
        self.height() * self.plane()
    }

    /// The element at whole coordinates, `x ≥ 0`.
    pub(crate) fn index(self, x: usize, y: isize, z: isize) -> usize {
        let extent = self.extent as isize;
        ((z + extent) as usize * self.height() + (y + extent) as usize) * self.width() + x
    }

    /// The cell around a position within the extent.
    #[inline(always)]
    pub(crate) fn cell(self, position: DVec3) -> Cell {
        let mirrored = position.x < 0.0;
        let p = if mirrored { -position } else { position };
        let extent = self.extent as f64;
        let (y, z) = (p.y + extent, p.z + extent);
        let last = self.height() - 2;
        let (ix, iy, iz) = (
            (p.x as usize).min(self.extent - 1),
            (y as usize).min(last),
            (z as usize).min(last),
        );
        Cell {
            index: [ix, iy, iz],
            fraction: [
                (p.x - ix as f64) as f32,
                (y - iy as f64) as f32,
                (z - iz as f64) as f32,
            ],
            mirrored,
        }
    }

    /// The element of a cell's first neighbour.
    #[inline]
    fn first(self, cell: &Cell) -> usize {
        let [x, y, z] = cell.index;
        (z * self.height() + y) * self.width() + x
    }

    /// Offsets of the eight neighbours from the first.
    pub(crate) fn corners(self) -> [usize; 8] {
        let (row, plane) = (self.width(), self.plane());
        [
            0,
            1,
            row,
            row + 1,
            plane,
            plane + 1,
            plane + row,
            plane + row + 1,
        ]
    }

    /// The value at a position, by trilinear interpolation.
    #[inline]
    pub(crate) fn value_at(self, values: &[Complex32], position: DVec3) -> Complex32 {
        let cell = self.cell(position);
        let first = self.first(&cell);
        let mut sum = Complex32::default();
        for (corner, weight) in self.corners().into_iter().zip(cell.weights()) {
            sum += values[first + corner] * weight;
        }
        if cell.mirrored { sum.conj() } else { sum }
    }

    /// As [`HalfSpace::value_at`] for real, Friedel-symmetric values.
    #[inline]
    pub(crate) fn weight_at(self, values: &[f32], position: DVec3) -> f32 {
        let cell = self.cell(position);
        let first = self.first(&cell);
        let corners = self.corners().into_iter().zip(cell.weights());
        corners
            .map(|(corner, weight)| values[first + corner] * weight)
            .sum()
    }
}

impl Cell {
    /// Trilinear weights in the order of [`HalfSpace::corners`].
    #[inline(always)]
    pub(crate) fn weights(&self) -> [f32; 8] {
        let [x, y, z] = self.fraction;
        let (u, v, w) = (1.0 - x, 1.0 - y, 1.0 - z);
        let (vw, yw, vz, yz) = (v * w, y * w, v * z, y * z);
        [
            u * vw,
            x * vw,
            u * yw,
            x * yw,
            u * vz,
            x * vz,
            u * yz,
            x * yz,
        ]
    }
}

/// Π sinc²(r/N) over the axes: what trilinear interpolation in steps of 1/N does to a box in real space.
pub(crate) struct GriddingResponse {
    along: Vec<f32>,
}

impl GriddingResponse {
    pub(crate) fn new(box_size: usize, padding: usize) -> Self {
        let padded = (box_size * padding) as f64;
        let along = (0..box_size)
            .map(|i| (i as f64 - (box_size / 2) as f64) / padded)
            .map(|r| sinc(r).powi(2) as f32)
            .collect();
        Self { along }
    }

    /// At voxel `[z, y, x]`.
    pub(crate) fn at(&self, [z, y, x]: [usize; 3]) -> f32 {
        self.along[z] * self.along[y] * self.along[x]
    }
}

/// sin(πx)/(πx).
pub(crate) fn sinc(x: f64) -> f64 {
    let x = std::f64::consts::PI * x;
    if x.abs() < 1e-6 {
        1.0 - x * x / 6.0
    } else {
        x.sin() / x
    }
}
