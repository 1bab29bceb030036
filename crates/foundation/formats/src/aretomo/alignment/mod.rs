//! AreTomo alignment `.aln`: header, one row per kept image, dark frames, local alignment.
//!
//! Angles in degrees, shifts in raw pixels. TILT already contains AlphaOffset; the header value is a record.
//! Sections count from 0 or from 1 (both occur in every version): see [`Alignment::section_base`].
//! Local rows: position of the patch from the image centre and its shift, raw pixels.

mod reader;
mod writer;

pub use reader::parse;
pub use writer::write;

use crate::error::FormatError;
use crate::text;
use std::path::Path;

/// First line of the file, as all versions write it.
pub const TITLE: &str = "AreTomo Alignment / Priims bprmMn";
const LOCAL: &str = "Local Alignment";

/// A whole `.aln` file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Alignment {
    /// `RawSize`: columns, rows and images of the raw stack; absent before version 1.3.
    pub raw_size: Option<[usize; 3]>,
    /// Number of images in the header of version 1.2 (`# images patches`), which has no `RawSize`.
    pub header_images: Option<usize>,
    /// `NumPatches`.
    pub patches: usize,
    /// Images left out as dark.
    pub dark_frames: Vec<DarkFrame>,
    /// `AlphaOffset`, degrees; already in the tilt angles.
    pub alpha_offset: Option<f64>,
    /// `BetaOffset`, degrees; recorded only.
    pub beta_offset: Option<f64>,
    /// `Thickness`, raw pixels (AreTomo3).
    pub thickness: Option<f64>,
    /// Other header lines, without `#`.
    pub other: Vec<String>,
    /// Kept images in file order.
    pub images: Vec<AlignedImage>,
    /// Local alignment, if it was made.
    pub local: Vec<LocalShift>,
}

/// An image AreTomo left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DarkFrame {
    /// Index of the image in order of tilt angle.
    pub frame: i64,
    /// Section of the raw stack.
    pub section: i64,
    /// Tilt angle, degrees.
    pub tilt: f64,
}

/// One kept image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlignedImage {
    /// Section of the raw stack, counted from [`Alignment::section_base`].
    pub section: i64,
    /// Tilt-axis angle from y, counter-clockwise, degrees (ROT).
    pub rotation: f64,
    /// GMAG.
    pub magnification: f64,
    /// TX, TY: raw pixels.
    pub shift: [f64; 2],
    /// SMEAN, SFIT, SCALE, BASE: intensity figures, kept.
    pub intensity: [f64; 4],
    /// Refined tilt angle, degrees.
    pub tilt: f64,
}

/// Shift of one patch of one image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalShift {
    /// Index of the image among the kept ones (row of [`Alignment::images`]).
    pub image: usize,
    /// Index of the patch.
    pub patch: usize,
    /// Position from the image centre, raw pixels.
    pub position: [f64; 2],
    /// Shift, raw pixels.
    pub shift: [f64; 2],
    /// Whether AreTomo trusts it; absent in old files.
    pub good: Option<bool>,
}

impl Alignment {
    /// Whether sections count from 0 or 1: 0 when a section 0 occurs, 1 when the section equal to the number
    /// of raw images occurs; `None` when the file does not tell (then both end images are dark).
    pub fn section_base(&self) -> Option<usize> {
        let dark = self.dark_frames.iter().map(|dark| dark.section);
        let sections = || self.images.iter().map(|image| image.section);
        let count = self
            .raw_size
            .map_or_else(|| self.images.len() + dark.len(), |size| size[2]);
        if sections().any(|section| section == 0) {
            return Some(0);
        }
        sections()
            .any(|section| usize::try_from(section) == Ok(count))
            .then_some(1)
    }
}

/// Reads an `.aln` file.
pub fn read(path: &Path) -> Result<Alignment, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# AreTomo Alignment / Priims bprmMn\n# RawSize = 2032 2032 4\n# NumPatches = 2\n# DarkFrame =     1    0   -66.00\n# AlphaOffset =     0.50\n# BetaOffset =     0.00\n# Thickness = 1500\n# SEC     ROT         GMAG       TX          TY      SMEAN     SFIT    SCALE     BASE     TILT\n    3   -12.6611    1.00000     24.786     -2.677     1.00     1.00     1.00     0.00    -61.50\n    4   -12.6611    1.00000     34.451     -8.599     1.00     1.00     1.00     0.00    -60.00\n# Local Alignment\n   0   0  -558.42   -802.00   -100.07     24.43   1.0\n   1   1  -274.86   -757.91    -36.95     11.98   0.0\n";

    #[test]
    fn everything_reads_and_is_written_back() {
        let alignment = parse(TEXT, "a.aln").unwrap();
        assert_eq!(alignment.raw_size, Some([2032, 2032, 4]));
        assert_eq!(
            alignment.dark_frames,
            [DarkFrame {
                frame: 1,
                section: 0,
                tilt: -66.0
            }]
        );
        assert_eq!(
            (alignment.alpha_offset, alignment.thickness),
            (Some(0.5), Some(1500.0))
        );
        assert_eq!(alignment.images[1].shift, [34.451, -8.599]);
        assert_eq!(alignment.local[1].good, Some(false));
        assert_eq!(alignment.section_base(), Some(1));
        let mut exact = alignment.clone();
        exact.images[0].rotation = -12.661_123_456;
        for each in [alignment, exact] {
            assert_eq!(parse(&write(&each), "b.aln").unwrap(), each);
        }
    }

    #[test]
    fn bad_rows_name_their_line() {
        for (from, to, line) in [
            ("-2.677", "-2.6x", 9),
            ("     0.00    -61.50", "    -61.50", 9),
            ("   1   1  -274", "   2   1  -274", 13),
            ("2032 2032 4", "2032 4", 2),
        ] {
            let error = parse(&TEXT.replacen(from, to, 1), "bad.aln").unwrap_err();
            assert_eq!(error.line(), Some(line), "{error}");
        }
        assert!(parse("1 2 3\n", "x").is_err());
        assert!(parse("", "x").is_err());
    }
}
