//! `.defocus` of ctfplotter to per-image contrast transfer and back.
//!
//! IMOD's defocus holds where the rotation centre appears; underfocus falls with depth (ctfphaseflip), unless the
//! file says that tilt angles are inverted. Angles of astigmatism are taken in the raw image, from x.

use glam::DVec3;
use thon_formats::imod::defocus::{
    ASTIGMATISM, AXIS_IN_RADIANS, Astigmatism, CUT_ON, DefocusFile, DefocusRow, PHASE_IN_RADIANS,
    PHASE_SHIFT, TILT_INVERTED,
};
use thon_geometry::TiltGeometry;
use thon_model::{Ctf, DefocusHand, HandSign, TiltSeries};
use thon_units::{Angstrom, Degrees, PixelSize, Radians};

use super::Placement;
use crate::{LossKind, Losses};

/// Å per nm.
const ANGSTROM: f64 = 10.0;

/// Sign of the defocus gradient by IMOD's rule.
pub(super) fn hand(file: &DefocusFile, name: &str) -> DefocusHand {
    let inverted = file.flags & TILT_INVERTED != 0;
    let rule = if inverted {
        "tilt angles inverted"
    } else {
        "tilt angles as they are"
    };
    DefocusHand {
        sign: if inverted {
            HandSign::Plus
        } else {
            HandSign::Minus
        },
        evidence: format!("convention of ctfphaseflip with {rule}, {name}"),
    }
}

/// How much more underfocus the model's origin has than IMOD's rotation centre.
fn origin_change(
    geometry: &TiltGeometry,
    placement: &Placement,
    sign: HandSign,
    pixel_size: PixelSize,
) -> Angstrom {
    let origin: DVec3 = placement.origin();
    Angstrom(sign.value() * geometry.rotation().apply(origin).z * pixel_size.0)
}

fn ctf_of(row: &DefocusRow, flags: u32) -> Ctf {
    let mut ctf = Ctf::round(Angstrom(row.defocus * ANGSTROM));
    if let Some(astigmatism) = &row.astigmatism {
        ctf.defocus_v = Angstrom(astigmatism.defocus * ANGSTROM);
        ctf.defocus_angle = angle(astigmatism.axis, flags & AXIS_IN_RADIANS != 0);
    }
    if let Some(phase) = row.phase_shift {
        ctf.phase_shift = angle(phase, flags & PHASE_IN_RADIANS != 0);
    }
    ctf
}

fn angle(value: f64, in_radians: bool) -> Radians {
    if in_radians {
        Radians(value)
    } else {
        Degrees(value).radians()
    }
}

/// Gives every image its defocus: a row of one view is exact, ranges of views are interpolated by their middles.
pub(super) fn apply(
    file: &DefocusFile,
    series: &mut TiltSeries,
    placement: &Placement,
    losses: &mut Losses,
    remarks: &mut Vec<String>,
) {
    let count = series.images.len();
    let from_zero = file.rows.iter().any(|row| row.views[0] == 0);
    if from_zero {
        remarks.push(format!(
            "{}: views of the .defocus count from 0 (IMOD before 4.0.29)",
            series.name
        ));
    }
    let base = if from_zero { 0.0 } else { 1.0 };
    let mut known: Vec<(f64, Ctf)> = file
        .rows
        .iter()
        .map(|row| {
            (
                f64::midpoint(row.views[0] as f64, row.views[1] as f64) - base,
                ctf_of(row, file.flags),
            )
        })
        .collect();
    known.sort_by(|a, b| a.0.total_cmp(&b.0));
    let outside = known
        .iter()
        .filter(|(view, _)| *view < 0.0 || *view > count as f64 - 1.0)
        .count();
    if outside > 0 {
        remarks.push(format!(
            "{}: {outside} rows of the .defocus are of views beyond the {count} images",
            series.name
        ));
    }
    losses.add(
        LossKind::PhaseShift,
        file.rows
            .iter()
            .filter(|row| row.cut_on.is_some_and(|k| k != 0.0))
            .count(),
        "cut-on frequencies of a phase plate have no place in the model",
    );
    let sign = hand(file, "").sign;
    let mut interpolated = 0;
    for (index, image) in series.images.iter_mut().enumerate() {
        let Some((ctf, exact)) = at_view(&known, index as f64) else {
            continue;
        };
        interpolated += usize::from(!exact);
        let change = image.geometry.map_or(Angstrom(0.0), |g| {
            origin_change(&g, placement, sign, series.pixel_size)
        });
        image.ctf = Some(ctf.defocused(change));
    }
    if interpolated > 0 {
        remarks.push(format!(
            "{}: defocus of {interpolated} views interpolated between rows",
            series.name
        ));
    }
}

