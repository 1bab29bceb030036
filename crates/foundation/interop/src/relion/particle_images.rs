//! What a RELION particle table says of the boxes on disk and of the microscope.

use std::path::PathBuf;

use thon_images::mrc::Mrc;
use thon_model::{Ctf, Optics, ParticleImages, RepresentationKind};
use thon_units::{Angstrom, Degrees, Kilovolt, Millimetre, PixelSize, SquareAngstrom};

use super::particle_import::Tables;
use crate::columns::{Cells, resolved};
use crate::{InteropError, LossKind, Losses};

/// Pixel size of the particles' images; RELION ≤ 3.0 gives it by magnification.
pub(super) fn image_pixel_size(tables: &Tables) -> Result<Option<f64>, InteropError> {
    let optics = Cells {
        carried: &tables.optics,
        file: &tables.file,
    };
    for label in [
        "rlnImagePixelSize",
        "rlnTomoTiltSeriesPixelSize",
        "rlnMicrographPixelSize",
    ] {
        if let Some(size) = optics.number(label, 0)? {
            return Ok(Some(size));
        }
    }
    let rows = Cells {
        carried: &tables.particles,
        file: &tables.file,
    };
    let magnification = rows
        .number("rlnMagnification", 0)?
        .filter(|value| *value > 0.0);
    let detector = rows.number("rlnDetectorPixelSize", 0)?;
    Ok(detector
        .zip(magnification)
        .map(|(size, magnification)| size * 1e4 / magnification))
}

/// True when the boxes are stacks of tilt images.
pub(super) fn two_dimensional(tables: &Tables) -> Result<bool, InteropError> {
    let general = Cells {
        carried: &tables.general,
        file: &tables.file,
    };
    let optics = Cells {
        carried: &tables.optics,
        file: &tables.file,
    };
    let stacks = general.whole("rlnTomoSubTomosAre2DStacks", 0)? == Some(1);
    Ok(stacks || optics.whole("rlnImageDimensionality", 0)? == Some(2))
}

/// True when each row is one image, a section of a stack: projections, not tilts.
pub(super) fn projections(tables: &Tables) -> Result<bool, InteropError> {
    let general = Cells {
        carried: &tables.general,
        file: &tables.file,
    };
    let optics = Cells {
        carried: &tables.optics,
        file: &tables.file,
    };
    let rows = Cells {
        carried: &tables.particles,
        file: &tables.file,
    };
    let numbered = rows
        .text("rlnImageName", 0)
        .is_some_and(|name| name.contains('@'));
    Ok(numbered
        && !rows.has("rlnTomoVisibleFrames")
        && general.whole("rlnTomoSubTomosAre2DStacks", 0)? != Some(1)
        && optics.whole("rlnImageDimensionality", 0)? != Some(3))
}

/// The sections, from 0, that `NUMBER@STACK` names.
fn sections(cells: Cells<'_>, rows: usize) -> Result<Vec<u32>, InteropError> {
    let section = |row| {
        let token = cells.text("rlnImageName", row).unwrap_or_default();
        let number = token
            .split_once('@')
            .and_then(|(number, _)| number.parse::<u32>().ok());
        let section = number.and_then(|number| number.checked_sub(1));
        section.ok_or_else(|| cells.wrong("rlnImageName", row, "NUMBER@STACK, from 1", token))
    };
    (0..rows).map(section).collect()
}

/// The CTFs of the first `rows` images, by `rlnDefocusU` and what stands beside it; empty without it.
fn ctfs(cells: Cells<'_>, rows: usize) -> Result<Vec<Ctf>, InteropError> {
    if !cells.has("rlnDefocusU") {
        return Ok(Vec::new());
    }
    let ctf = |row| {
        let number = |label, absent: f64| -> Result<f64, InteropError> {
            Ok(cells.number(label, row)?.unwrap_or(absent))
        };
        let defocus_u = number("rlnDefocusU", 0.0)?;
        Ok(Ctf {
            defocus_u: Angstrom(defocus_u),
            defocus_v: Angstrom(number("rlnDefocusV", defocus_u)?),
            defocus_angle: Degrees(number("rlnDefocusAngle", 0.0)?).radians(),
            phase_shift: Degrees(number("rlnPhaseShift", 0.0)?).radians(),
            scale: number("rlnCtfScalefactor", 1.0)?,
            b_factor: SquareAngstrom(number("rlnCtfBfactor", 0.0)?),
        })
    };
    (0..rows).map(ctf).collect()
}

