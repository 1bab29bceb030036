//! Bands of rows of a volume, smoothed, with the rows around them that derivatives need.

use std::ops::Range;

use rayon::prelude::*;
use thon_denoise::RowSource;
use thon_denoise::smooth::{combine, mirrored, smooth_plane, weights};
use thon_geometry::glam::Vec3;

use crate::SegmentError;

/// Rows of all sections of a volume: `[nz, rows, nx]`, the first of them row `first` of the volume.
pub(crate) struct Band {
    pub(crate) dims: [usize; 3],
    pub(crate) first: usize,
    pub(crate) voxels: Vec<f32>,
}

impl Band {
    /// The voxel at a section, row of the band and column.
    pub(crate) fn at(&self, z: usize, row: usize, x: usize) -> f32 {
        let [_, rows, nx] = self.dims;
        self.voxels[(z * rows + row) * nx + x]
    }

    /// Where the band begins in the volume.
    pub(crate) fn offset(&self) -> Vec3 {
        Vec3::new(0.0, self.first as f32, 0.0)
    }

    /// Reads rows and looks at them.
    pub(crate) fn read(source: &dyn RowSource, rows: Range<usize>) -> Result<Self, SegmentError> {
        let [nz, _, nx] = source.dims();
        let first = rows.start;
        let dims = [nz, rows.len(), nx];
        let mut voxels = vec![0.0; dims.iter().product()];
        source
            .read_rows(rows, &mut voxels)
            .map_err(|source| SegmentError::Read {
                first_row: first,
                source,
            })?;
        let count = voxels.iter().filter(|v| !v.is_finite()).count();
        if count > 0 {
            return Err(SegmentError::NotFinite {
                first_row: first,
                count,
            });
        }
        Ok(Self {
            dims,
            first,
            voxels,
        })
    }

    /// Smooths by a Gaussian of `sigma` voxels; edges mirrored.
    pub(crate) fn smooth(&mut self, sigma: f64) {
        let weights = weights(sigma);
        if weights.len() == 1 {
            return;
        }
        let [nz, rows, nx] = self.dims;
        let area = rows * nx;
        self.voxels
            .par_chunks_mut(area)
            .for_each(|plane| smooth_plane(plane, [rows, nx], &weights, &mut Vec::new()));
        let flat = &self.voxels;
        let mut out = vec![0.0; flat.len()];
        out.par_chunks_mut(area).enumerate().for_each(|(z, out)| {
            combine(out, &weights, |step| {
                &flat[mirrored(z as isize + step, nz) * area..][..area]
            });
        });
        self.voxels = out;
    }
}

/// Rows that smoothing by `sigma` and derivatives of neighbours reach beyond those that are asked for.
pub(crate) fn reach(sigma: f64) -> usize {
    weights(sigma).len() - 1 + 2
}

/// Kept rows of a band with what lies around them, within a volume of `length` rows.
pub(crate) fn around(kept: &Range<usize>, halo: usize, length: usize) -> Range<usize> {
    kept.start.saturating_sub(halo)..(kept.end + halo).min(length)
}

/// Ranges of `rows` rows that cover `length`.
pub(crate) fn bands(length: usize, rows: usize) -> Vec<Range<usize>> {
    let count = length.div_ceil(rows.max(1)).max(1);
    let rows = length.div_ceil(count);
    (0..count)
        .map(|i| i * rows..((i + 1) * rows).min(length))
        .filter(|r| !r.is_empty())
        .collect()
}
