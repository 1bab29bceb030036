//! Reading TIFF stacks. Each page gets its own decoder, so pages decode in parallel and in any order.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;
use tiff::decoder::{Decoder, DecodingResult, Limits};

use super::{FORMAT, TiffPage};
use crate::tiff_directory::Directories;
use crate::{ByteOrder, ByteSource, ImageError, Samples};

/// An open TIFF file of grey images.
#[derive(Debug)]
pub struct TiffStack<'a> {
    source: ByteSource<'a>,
    directories: Directories,
    pages: Vec<Result<TiffPage, String>>,
}

impl TiffStack<'static> {
    /// Opens a file for positional reading.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        Self::from_source(ByteSource::open(path.as_ref())?)
    }
}

impl<'a> TiffStack<'a> {
    /// A TIFF file in memory.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ImageError> {
        Self::from_source(ByteSource::Borrowed(bytes))
    }

    /// A TIFF file from any source of bytes. Pages that cannot be read give their error when they are asked for.
    pub fn from_source(source: ByteSource<'a>) -> Result<Self, ImageError> {
        let directories = Directories::walk(&source, FORMAT, "a TIFF file")?;
        let pages: Vec<_> = directories
            .list
            .iter()
            .map(|directory| TiffPage::read(&source, &directories, directory))
            .collect();
        if pages.is_empty() {
            let reason = directories.note.unwrap_or_else(|| "it has no page".into());
            return Err(ImageError::NotThisFormat {
                article_format: "a TIFF file with an image",
                reason,
            });
        }
        Ok(Self {
            source,
            directories,
            pages,
        })
    }

    /// Number of pages.
    pub fn pages(&self) -> usize {
        self.pages.len()
    }

    /// Why the file ends before its last page, if it does.
    pub fn note(&self) -> Option<&str> {
        self.directories.note.as_deref()
    }

    /// Description of one page.
    pub fn page(&self, index: usize) -> Result<&TiffPage, ImageError> {
        match self.pages.get(index) {
            Some(Ok(page)) => Ok(page),
            Some(Err(reason)) => Err(ImageError::damaged(
                FORMAT,
                format!("page {index}: {reason}"),
            )),
            None => Err(ImageError::out_of_range(
                FORMAT,
                "page",
                index,
                self.pages.len(),
            )),
        }
    }

    /// `[pages, rows, columns]` when all pages are readable and of one size.
    pub fn shape(&self) -> Option<[usize; 3]> {
        let first = self.pages.first()?.as_ref().ok()?;
        let size = (first.height, first.width);
        let same = |page: &Result<TiffPage, String>| {
            page.as_ref().is_ok_and(|p| (p.height, p.width) == size)
        };
        self.pages
            .iter()
            .all(same)
            .then_some([self.pages.len(), size.0, size.1])
    }

    /// One page as `[row][column]`.
    pub fn read_page(&self, index: usize) -> Result<Vec<f32>, ImageError> {
        Ok(self.read_page_samples(index)?.into_f32())
    }

    /// One page in its stored sample type (4-bit samples as bytes 0…15).
    pub fn read_page_samples(&self, index: usize) -> Result<Samples, ImageError> {
        let page = self.page(index)?;
        let failed = |e: tiff::TiffError| ImageError::damaged(FORMAT, format!("page {index}: {e}"));
        let reader = PageReader::new(&self.source, &self.directories, index);
        let decoder = Decoder::new(BufReader::with_capacity(1 << 14, reader)).map_err(failed)?;
        let mut limits = Limits::default();
        limits.decoding_buffer_size = usize::try_from(page.image_bytes()).unwrap_or(usize::MAX);
        limits.intermediate_buffer_size =
            limits.decoding_buffer_size.saturating_mul(2).max(1 << 16);
        let decoded = decoder.with_limits(limits).read_image().map_err(failed)?;
        let samples = to_samples(decoded, page);
        let expected = page.width * page.height;
        if samples.len() != expected {
            let what = format!(
                "page {index}: {} samples instead of {expected}",
                samples.len()
            );
            return Err(ImageError::damaged(FORMAT, what));
        }
        Ok(samples)
    }

    /// Several pages, decoded in parallel, in order.
    pub fn read_pages(&self, range: Range<usize>) -> Result<Vec<Vec<f32>>, ImageError> {
        range
            .into_par_iter()
            .map(|index| self.read_page(index))
            .collect()
    }
}

