//! Rewrites the cells of a tilt-image row whose meaning changed, and only those.

use super::Generation;
use super::tilt_image::{MATRIX, SeriesContext, has_matrices, origin_defocus};
use crate::centre;
use crate::columns::{Cells, relative, set, set_number};
use glam::DVec3;
use std::path::Path;
use thon_geometry::TiltGeometry;
use thon_model::{Carried, ImageReference, TiltImage};

/// An image reference as RELION writes it; section 0 goes without a number.
pub(super) fn image_token(root: &Path, image: &ImageReference, numbered: bool) -> String {
    let path = relative(root, &image.path);
    if numbered || image.section > 0 {
        format!("{}@{path}", image.section + 1)
    } else {
        path
    }
}

/// Rewrites the cells of row `row` whose meaning differs from `image`; `before` is what the row means now.
pub(super) fn patch_row(
    carried: &mut Carried,
    rows: usize,
    row: usize,
    (before, image): (Option<&TiltImage>, &TiltImage),
    context: &SeriesContext,
) {
    let mut put = |label: &str, value: f64| set_number(carried, rows, label, row, value);
    if before.is_none_or(|b| b.nominal_tilt_angle != image.nominal_tilt_angle) {
        put(
            "rlnTomoNominalStageTiltAngle",
            image.nominal_tilt_angle.degrees().0,
        );
    }
    if before.is_none_or(|b| b.dose_before != image.dose_before) {
        put("rlnMicrographPreExposure", image.dose_before.0);
    }
    if before.is_none_or(|b| b.geometry != image.geometry)
        && let Some(geometry) = &image.geometry
    {
        let cells = Cells { carried, file: "" };
        let four = context.generation == Generation::Four;
        if has_matrices(cells) || (four && !cells.has("rlnTomoYTilt")) {
            put_matrix(carried, rows, row, geometry, context);
        } else {
            put_angles(
                &mut |label, value| set_number(carried, rows, label, row, value),
                geometry,
            );
        }
    }
    let mut put = |label: &str, value: f64| set_number(carried, rows, label, row, value);
    if before.is_none_or(|b| b.ctf != image.ctf || b.geometry != image.geometry)
        && let Some(ctf) = &image.ctf
    {
        let change = origin_defocus(context, image.geometry.as_ref());
        put("rlnDefocusU", ctf.defocus_u.0 - change);
        put("rlnDefocusV", ctf.defocus_v.0 - change);
        put("rlnDefocusAngle", ctf.defocus_angle.degrees().0);
        put("rlnCtfScalefactor", ctf.scale);
        if ctf.phase_shift.0 != before.and_then(|b| b.ctf).map_or(0.0, |c| c.phase_shift.0) {
            put("rlnPhaseShift", ctf.phase_shift.degrees().0);
        }
        if ctf.b_factor.0 != before.and_then(|b| b.ctf).map_or(0.0, |c| c.b_factor.0) {
            put("rlnCtfBfactor", ctf.b_factor.0);
        }
    }
    put_files(carried, rows, row, (before, image), context);
}

fn put_angles(put: &mut impl FnMut(&str, f64), geometry: &TiltGeometry) {
    put("rlnTomoXTilt", geometry.x_tilt.degrees().0);
    put("rlnTomoYTilt", geometry.tilt_angle.degrees().0);
    put("rlnTomoZRot", geometry.tilt_axis_angle.degrees().0);
    put("rlnTomoXShiftAngst", geometry.shift.x);
    put("rlnTomoYShiftAngst", geometry.shift.y);
}

fn put_matrix(
    carried: &mut Carried,
    rows: usize,
    row: usize,
    geometry: &TiltGeometry,
    context: &SeriesContext,
) {
    let matrix = geometry.matrix();
    let volume = centre::centre_index(context.volume_size.unwrap_or_default());
    let in_image =
        geometry.shift / context.pixel_size + centre::image_centre_index(context.image_size);
    let translation = if context.rotations_only {
        DVec3::ZERO
    } else {
        in_image.extend(0.0) - matrix * volume
    };
    for (index, label) in MATRIX.iter().enumerate() {
        let values = if index == 3 {
            [0.0, 0.0, 0.0, 1.0]
        } else {
            let row = matrix.row(index);
            [row.x, row.y, row.z, translation[index]]
        };
        let token = thon_formats::star::vector(&values);
        set(carried, rows, label, row, token, "[0,0,0,0]");
    }
}

fn put_files(
    carried: &mut Carried,
    rows: usize,
    row: usize,
    (before, image): (Option<&TiltImage>, &TiltImage),
    context: &SeriesContext,
) {
    let mut put = |label: &str, token: String| set(carried, rows, label, row, token, "None");
    if before.is_none_or(|b| b.movie != image.movie)
        && let Some(movie) = &image.movie
    {
        put(
            "rlnMicrographMovieName",
            relative(&context.root, &movie.path),
        );
        if let Some(frames) = movie.frames {
            put("rlnTomoTiltMovieFrameCount", frames.to_string());
        }
    }
    if context.generation == Generation::Four {
        return;
    }
    if before.is_none_or(|b| b.image != image.image)
        && let Some(reference) = &image.image
    {
        put(
            "rlnMicrographName",
            image_token(&context.root, reference, rows > 1 && reference.section > 0),
        );
    }
    if before.is_none_or(|b| b.halves != image.halves)
        && let Some([even, odd]) = &image.halves
    {
        put(
            "rlnMicrographNameEven",
            image_token(&context.root, even, false),
        );
        put(
            "rlnMicrographNameOdd",
            image_token(&context.root, odd, false),
        );
    }
}
