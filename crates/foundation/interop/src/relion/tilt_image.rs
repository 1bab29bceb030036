//! One row of a RELION tilt-series table to a [`TiltImage`] and back, cell by cell.

use std::path::{Path, PathBuf};

use glam::{DMat3, DVec2, DVec3};
use thon_geometry::TiltGeometry;
use thon_model::{Ctf, ImageReference, Movie, TiltImage};
use thon_units::{Angstrom, Degrees, Dose, SquareAngstrom};

use super::Generation;
use crate::centre;
use crate::columns::{Cells, resolved};
use crate::projection_matrix::{decompose, shift_of};
use crate::{InteropError, LossKind, Losses};

/// The four matrix columns of RELION 4.
pub(super) const MATRIX: [&str; 4] = [
    "rlnTomoProjX",
    "rlnTomoProjY",
    "rlnTomoProjZ",
    "rlnTomoProjW",
];

/// What a row needs to know about its series.
#[derive(Clone, Debug)]
pub(super) struct SeriesContext {
    pub root: PathBuf,
    pub generation: Generation,
    pub pixel_size: f64,
    /// `[0, 0]` when unknown.
    pub image_size: [usize; 2],
    pub volume_size: Option<[usize; 3]>,
    /// Sign of the defocus gradient; 0 when unknown.
    pub hand: f64,
    /// RELION 4: the stack that holds the images in row order.
    pub stack: Option<PathBuf>,
    pub exposure: Option<f64>,
    /// RELION 4: the matrices hold rotations only (exports of cut-out images).
    pub rotations_only: bool,
}

/// An image `path`, `n@path` or `path:mrc`.
pub(super) fn image_reference(root: &Path, token: &str) -> ImageReference {
    let (section, path) = match token.split_once('@') {
        Some((number, path)) => (number.parse::<usize>().ok(), path),
        None => (None, token),
    };
    ImageReference {
        path: resolved(root, path.strip_suffix(":mrc").unwrap_or(path)),
        section: section.map_or(0, |number| number.saturating_sub(1)),
    }
}

/// Reads row `row`; `losses` takes what the model's chain cannot hold.
pub(super) fn read_row(
    cells: Cells<'_>,
    row: usize,
    context: &SeriesContext,
    losses: &mut Losses,
) -> Result<TiltImage, InteropError> {
    let geometry = if has_matrices(cells) {
        matrix_geometry(cells, row, context, losses)?
    } else {
        angles(cells, row)?
    };
    let aligned = geometry.map_or(0.0, |geometry| geometry.tilt_angle.degrees().0);
    let nominal = cells
        .number("rlnTomoNominalStageTiltAngle", row)?
        .unwrap_or(aligned);
    let dose = cells.required("rlnMicrographPreExposure", row)?;
    let mut image = TiltImage::new(Degrees(nominal).radians(), Dose(dose));
    image.geometry = geometry;
    image.exposure = context.exposure.map(Dose);
    image.ctf = ctf(cells, row, context, geometry.as_ref())?;
    image.image = match (&context.stack, cells.text("rlnMicrographName", row)) {
        (_, Some(token)) => Some(image_reference(&context.root, token)),
        (Some(path), None) => Some(ImageReference {
            path: path.clone(),
            section: row,
        }),
        (None, None) => None,
    };
    let half = |label| {
        cells
            .text(label, row)
            .map(|token| image_reference(&context.root, token))
    };
    image.halves = half("rlnMicrographNameEven")
        .zip(half("rlnMicrographNameOdd"))
        .map(|(even, odd)| [even, odd]);
    let frames = cells.whole("rlnTomoTiltMovieFrameCount", row)?;
    image.movie = cells
        .text("rlnMicrographMovieName", row)
        .map(|token| Movie {
            path: resolved(&context.root, token),
            frames: frames.and_then(|count| usize::try_from(count).ok()),
        });
    Ok(image)
}

/// True when the table has projection matrices: RELION 5 too takes them before angles.
pub(super) fn has_matrices(cells: Cells<'_>) -> bool {
    MATRIX.iter().all(|label| cells.has(label))
}

fn angles(cells: Cells<'_>, row: usize) -> Result<Option<TiltGeometry>, InteropError> {
    if !cells.has("rlnTomoYTilt") || !cells.has("rlnTomoZRot") {
        return Ok(None);
    }
    let angle = |label| -> Result<_, InteropError> {
        Ok(Degrees(cells.number(label, row)?.unwrap_or(0.0)).radians())
    };
    let length =
        |label| -> Result<f64, InteropError> { Ok(cells.number(label, row)?.unwrap_or(0.0)) };
    Ok(Some(TiltGeometry {
        x_tilt: angle("rlnTomoXTilt")?,
        tilt_axis_angle: angle("rlnTomoZRot")?,
        shift: DVec2::new(length("rlnTomoXShiftAngst")?, length("rlnTomoYShiftAngst")?),
        ..TiltGeometry::tilted(angle("rlnTomoYTilt")?)
    }))
}

