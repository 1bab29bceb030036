//! Reading MRC files: whole sections, ranges, windows, everything; from files, maps, gz/bz2 or slices.
//!
//! Data come out as `f32` in file order, `[section][row][column]`, or in their stored type. Lengths are compared
//! before anything is allocated.

use std::io::Read;
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;

use super::{AxisOrder, ExtendedHeader, FORMAT, HEADER_BYTES, MrcHeader, MrcMode, decode};
use crate::compressed::{self, DEFAULT_DECOMPRESSED_LIMIT};
use crate::{ByteOrder, ByteSource, ImageError, Samples, sample};

/// Windows narrower than a row by this factor are read run by run.
const NARROW: usize = 16;

/// An open MRC file.
#[derive(Debug)]
pub struct Mrc<'a> {
    header: MrcHeader,
    source: ByteSource<'a>,
    section_bytes: usize,
    row_bytes: usize,
    available: usize,
}

/// An MRC file that owns its bytes.
pub type MrcFile = Mrc<'static>;

impl Mrc<'static> {
    /// Opens a file for positional reading (gzip and bzip2 are decompressed into memory).
    ///
    /// # Errors
    /// [`ImageError::TooShort`] names how many complete sections exist when the file ends early.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        Self::open_tolerant(path)?.complete()
    }

    /// Opens a file that may be shorter than its header promises; see [`Mrc::available_sections`].
    pub fn open_tolerant(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        Self::open_with_limit(path, DEFAULT_DECOMPRESSED_LIMIT)
    }

    /// As [`Mrc::open_tolerant`], refusing compressed files of more than `limit` decompressed bytes.
    pub fn open_with_limit(path: impl AsRef<Path>, limit: u64) -> Result<Self, ImageError> {
        let path = path.as_ref();
        match compressed::detect_file(path)? {
            Some(compression) => Self::from_reader(compressed::open(path, compression)?, limit),
            None => Self::from_source(ByteSource::open(path)?),
        }
    }

    /// Reads a file of at most `limit` bytes from a stream into memory: the header first, then what it promises,
    /// and one byte more (which lets a compressed stream check its sum). It may be shorter than promised.
    pub fn from_reader(mut reader: impl Read, limit: u64) -> Result<Self, ImageError> {
        let failed = ImageError::stream(FORMAT, "read");
        let mut bytes = Vec::new();
        compressed::read_more(&mut reader, HEADER_BYTES as u64, &mut bytes).map_err(&failed)?;
        let promised = MrcHeader::parse(&bytes)?.file_bytes().unwrap_or(u64::MAX);
        if promised > limit {
            return Err(ImageError::TooLarge {
                format: FORMAT,
                what: "the file read from a stream",
                needed: promised,
                limit,
            });
        }
        let rest = promised - HEADER_BYTES as u64 + 1;
        compressed::read_more(&mut reader, rest, &mut bytes).map_err(&failed)?;
        Self::from_source(ByteSource::Owned(bytes))
    }

    /// Maps the file into memory instead of reading it by position (compressed files are decompressed). It must be
    /// complete, and
    /// nobody may shorten it while it is open.
    pub fn open_mapped(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        if compressed::detect_file(path.as_ref())?.is_some() {
            return Self::open(path);
        }
        Self::from_source(ByteSource::map(path.as_ref())?)?.complete()
    }

    /// Reads the header alone; compressed files are decompressed no further than that.
    pub fn read_header(path: impl AsRef<Path>) -> Result<MrcHeader, ImageError> {
        let path = path.as_ref();
        let bytes = match compressed::detect_file(path)? {
            Some(compression) => compressed::read_start(path, compression, HEADER_BYTES as u64)?,
            None => ByteSource::open(path)?
                .read_start(HEADER_BYTES)
                .map_err(|e| ImageError::file(path, "read", e))?,
        };
        MrcHeader::parse(&bytes)
    }
}

