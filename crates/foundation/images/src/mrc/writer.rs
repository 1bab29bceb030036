//! Writing MRC2014 files section by section; statistics go into the header at the end.
//!
//! Little-endian, deterministic (no date, no program label unless asked for). Integer modes round to the nearest
//! integer, halves away from zero, and clamp to the range of the type; how many samples were clamped is reported.
//! NaN cannot be stored in an integer mode and is refused. Mode 0 is written signed, with the IMOD stamp and flags
//! that say so and that the origin has the sign of the standard.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use half::f16;

use super::{FORMAT, MrcHeader, MrcMode, MrcSpec, Statistics};
use crate::ImageError;

/// Samples, about, that are encoded at a time: whole rows, so that a writer holds little beside what it is given.
const PIECE: usize = 1 << 18;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WriteSummary {
    /// Statistics of the samples as stored (after rounding and clamping).
    pub statistics: Statistics,
    /// Samples that were outside the range of the stored type.
    pub clamped: u64,
}

/// A file being written.
#[derive(Debug)]
pub struct MrcWriter<W> {
    out: W,
    header: MrcHeader,
    written: usize,
    summary: WriteSummary,
    samples: Vec<f32>,
    bytes: Vec<u8>,
}

impl MrcWriter<BufWriter<File>> {
    /// Creates the file at `path`, replacing what was there.
    pub fn create_file(path: impl AsRef<Path>, spec: &MrcSpec) -> Result<Self, ImageError> {
        let path = path.as_ref();
        spec.check()?;
        let file = File::create(path).map_err(|e| ImageError::file(path, "create", e))?;
        Self::create(BufWriter::with_capacity(1 << 20, file), spec)
    }
}

impl<W: Write + Seek> MrcWriter<W> {
    /// Starts a file at the current position 0 of `out`: writes the headers.
    pub fn create(mut out: W, spec: &MrcSpec) -> Result<Self, ImageError> {
        let header = spec.header()?;
        let failed = ImageError::stream(FORMAT, "write the header");
        out.write_all(&header.to_bytes()).map_err(&failed)?;
        for angle in spec.tilt_angles.iter().flatten() {
            let hundredths = (angle * 100.0).round() as i16;
            out.write_all(&hundredths.to_le_bytes()).map_err(&failed)?;
        }
        let statistics = Statistics::default();
        Ok(Self {
            out,
            header,
            written: 0,
            summary: WriteSummary {
                statistics,
                clamped: 0,
            },
            samples: Vec::new(),
            bytes: Vec::new(),
        })
    }

    /// Writes the next section, ny·nx samples `[row][column]`.
    pub fn write_section(&mut self, section: &[f32]) -> Result<(), ImageError> {
        let area = self.header.nx * self.header.ny;
        if section.len() != area {
            return Err(ImageError::bad_data(
                FORMAT,
                "length of a section",
                area,
                section.len(),
            ));
        }
        if self.written == self.header.nz {
            let found = "one section more";
            return Err(ImageError::bad_data(
                FORMAT,
                "number of sections",
                self.header.nz,
                found,
            ));
        }
        let rows = (PIECE / self.header.nx.max(1)).max(1);
        let failed = ImageError::stream(FORMAT, "write a section");
        for (piece, samples) in section.chunks(rows * self.header.nx.max(1)).enumerate() {
            self.quantise(samples, piece * rows)?;
            encode(
                self.header.mode,
                self.header.nx,
                &self.samples,
                &mut self.bytes,
            );
            self.out.write_all(&self.bytes).map_err(&failed)?;
            self.summary
                .statistics
                .merge(&Statistics::of(&self.samples));
        }
        self.written += 1;
        Ok(())
    }

    /// Completes the header and flushes. All sections must have been written.
    pub fn finish(mut self) -> Result<(W, WriteSummary), ImageError> {
        if self.written != self.header.nz {
            let (expected, found) = (self.header.nz, self.written);
            return Err(ImageError::bad_data(
                FORMAT,
                "number of sections",
                expected,
                found,
            ));
        }
        let statistics = &self.summary.statistics;
        if statistics.count > 0 {
            self.header.min = statistics.min as f32;
            self.header.max = statistics.max as f32;
            self.header.mean = statistics.mean as f32;
            self.header.rms = statistics.rms() as f32;
        }
        let failed = ImageError::stream(FORMAT, "complete the header");
        self.out.seek(SeekFrom::Start(0)).map_err(&failed)?;
        self.out
            .write_all(&self.header.to_bytes())
            .map_err(&failed)?;
        self.out.seek(SeekFrom::End(0)).map_err(&failed)?;
        self.out.flush().map_err(&failed)?;
        Ok((self.out, self.summary))
    }

