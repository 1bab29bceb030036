//! Angles, exposures and trial stack of the 2016 layout.

use super::Layout2016Options;
use super::tilt_series_import::rank_by_dose;
use crate::InteropError;
use std::path::{Path, PathBuf};
use thon_formats::imod::tilt_angles;
use thon_formats::relion_text::tilt_order::{DosedTilt, read_doses};
use thon_images::mrc::{Mrc, MrcHeader};
use thon_model::TiltImage;
use thon_units::{Degrees, Dose};

/// Angles of `.tlt`, else of the extended header of the stack.
pub(super) fn angles(
    tlt: &Path,
    stack: &Path,
    header: &MrcHeader,
) -> Result<Vec<f64>, InteropError> {
    let (place, angles) = if tlt.exists() {
        (tlt.display().to_string(), tilt_angles::read_angles(tlt)?)
    } else {
        let extended = Mrc::open_mapped(stack)?.extended_header()?;
        let found: Option<Vec<f64>> = extended
            .sections()
            .iter()
            .map(|section| section.tilt_angle)
            .collect();
        let angles = found.filter(|angles| !angles.is_empty());
        let angles = angles.ok_or_else(|| {
            InteropError::missing(
                tlt,
                format!(
                    "tilt angles; the header of {} has none either",
                    stack.display()
                ),
            )
        })?;
        (stack.display().to_string(), angles)
    };
    if angles.len() != header.nz {
        let expected = format!(
            "as many tilt angles as images in {}, {}",
            stack.display(),
            header.nz
        );
        return Err(InteropError::contradiction(place, expected, angles.len())
            .with_hint("views left out of the reconstruction must be left out of the stack, the .tlt and the .order alike"));
    }
    Ok(angles)
}

/// Gives every image the exposure of the line of `.order` whose angle is closest.
pub(super) fn read_order(
    path: &Path,
    images: &mut [TiltImage],
    options: &Layout2016Options,
    remarks: &mut Vec<String>,
) -> Result<(), InteropError> {
    if !path.exists() {
        if options.without_order {
            remarks.push(format!(
                "{}: not there, no exposure is known",
                path.display()
            ));
            return Ok(());
        }
        return Err(InteropError::missing(
            path,
            "tilt angle and exposure before each image",
        ));
    }
    let lines = read_doses(path)?;
    if lines.len() != images.len() {
        let expected = format!("as many lines as tilt angles, {}", images.len());
        return Err(
            InteropError::contradiction(path.display(), expected, lines.len())
                .with_hint("one line per image: tilt angle and exposure before it"),
        );
    }
    let mut taken = vec![None; lines.len()];
    for (index, image) in images.iter_mut().enumerate() {
        let angle = image.nominal_tilt_angle.degrees().0;
        let line = closest(&lines, angle);
        if let Some(other) = taken[line].replace(index) {
            let place = format!(
                "{}: line {} ({}°)",
                path.display(),
                line + 1,
                lines[line].tilt
            );
            let found = format!("images {} and {}", other + 1, index + 1);
            return Err(
                InteropError::contradiction(place, "to be closest to one image", found)
                    .with_hint("do the .order and the .tlt belong to the same series?"),
            );
        }
        image.nominal_tilt_angle = Degrees(lines[line].tilt).radians();
        image.dose_before = Dose(lines[line].dose);
    }
    rank_by_dose(images);
    Ok(())
}

fn closest(lines: &[DosedTilt], angle: f64) -> usize {
    let mut best = 0;
    for (index, line) in lines.iter().enumerate() {
        if (line.tilt - angle).abs() < (lines[best].tilt - angle).abs() {
            best = index;
        }
    }
    best
}

pub(super) fn trial(path: &Path, images: usize) -> Result<Option<PathBuf>, InteropError> {
    if !path.exists() {
        return Ok(None);
    }
    let sections = Mrc::read_header(path)?.nz;
    if sections != 2 * images {
        let expected = format!(
            "two extra exposures for each of the {images} images, {}",
            2 * images
        );
        return Err(InteropError::contradiction(
            path.display(),
            expected,
            sections,
        ));
    }
    Ok(Some(path.to_owned()))
}