impl<'a> Mrc<'a> {
    /// An MRC file in memory. It may be shorter than its header promises.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ImageError> {
        Self::from_source(ByteSource::Borrowed(bytes))
    }

    /// An MRC file from any source of bytes. It may be shorter than its header promises.
    pub fn from_source(source: ByteSource<'a>) -> Result<Self, ImageError> {
        let start = source
            .read_start(HEADER_BYTES)
            .map_err(ImageError::stream(FORMAT, "read the header"))?;
        let header = MrcHeader::parse(&start)?;
        let too_large = || ImageError::TooLarge {
            format: FORMAT,
            what: "one section",
            needed: u64::MAX,
            limit: isize::MAX as u64,
        };
        let section_bytes = header.section_bytes().ok_or_else(too_large)?;
        let row_bytes = section_bytes / header.ny;
        let data = source.len().saturating_sub(header.data_offset());
        let complete = usize::try_from(data / section_bytes as u64).unwrap_or(usize::MAX);
        let available = complete.min(header.nz);
        Ok(Self {
            header,
            source,
            section_bytes,
            row_bytes,
            available,
        })
    }

    /// This file, or an error when sections are missing.
    pub fn complete(self) -> Result<Self, ImageError> {
        if self.available == self.header.nz {
            return Ok(self);
        }
        Err(ImageError::TooShort {
            format: FORMAT,
            promised_bytes: self.header.file_bytes().unwrap_or(u64::MAX),
            found_bytes: self.source.len(),
            promised: self.header.nz,
            complete: self.available,
        })
    }

    /// The fixed header.
    pub fn header(&self) -> &MrcHeader {
        &self.header
    }

    /// Shape promised by the header, `[sections, rows, columns]`.
    pub fn shape(&self) -> [usize; 3] {
        self.header.shape()
    }

    /// Sections that are there in full; fewer than `shape()[0]` when the file ends early.
    pub fn available_sections(&self) -> usize {
        self.available
    }

    /// Bytes after the last sample that the header promises.
    pub fn trailing_bytes(&self) -> u64 {
        let promised = self.header.file_bytes().unwrap_or(u64::MAX);
        self.source.len().saturating_sub(promised)
    }

    /// The extended header, parsed by its type.
    pub fn extended_header(&self) -> Result<ExtendedHeader, ImageError> {
        let available = self.source.len().saturating_sub(HEADER_BYTES as u64);
        let len = self
            .header
            .extended_bytes
            .min(usize::try_from(available).unwrap_or(usize::MAX));
        let bytes = self
            .source
            .read_vec(HEADER_BYTES as u64, len)
            .map_err(ImageError::stream(FORMAT, "read the extended header"))?;
        Ok(ExtendedHeader::parse(&self.header, bytes))
    }

    /// Section `z` as `[row][column]`, ny·nx samples. An error for complex data: see
    /// [`Mrc::read_section_complex`].
    pub fn read_section(&self, z: usize) -> Result<Vec<f32>, ImageError> {
        self.read_sections(z..z.saturating_add(1))
    }

    /// Section `z` into `out`, which must hold ny·nx samples.
    pub fn read_section_into(&self, z: usize, out: &mut [f32]) -> Result<(), ImageError> {
        self.check_real()?;
        let expected = self.header.ny * self.header.nx;
        if out.len() != expected {
            return Err(ImageError::bad_data(
                FORMAT,
                "length of the output",
                expected,
                out.len(),
            ));
        }
        let (mode, order) = (self.header.mode, self.header.byte_order);
        if mode == MrcMode::Float32 && order == ByteOrder::NATIVE {
            // As stored: no bytes in between.
            return self
                .source
                .read_at(self.section_offset(z)?, bytemuck::cast_slice_mut(out))
                .map_err(ImageError::stream(FORMAT, "read image data"));
        }
        let bytes = self.section_raw(z)?;
        decode::rows_to_f32(mode, order, self.header.nx, &bytes, out);
        Ok(())
    }

    /// Sections of a range, one after the other; decoded in parallel.
    pub fn read_sections(&self, range: Range<usize>) -> Result<Vec<f32>, ImageError> {
        self.check_real()?;
        if range.start >= range.end || range.end > self.available {
            let asked = format!("{}..{}", range.start, range.end);
            let available = format!("{} complete sections", self.available);
            return Err(ImageError::out_of_range(
                FORMAT,
                "section range",
                asked,
                available,
            ));
        }
        let area = self.header.ny * self.header.nx;
        let mut out = vec![0.0; area * range.len()];
        out.par_chunks_mut(area)
            .zip(range)
            .try_for_each(|(section, z)| self.read_section_into(z, section))?;
        Ok(out)
    }

    /// Every section that the header promises.
    pub fn read_all(&self) -> Result<Vec<f32>, ImageError> {
        self.read_sections(0..self.header.nz)
    }

    /// As [`Mrc::read_all`] into memory that is there already; `out` gets the length of the data.
    pub fn read_all_into(&self, out: &mut Vec<f32>) -> Result<(), ImageError> {
        self.check_real()?;
        let area = self.header.ny * self.header.nx;
        if self.available < self.header.nz {
            let available = format!("{} complete sections", self.available);
            let asked = format!("0..{}", self.header.nz);
            return Err(ImageError::out_of_range(
                FORMAT,
                "section range",
                asked,
                available,
            ));
        }
        out.resize(area * self.header.nz, 0.0);
        out.par_chunks_mut(area.max(1))
            .enumerate()
            .try_for_each(|(z, section)| self.read_section_into(z, section))
    }

    /// Everything with columns along X, rows along Y and sections along Z, whatever order the file is in:
    /// the data `[z][y][x]` and the shape `[z, y, x]`.
    pub fn read_all_xyz(&self) -> Result<(Vec<f32>, [usize; 3]), ImageError> {
        let data = self.read_all()?;
        let axes = self.header.axes;
        if axes == AxisOrder::XYZ {
            return Ok((data, self.shape()));
        }
        let file_dims = [self.header.nx, self.header.ny, self.header.nz];
        let file_strides = [1, file_dims[0], file_dims[0] * file_dims[1]];
        let mut dims = [0; 3];
        let mut strides = [0; 3];
        for (file_axis, &axis) in axes.0.iter().enumerate() {
            dims[axis] = file_dims[file_axis];
            strides[axis] = file_strides[file_axis];
        }
        let mut out = Vec::with_capacity(data.len());
        for z in 0..dims[2] {
            for y in 0..dims[1] {
                let start = z * strides[2] + y * strides[1];
                out.extend((0..dims[0]).map(|x| data[start + x * strides[0]]));
            }
        }
        Ok((out, [dims[2], dims[1], dims[0]]))
    }

    /// The window of `ny` rows from `y0` and `nx` columns from `x0` of section `z`, `[row][column]`.
    pub fn read_window(
        &self,
        z: usize,
        y0: usize,
        x0: usize,
        ny: usize,
        nx: usize,
    ) -> Result<Vec<f32>, ImageError> {
        self.check_real()?;
        let inside = |start: usize, len: usize, size: usize| {
            len > 0 && start.checked_add(len).is_some_and(|end| end <= size)
        };
        if !inside(y0, ny, self.header.ny) || !inside(x0, nx, self.header.nx) {
            let asked = format!("{ny} rows from {y0}, {nx} columns from {x0}");
            let available = format!("{} rows, {} columns", self.header.ny, self.header.nx);
            return Err(ImageError::out_of_range(FORMAT, "window", asked, available));
        }
        let offset = self.section_offset(z)? + (y0 * self.row_bytes) as u64;
        if NARROW * nx <= self.header.nx && self.header.mode != MrcMode::Packed4Bit {
            return self.read_runs(offset, x0, ny, nx);
        }
        let rows = self.read_bytes(offset, ny * self.row_bytes)?;
        let mut line = vec![0.0; self.header.nx];
        let mut out = Vec::with_capacity(ny * nx);
        for row in rows.chunks_exact(self.row_bytes) {
            let (mode, order) = (self.header.mode, self.header.byte_order);
            decode::rows_to_f32(mode, order, self.header.nx, row, &mut line);
            out.extend_from_slice(&line[x0..x0 + nx]);
        }
        Ok(out)
    }

    /// The columns from `x0` on of `ny` rows from byte `offset` on: a read for each row, so that nothing else is copied.
    fn read_runs(
        &self,
        offset: u64,
        x0: usize,
        ny: usize,
        nx: usize,
    ) -> Result<Vec<f32>, ImageError> {
        let (mode, order) = (self.header.mode, self.header.byte_order);
        let sample = mode.sample_kind().bytes();
        self.source.will_need(offset, (ny * self.row_bytes) as u64);
        let mut raw = vec![0; ny * nx * sample];
        for (y, run) in raw.chunks_exact_mut(nx * sample).enumerate() {
            let start = offset + (y * self.row_bytes + x0 * sample) as u64;
            self.source
                .read_at(start, run)
                .map_err(ImageError::stream(FORMAT, "read image data"))?;
        }
        let mut out = vec![0.0; ny * nx];
        decode::rows_to_f32(mode, order, nx, &raw, &mut out);
        Ok(out)
    }

    /// Section `z` as complex numbers `[real, imaginary]`; real data get zero imaginary parts.
    pub fn read_section_complex(&self, z: usize) -> Result<Vec<[f32; 2]>, ImageError> {
        let mode = self.header.mode;
        if !mode.sample_kind().is_complex() {
            let real = self.read_section(z)?;
            return Ok(real.into_iter().map(|v| [v, 0.0]).collect());
        }
        let bytes = self.section_raw(z)?;
        Ok(sample::decode_complex(
            mode.sample_kind(),
            self.header.byte_order,
            &bytes,
        ))
    }

    /// Section `z` in the stored sample type (4-bit samples as bytes 0…15).
    pub fn read_section_samples(&self, z: usize) -> Result<Samples, ImageError> {
        let bytes = self.section_raw(z)?;
        let (mode, order) = (self.header.mode, self.header.byte_order);
        Ok(decode::rows_to_samples(mode, order, self.header.nx, &bytes))
    }

    /// Every promised sample in place, `[section][row][column]`, without a copy: for 32-bit floats in the byte order
    /// of this machine, in memory ([`Mrc::open_mapped`]) and aligned. `None` otherwise.
    pub fn as_f32(&self) -> Option<&[f32]> {
        let header = &self.header;
        let plain = header.mode == MrcMode::Float32 && header.byte_order == ByteOrder::NATIVE;
        let start = usize::try_from(header.data_offset()).ok()?;
        let end = usize::try_from(header.file_bytes()?).ok()?;
        let bytes = self.source.as_slice().filter(|_| plain)?.get(start..end)?;
        bytemuck::try_cast_slice(bytes).ok()
    }

    fn check_real(&self) -> Result<(), ImageError> {
        if self.header.mode.sample_kind().is_complex() {
            return Err(ImageError::Unsupported {
                format: FORMAT,
                what: format!(
                    "reading complex data (mode {}) as real numbers",
                    self.header.mode.code()
                ),
                hint: " (hint: such a file is a Fourier transform; the images it came from are wanted)",
            });
        }
        Ok(())
    }

    fn section_offset(&self, z: usize) -> Result<u64, ImageError> {
        if z >= self.available {
            let available = format!("{} complete sections", self.available);
            return Err(ImageError::out_of_range(FORMAT, "section", z, available));
        }
        Ok(self.header.data_offset() + z as u64 * self.section_bytes as u64)
    }

    fn section_raw(&self, z: usize) -> Result<Vec<u8>, ImageError> {
        self.read_bytes(self.section_offset(z)?, self.section_bytes)
    }

    fn read_bytes(&self, offset: u64, len: usize) -> Result<Vec<u8>, ImageError> {
        self.source
            .read_vec(offset, len)
            .map_err(ImageError::stream(FORMAT, "read image data"))
    }
}
