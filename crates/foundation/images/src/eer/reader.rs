//! Opening EER movies and rendering fractions: sums of consecutive raw frames, counted while decoding.

use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;

use super::decode::{Flaw, each_electron};
use super::{Coding, FORMAT};
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

/// Pixels of the result per camera pixel along each axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum SuperResolution {
    /// The camera's own pixels.
    X1,
    /// Half the pixel size.
    X2,
    /// A quarter of the pixel size.
    X4,
}

impl SuperResolution {
    const fn bits(self) -> u32 {
        match self {
            Self::X1 => 0,
            Self::X2 => 1,
            Self::X4 => 2,
        }
    }

    /// 1, 2 or 4.
    pub const fn factor(self) -> usize {
        1 << self.bits()
    }
}

/// A raw frame that is not used, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedFrame {
    /// Index of the directory in the file, from 0.
    pub directory: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// How raw frames are grouped into fractions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FractionPlan {
    /// Raw frames of each fraction.
    pub fractions: Vec<Range<usize>>,
    /// Frames at the end that do not fill another fraction.
    pub left_over: Range<usize>,
}

/// A sum of raw frames.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// Electron counts, `[row][column]` of the super-resolution image.
    pub counts: Vec<f32>,
    /// Electrons in it.
    pub electrons: u64,
    /// Frames summed.
    pub frames: usize,
    /// Frames that turned out damaged and do not contribute.
    pub skipped: Vec<SkippedFrame>,
}

#[derive(Debug)]
struct Frame {
    directory: usize,
    coding: Coding,
    strips: Vec<(u64, usize)>,
}

/// An open EER movie.
#[derive(Debug)]
pub struct EerFile<'a> {
    source: ByteSource<'a>,
    width: usize,
    height: usize,
    frames: Vec<Frame>,
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
                "its {} bits cannot describe {width} × {height} pixels",
                bits
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

    /// Groups of `frames_per_fraction` frames each; frames that do not fill a group are left over.
    pub fn plan(&self, frames_per_fraction: usize) -> FractionPlan {
        let size = frames_per_fraction.max(1);
        let full = self.frames.len() / size;
        FractionPlan {
            fractions: (0..full).map(|i| i * size..(i + 1) * size).collect(),
            left_over: full * size..self.frames.len(),
        }
    }

    /// Sums the raw frames of a range.
    ///
    /// # Errors
    /// When the range is empty or beyond the movie, the sub-pixel bits do not reach the resolution asked for, or
    /// the file cannot be read. Damaged frames are skipped and listed instead.
    pub fn render(
        &self,
        frames: Range<usize>,
        resolution: SuperResolution,
    ) -> Result<Rendered, ImageError> {
        let Some(chosen) = self.frames.get(frames.clone()).filter(|f| !f.is_empty()) else {
            let (asked, available) = (format!("{frames:?}"), self.frames.len());
            return Err(ImageError::out_of_range(
                FORMAT,
                "frame range",
                asked,
                available,
            ));
        };
        let [rows, columns] = self.shape(resolution);
        let mut result = Rendered {
            counts: vec![0.0; rows * columns],
            electrons: 0,
            frames: 0,
            skipped: Vec::new(),
        };
        for frame in chosen {
            self.add(frame, resolution, &mut result)?;
        }
        Ok(result)
    }

    /// Renders every fraction of a plan, in parallel over fractions; the result does not depend on the number of
    /// threads. Memory: one image per fraction.
    pub fn render_fractions(
        &self,
        plan: &FractionPlan,
        resolution: SuperResolution,
    ) -> Result<Vec<Rendered>, ImageError> {
        let ranges = plan.fractions.par_iter();
        ranges
            .map(|range| self.render(range.clone(), resolution))
            .collect()
    }

    /// Adds one frame to the sum. It is decoded twice when damaged only: first to count, then to take it back.
    fn add(
        &self,
        frame: &Frame,
        resolution: SuperResolution,
        sum: &mut Rendered,
    ) -> Result<(), ImageError> {
        let coding = frame.coding;
        let wanted = resolution.bits();
        if wanted > coding.horizontal_bits || wanted > coding.vertical_bits {
            return Err(ImageError::Unsupported {
                format: FORMAT,
                what: format!(
                    "{}-fold super-resolution of a frame with {} + {} sub-pixel bits",
                    resolution.factor(),
                    coding.horizontal_bits,
                    coding.vertical_bits
                ),
                hint: " (hint: render at a lower resolution)",
            });
        }
        let bytes = self.stream(frame)?;
        let (drop_x, drop_y) = (
            coding.horizontal_bits - wanted,
            coding.vertical_bits - wanted,
        );
        let (width, columns) = (self.width, self.width << wanted);
        let pixels = (self.width * self.height) as u64;
        let counts = &mut sum.counts;
        let mut pass = |amount: f32| {
            each_electron(coding, &bytes, pixels, |pixel, sub_x, sub_y| {
                let (row, column) = (pixel / width, pixel % width);
                let y = (row << wanted) | (sub_y >> drop_y) as usize;
                let x = (column << wanted) | (sub_x >> drop_x) as usize;
                counts[y * columns + x] += amount;
            })
        };
        match pass(1.0) {
            Ok(electrons) => {
                sum.electrons += electrons;
                sum.frames += 1;
            }
            Err(flaw) => {
                let _ = pass(-1.0);
                let reason = match flaw {
                    Flaw::Ends(at) => format!("its events end at pixel {at} of {pixels}"),
                    Flaw::Overruns(at) => format!("its runs lead to pixel {at} of {pixels}"),
                };
                sum.skipped.push(SkippedFrame {
                    directory: frame.directory,
                    reason,
                });
            }
        }
        Ok(())
    }

    fn stream(&self, frame: &Frame) -> Result<Vec<u8>, ImageError> {
        let failed = ImageError::stream(FORMAT, "read a frame");
        let mut bytes = Vec::with_capacity(frame.strips.iter().map(|s| s.1).sum());
        for &(offset, len) in &frame.strips {
            bytes.extend(self.source.read_vec(offset, len).map_err(&failed)?);
        }
        Ok(bytes)
    }
}
