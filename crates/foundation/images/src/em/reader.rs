//! Reading EM files. The length is compared with the header before anything is allocated.

use std::path::Path;

use super::{EmHeader, FORMAT, HEADER_BYTES};
use crate::{ByteSource, ImageError, Samples, sample};

/// An open, complete EM file.
#[derive(Debug)]
pub struct EmFile<'a> {
    header: EmHeader,
    source: ByteSource<'a>,
}

impl EmFile<'static> {
    /// Opens a file for positional reading.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        Self::from_source(ByteSource::open(path.as_ref())?)
    }
}

impl<'a> EmFile<'a> {
    /// An EM file in memory.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ImageError> {
        Self::from_source(ByteSource::Borrowed(bytes))
    }

    /// An EM file from any source of bytes.
    pub fn from_source(source: ByteSource<'a>) -> Result<Self, ImageError> {
        let start = source
            .read_start(HEADER_BYTES)
            .map_err(ImageError::stream(FORMAT, "read the header"))?;
        let header = EmHeader::parse(&start)?;
        let promised = header.file_bytes().unwrap_or(u64::MAX);
        if promised > source.len() {
            let [sections, rows, columns] = header.shape();
            let section =
                (rows as u64 * columns as u64).saturating_mul(header.sample_kind.bytes() as u64);
            return Err(ImageError::TooShort {
                format: FORMAT,
                promised_bytes: promised,
                found_bytes: source.len(),
                promised: sections,
                complete: ((source.len() - HEADER_BYTES as u64) / section) as usize,
            });
        }
        Ok(Self { header, source })
    }

    /// The header.
    pub fn header(&self) -> &EmHeader {
        &self.header
    }

    /// `[sections, rows, columns]`.
    pub fn shape(&self) -> [usize; 3] {
        self.header.shape()
    }

    /// Everything as `[section][row][column]`; 32-bit integers and doubles lose precision, see
    /// [`EmFile::read_samples`].
    pub fn read_all(&self) -> Result<Vec<f32>, ImageError> {
        let kind = self.header.sample_kind;
        if kind.is_complex() {
            return Err(ImageError::Unsupported {
                format: FORMAT,
                what: "reading complex data as real numbers".into(),
                hint: "",
            });
        }
        let bytes = self.data()?;
        let mut out = vec![0.0; bytes.len() / kind.bytes()];
        sample::decode_f32(kind, self.header.byte_order, &bytes, &mut out);
        Ok(out)
    }

    /// Everything in the stored type.
    pub fn read_samples(&self) -> Result<Samples, ImageError> {
        let bytes = self.data()?;
        Ok(sample::decode_samples(
            self.header.sample_kind,
            self.header.byte_order,
            &bytes,
        ))
    }

    fn data(&self) -> Result<Vec<u8>, ImageError> {
        let end = self.header.file_bytes().unwrap_or(u64::MAX);
        let len = (end - HEADER_BYTES as u64) as usize;
        self.source
            .read_vec(HEADER_BYTES as u64, len)
            .map_err(ImageError::stream(FORMAT, "read the data"))
    }
}
