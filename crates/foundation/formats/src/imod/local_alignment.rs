//! Local alignments of tiltalign `local.xf`.
//!
//! First line: patches in x and y, centre of the first patch, distance of patches in x and y (pixels), whether
//! X tilts follow, pixel size (Å), whether Z factors follow. Then for each patch, x fastest: change of tilt angle
//! per view (degrees), X tilt per view if announced, two Z factors per view if announced, and one linear
//! transform per view. The number of views is not written; it follows from the amount of numbers.

use super::transforms::{self, LinearTransform};
use crate::error::FormatError;
use crate::text::{self, exact_number, push_aligned};
use std::path::Path;

/// A local alignment.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalAlignment {
    /// Number of patches in x and y.
    pub grid: [usize; 2],
    /// Centre of the first patch, pixels.
    pub start: [f64; 2],
    /// Distance of patch centres, pixels.
    pub step: [f64; 2],
    /// Pixel size, Å; absent in old files.
    pub pixel_size: Option<f64>,
    /// Patches, x fastest; all with the same number of views.
    pub patches: Vec<LocalPatch>,
}

/// Alignment of one patch; vectors have one entry per view.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LocalPatch {
    /// Change of tilt angle, degrees.
    pub tilt_change: Vec<f64>,
    /// Change of X tilt, degrees; empty when the file has none.
    pub x_tilt: Vec<f64>,
    /// Z factors in x and y; empty when the file has none.
    pub z_factors: Vec<[f64; 2]>,
    /// Transform of the patch.
    pub transforms: Vec<LinearTransform>,
}

/// Parses a local alignment; `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<LocalAlignment, FormatError> {
    let mut lines = text::content_lines(text, name);
    let Some(first) = lines.next() else {
        return Err(FormatError::whole(
            name,
            "a line nx ny x y dx dy …",
            "an empty file",
        ));
    };
    let words: Vec<&str> = text::number_tokens(first.text).collect();
    if !(6..=9).contains(&words.len()) {
        return Err(first.error(
            "6 to 9 numbers: patches nx ny, start x y, step dx dy, X tilts, pixel size, Z factors",
            first.text,
        ));
    }
    let number = |index: usize| {
        words
            .get(index)
            .map(|word| first.f64(word, "a value of the first line"))
            .transpose()
    };
    let grid = [
        first.usize(words[0], "patches in x")?,
        first.usize(words[1], "patches in y")?,
    ];
    let has_x_tilt = number(6)?.unwrap_or(0.0) != 0.0;
    let has_z_factors = number(8)?.unwrap_or(0.0) != 0.0;
    let mut values = Vec::new();
    for line in lines {
        values.extend(line.numbers("a value of the local alignment")?);
    }
    let per_view = 7 + usize::from(has_x_tilt) + 2 * usize::from(has_z_factors);
    let patches = grid[0]
        .checked_mul(grid[1])
        .filter(|&count| count > 0 && count <= values.len());
    let unit = patches.and_then(|count| count.checked_mul(per_view));
    let (Some(patches), Some(unit)) = (patches, unit) else {
        return Err(first.error("a number of patches that the file can hold", first.text));
    };
    if !values.len().is_multiple_of(unit) {
        let expected = format!(
            "{patches} patches of {per_view} numbers per view (a multiple of {unit} numbers)"
        );
        return Err(FormatError::whole(name, expected, values.len().to_string())
            .with_hint("is the file cut off?"));
    }
    let views = values.len() / unit;
    let patches = values
        .chunks_exact(views * per_view)
        .map(|chunk| patch(chunk, views, has_x_tilt, has_z_factors))
        .collect();
    let pair = |index: usize| {
        Ok::<_, FormatError>([
            number(index)?.unwrap_or_default(),
            number(index + 1)?.unwrap_or_default(),
        ])
    };
    Ok(LocalAlignment {
        grid,
        start: pair(2)?,
        step: pair(4)?,
        pixel_size: number(7)?,
        patches,
    })
}

