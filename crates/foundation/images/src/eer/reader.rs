//! Opening EER movies: which directories are frames, how they are coded, what is unusable and why.

use std::path::Path;

use serde::Serialize;

use super::{Coding, FORMAT, SuperResolution};
use crate::tiff_directory::{Directories, Directory};
use crate::{ByteSource, ImageError};

/// Largest camera edge accepted, in pixels.
const LARGEST_EDGE: u64 = 1 << 13;
const TAG_WIDTH: u16 = 256;
const TAG_HEIGHT: u16 = 257;
const TAG_COMPRESSION: u16 = 259;
const TAG_STRIP_OFFSETS: u16 = 273;
const TAG_STRIP_BYTES: u16 = 279;
const TAG_METADATA: u16 = 65001;
const TAG_FRAME_METADATA: u16 = 65002;
const TAGS_BITS: [u16; 3] = [65007, 65008, 65009];

/// A raw frame that is not used, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedFrame {
    /// Index of the directory in the file, from 0.
    pub directory: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// Where one frame lies.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) directory: usize,
    pub(super) coding: Coding,
    pub(super) strips: Vec<(u64, usize)>,
}

/// An open EER movie.
#[derive(Debug)]
pub struct EerFile<'a> {
    pub(super) source: ByteSource<'a>,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) frames: Vec<Frame>,
    directories: Directories,
    skipped: Vec<SkippedFrame>,
}

impl EerFile<'static> {
    /// Opens a movie for positional reading.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        Self::from_source(ByteSource::open(path.as_ref())?)
    }
}

impl<'a> EerFile<'a> {
    /// A movie in memory.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ImageError> {
        Self::from_source(ByteSource::Borrowed(bytes))
    }

    /// A movie from any source of bytes. Frames that lie outside the file or cannot be complete are left out and
    /// listed by [`EerFile::skipped`].
    pub fn from_source(source: ByteSource<'a>) -> Result<Self, ImageError> {
        let directories = Directories::walk(&source, FORMAT, "an EER file")?;
        let mut movie = Self {
            source,
            width: 0,
            height: 0,
            frames: Vec::new(),
            directories,
            skipped: Vec::new(),
        };
        for index in 0..movie.directories.list.len() {
            match movie.frame(index) {
                Ok(frame) => movie.frames.push(frame),
                Err(reason) => movie.skipped.push(SkippedFrame {
                    directory: index,
                    reason,
                }),
            }
        }
        if let Some(reason) = movie.directories.note.clone() {
            let directory = movie.directories.list.len();
            movie.skipped.push(SkippedFrame { directory, reason });
        }
        if movie.frames.is_empty() {
            let first = movie.skipped.first();
            let reason = first.map_or("it has no directory".to_owned(), |s| s.reason.clone());
            return Err(ImageError::NotThisFormat {
                article_format: "an EER movie with a usable frame",
                reason,
            });
        }
        Ok(movie)
    }

    /// The frame of one directory, or why there is none. The first frame sets the size.
    fn frame(&mut self, index: usize) -> Result<Frame, String> {
        let directory = &self.directories.list[index];
        let number = |tag| self.directories.integer(&self.source, directory, tag);
        let coding = self.coding(directory)?;
        let size = number(TAG_WIDTH).zip(number(TAG_HEIGHT));
        let (width, height) = size.ok_or("it has no width and height")?;
        let edges = 1..=LARGEST_EDGE;
        if !edges.contains(&width) || !edges.contains(&height) {
            return Err(format!("its size is {width} × {height}"));
        }
        let (width, height) = (width as usize, height as usize);
        if !self.frames.is_empty() && (width, height) != (self.width, self.height) {
            return Err(format!(
                "its size is {width} × {height}, not {} × {}",
                self.width, self.height
            ));
        }
        let most = height as u64;
        let list = |tag| {
            self.directories
                .integers(&self.source, directory, tag, most)
        };
        let lists = list(TAG_STRIP_OFFSETS).zip(list(TAG_STRIP_BYTES));
        let (offsets, sizes) = lists.ok_or("its strip tables are missing or outside the file")?;
        let strips: Vec<(u64, usize)> = offsets
            .into_iter()
            .zip(sizes.into_iter().map(|n| n as usize))
            .collect();
        let inside = |&(offset, bytes): &(u64, usize)| {
            offset
                .checked_add(bytes as u64)
                .is_some_and(|end| end <= self.source.len())
        };
        if !strips.iter().all(inside) {
            return Err("its data end beyond the end of the file (truncated)".into());
        }
        let bits = strips
            .iter()
            .fold(0u64, |sum, strip| sum.saturating_add(strip.1 as u64))
            .saturating_mul(8);
        if bits > self.source.len().saturating_mul(8) {
            return Err("its strips overlap".into());
        }
        let reach =
            (bits / u64::from(coding.rle_bits)).saturating_mul(u64::from(coding.longest_run()));
        if reach < (width * height) as u64 {
            return Err(format!(
                "its {bits} bits cannot describe {width} × {height} pixels"
            ));
        }
        (self.width, self.height) = (width, height);
        Ok(Frame {
            directory: index,
            coding,
            strips,
        })
    }

    fn coding(&self, directory: &Directory) -> Result<Coding, String> {
        let number = |tag| self.directories.integer(&self.source, directory, tag);
        match number(TAG_COMPRESSION) {
            Some(65000) => Ok(Coding::EIGHT_BIT),
            Some(65001) => Ok(Coding::SEVEN_BIT),
            Some(65002) => {
                let depths = TAGS_BITS.map(|tag| number(tag).and_then(|n| u32::try_from(n).ok()));
                let [Some(rle), Some(horizontal), Some(vertical)] = depths else {
                    return Err("compression 65002 without the tags 65007 to 65009".into());
                };
                Coding::variable(rle, horizontal, vertical)
                    .ok_or_else(|| format!("bit depths {rle} + {horizontal} + {vertical}"))
            }
            Some(other) => Err(format!("compression {other} is not electron events")),
            None => Err("it names no compression".into()),
        }
    }

    /// Camera size `[rows, columns]`.
    pub fn camera_shape(&self) -> [usize; 2] {
        [self.height, self.width]
    }

    /// Size of a rendered image `[rows, columns]`.
    pub fn shape(&self, resolution: SuperResolution) -> [usize; 2] {
        self.camera_shape().map(|n| n * resolution.factor())
    }

    /// Usable raw frames.
    pub fn frame_count(&self) -> usize {
        self.frames.len()
    }

    /// Bit layout of a frame.
    pub fn coding_of(&self, frame: usize) -> Option<Coding> {
        self.frames.get(frame).map(|f| f.coding)
    }

    /// Directories that hold no usable frame, and why.
    pub fn skipped(&self) -> &[SkippedFrame] {
        &self.skipped
    }

    /// Acquisition metadata, XML (tag 65001 of the first directory that has it).
    pub fn metadata(&self) -> Option<String> {
        let mut found = self.directories.list.iter();
        found.find_map(|d| Directories::text(&self.source, d, TAG_METADATA))
    }

    /// Metadata of one usable frame (tag 65002).
    pub fn frame_metadata(&self, frame: usize) -> Option<String> {
        let directory = self
            .directories
            .list
            .get(self.frames.get(frame)?.directory)?;
        Directories::text(&self.source, directory, TAG_FRAME_METADATA)
    }
}
