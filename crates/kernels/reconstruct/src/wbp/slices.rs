//! Slices perpendicular to the tilt axis, made one by one and handed out slab by slab.

use std::ops::Range;

use rayon::prelude::*;
use thon_compute::Counter;
use thon_geometry::Grid;

use super::{Slab, SlabSink};
use crate::ReconstructError;

/// Makes the slices `[z, x]` of the rows in `band` by `solve` and hands them to `sink`; what `solve` tells beside, row after row.
pub(super) fn write_slices<T: Send>(
    grid: &Grid,
    band: &Range<usize>,
    slab_rows: usize,
    counter: &Counter,
    sink: &mut dyn SlabSink,
    solve: impl Fn(usize) -> (Vec<f32>, T) + Sync,
) -> Result<Vec<T>, ReconstructError> {
    let [nz, _, nx] = grid.dims;
    let mut voxels = vec![0.0_f32; nz * slab_rows.min(band.len()) * nx];
    let mut told = Vec::with_capacity(band.len());
    for first in band.clone().step_by(slab_rows) {
        let rows = slab_rows.min(band.end - first);
        let slices: Vec<(Vec<f32>, T)> = (first..first + rows)
            .into_par_iter()
            .map(|y| {
                counter.check()?;
                let slice = solve(y);
                counter.unit_done();
                Ok(slice)
            })
            .collect::<Result<_, ReconstructError>>()?;
        let voxels = &mut voxels[..nz * rows * nx];
        for (row, (slice, beside)) in slices.into_iter().enumerate() {
            for (z, values) in slice.chunks(nx).enumerate() {
                voxels[(z * rows + row) * nx..][..nx].copy_from_slice(values);
            }
            told.push(beside);
        }
        let slab = Slab {
            first_row: first,
            rows,
            voxels,
        };
        slab.hand_to(sink)?;
    }
    Ok(told)
}
