//! AreTomo alignment `.aln`: header, one row per kept image, dark frames, local alignment.
//!
//! Angles in degrees, shifts in raw pixels. TILT already contains AlphaOffset; the header value is a record.
//! Sections count from 0 or from 1 (both occur in every version): see [`Alignment::section_base`].
//! Local rows: position of the patch from the image centre and its shift, raw pixels.

use crate::error::FormatError;
use crate::text::{self, Line};
use std::fmt::Write as _;
use std::path::Path;

/// First line of the file, as all versions write it.
pub const TITLE: &str = "AreTomo Alignment / Priims bprmMn";
const COLUMNS: &str = "# SEC     ROT         GMAG       TX          TY      SMEAN     SFIT    SCALE     BASE     TILT";
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

/// Parses `.aln` text; `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<Alignment, FormatError> {
    let mut alignment = Alignment::default();
    let mut in_local = false;
    let mut seen_columns = false;
    for line in text::content_lines(text, name) {
        if let Some(comment) = line.text.strip_prefix('#') {
            let comment = comment.trim();
            if comment == LOCAL {
                in_local = true;
            } else if comment.starts_with("SEC ") {
                seen_columns = true;
            } else {
                header_line(&mut alignment, comment, &line)?;
            }
        } else if in_local {
            alignment
                .local
                .push(local_row(&line, alignment.images.len())?);
        } else if seen_columns {
            alignment.images.push(image_row(&line)?);
        } else {
            return Err(line.error(
                "'# AreTomo Alignment' and a '# SEC ROT …' line before the rows",
                line.text,
            ));
        }
    }
    if seen_columns {
        Ok(alignment)
    } else {
        Err(
            FormatError::whole(name, "a column line '# SEC ROT GMAG TX TY …'", "none")
                .with_hint("is this an AreTomo .aln file?"),
        )
    }
}

fn header_line(
    alignment: &mut Alignment,
    comment: &str,
    line: &Line<'_>,
) -> Result<(), FormatError> {
    if comment == TITLE {
        return Ok(());
    }
    let Some((key, value)) = comment.split_once('=') else {
        // Version 1.2: "# <images> <patches>".
        let numbers: Option<Vec<usize>> = comment
            .split_whitespace()
            .map(|word| word.parse().ok())
            .collect();
        if let Some([images, patches]) = numbers.as_deref() {
            alignment.header_images = Some(*images);
            alignment.patches = *patches;
            return Ok(());
        }
        alignment.other.push(comment.to_owned());
        return Ok(());
    };
    let words: Vec<&str> = value.split_whitespace().collect();
    match (key.trim(), &words[..]) {
        ("RawSize", [nx, ny, n]) => {
            let size = |word| line.usize(word, "RawSize");
            alignment.raw_size = Some([size(nx)?, size(ny)?, size(n)?]);
        }
        ("NumPatches", [count]) => alignment.patches = line.usize(count, "NumPatches")?,
        ("DarkFrame", [frame, section, tilt]) => alignment.dark_frames.push(DarkFrame {
            frame: line.i64(frame, "frame index")?,
            section: line.i64(section, "section")?,
            tilt: line.f64(tilt, "tilt angle")?,
        }),
        ("AlphaOffset", [value]) => alignment.alpha_offset = Some(line.f64(value, "AlphaOffset")?),
        ("BetaOffset", [value]) => alignment.beta_offset = Some(line.f64(value, "BetaOffset")?),
        ("Thickness", [value]) => alignment.thickness = Some(line.f64(value, "Thickness")?),
        (
            "RawSize" | "NumPatches" | "DarkFrame" | "AlphaOffset" | "BetaOffset" | "Thickness",
            _,
        ) => {
            return Err(line.error(format!("other values for {}", key.trim()), value));
        }
        _ => alignment.other.push(comment.to_owned()),
    }
    Ok(())
}

fn image_row(line: &Line<'_>) -> Result<AlignedImage, FormatError> {
    let words: Vec<&str> = line.words().collect();
    let [section, values @ ..] = &words[..] else {
        return Err(line.error("10 values", line.text));
    };
    let numbers = values
        .iter()
        .map(|word| line.f64(word, "a value of the row"))
        .collect::<Result<Vec<_>, _>>()?;
    let [
        rotation,
        magnification,
        tx,
        ty,
        smean,
        sfit,
        scale,
        base,
        tilt,
    ] = numbers[..]
    else {
        return Err(line.error(
            "10 values SEC ROT GMAG TX TY SMEAN SFIT SCALE BASE TILT",
            line.text,
        ));
    };
    Ok(AlignedImage {
        section: line.i64(section, "section")?,
        rotation,
        magnification,
        shift: [tx, ty],
        intensity: [smean, sfit, scale, base],
        tilt,
    })
}

