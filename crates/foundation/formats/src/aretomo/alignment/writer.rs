//! Writer of `.aln` text.

use super::{Alignment, LOCAL, TITLE};
use crate::text;
use std::fmt::Write as _;

const COLUMNS: &str = "# SEC     ROT         GMAG       TX          TY      SMEAN     SFIT    SCALE     BASE     TILT";

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