/// Value at a view and whether a row says it; linear between rows, constant beyond.
fn at_view(known: &[(f64, Ctf)], view: f64) -> Option<(Ctf, bool)> {
    let after = known.iter().position(|(at, _)| *at >= view);
    let (Some(first), Some(last)) = (known.first(), known.last()) else {
        return None;
    };
    match after {
        None => Some((last.1, false)),
        Some(0) => Some((first.1, first.0 == view)),
        Some(i) if known[i].0 == view => Some((known[i].1, true)),
        Some(i) => {
            let ((from, a), (to, b)) = (known[i - 1], known[i]);
            let t = (view - from) / (to - from);
            let nearest = if t < 0.5 { a } else { b };
            let mix = |x: f64, y: f64| x + (y - x) * t;
            let between = Ctf {
                defocus_u: Angstrom(mix(a.defocus_u.0, b.defocus_u.0)),
                defocus_v: Angstrom(mix(a.defocus_v.0, b.defocus_v.0)),
                phase_shift: Radians(mix(a.phase_shift.0, b.phase_shift.0)),
                ..nearest
            };
            Some((between, false))
        }
    }
}

/// The `.defocus` of a series; `None` when no image has a defocus.
pub(super) fn of_series(
    series: &TiltSeries,
    placement: &Placement,
    losses: &mut Losses,
) -> Option<DefocusFile> {
    let known: Vec<(usize, Ctf)> = (0..series.images.len())
        .filter_map(|i| Some((i, series.images[i].ctf?)))
        .collect();
    if known.is_empty() {
        return None;
    }
    let sign = series
        .defocus_hand
        .as_ref()
        .map_or(HandSign::Minus, |hand| hand.sign);
    if series.defocus_hand.is_none() {
        losses.add(
            LossKind::DefocusHand,
            1,
            "nobody has measured the hand: IMOD's own rule is left to hold",
        );
    }
    let mut flags = 0;
    if known.iter().any(|(_, ctf)| ctf.defocus_u != ctf.defocus_v) {
        flags |= ASTIGMATISM;
    }
    if known.iter().any(|(_, ctf)| ctf.phase_shift.0 != 0.0) {
        flags |= PHASE_SHIFT;
    }
    if sign == HandSign::Plus {
        flags |= TILT_INVERTED;
    }
    let row = |(index, ctf): &(usize, Ctf)| {
        let image = &series.images[*index];
        let change = image.geometry.map_or(Angstrom(0.0), |g| {
            origin_change(&g, placement, sign, series.pixel_size)
        });
        let view = *index as i64 + 1;
        let tilt = image.tilt_angle().degrees().0;
        DefocusRow {
            views: [view, view],
            tilts: [tilt, tilt],
            defocus: (ctf.defocus_u - change).0 / ANGSTROM,
            astigmatism: (flags & ASTIGMATISM != 0).then(|| Astigmatism {
                defocus: (ctf.defocus_v - change).0 / ANGSTROM,
                axis: ctf.defocus_angle.degrees().0,
            }),
            phase_shift: (flags & PHASE_SHIFT != 0).then(|| ctf.phase_shift.degrees().0),
            cut_on: None,
        }
    };
    debug_assert_eq!(flags & CUT_ON, 0);
    Some(DefocusFile {
        version: 3,
        flags,
        rows: known.iter().map(row).collect(),
    })
}