/// Rows of the projection matrix as 3×3 part and translation; `None` when there are no matrices.
pub(super) fn matrix_rows(
    cells: Cells<'_>,
    row: usize,
) -> Result<Option<(DMat3, DVec3)>, InteropError> {
    let mut rows = [DVec3::ZERO; 3];
    let mut translation = DVec3::ZERO;
    for (index, label) in MATRIX.iter().take(3).enumerate() {
        let Some(values) = cells.vector(label, row)? else {
            return Ok(None);
        };
        let [x, y, z, w] = values[..] else {
            return Err(cells.wrong(
                label,
                row,
                "four numbers [a,b,c,d]",
                &format!("{} numbers", values.len()),
            ));
        };
        rows[index] = DVec3::new(x, y, z);
        translation[index] = w;
    }
    let matrix = DMat3::from_cols(rows[0], rows[1], rows[2]).transpose();
    Ok(Some((matrix, translation)))
}

fn matrix_geometry(
    cells: Cells<'_>,
    row: usize,
    context: &SeriesContext,
    losses: &mut Losses,
) -> Result<Option<TiltGeometry>, InteropError> {
    let Some((matrix, translation)) = matrix_rows(cells, row)? else {
        return angles(cells, row);
    };
    let place = || format!("{}: projection matrix, row {}", cells.file, row + 1);
    let found = decompose(matrix).ok_or_else(|| {
        InteropError::contradiction(
            place(),
            "a projection of a right-handed volume",
            format!("{matrix}"),
        )
        .with_hint(
            "a mirrored volume (flipYZ, flipZ at import) must be turned back before it comes here",
        )
    })?;
    if found.along_beam > 1e-4 {
        losses.add(
            LossKind::BeamStretch,
            1,
            "image axes of the matrix are not perpendicular to its depth axis",
        );
    }
    if (found.depth_scale - 1.0).abs() > 1e-4 {
        losses.add(
            LossKind::BeamStretch,
            1,
            "the depth row of the matrix is not a unit vector",
        );
    }
    let shift = if context.rotations_only {
        DVec2::ZERO
    } else {
        let volume = context.volume_size.ok_or_else(|| {
            InteropError::contradiction(
                place(),
                "rlnTomoSizeX, Y, Z of the volume it projects",
                "none",
            )
        })?;
        if context.image_size == [0, 0] {
            return Err(InteropError::contradiction(
                place(),
                "the size of the tilt images",
                "no image to read it from",
            )
            .with_hint("give the image size: a matrix measures from the image's corner"));
        }
        let image_centre = centre::image_centre_index(context.image_size);
        shift_of(
            matrix,
            translation,
            centre::centre_index(volume),
            image_centre,
            context.pixel_size,
        )
    };
    Ok(Some(TiltGeometry {
        shift,
        ..found.geometry
    }))
}

/// How much more underfocus the specimen's origin has than RELION's reference point n/2 (0 for even sizes).
pub(super) fn origin_defocus(context: &SeriesContext, geometry: Option<&TiltGeometry>) -> f64 {
    let (Some(size), Some(geometry)) = (context.volume_size, geometry) else {
        return 0.0;
    };
    let depth = geometry
        .rotation()
        .apply(-centre::from_floor_of_half(size))
        .z;
    context.hand * context.pixel_size * depth
}

fn ctf(
    cells: Cells<'_>,
    row: usize,
    context: &SeriesContext,
    geometry: Option<&TiltGeometry>,
) -> Result<Option<Ctf>, InteropError> {
    let Some(u) = cells.number("rlnDefocusU", row)? else {
        return Ok(None);
    };
    let or = |label, value| -> Result<f64, InteropError> {
        Ok(cells.number(label, row)?.unwrap_or(value))
    };
    let change = origin_defocus(context, geometry);
    Ok(Some(Ctf {
        defocus_u: Angstrom(u + change),
        defocus_v: Angstrom(or("rlnDefocusV", u)? + change),
        defocus_angle: Degrees(or("rlnDefocusAngle", 0.0)?).radians(),
        phase_shift: Degrees(or("rlnPhaseShift", 0.0)?).radians(),
        scale: or("rlnCtfScalefactor", 1.0)?,
        b_factor: SquareAngstrom(or("rlnCtfBfactor", 0.0)?),
    }))
}