/// The optics when all groups agree.
pub(super) fn one_optics(
    cells: Cells<'_>,
    losses: &mut Losses,
) -> Result<Option<Optics>, InteropError> {
    let rows = cells
        .carried
        .columns
        .first()
        .map_or(0, |column| column.values.len());
    let mut found: Option<Optics> = None;
    for row in 0..rows {
        let voltage = cells.number("rlnVoltage", row)?;
        let aberration = cells.number("rlnSphericalAberration", row)?;
        let (Some(voltage), Some(aberration)) = (voltage, aberration) else {
            return Ok(None);
        };
        let optics = Optics {
            voltage: Kilovolt(voltage),
            spherical_aberration: Millimetre(aberration),
            amplitude_contrast: cells.number("rlnAmplitudeContrast", row)?.unwrap_or(0.1),
        };
        if found.is_some_and(|first| first != optics) {
            losses.add(
                LossKind::Optics,
                rows,
                "optics groups differ; the set holds one microscope (carried columns keep all)",
            );
            return Ok(None);
        }
        found = Some(optics);
    }
    Ok(found)
}

/// Edge of the boxes: stated, or (RELION 3.0) of the first file.
fn box_size(optics: Cells<'_>, first: impl Fn() -> PathBuf) -> Result<Option<usize>, InteropError> {
    let stated = optics
        .whole("rlnImageSize", 0)?
        .and_then(|size| usize::try_from(size).ok());
    let path = first();
    if stated.is_some() || !path.is_file() {
        return Ok(stated);
    }
    Ok(Some(Mrc::read_header(&path)?.nx))
}

/// Columns of optics groups that the model has no word for.
pub(super) const ABERRATIONS: [&str; 7] = [
    "rlnBeamTiltX",
    "rlnBeamTiltY",
    "rlnOddZernike",
    "rlnEvenZernike",
    "rlnMagMat00",
    "rlnMagMat01",
    "rlnMagMat10",
];

/// Boxes, or why the model cannot describe them.
pub(super) type Boxes = Result<Option<ParticleImages>, String>;

/// Images on disk; `Err` says why the model cannot describe them.
pub(super) fn images(tables: &Tables, rows: usize) -> Result<Boxes, InteropError> {
    let cells = Cells {
        carried: &tables.particles,
        file: &tables.file,
    };
    let optics = Cells {
        carried: &tables.optics,
        file: &tables.file,
    };
    if !cells.has("rlnImageName") {
        return Ok(Ok(None));
    }
    for label in [
        "rlnImageSize",
        "rlnImagePixelSize",
        "rlnCtfDataAreCtfPremultiplied",
        "rlnImageDimensionality",
    ] {
        let column = optics.carried.column(label).unwrap_or_default();
        if column.windows(2).any(|pair| pair[0] != pair[1]) {
            return Ok(Err(format!(
                "optics groups differ in {label}; split the set by optics group"
            )));
        }
    }
    let path = |label, row| {
        let token = cells.text(label, row).unwrap_or_default();
        resolved(
            &tables.root,
            token.split_once('@').map_or(token, |(_, path)| path),
        )
    };
    let box_size = box_size(optics, || path("rlnImageName", 0))?;
    let (Some(box_size), Some(pixel_size)) = (box_size, image_pixel_size(tables)?) else {
        return Ok(Err(
            "neither the table nor a file tells the size of boxes and their pixels".to_owned(),
        ));
    };
    let mut visible = Vec::new();
    if cells.has("rlnTomoVisibleFrames") {
        for row in 0..rows {
            let flags = cells
                .vector("rlnTomoVisibleFrames", row)?
                .unwrap_or_default();
            visible.push(flags.iter().map(|flag| *flag != 0.0).collect());
        }
    }
    let has_ctf = cells.has("rlnCtfImage");
    let projections = projections(tables)?;
    Ok(Ok(Some(ParticleImages {
        kind: if projections {
            RepresentationKind::Projection
        } else if two_dimensional(tables)? {
            RepresentationKind::TiltStack
        } else {
            RepresentationKind::Volume
        },
        box_size,
        pixel_size: PixelSize(pixel_size),
        ctf_premultiplied: optics
            .whole("rlnCtfDataAreCtfPremultiplied", 0)?
            .unwrap_or(0)
            != 0,
        paths: (0..rows).map(|row| path("rlnImageName", row)).collect(),
        sections: if projections {
            sections(cells, rows)?
        } else {
            Vec::new()
        },
        ctf_paths: if has_ctf {
            (0..rows).map(|row| path("rlnCtfImage", row)).collect()
        } else {
            Vec::new()
        },
        ctfs: ctfs(cells, if projections { rows } else { 0 })?,
        visible,
        boxes: Vec::new(),
    })))
}
