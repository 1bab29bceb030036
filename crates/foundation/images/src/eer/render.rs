//! Rendering fractions of an EER movie: sums of consecutive raw frames, counted while decoding.

use std::ops::Range;

use rayon::prelude::*;
use serde::Serialize;

use super::FORMAT;
use super::decode::{Flaw, each_electron};
use super::reader::{EerFile, Frame, SkippedFrame};
use crate::ImageError;

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

impl EerFile<'_> {
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
            // Pixels come in order: the row is found by counting, not by division.
            let (mut row, mut row_start) = (0, 0);
            each_electron(coding, &bytes, pixels, |pixel, sub_x, sub_y| {
                while pixel >= row_start + width {
                    row += 1;
                    row_start += width;
                }
                let column = pixel - row_start;
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
