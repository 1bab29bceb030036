//! Volumes that stream: bands of rows with the rows around them that they need; of volumes too wide for that, tiles of a band.

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

    /// Reads `columns` of rows `rows` of all sections into `out`, `[nz, rows, columns]`. Sources that can should read no more than
    /// that: this reads whole rows, one at a time.
    ///
    /// # Errors
    /// Whatever the reader fails with.
    fn read_block(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        out: &mut [f32],
    ) -> Result<(), SourceError> {
        let [nz, _, nx] = self.dims();
        if columns == (0..nx) {
            return self.read_rows(rows, out);
        }
        let mut whole = vec![0.0; nz * nx];
        let (count, width) = (rows.len(), columns.len());
        for (index, row) in rows.enumerate() {
            self.read_rows(row..row + 1, &mut whole)?;
            for (z, from) in whole.chunks(nx).enumerate() {
                out[(z * count + index) * width..][..width].copy_from_slice(&from[columns.clone()]);
            }
        }
        Ok(())
    }
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
    let columns = 0..source.dims()[2];
    read_tile(source, rows, columns)
}

/// Reads some columns of rows and looks at them.
pub(crate) fn read_tile(
    source: &dyn RowSource,
    rows: Range<usize>,
    columns: Range<usize>,
) -> Result<Band, DenoiseError> {
    let first_row = rows.start;
    let dims = [source.dims()[0], rows.len(), columns.len()];
    let mut voxels = vec![0.0; dims.iter().product()];
    source
        .read_block(rows, columns, &mut voxels)
        .map_err(|source| DenoiseError::Read { first_row, source })?;
    let count = voxels.iter().filter(|v| !v.is_finite()).count();
    if count > 0 {
        return Err(DenoiseError::NotFinite { first_row, count });
    }
    Ok(Band { dims, voxels })
}

/// How a volume is cut into bands, and those into tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bands {
    /// Rows of a band that are kept.
    pub(crate) rows: usize,
    /// Columns of a tile that are kept; all of them where whole rows fit.
    pub(crate) columns: usize,
    /// Rows and columns around it on each side.
    pub(crate) halo: usize,
}

impl Bands {
    /// Bands whose working memory, `bytes_per_row` for every row in work, stays within `memory` MiB; at least eight rows.
    pub(crate) fn new(
        [_, ny, nx]: [usize; 3],
        halo: usize,
        bytes_per_row: usize,
        memory: usize,
    ) -> Self {
        let rows = memory.saturating_mul(1 << 20) / bytes_per_row.max(1);
        let columns = nx;
        if rows >= ny {
            return Self {
                rows: ny,
                columns,
                halo,
            };
        }
        let rows = rows.saturating_sub(2 * halo).max(8).min(ny);
        // Bands of about the same size.
        let rows = ny.div_ceil(ny.div_ceil(rows));
        Self {
            rows,
            columns,
            halo,
        }
    }

    /// The same, but cut across rows as well where a band of whole rows that is worth its halo does not fit.
    pub(crate) fn tiled(
        dims: [usize; 3],
        halo: usize,
        bytes_per_row: usize,
        memory: usize,
    ) -> Self {
        let [nz, ny, nx] = dims;
        let whole = Self::new(dims, halo, bytes_per_row, memory);
        let budget = memory.saturating_mul(1 << 20);
        if bytes_per_row * whole.in_work(ny) <= budget && (whole.rows >= halo || whole.rows == ny) {
            return whole;
        }
        // Half of the memory for the rows that are kept, the rest for a tile and the rows and columns around it.
        let rows = (budget / 2 / (4 * nz * nx))
            .clamp(8, 2 * halo.max(4))
            .min(ny);
        let bytes_per_cell = bytes_per_row.div_ceil(nx);
        let cells = budget / 2 / bytes_per_cell;
        let columns = (cells / (rows + 2 * halo).min(ny)).saturating_sub(2 * halo);
        let columns = columns.max(32).min(nx);
        Self {
            rows,
            columns: nx.div_ceil(nx.div_ceil(columns)),
            halo,
        }
    }

    /// Rows in work at once, at most.
    pub(crate) fn in_work(&self, ny: usize) -> usize {
        (self.rows + 2 * self.halo).min(ny)
    }

