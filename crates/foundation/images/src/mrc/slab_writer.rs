//! Writing a volume in slabs of rows: for reconstructions that finish row by row, not section by section.
//!
//! The file has its full length from the start; every slab goes to its place in each section. Floating-point modes
//! only (32-bit and half), since integers would need a scale that is known only at the end.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use half::f16;

use super::{FORMAT, MrcHeader, MrcMode, MrcSpec, Statistics, WriteSummary};
use crate::ImageError;

/// A volume file being written slab by slab.
#[derive(Debug)]
pub struct MrcSlabWriter {
    file: File,
    header: MrcHeader,
    data_start: u64,
    rows_written: usize,
    statistics: Statistics,
    clamped: u64,
    bytes: Vec<u8>,
}

impl MrcSlabWriter {
    /// Creates the file at `path` with its final length, replacing what was there.
    ///
    /// # Errors
    /// A mode other than 32-bit or half float, or a file that cannot be made that large.
    pub fn create_file(path: impl AsRef<Path>, spec: &MrcSpec) -> Result<Self, ImageError> {
        let path = path.as_ref();
        spec.check()?;
        let header = spec.header()?;
        if header.extended_bytes > 0 {
            let what = "tilt angles of a volume written in slabs";
            return Err(ImageError::bad_data(FORMAT, what, "none", "some"));
        }
        let sample = match header.mode {
            MrcMode::Float32 => 4u64,
            MrcMode::Float16 => 2,
            other => {
                return Err(ImageError::bad_data(
                    FORMAT,
                    "mode of a volume written in slabs",
                    "32-bit or half float",
                    format!("{other:?}"),
                ));
            }
        };
        let mut file = File::create(path).map_err(|e| ImageError::file(path, "create", e))?;
        let start = header.to_bytes();
        let data_start = start.len() as u64;
        let failed = ImageError::stream(FORMAT, "make the file as large as the volume");
        file.write_all(&start).map_err(&failed)?;
        let samples = (header.nx * header.ny * header.nz) as u64;
        file.set_len(data_start + samples * sample)
            .map_err(&failed)?;
        Ok(Self {
            file,
            header,
            data_start,
            rows_written: 0,
            statistics: Statistics::default(),
            clamped: 0,
            bytes: Vec::new(),
        })
    }

    /// Writes rows `first_row ..` of every section: `voxels` is `[nz][rows][nx]`.
    ///
    /// # Errors
    /// Rows outside the volume, or a failing disk.
    pub fn write_slab(&mut self, first_row: usize, voxels: &[f32]) -> Result<(), ImageError> {
        let (nx, ny, nz) = (self.header.nx, self.header.ny, self.header.nz);
        let rows = voxels.len() / (nx * nz).max(1);
        if rows * nx * nz != voxels.len() || first_row + rows > ny {
            let expected = format!("whole rows within {ny} of {nz} sections of {nx} columns");
            let found = format!("{} samples from row {first_row}", voxels.len());
            return Err(ImageError::bad_data(FORMAT, "slab", expected, found));
        }
        let half = self.header.mode == MrcMode::Float16;
        let sample = if half { 2 } else { 4 };
        for (z, rows_of_section) in voxels.chunks_exact((rows * nx).max(1)).enumerate() {
            self.encode(rows_of_section, half);
            let offset = ((z * ny + first_row) * nx * sample) as u64;
            let failed = ImageError::stream(FORMAT, "write a slab");
            self.file
                .seek(SeekFrom::Start(self.data_start + offset))
                .map_err(&failed)?;
            self.file.write_all(&self.bytes).map_err(&failed)?;
        }
        self.rows_written += rows;
        Ok(())
    }

    /// Completes the header with the statistics. Every row must have been written once.
    ///
    /// # Errors
    /// Rows that are missing, or a failing disk.
    pub fn finish(mut self) -> Result<WriteSummary, ImageError> {
        if self.rows_written != self.header.ny {
            let (expected, found) = (self.header.ny, self.rows_written);
            return Err(ImageError::bad_data(
                FORMAT,
                "number of rows",
                expected,
                found,
            ));
        }
        self.header.min = self.statistics.min as f32;
        self.header.max = self.statistics.max as f32;
        self.header.mean = self.statistics.mean as f32;
        self.header.rms = self.statistics.rms() as f32;
        let failed = ImageError::stream(FORMAT, "complete the header");
        self.file.seek(SeekFrom::Start(0)).map_err(&failed)?;
        self.file
            .write_all(&self.header.to_bytes())
            .map_err(&failed)?;
        self.file.flush().map_err(&failed)?;
        Ok(WriteSummary {
            statistics: self.statistics,
            clamped: self.clamped,
        })
    }

    fn encode(&mut self, row: &[f32], half: bool) {
        self.bytes.clear();
        if !half {
            self.bytes.extend(row.iter().flat_map(|v| v.to_le_bytes()));
            self.statistics.merge(&Statistics::of(row));
            return;
        }
        let stored: Vec<f32> = row.iter().map(|&v| f16::from_f32(v).to_f32()).collect();
        let overflow = |(a, b): (&f32, &f32)| u64::from(a.is_finite() && !b.is_finite());
        self.clamped += row.iter().zip(&stored).map(overflow).sum::<u64>();
        self.bytes
            .extend(row.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()));
        self.statistics.merge(&Statistics::of(&stored));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mrc::Mrc;

    #[test]
    fn slabs_make_the_same_volume_as_sections() {
        let directory = tempfile::tempdir().unwrap();
        let (nz, ny, nx) = (3, 5, 4);
        let data: Vec<f32> = (0..nz * ny * nx).map(|i| i as f32 * 0.5 - 7.0).collect();
        let spec = MrcSpec::volume([nz, ny, nx], Some(10.0)).with_mode(MrcMode::Float16);
        let path = directory.path().join("slabs.mrc");
        let mut writer = MrcSlabWriter::create_file(&path, &spec).unwrap();
        for (first, rows) in [(3, 2), (0, 3)] {
            let slab: Vec<f32> = (0..nz)
                .flat_map(|z| {
                    let start = (z * ny + first) * nx;
                    data[start..start + rows * nx].to_vec()
                })
                .collect();
            writer.write_slab(first, &slab).unwrap();
        }
        let summary = writer.finish().unwrap();
        let file = Mrc::open(&path).unwrap();
        assert_eq!(file.read_all().unwrap(), data);
        assert!((f64::from(file.header().mean) - summary.statistics.mean).abs() < 1e-6);
        assert_eq!(file.header().pixel_size(), Some(10.0));
    }

    #[test]
    fn missing_rows_and_integer_modes_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("v.mrc");
        let spec = MrcSpec::volume([2, 2, 2], None);
        let mut writer = MrcSlabWriter::create_file(&path, &spec).unwrap();
        writer.write_slab(0, &[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert!(writer.write_slab(2, &[0.0; 4]).is_err());
        assert!(writer.finish().unwrap_err().to_string().contains("rows"));
        let integers = spec.with_mode(MrcMode::Int16);
        assert!(MrcSlabWriter::create_file(&path, &integers).is_err());
    }
}