#[expect(
    clippy::fn_params_excessive_bools,
    reason = "the two flags of the first line"
)]
fn patch(values: &[f64], views: usize, has_x_tilt: bool, has_z_factors: bool) -> LocalPatch {
    let (tilt_change, rest) = values.split_at(views);
    let (x_tilt, rest) = rest.split_at(if has_x_tilt { views } else { 0 });
    let (z_factors, rest) = rest.split_at(if has_z_factors { 2 * views } else { 0 });
    LocalPatch {
        tilt_change: tilt_change.to_vec(),
        x_tilt: x_tilt.to_vec(),
        z_factors: z_factors.as_chunks::<2>().0.to_vec(),
        transforms: rest
            .as_chunks::<6>()
            .0
            .iter()
            .map(|&[a11, a12, a21, a22, dx, dy]| LinearTransform {
                matrix: [[a11, a12], [a21, a22]],
                shift: [dx, dy],
            })
            .collect(),
    }
}

/// Reads a local alignment.
pub fn read(path: &Path) -> Result<LocalAlignment, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// Text of a local alignment in tiltalign's columns; more decimals where a number needs them.
pub fn write(alignment: &LocalAlignment) -> String {
    let has_x_tilt = alignment
        .patches
        .iter()
        .any(|patch| !patch.x_tilt.is_empty());
    let has_z_factors = alignment
        .patches
        .iter()
        .any(|patch| !patch.z_factors.is_empty());
    let mut out = String::new();
    for count in alignment.grid {
        push_aligned(&mut out, &count.to_string(), 6);
    }
    for value in alignment.start.iter().chain(&alignment.step) {
        push_aligned(&mut out, &exact_number(*value, 0), 6);
    }
    push_aligned(&mut out, if has_x_tilt { "1" } else { "0" }, 6);
    if alignment.pixel_size.is_some() || has_z_factors {
        push_aligned(
            &mut out,
            &exact_number(alignment.pixel_size.unwrap_or_default(), 5),
            12,
        );
        push_aligned(&mut out, if has_z_factors { "1" } else { "0" }, 4);
    }
    out.push('\n');
    for patch in &alignment.patches {
        push_lines(&mut out, &patch.tilt_change, 10, 7, 2);
        push_lines(&mut out, &patch.x_tilt, 10, 7, 2);
        push_lines(&mut out, patch.z_factors.as_flattened(), 6, 12, 6);
        out.push_str(&transforms::write(&patch.transforms));
    }
    out
}

fn push_lines(out: &mut String, values: &[f64], per_line: usize, width: usize, decimals: usize) {
    for line in values.chunks(per_line) {
        for &value in line {
            push_aligned(out, &exact_number(value, decimals), width);
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_of_all_kinds() {
        for (has_x_tilt, has_z_factors) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            let views = 13;
            let patch = |start: f64| LocalPatch {
                tilt_change: (0..views).map(|view| start + f64::from(view)).collect(),
                x_tilt: if has_x_tilt {
                    (0..views).map(f64::from).collect()
                } else {
                    Vec::new()
                },
                z_factors: if has_z_factors {
                    (0..views).map(|view| [f64::from(view), start]).collect()
                } else {
                    Vec::new()
                },
                transforms: vec![LinearTransform::IDENTITY; views as usize],
            };
            let alignment = LocalAlignment {
                grid: [2, 1],
                start: [100.0, 50.5],
                step: [10.0, 20.0],
                pixel_size: Some(20.2),
                patches: vec![patch(0.25), patch(-3.125)],
            };
            assert_eq!(parse(&write(&alignment), "a").unwrap(), alignment);
        }
    }

    #[test]
    fn cut_files_and_absurd_grids() {
        let error = parse("1 1 0 0 1 1 0\n0.5\n1 0 0 1 0\n", "a").unwrap_err();
        assert!(error.to_string().contains("cut off"), "{error}");
        for first in [
            "0 0 0 0 1 1",
            "99999999999 99999999999 0 0 1 1 0",
            "1",
            "x 1 1 1 1 1",
        ] {
            assert!(
                parse(&format!("{first}\n1 2 3 4 5 6 7\n"), "a").is_err(),
                "{first}"
            );
        }
    }
}
