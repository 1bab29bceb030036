//! Writing EER movies: a little-endian BigTIFF with one directory per frame, streamed.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use super::encode::{Electron, encode_frame};
use super::{Coding, FORMAT};
use crate::ImageError;

/// What an EER movie to be written looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EerSpec {
    /// Camera pixels in a row, at most 8192.
    pub width: u32,
    /// Camera rows, at most 8192.
    pub height: u32,
    /// Bit layout of all frames.
    pub coding: Coding,
    /// Acquisition metadata (XML) for the first directory.
    pub metadata: Option<String>,
}

/// A movie being written.
#[derive(Debug)]
pub struct EerWriter<W> {
    out: W,
    spec: EerSpec,
    /// Where the offset of the next directory has to be put.
    link: u64,
    position: u64,
    frames: usize,
}

impl EerWriter<BufWriter<File>> {
    /// Creates the file at `path`, replacing what was there.
    pub fn create_file(path: impl AsRef<Path>, spec: EerSpec) -> Result<Self, ImageError> {
        let path = path.as_ref();
        let file = File::create(path).map_err(|e| ImageError::file(path, "create", e))?;
        Self::create(BufWriter::with_capacity(1 << 20, file), spec)
    }
}

impl<W: Write + Seek> EerWriter<W> {
    /// Starts a movie at position 0 of `out`.
    pub fn create(mut out: W, spec: EerSpec) -> Result<Self, ImageError> {
        let edges = 1..=1 << 13;
        if !edges.contains(&spec.width) || !edges.contains(&spec.height) {
            let found = format!("{} × {}", spec.width, spec.height);
            return Err(ImageError::header(
                FORMAT,
                "size",
                found,
                "1 to 8192 along each axis",
            ));
        }
        out.write_all(b"II\x2b\0\x08\0\0\0\0\0\0\0\0\0\0\0")
            .map_err(ImageError::stream(FORMAT, "write the header"))?;
        Ok(Self {
            out,
            spec,
            link: 8,
            position: 16,
            frames: 0,
        })
    }

    /// Appends a frame with these electrons, in any order; a camera pixel holds at most one per frame.
    pub fn write_frame(&mut self, electrons: &[Electron]) -> Result<(), ImageError> {
        let spec = &self.spec;
        let stream = encode_frame(spec.coding, spec.width, spec.height, electrons)?;
        let data = self.append(&stream)?;
        let metadata = self.spec.metadata.clone().filter(|_| self.frames == 0);
        let metadata = match metadata {
            Some(text) => Some((self.append(text.as_bytes())?, text.len() as u64)),
            None => None,
        };
        let directory = self.directory(data, stream.len() as u64, metadata);
        self.append(&vec![
            0;
            self.position.next_multiple_of(8) as usize
                - self.position as usize
        ])?;
        let at = self.append(&directory)?;
        let failed = ImageError::stream(FORMAT, "link a frame");
        self.out.seek(SeekFrom::Start(self.link)).map_err(&failed)?;
        self.out.write_all(&at.to_le_bytes()).map_err(&failed)?;
        self.out
            .seek(SeekFrom::Start(self.position))
            .map_err(&failed)?;
        self.link = self.position - 8;
        self.frames += 1;
        Ok(())
    }

    /// Appends a frame from electron counts per sub-pixel, `[row][column]` of (height·2^v) × (width·2^h) values.
    /// Each camera pixel may hold one electron at most.
    pub fn write_counts(&mut self, counts: &[u8]) -> Result<(), ImageError> {
        let coding = self.spec.coding;
        let columns = (self.spec.width as usize) << coding.horizontal_bits;
        let expected = columns * ((self.spec.height as usize) << coding.vertical_bits);
        if counts.len() != expected {
            return Err(ImageError::bad_data(
                FORMAT,
                "number of counts",
                expected,
                counts.len(),
            ));
        }
        let mut electrons = Vec::new();
        for (i, &count) in counts.iter().enumerate() {
            let electron = Electron {
                x: (i % columns) as u32,
                y: (i / columns) as u32,
            };
            electrons.extend(std::iter::repeat_n(electron, usize::from(count)));
        }
        self.write_frame(&electrons)
    }

    /// Flushes and hands the output back. A movie needs at least one frame.
    pub fn finish(mut self) -> Result<W, ImageError> {
        if self.frames == 0 {
            return Err(ImageError::bad_data(
                FORMAT,
                "number of frames",
                "at least 1",
                0,
            ));
        }
        self.out
            .flush()
            .map_err(ImageError::stream(FORMAT, "flush"))?;
        Ok(self.out)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<u64, ImageError> {
        let at = self.position;
        self.out
            .write_all(bytes)
            .map_err(ImageError::stream(FORMAT, "write a frame"))?;
        self.position += bytes.len() as u64;
        Ok(at)
    }

    /// The bytes of one BigTIFF directory, with a zero link at the end.
    fn directory(&self, data: u64, data_bytes: u64, metadata: Option<(u64, u64)>) -> Vec<u8> {
        const SHORT: u16 = 3;
        const LONG: u16 = 4;
        const LONG8: u16 = 16;
        const UNDEFINED: u16 = 7;
        let (spec, coding) = (&self.spec, self.spec.coding);
        let mut entries: Vec<(u16, u16, u64, u64)> = vec![
            (256, LONG, 1, u64::from(spec.width)),
            (257, LONG, 1, u64::from(spec.height)),
            (258, SHORT, 1, 8),
            (259, SHORT, 1, u64::from(coding.compression)),
            (262, SHORT, 1, 1),
            (273, LONG8, 1, data),
            (277, SHORT, 1, 1),
            (278, LONG, 1, u64::from(spec.height)),
            (279, LONG8, 1, data_bytes),
        ];
        // Texts of up to eight bytes would belong inside the entry; no metadata are that short.
        entries.extend(
            metadata
                .filter(|m| m.1 > 8)
                .map(|(at, len)| (65001, UNDEFINED, len, at)),
        );
        if coding.compression == 65002 {
            let depths = [
                coding.rle_bits,
                coding.horizontal_bits,
                coding.vertical_bits,
            ];
            entries.extend(
                (65007..)
                    .zip(depths)
                    .map(|(tag, bits)| (tag, SHORT, 1, u64::from(bits))),
            );
        }
        let mut bytes = (entries.len() as u64).to_le_bytes().to_vec();
        for (tag, kind, count, value) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(kind.to_le_bytes());
            bytes.extend(count.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend([0; 8]);
        bytes
    }
}