fn to_samples(decoded: DecodingResult, page: &TiffPage) -> Samples {
    match decoded {
        DecodingResult::U8(packed) if page.bits == 4 => {
            let rows = packed.chunks(page.width.div_ceil(2));
            // TIFF packs the first sample into the high half.
            let unpack = |row: &[u8]| {
                let halves = row.iter().flat_map(|byte| [byte >> 4, byte & 15]);
                halves.take(page.width).collect::<Vec<u8>>()
            };
            Samples::U8(rows.flat_map(unpack).collect())
        }
        DecodingResult::U8(v) => Samples::U8(v),
        DecodingResult::U16(v) => Samples::U16(v),
        DecodingResult::U32(v) => Samples::U32(v),
        DecodingResult::U64(v) => Samples::U64(v),
        DecodingResult::I8(v) => Samples::I8(v),
        DecodingResult::I16(v) => Samples::I16(v),
        DecodingResult::I32(v) => Samples::I32(v),
        DecodingResult::I64(v) => Samples::I64(v),
        DecodingResult::F16(v) => Samples::F16(v),
        DecodingResult::F32(v) => Samples::F32(v),
        DecodingResult::F64(v) => Samples::F64(v),
    }
}

/// The file with its header changed to point at one page: to a decoder it looks like a file that starts there.
/// Grey levels are not inverted.
struct PageReader<'s> {
    source: &'s ByteSource<'s>,
    header: Vec<u8>,
    /// Where the photometric interpretation stands when it is "white is zero", and what is read there instead:
    /// "black is zero", so that samples come out as they are stored.
    not_inverted: Option<(u64, [u8; 2])>,
    position: u64,
}

impl<'s> PageReader<'s> {
    fn new(source: &'s ByteSource<'_>, directories: &Directories, index: usize) -> Self {
        let offset = directories.offsets[index];
        let little = directories.order == ByteOrder::Little;
        let mut header = if little {
            b"II".to_vec()
        } else {
            b"MM".to_vec()
        };
        let mut put = |bytes: &[u8], reversed: &[u8]| {
            header.extend_from_slice(if little { bytes } else { reversed });
        };
        if directories.big {
            put(&[43, 0, 8, 0, 0, 0], &[0, 43, 0, 8, 0, 0]);
            put(&offset.to_le_bytes(), &offset.to_be_bytes());
        } else {
            put(&[42, 0], &[0, 42]);
            put(
                &(offset as u32).to_le_bytes(),
                &(offset as u32).to_be_bytes(),
            );
        }
        let black_is_zero = if little { [1, 0] } else { [0, 1] };
        let white = directories.white_is_zero(source, index);
        Self {
            source,
            header,
            not_inverted: white.map(|at| (at, black_is_zero)),
            position: 0,
        }
    }
}

impl Read for PageReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.source.len().saturating_sub(self.position);
        let count = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let buffer = &mut buffer[..count];
        self.source.read_at(self.position, buffer)?;
        let start = usize::try_from(self.position).unwrap_or(usize::MAX);
        for (to, from) in buffer.iter_mut().zip(self.header.iter().skip(start)) {
            *to = *from;
        }
        if let Some((at, value)) = self.not_inverted {
            for (i, byte) in (at..).zip(value) {
                let inside = i
                    .checked_sub(self.position)
                    .and_then(|i| usize::try_from(i).ok());
                if let Some(to) = inside.and_then(|i| buffer.get_mut(i)) {
                    *to = byte;
                }
            }
        }
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for PageReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.source.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