    /// The values that will come back when these rows are read, from `first_row` on, into `self.samples`.
    fn quantise(&mut self, section: &[f32], first_row: usize) -> Result<(), ImageError> {
        self.samples.clear();
        let Some((low, high)) = integer_range(self.header.mode) else {
            if self.header.mode == MrcMode::Float16 {
                self.samples
                    .extend(section.iter().map(|&v| f16::from_f32(v).to_f32()));
                let became_infinite = section.iter().zip(&self.samples);
                let overflows = became_infinite.filter(|(a, b)| a.is_finite() && !b.is_finite());
                self.summary.clamped += overflows.count() as u64;
            } else {
                self.samples.extend_from_slice(section);
            }
            return Ok(());
        };
        if let Some(index) = section.iter().position(|v| v.is_nan()) {
            let (row, column) = (first_row + index / self.header.nx, index % self.header.nx);
            let found = format!(
                "NaN in section {}, row {row}, column {column}",
                self.written
            );
            return Err(ImageError::bad_data(
                FORMAT,
                "samples for an integer mode",
                "numbers",
                found,
            ));
        }
        let mut clamped = 0;
        self.samples.extend(section.iter().map(|&value| {
            let rounded = value.round();
            let stored = rounded.clamp(low, high);
            clamped += u64::from(stored != rounded);
            stored
        }));
        self.summary.clamped += clamped;
        Ok(())
    }
}

fn integer_range(mode: MrcMode) -> Option<(f32, f32)> {
    match mode {
        MrcMode::Int8 => Some((-128.0, 127.0)),
        MrcMode::Int16 => Some((-32768.0, 32767.0)),
        MrcMode::Uint16 => Some((0.0, 65535.0)),
        MrcMode::Packed4Bit => Some((0.0, 15.0)),
        _ => None,
    }
}

/// Encodes samples that are exactly representable in `mode`.
fn encode(mode: MrcMode, nx: usize, samples: &[f32], bytes: &mut Vec<u8>) {
    bytes.clear();
    match mode {
        MrcMode::Int8 => bytes.extend(samples.iter().map(|&v| v as i8 as u8)),
        MrcMode::Int16 => bytes.extend(samples.iter().flat_map(|&v| (v as i16).to_le_bytes())),
        MrcMode::Uint16 => bytes.extend(samples.iter().flat_map(|&v| (v as u16).to_le_bytes())),
        MrcMode::Float16 => {
            bytes.extend(samples.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()));
        }
        MrcMode::Packed4Bit => {
            for pair in samples.chunks(nx).flat_map(|row| row.chunks(2)) {
                let high = pair.get(1).map_or(0, |&v| v as u8);
                bytes.push(pair[0] as u8 | high << 4);
            }
        }
        _ => bytes.extend(samples.iter().flat_map(|v| v.to_le_bytes())),
    }
}

/// Writes one volume `[z][y][x]` of 32-bit floats. `voxel_size` in Å.
pub fn write_volume(
    path: impl AsRef<Path>,
    data: &[f32],
    shape: [usize; 3],
    voxel_size: Option<f64>,
) -> Result<WriteSummary, ImageError> {
    write_all(path.as_ref(), data, &MrcSpec::volume(shape, voxel_size))
}

/// Writes a stack of images `[section][row][column]` of 32-bit floats. `pixel_size` in Å.
pub fn write_stack(
    path: impl AsRef<Path>,
    data: &[f32],
    shape: [usize; 3],
    pixel_size: Option<f64>,
) -> Result<WriteSummary, ImageError> {
    write_all(path.as_ref(), data, &MrcSpec::stack(shape, pixel_size))
}

fn write_all(path: &Path, data: &[f32], spec: &MrcSpec) -> Result<WriteSummary, ImageError> {
    let [nz, ny, nx] = spec.shape;
    spec.check()?;
    let expected = (ny * nx).checked_mul(nz);
    if expected != Some(data.len()) {
        let expected = format!("{nz}·{ny}·{nx}");
        return Err(ImageError::bad_data(
            FORMAT,
            "number of samples",
            expected,
            data.len(),
        ));
    }
    let mut writer = MrcWriter::create_file(path, spec)?;
    for section in data.chunks_exact(ny * nx) {
        writer.write_section(section)?;
    }
    writer.finish().map(|(_, summary)| summary)
}
