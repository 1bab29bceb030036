//! Writing TIFF stacks page by page.
//!
//! Integer types round to the nearest integer, halves away from zero, and clamp; NaN is refused. Bytes depend on
//! nothing but the input.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tiff::TiffError;
use tiff::encoder::colortype::{Gray8, Gray16, Gray32Float, GrayI16};
use tiff::encoder::{
    Compression, DeflateLevel, Rational, TiffEncoder, TiffKind, TiffKindBig, TiffKindStandard,
    TiffValue, colortype::ColorType,
};
use tiff::tags::{ResolutionUnit, Tag};

use super::FORMAT;
use crate::ImageError;

/// Stored sample type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is named after the type it holds")]
pub enum TiffSample {
    U8,
    U16,
    I16,
    F32,
}

/// Compression of the strips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TiffCompression {
    /// None.
    Stored,
    /// LZW, the usual one for counted movies.
    Lzw,
    /// Deflate.
    Deflate,
}

/// What a TIFF stack to be written looks like.
#[derive(Debug, Clone, PartialEq)]
pub struct TiffSpec {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Stored type.
    pub sample: TiffSample,
    /// Compression.
    pub compression: TiffCompression,
    /// Pixel size in Å for the resolution tags.
    pub pixel_size: Option<f64>,
    /// Text for the description tag of the first page.
    pub description: Option<String>,
    /// BigTIFF: needed above 4 GiB.
    pub big: bool,
}

/// A TIFF stack being written.
pub struct TiffWriter<W: Write + Seek> {
    out: Shared<W>,
    encoder: Encoder<W>,
    spec: TiffSpec,
    pages: usize,
    clamped: u64,
}

enum Encoder<W: Write + Seek> {
    Standard(TiffEncoder<Shared<W>, TiffKindStandard>),
    Big(TiffEncoder<Shared<W>, TiffKindBig>),
}

impl TiffWriter<BufWriter<File>> {
    /// Creates the file at `path`, replacing what was there.
    pub fn create_file(path: impl AsRef<Path>, spec: TiffSpec) -> Result<Self, ImageError> {
        let path = path.as_ref();
        let file = File::create(path).map_err(|e| ImageError::file(path, "create", e))?;
        Self::create(BufWriter::with_capacity(1 << 20, file), spec)
    }
}

impl<W: Write + Seek> TiffWriter<W> {
    /// Starts a stack at position 0 of `out`.
    pub fn create(out: W, spec: TiffSpec) -> Result<Self, ImageError> {
        let edges = 1..=1 << 24;
        if !edges.contains(&spec.width) || !edges.contains(&spec.height) {
            let found = format!("{} × {}", spec.width, spec.height);
            return Err(ImageError::header(
                FORMAT,
                "size",
                found,
                "1 to 16777216 along each axis",
            ));
        }
        let out = Shared(Arc::new(Mutex::new(out)));
        let compression = match spec.compression {
            TiffCompression::Stored => Compression::Uncompressed,
            TiffCompression::Lzw => Compression::Lzw,
            TiffCompression::Deflate => Compression::Deflate(DeflateLevel::Balanced),
        };
        let encoder = if spec.big {
            TiffEncoder::new_big(out.clone()).map(|e| Encoder::Big(e.with_compression(compression)))
        } else {
            TiffEncoder::new(out.clone())
                .map(|e| Encoder::Standard(e.with_compression(compression)))
        };
        let encoder = encoder.map_err(failed)?;
        Ok(Self {
            out,
            encoder,
            spec,
            pages: 0,
            clamped: 0,
        })
    }

