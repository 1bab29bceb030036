//! From the rows of a band to the voxels of its slabs.

use std::ops::Range;

use rayon::prelude::*;
use thon_compute::Counter;
use thon_geometry::Grid;

use super::rows::RowLayout;
use super::{Slab, SlabSink, kernel};
use crate::ReconstructError;

/// Sections summed together: with a tile along x their sources fit the first-level cache.
const SECTIONS: usize = 16;

/// Sums the rows of one band and hands them out slab by slab.
pub(super) fn back_project(
    grid: &Grid,
    layout: &RowLayout,
    planes: &[f32],
    band: &Range<usize>,
    slab_rows: usize,
    counter: &Counter,
    sink: &mut dyn SlabSink,
) -> Result<(), ReconstructError> {
    let [nz, _, nx] = grid.dims;
    // Without x-tilt all rows of the band share one set of taps.
    let shared = layout.is_level().then(|| layout.taps(band.start, 0..nz));
    let mut voxels = vec![0.0_f32; nz * slab_rows.min(band.len()) * nx];
    for first in band.clone().step_by(slab_rows) {
        let rows = slab_rows.min(band.end - first);
        let voxels = &mut voxels[..nz * rows * nx];
        voxels
            .par_chunks_mut(SECTIONS * rows * nx)
            .enumerate()
            .for_each(|(block, out)| {
                let sections = block * SECTIONS..nz.min((block + 1) * SECTIONS);
                let band = Band {
                    layout,
                    planes,
                    first: band.start,
                    shared: shared.as_ref(),
                    nx,
                };
                for row in 0..rows {
                    band.sum_row(
                        first + row,
                        sections.clone(),
                        &mut out[row * nx..],
                        rows * nx,
                    );
                }
            });
        let slab = Slab {
            first_row: first,
            rows,
            voxels,
        };
        slab.hand_to(sink)?;
        for _ in 0..rows {
            counter.unit_done();
        }
        counter.check()?;
    }
    Ok(())
}

/// The sources of one band of rows.
struct Band<'a> {
    layout: &'a RowLayout,
    planes: &'a [f32],
    /// Row that the shared taps belong to.
    first: usize,
    /// Taps of all sections of the first row, when all rows have the same.
    shared: Option<&'a (Vec<kernel::Tap>, usize)>,
    nx: usize,
}

impl Band<'_> {
    /// Fills row `y` of some sections; `stride` elements of `out` lie between sections.
    fn sum_row(&self, y: usize, sections: Range<usize>, out: &mut [f32], stride: usize) {
        let own;
        let (taps, taps_per_row, source) = if let Some((taps, per_row)) = self.shared {
            let from = self.layout.plane_of(y) - self.layout.plane_of(self.first);
            let taps = &taps[sections.start * per_row..sections.end * per_row];
            (taps, *per_row, &self.planes[from..])
        } else {
            own = self.layout.taps(y, sections.clone());
            (&own.0[..], own.1, self.planes)
        };
        if taps_per_row == 0 {
            out.chunks_mut(stride)
                .for_each(|row| row[..self.nx].fill(0.0));
        }
        kernel::accumulate(kernel::Block {
            source,
            taps,
            taps_per_row,
            out,
            stride,
            width: self.nx,
        });
        if self.layout.has_steep_views() {
            for (row, z) in out.chunks_mut(stride).zip(sections) {
                self.layout
                    .add_steep(y, z, self.planes, &mut row[..self.nx]);
            }
        }
    }
}