    /// Bytes at most, for `bytes_per_row` of every whole row in work.
    pub(crate) fn bytes(&self, [nz, ny, nx]: [usize; 3], bytes_per_row: usize) -> usize {
        let rows = self.in_work(ny);
        if self.columns >= nx {
            return bytes_per_row * rows;
        }
        let columns = (self.columns + 2 * self.halo).min(nx);
        bytes_per_row.div_ceil(nx) * columns * rows + 4 * nz * self.rows * nx
    }

    /// Reads every tile of every band, lets `work` change it, and writes the rows that are kept.
    pub(crate) fn run(
        &self,
        source: &dyn RowSource,
        sink: &mut dyn RowSink,
        progress: &dyn Progress,
        mut work: impl FnMut(&mut Band) -> Result<(), DenoiseError>,
    ) -> Result<(), DenoiseError> {
        let [nz, ny, nx] = source.dims();
        let tiles = ny.div_ceil(self.rows) * nx.div_ceil(self.columns);
        let counter = Counter::new(progress, tiles as u64);
        let mut out = Vec::new();
        for first in (0..ny).step_by(self.rows) {
            let kept = first..(first + self.rows).min(ny);
            let rows = self.around(&kept, ny);
            if self.columns < nx {
                out.resize(nz * kept.len() * nx, 0.0);
            }
            for column in (0..nx).step_by(self.columns) {
                counter.check()?;
                let kept_columns = column..(column + self.columns).min(nx);
                let columns = self.around(&kept_columns, nx);
                let mut band = read_tile(source, rows.clone(), columns.clone())?;
                work(&mut band)?;
                if kept_columns.len() == nx {
                    keep_rows(&mut band, kept.start - rows.start, kept.len());
                    out = band.voxels;
                } else {
                    let corner = [kept.start - rows.start, kept_columns.start - columns.start];
                    let place = [kept.len(), nx, kept_columns.start];
                    keep_tile(&band, corner, kept_columns.len(), &mut out, place);
                }
                counter.unit_done();
            }
            sink.write_rows(first, &out)
                .map_err(|source| DenoiseError::Write {
                    first_row: first,
                    source,
                })?;
        }
        Ok(())
    }

    /// What is kept with what its neighbours add, within `length`.
    fn around(&self, kept: &Range<usize>, length: usize) -> Range<usize> {
        kept.start.saturating_sub(self.halo)..(kept.end + self.halo).min(length)
    }
}

/// Moves `count` rows from `first` on to the front, section after section, and drops the others.
fn keep_rows(band: &mut Band, first: usize, count: usize) {
    let [nz, ny, nx] = band.dims;
    let length = count * nx;
    for z in 0..nz {
        let start = (z * ny + first) * nx;
        band.voxels.copy_within(start..start + length, z * length);
    }
    band.voxels.truncate(nz * length);
}

/// Copies `width` columns from `corner` (row, column) on into whole rows; `place` is their number, their length and the column.
fn keep_tile(
    band: &Band,
    corner: [usize; 2],
    width: usize,
    out: &mut [f32],
    [rows, length, column]: [usize; 3],
) {
    let [_, ny, nx] = band.dims;
    for (line, out) in out.chunks_mut(length).enumerate() {
        let (z, row) = (line / rows, line % rows);
        let start = (z * ny + corner[0] + row) * nx + corner[1];
        out[column..][..width].copy_from_slice(&band.voxels[start..start + width]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_compute::Quiet;

    #[test]
    fn wide_volumes_are_cut_across_rows_and_put_together_again() {
        let dims = [30, 40, 500];
        let voxels: Vec<f32> = (0..600_000).map(|i| (i % 9973) as f32).collect();
        let source = VoxelsInMemory { dims, voxels };
        // A row and the rows around it take 3.6 MB.
        let per_row = 8 * 30 * 500;
        let bands = Bands::tiled(dims, 7, per_row, 1);
        assert!(
            bands.columns < 500 && bands.bytes(dims, per_row) <= 1 << 20,
            "{bands:?}"
        );
        let mut sink = VoxelsInMemory::zeros(dims);
        let mut largest = 0;
        bands
            .run(&source, &mut sink, &Quiet, |band| {
                largest = largest.max(band.voxels.len() * 8);
                for value in &mut band.voxels {
                    *value += 1.0;
                }
                Ok(())
            })
            .unwrap();
        assert!(largest <= 1 << 20, "{largest}");
        assert!(
            source
                .voxels
                .iter()
                .zip(&sink.voxels)
                .all(|(a, b)| a + 1.0 == *b)
        );
        assert_eq!(Bands::tiled(dims, 7, per_row, 64).columns, 500);
    }
}
