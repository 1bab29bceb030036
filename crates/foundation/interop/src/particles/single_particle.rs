//! RELION's tables of single particles → rows: micrographs have no depth, so every particle is at z = 0.
//!
//! x and y in pixels of the micrograph, 0 where the table states none; a particle lies at coordinate − origin.

use std::path::Path;

use glam::DVec3;
use thon_formats::star;
use thon_model::Half;

use super::rows::Rows;
use crate::InteropError;
use crate::columns::{Cells, carried_of};
use crate::euler::RelionAngles;

/// The particles of a table of two-dimensional images; `None` when it is no such table.
pub(super) fn read(path: &Path) -> Result<Option<Rows>, InteropError> {
    let name = path.display().to_string();
    let file = star::read(path)?;
    let first = file
        .blocks
        .first()
        .map_or("particles", |block| block.name());
    let block = if file.find("particles").is_some() {
        "particles"
    } else {
        first
    };
    let particles = carried_of(file.table(block)?, "relion-5");
    let cells = Cells {
        carried: &particles,
        file: &name,
    };
    let of_tomograms = [
        "rlnTomoName",
        "rlnCoordinateZ",
        "rlnCenteredCoordinateZAngst",
    ];
    if !cells.has("rlnImageName") || of_tomograms.iter().any(|label| cells.has(label)) {
        return Ok(None);
    }
    let optics = match file.find("optics") {
        Some(_) => carried_of(file.table("optics")?, "relion-5"),
        None => particles.clone(),
    };
    let optics = Cells {
        carried: &optics,
        file: &name,
    };
    if optics
        .whole("rlnImageDimensionality", 0)?
        .is_some_and(|dimensions| dimensions != 2)
    {
        return Ok(None);
    }
    let detector = optics.number("rlnDetectorPixelSize", 0)?;
    let magnified = optics.number("rlnMagnification", 0)?;
    let old = detector
        .zip(magnified)
        .map(|(size, magnification)| size * 1e4 / magnification);
    let size = optics
        .number("rlnImagePixelSize", 0)?
        .or(old)
        .filter(|size| *size > 0.0);
    let mut rows = Rows {
        voxel_size: size,
        ..Rows::default()
    };
    fill(&mut rows, cells)?;
    rows.carried = particles;
    rows.remarks.push(format!(
        "{name}: single particles, which have no depth: z is 0"
    ));
    Ok(Some(rows))
}

/// The particles of a table, one by one.
fn fill(rows: &mut Rows, cells: Cells<'_>) -> Result<(), InteropError> {
    let count = cells
        .carried
        .columns
        .first()
        .map_or(0, |column| column.values.len());
    let size = rows.voxel_size;
    let angles = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"];
    let oriented = angles.iter().any(|label| cells.has(label));
    for row in 0..count {
        let number =
            |label: &str| Ok::<f64, InteropError>(cells.number(label, row)?.unwrap_or(0.0));
        let place = DVec3::new(number("rlnCoordinateX")?, number("rlnCoordinateY")?, 0.0);
        let pixels = DVec3::new(number("rlnOriginX")?, number("rlnOriginY")?, 0.0);
        let angstrom = DVec3::new(number("rlnOriginXAngst")?, number("rlnOriginYAngst")?, 0.0);
        let image = cells.text("rlnImageName", row).unwrap_or_default();
        let stack = image.split_once('@').map_or(image, |(_, stack)| stack);
        let micrograph = cells
            .text("rlnMicrographName", row)
            .unwrap_or(stack)
            .to_owned();
        rows.add(&micrograph, place - pixels - angstrom / size.unwrap_or(1.0));
        if oriented {
            let [rot, tilt, psi] = angles.map(number);
            rows.rotations
                .push(RelionAngles::new(rot?, tilt?, psi?).rotation());
        }
        match cells.whole("rlnRandomSubset", row)? {
            Some(1) => rows.halves.push(Half::One),
            Some(2) => rows.halves.push(Half::Two),
            _ => {}
        }
        if let Some(class) = cells.whole("rlnClassNumber", row)? {
            rows.classes.push(class.max(0) as u32);
        }
    }
    if rows.halves.len() < count {
        rows.halves.clear();
    }
    Ok(())
}