    /// Appends a page of height·width samples `[row][column]`.
    pub fn write_page(&mut self, page: &[f32]) -> Result<(), ImageError> {
        let expected = self.spec.width as usize * self.spec.height as usize;
        if page.len() != expected {
            return Err(ImageError::bad_data(
                FORMAT,
                "length of a page",
                expected,
                page.len(),
            ));
        }
        if self.spec.sample != TiffSample::F32
            && let Some(at) = page.iter().position(|v| v.is_nan())
        {
            let found = format!("NaN at sample {at} of page {}", self.pages);
            return Err(ImageError::bad_data(
                FORMAT,
                "samples for an integer type",
                "numbers",
                found,
            ));
        }
        match self.spec.sample {
            TiffSample::U8 => {
                let samples: Vec<_> = self.quantised(page, 0.0, 255.0).map(|v| v as u8).collect();
                self.append::<Gray8>(&samples)
            }
            TiffSample::U16 => {
                let samples: Vec<_> = self
                    .quantised(page, 0.0, 65535.0)
                    .map(|v| v as u16)
                    .collect();
                self.append::<Gray16>(&samples)
            }
            TiffSample::I16 => {
                let samples: Vec<_> = self
                    .quantised(page, -32768.0, 32767.0)
                    .map(|v| v as i16)
                    .collect();
                self.append::<GrayI16>(&samples)
            }
            TiffSample::F32 => self.append::<Gray32Float>(page),
        }
    }

    /// Flushes; hands back the output and how many samples were outside the range of the stored type.
    pub fn finish(self) -> Result<(W, u64), ImageError> {
        if self.pages == 0 {
            return Err(ImageError::bad_data(
                FORMAT,
                "number of pages",
                "at least 1",
                0,
            ));
        }
        drop(self.encoder);
        let lock = Arc::into_inner(self.out.0).expect("the encoder held the only other handle");
        let mut out = lock.into_inner().unwrap_or_else(PoisonError::into_inner);
        out.flush().map_err(ImageError::stream(FORMAT, "flush"))?;
        Ok((out, self.clamped))
    }

    fn quantised<'p>(
        &'p mut self,
        page: &'p [f32],
        low: f32,
        high: f32,
    ) -> impl Iterator<Item = f32> + 'p {
        let clamped = &mut self.clamped;
        page.iter().map(move |value| {
            let rounded = value.round();
            let stored = rounded.clamp(low, high);
            *clamped += u64::from(stored != rounded);
            stored
        })
    }

    fn append<C: ColorType>(&mut self, samples: &[C::Inner]) -> Result<(), ImageError>
    where
        [C::Inner]: TiffValue,
    {
        let result = match &mut self.encoder {
            Encoder::Standard(encoder) => {
                append_to::<C, _, _>(encoder, &self.spec, self.pages, samples)
            }
            Encoder::Big(encoder) => append_to::<C, _, _>(encoder, &self.spec, self.pages, samples),
        };
        result.map_err(failed)?;
        self.pages += 1;
        Ok(())
    }
}

fn append_to<C: ColorType, W: Write + Seek, K: TiffKind>(
    encoder: &mut TiffEncoder<W, K>,
    spec: &TiffSpec,
    page: usize,
    samples: &[C::Inner],
) -> Result<(), TiffError>
where
    [C::Inner]: TiffValue,
{
    let mut image = encoder.new_image::<C>(spec.width, spec.height)?;
    if let Some(size) = spec.pixel_size.filter(|s| (0.03..1e4).contains(s)) {
        // Pixels per centimetre, to a part in 10⁵ or better.
        let resolution = Rational {
            n: (1e8 / size).round() as u32,
            d: 1,
        };
        image.resolution(ResolutionUnit::Centimeter, resolution);
    }
    if let Some(text) = spec.description.as_deref().filter(|_| page == 0) {
        image.encoder().write_tag(Tag::ImageDescription, text)?;
    }
    image.write_data(samples)
}

fn failed(error: TiffError) -> ImageError {
    let source = match error {
        TiffError::IoError(e) => e,
        other => io::Error::other(other.to_string()),
    };
    ImageError::Stream {
        format: FORMAT,
        action: "write",
        source,
    }
}

/// A handle on the output that the encoder can own while the writer keeps another.
struct Shared<W>(Arc<Mutex<W>>);

impl<W> Shared<W> {
    fn with<T>(&self, action: impl FnOnce(&mut W) -> T) -> T {
        action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<W> Clone for Shared<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: Write> Write for Shared<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|out| out.write(bytes))
    }
    fn flush(&mut self) -> io::Result<()> {
        self.with(Write::flush)
    }
}

impl<W: Seek> Seek for Shared<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.with(|out| out.seek(to))
    }
}