fn local_row(line: &Line<'_>, images: usize) -> Result<LocalShift, FormatError> {
    let words: Vec<&str> = line.words().collect();
    let (fields, good) = match &words[..] {
        [fields @ .., good] if fields.len() == 6 => {
            (fields, Some(line.f64(good, "good flag")? > 0.5))
        }
        fields if fields.len() == 6 => (fields, None),
        _ => return Err(line.error("6 or 7 values: image patch x y dx dy [good]", line.text)),
    };
    let image = line.usize(fields[0], "image index")?;
    if image >= images {
        return Err(line.error(
            format!("an image index below {images}, the number of rows above"),
            fields[0],
        ));
    }
    let number = |index: usize| line.f64(fields[index], "a value of the row");
    Ok(LocalShift {
        image,
        patch: line.usize(fields[1], "patch index")?,
        position: [number(2)?, number(3)?],
        shift: [number(4)?, number(5)?],
        good,
    })
}

/// Reads an `.aln` file.
pub fn read(path: &Path) -> Result<Alignment, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// Text of an alignment in AreTomo's layout; more decimals where a number needs them.
pub fn write(alignment: &Alignment) -> String {
    let mut out = format!("# {TITLE}\n");
    // Writing to a String cannot fail.
    let _ = write_header(alignment, &mut out);
    let _ = write_rows(alignment, &mut out);
    out
}

fn fixed(value: f64, decimals: usize) -> String {
    text::exact_number(value, decimals)
}

fn write_header(alignment: &Alignment, out: &mut String) -> std::fmt::Result {
    if let Some([nx, ny, n]) = alignment.raw_size {
        writeln!(out, "# RawSize = {nx} {ny} {n}")?;
    }
    match alignment.header_images {
        Some(images) => writeln!(out, "# {images}  {}", alignment.patches)?,
        None if alignment.raw_size.is_some() || alignment.patches > 0 => {
            writeln!(out, "# NumPatches = {}", alignment.patches)?;
        }
        None => {}
    }
    for dark in &alignment.dark_frames {
        writeln!(
            out,
            "# DarkFrame = {:>5} {:>4} {:>8}",
            dark.frame,
            dark.section,
            fixed(dark.tilt, 2)
        )?;
    }
    for (key, value) in [
        ("AlphaOffset", alignment.alpha_offset),
        ("BetaOffset", alignment.beta_offset),
    ] {
        if let Some(value) = value {
            writeln!(out, "# {key} = {:>8}", fixed(value, 2))?;
        }
    }
    if let Some(value) = alignment.thickness {
        writeln!(out, "# Thickness = {}", fixed(value, 0))?;
    }
    for line in &alignment.other {
        writeln!(out, "# {line}")?;
    }
    Ok(())
}

fn write_rows(alignment: &Alignment, out: &mut String) -> std::fmt::Result {
    writeln!(out, "{COLUMNS}")?;
    for image in &alignment.images {
        let [smean, sfit, scale, base] = image.intensity.map(|value| fixed(value, 2));
        let [tx, ty] = image.shift.map(|value| fixed(value, 3));
        let (rotation, magnification) = (fixed(image.rotation, 4), fixed(image.magnification, 5));
        write!(
            out,
            "{:>5} {rotation:>10} {magnification:>10} {tx:>10} {ty:>10} ",
            image.section
        )?;
        writeln!(
            out,
            "{smean:>8} {sfit:>8} {scale:>8} {base:>8} {:>9}",
            fixed(image.tilt, 2)
        )?;
    }
    if alignment.local.is_empty() {
        return Ok(());
    }
    writeln!(out, "# {LOCAL}")?;
    for local in &alignment.local {
        let [x, y, dx, dy] = [
            local.position[0],
            local.position[1],
            local.shift[0],
            local.shift[1],
        ]
        .map(|value| fixed(value, 2));
        write!(
            out,
            "{:>4} {:>3} {x:>8} {y:>9} {dx:>9} {dy:>9}",
            local.image, local.patch
        )?;
        match local.good {
            Some(good) => writeln!(out, "   {:.1}", f64::from(u8::from(good)))?,
            None => writeln!(out)?,
        }
    }
    Ok(())
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
