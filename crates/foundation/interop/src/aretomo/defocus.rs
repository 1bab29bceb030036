//! `_CTF.txt` of AreTomo to the images of a series.

use super::import::Slot;
use crate::InteropError;
use std::path::Path;
use thon_formats::ctffind::CtfResults;
use thon_model::{Ctf, DefocusHand, HandSign, TiltSeries};
use thon_units::{Angstrom, Degrees, Radians};

/// Gives images their defocus: rows count all images of the stack or, when dark ones are gone, the kept ones.
pub(super) fn apply_ctf(
    results: &CtfResults,
    path: &Path,
    slots: &[Slot],
    series: &mut TiltSeries,
) -> Result<(), InteropError> {
    let kept: Vec<usize> = (0..slots.len())
        .filter(|&i| slots[i].aligned().is_some())
        .collect();
    let all = results.rows.len() == slots.len();
    if !all && results.rows.len() != kept.len() {
        let expected = format!(
            "{} rows (all images) or {} (kept ones)",
            slots.len(),
            kept.len()
        );
        return Err(
            InteropError::contradiction(path.display(), expected, results.rows.len())
                .with_hint("does this _CTF.txt belong to this alignment?"),
        );
    }
    for row in &results.rows {
        let number = row
            .image
            .checked_sub(1)
            .and_then(|n| usize::try_from(n).ok());
        let index = if all {
            number
        } else {
            number.and_then(|n| kept.get(n).copied())
        };
        let image = index
            .and_then(|index| series.images.get_mut(index))
            .ok_or_else(|| {
                InteropError::contradiction(
                    path.display(),
                    format!("image numbers from 1 to {}", results.rows.len()),
                    row.image,
                )
            })?;
        image.ctf = Some(Ctf {
            defocus_u: Angstrom(row.defocus[0]),
            defocus_v: Angstrom(row.defocus[1]),
            defocus_angle: Degrees(row.azimuth).radians(),
            phase_shift: Radians(row.phase_shift),
            ..Ctf::round(Angstrom(0.0))
        });
    }
    let hands: Vec<f64> = results
        .rows
        .iter()
        .filter_map(|row| row.more.first().copied())
        .collect();
    let sign = match hands.first() {
        Some(hand) if *hand > 0.0 => Some(HandSign::Plus),
        Some(hand) if *hand < 0.0 => Some(HandSign::Minus),
        _ => None,
    };
    series.defocus_hand = sign.map(|sign| DefocusHand {
        sign,
        evidence: format!("dfHand in {}", path.display()),
    });
    Ok(())
}
