//! What the row of a series in the table of all says: sizes, hand, microscope.

use super::Generation;
use super::tilt_image::SeriesContext;
use crate::InteropError;
use crate::centre;
use crate::columns::{Cells, resolved};
use std::path::Path;
use thon_model::{DefocusHand, HandSign, Optics};
use thon_units::{Kilovolt, Millimetre};

/// Everything the rows of one series need, from its global row.
pub(super) fn global_context(
    cells: Cells<'_>,
    generation: Generation,
    root: &Path,
    image_size: [usize; 2],
) -> Result<SeriesContext, InteropError> {
    let pixel_size = match cells.number("rlnTomoTiltSeriesPixelSize", 0)? {
        Some(size) => size,
        None => cells.required("rlnMicrographOriginalPixelSize", 0)?,
    };
    if pixel_size <= 0.0 {
        let found = pixel_size.to_string();
        return Err(cells.wrong("rlnTomoTiltSeriesPixelSize", 0, "a size above 0 Å", &found));
    }
    let mut size = [0; 3];
    for (axis, label) in ["rlnTomoSizeZ", "rlnTomoSizeY", "rlnTomoSizeX"]
        .iter()
        .enumerate()
    {
        let value = cells.whole(label, 0)?.unwrap_or(-1);
        if value > centre::LONGEST as i64 {
            let expected = "a size below a million voxels";
            return Err(cells.wrong(label, 0, expected, &value.to_string()));
        }
        size[axis] = usize::try_from(value).unwrap_or(0);
    }
    let stack = cells
        .text("rlnTomoTiltSeriesName", 0)
        .filter(|_| generation == Generation::Four);
    Ok(SeriesContext {
        root: root.to_owned(),
        generation,
        pixel_size,
        image_size,
        volume_size: (!size.contains(&0)).then_some(size),
        hand: hand_of(cells)?.unwrap_or(0.0),
        stack: stack
            .map(|token| resolved(root, token.strip_suffix(":mrc").unwrap_or(token)))
            .filter(|path| !path.ends_with("dummy_tiltseries.mrc")),
        exposure: cells.number("rlnTomoImportFractionalDose", 0)?,
        rotations_only: false,
    })
}

/// `rlnTomoHand`; 0 and absence mean that nobody knows.
pub(super) fn hand_of(cells: Cells<'_>) -> Result<Option<f64>, InteropError> {
    let hand = cells.number("rlnTomoHand", 0)?;
    Ok(hand.filter(|sign| *sign != 0.0).map(f64::signum))
}

pub(super) fn defocus_hand(sign: f64, file: &str) -> DefocusHand {
    DefocusHand {
        sign: if sign > 0.0 {
            HandSign::Plus
        } else {
            HandSign::Minus
        },
        evidence: format!("rlnTomoHand in {file}"),
    }
}

pub(super) fn optics(
    cells: Cells<'_>,
    name: &str,
    remarks: &mut Vec<String>,
) -> Result<Optics, InteropError> {
    let assumed = Optics::default();
    let mut missing = Vec::new();
    let mut value = |label: &'static str, default: f64| -> Result<f64, InteropError> {
        let found = cells.number(label, 0)?;
        if found.is_none() {
            missing.push(format!("{label} = {default}"));
        }
        Ok(found.unwrap_or(default))
    };
    let optics = Optics {
        voltage: Kilovolt(value("rlnVoltage", assumed.voltage.0)?),
        spherical_aberration: Millimetre(value(
            "rlnSphericalAberration",
            assumed.spherical_aberration.0,
        )?),
        amplitude_contrast: value("rlnAmplitudeContrast", assumed.amplitude_contrast)?,
    };
    if !missing.is_empty() {
        remarks.push(format!("{name}: assumed {}", missing.join(", ")));
    }
    Ok(optics)
}
