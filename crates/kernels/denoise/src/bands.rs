//! Volumes that stream: bands of rows with the rows around them that they need.

use std::ops::Range;

use thon_compute::{Counter, Progress};

use crate::{DenoiseError, SourceError};

/// Delivers rows of every section of a volume. Rows may be asked for more than once.
pub trait RowSource {
    /// Extents, `[nz, ny, nx]`.
    fn dims(&self) -> [usize; 3];

    /// Reads rows `rows` of all sections into `out`, `[nz, rows, nx]`.
    ///
    /// # Errors
    /// Whatever the reader fails with.
    fn read_rows(&self, rows: Range<usize>, out: &mut [f32]) -> Result<(), SourceError>;
}

/// Takes the rows of a volume in ascending y, every row once.
pub trait RowSink {
    /// Takes rows from `first_row` on, `[nz, rows, nx]`.
    ///
    /// # Errors
    /// Whatever the writer fails with.
    fn write_rows(&mut self, first_row: usize, voxels: &[f32]) -> Result<(), SourceError>;
}

/// A volume in memory, as source and as sink.
#[derive(Clone, Debug, PartialEq)]
pub struct VoxelsInMemory {
    /// `[nz, ny, nx]`.
    pub dims: [usize; 3],
    /// `[z, y, x]`.
    pub voxels: Vec<f32>,
}

impl VoxelsInMemory {
    /// A volume of zeros.
    pub fn zeros(dims: [usize; 3]) -> Self {
        Self {
            dims,
            voxels: vec![0.0; dims.iter().product()],
        }
    }
}

impl RowSource for VoxelsInMemory {
    fn dims(&self) -> [usize; 3] {
        self.dims
    }

    fn read_rows(&self, rows: Range<usize>, out: &mut [f32]) -> Result<(), SourceError> {
        let [_, ny, nx] = self.dims;
        let length = rows.len() * nx;
        for (section, out) in self.voxels.chunks(ny * nx).zip(out.chunks_mut(length)) {
            out.copy_from_slice(&section[rows.start * nx..][..length]);
        }
        Ok(())
    }
}

impl RowSink for VoxelsInMemory {
    fn write_rows(&mut self, first_row: usize, voxels: &[f32]) -> Result<(), SourceError> {
        let [nz, ny, nx] = self.dims;
        let length = voxels.len() / nz;
        for (section, rows) in self.voxels.chunks_mut(ny * nx).zip(voxels.chunks(length)) {
            section[first_row * nx..][..length].copy_from_slice(rows);
        }
        Ok(())
    }
}

/// Voxels `[nz, ny, nx]` of a band; `ny` includes the rows around it.
pub(crate) struct Band {
    pub(crate) dims: [usize; 3],
    pub(crate) voxels: Vec<f32>,
}

/// Reads rows and looks at them.
pub(crate) fn read(source: &dyn RowSource, rows: Range<usize>) -> Result<Band, DenoiseError> {
    let [nz, _, nx] = source.dims();
    let first_row = rows.start;
    let dims = [nz, rows.len(), nx];
    let mut voxels = vec![0.0; dims.iter().product()];
    source
        .read_rows(rows, &mut voxels)
        .map_err(|source| DenoiseError::Read { first_row, source })?;
    let count = voxels.iter().filter(|v| !v.is_finite()).count();
    if count > 0 {
        return Err(DenoiseError::NotFinite { first_row, count });
    }
    Ok(Band { dims, voxels })
}

/// How a volume is cut into bands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bands {
    /// Rows of a band that are kept.
    pub(crate) rows: usize,
    /// Rows around it on each side.
    pub(crate) halo: usize,
}

impl Bands {
    /// Bands whose working memory, `bytes_per_row` for every row in work, stays within `memory` MiB; at least eight rows.
    pub(crate) fn new(
        [_, ny, _]: [usize; 3],
        halo: usize,
        bytes_per_row: usize,
        memory: usize,
    ) -> Self {
        let rows = memory.saturating_mul(1 << 20) / bytes_per_row.max(1);
        if rows >= ny {
            return Self { rows: ny, halo };
        }
        let rows = rows.saturating_sub(2 * halo).max(8).min(ny);
        // Bands of about the same size.
        let rows = ny.div_ceil(ny.div_ceil(rows));
        Self { rows, halo }
    }

    /// Rows in work at once, at most.
    pub(crate) fn in_work(&self, ny: usize) -> usize {
        (self.rows + 2 * self.halo).min(ny)
    }

    /// Reads every band, lets `work` change it, and writes the rows that are kept.
    pub(crate) fn run(
        &self,
        source: &dyn RowSource,
        sink: &mut dyn RowSink,
        progress: &dyn Progress,
        mut work: impl FnMut(&mut Band) -> Result<(), DenoiseError>,
    ) -> Result<(), DenoiseError> {
        let [nz, ny, nx] = source.dims();
        let counter = Counter::new(progress, ny.div_ceil(self.rows) as u64);
        for first in (0..ny).step_by(self.rows) {
            counter.check()?;
            let kept = first..(first + self.rows).min(ny);
            let around = kept.start.saturating_sub(self.halo)..(kept.end + self.halo).min(ny);
            let mut band = read(source, around.clone())?;
            work(&mut band)?;
            let from = (kept.start - around.start) * nx;
            let length = kept.len() * nx;
            // Rows that are kept move to the front, section after section.
            for z in 0..nz {
                let start = z * around.len() * nx + from;
                band.voxels.copy_within(start..start + length, z * length);
            }
            band.voxels.truncate(nz * length);
            sink.write_rows(first, &band.voxels)
                .map_err(|source| DenoiseError::Write {
                    first_row: first,
                    source,
                })?;
            counter.unit_done();
        }
        Ok(())
    }
}
